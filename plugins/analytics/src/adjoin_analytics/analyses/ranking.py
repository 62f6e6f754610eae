"""What analyses found, in one form, and in the order in which it is worth looking at."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from adjoin.errors import BadInput
from adjoin_analytics.analyses.series import Key

__all__ = ["Evidence", "Finding", "Kind", "rank"]

#: Numbers by name; money in micros, under names that end in it.
Evidence: TypeAlias = Mapping[str, int | Decimal | float | None]

_EXPLAINED = 0.6  # of what a whole has at stake: its parts explain it


class Kind(StrEnum):
    """Which analysis found it."""

    ANOMALY = "anomaly"
    CONTRIBUTION = "contribution"
    FATIGUE = "fatigue"
    TERM_TO_ADD = "term to add"
    TERM_TO_EXCLUDE = "term to exclude"
    WASTED_WORDS = "wasted words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something worth looking at.

    `title` is a sentence without figures and names; `key` holds the ids of the object that it is about, `subject` a
    text where there is one (a search term, as it was typed). `at_stake_micros` of `currency` is what it costs or could
    bring in its period, None where that cannot be told. `severity` is 0 to 1: how certain and how large. `side` is
    "above" or "below" where something went off. `occasion` tells apart what may happen to one object again; it goes
    into `id`, as do kind, key, metric and subject, and nothing else: what was dismissed stays so while figures move.
    `covers` are the ids of findings that this one stands for.
    """

    kind: Kind
    title: str
    key: Key
    metric: str
    since: date
    until: date
    severity: float
    evidence: Evidence
    at_stake_micros: int | None = None
    currency: str | None = None
    subject: str = ""
    side: str = ""
    occasion: str = ""
    covers: tuple[str, ...] = ()
    id: str = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.severity <= 1:
            raise BadInput(f"A severity is 0 to 1, not {self.severity}.")
        if self.at_stake_micros is not None and self.at_stake_micros < 0:
            raise BadInput(f"What is at stake is 0 or more, not {self.at_stake_micros}.")
        parts = (self.kind.value, str(len(self.key)), *self.key, self.metric, self.subject, self.occasion)
        told = "".join(f"{len(part)}:{part}" for part in parts)
        # An unpaired surrogate, as broken exports have it, is hashed as it stands.
        digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "id", digest[:16])


def rank(findings: Iterable[Finding], *, dismissed: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return findings by what is at stake times severity, the highest first; what cannot be put in money comes last.

    Anomalies that are one event are merged. Of one object on overlapping days the weightiest stays. Of an object and
    its parts (a campaign of an account) on overlapping days and on the same side, the parts stay if together they have
    60% of what the whole has at stake: they explain it; else the whole stays and stands for them. The one that
    stays `covers` the others' ids. Findings with a dismissed id are left out, and do not explain others any more.

    Raises BadInput for amounts in several currencies: they cannot be compared.
    """
    known = [each for each in {each.id: each for each in findings}.values() if each.id not in dismissed]
    currencies = sorted({each.currency for each in known if each.at_stake_micros is not None and each.currency})
    if len(currencies) > 1:
        raise BadInput(f"Findings in {', '.join(currencies)} cannot be ranked; ask for all figures in one currency.")
    merged = _merged([each for each in known if each.kind is Kind.ANOMALY])
    others = [each for each in known if each.kind is not Kind.ANOMALY]
    return tuple(sorted((*merged, *others), key=_order))


def _order(finding: Finding) -> tuple[bool, float, float, str]:
    return (finding.at_stake_micros is None, -_weight(finding), -finding.severity, finding.id)


def _weight(finding: Finding) -> float:
    return (finding.at_stake_micros or 0) * finding.severity


def _merged(anomalies: Sequence[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for each in sorted(anomalies, key=_order):
        same = next((at for at, other in enumerate(kept) if other.key == each.key and _overlap(other, each)), None)
        if same is None:
            kept.append(each)
        else:
            kept[same] = _covering(kept[same], [each])
    # From the finest objects up, so that what explains a campaign goes on to explain its account.
    for finding in sorted(kept, key=lambda each: (-len(each.key), each.key, each.since)):
        whole = next((each for each in kept if each.id == finding.id), None)
        if whole is None:
            continue
        parts = [
            each
            for each in kept
            if each.key[: len(whole.key)] == whole.key
            and len(each.key) > len(whole.key)
            and each.side == whole.side
            and _overlap(each, whole)
        ]
        if not parts:
            continue
        if _explained(whole, parts):
            first = min(parts, key=_order)
            kept = [_covering(each, [whole]) if each is first else each for each in kept if each is not whole]
        else:
            gone = {each.id for each in parts}
            kept = [
                _covering(each, parts) if each is whole else each
                for each in kept
                if each is whole or each.id not in gone
            ]
    return kept


def _explained(whole: Finding, parts: Sequence[Finding]) -> bool:
    stakes = [part.at_stake_micros for part in parts]
    if whole.at_stake_micros is None or any(stake is None for stake in stakes):
        return max(part.severity for part in parts) >= whole.severity
    return sum(stake or 0 for stake in stakes) >= _EXPLAINED * whole.at_stake_micros


def _overlap(one: Finding, other: Finding) -> bool:
    return one.since <= other.until and other.since <= one.until


def _covering(finding: Finding, others: Sequence[Finding]) -> Finding:
    ids = [each for other in others for each in (other.id, *other.covers)]
    return replace(finding, covers=tuple(dict.fromkeys((*finding.covers, *ids))))
