"""Findings as cards: which words, numbers and links each has, without Streamlit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session, col, select

from adjoin.analytics.v1 import Figure, Finding, FindingKind, Metric, Unit
from adjoin.db.models import Entity, EntityKind
from adjoin.writing import MISSING, Writer
from adjoin_dashboard.addresses import PLACE, Address
from adjoin_dashboard.overview.model import AccountId, Period

__all__ = ["ICONS", "KINDS", "SPANS", "Card", "card_of", "evidence_of", "mixed", "names_in", "until_of"]

#: What each kind is called, by what stands for it in an address.
KINDS: Mapping[str, tuple[FindingKind, str]] = {
    "anomalies": (FindingKind.ANOMALY, "Unusual days"),
    "changes": (FindingKind.CONTRIBUTION, "Big changes"),
    "fatigue": (FindingKind.FATIGUE, "Tired ads"),
    "terms-to-add": (FindingKind.TERM_TO_ADD, "Terms to add"),
    "terms-to-exclude": (FindingKind.TERM_TO_EXCLUDE, "Terms to exclude"),
    "wasted-words": (FindingKind.WASTED_WORDS, "Wasted words"),
}
ICONS: Mapping[FindingKind, str] = {
    FindingKind.ANOMALY: ":material/monitoring:",
    FindingKind.CONTRIBUTION: ":material/stacked_line_chart:",
    FindingKind.FATIGUE: ":material/bedtime:",
    FindingKind.TERM_TO_ADD: ":material/add_circle:",
    FindingKind.TERM_TO_EXCLUDE: ":material/block:",
    FindingKind.WASTED_WORDS: ":material/text_fields:",
}
#: How long a finding is put aside for, by what the button says.
SPANS: Mapping[str, timedelta | None] = {
    "For a week": timedelta(days=7),
    "For a month": timedelta(days=30),
    "For good": None,
}

_OF_METRIC = (FindingKind.ANOMALY, FindingKind.CONTRIBUTION)
#: The numbers to show, in their order; the others are for other readers.
_SHOWN: Mapping[FindingKind, tuple[str, ...]] = {
    FindingKind.ANOMALY: ("actual", "expected"),
    FindingKind.CONTRIBUTION: ("before", "now", "share"),
    FindingKind.FATIGUE: ("ctr_first", "ctr_expected", "ctr_now", "missing_clicks", "cost_micros"),
    FindingKind.TERM_TO_ADD: ("conversions", "cpa_micros", "goal_micros", "certainty"),
    FindingKind.TERM_TO_EXCLUDE: ("cost_micros", "clicks", "conversions_expected"),
    FindingKind.WASTED_WORDS: ("cost_micros", "terms", "conversions", "conversions_expected"),
}
_STAKES: Mapping[FindingKind, str] = {
    FindingKind.TERM_TO_ADD: "cheaper than the goal",
    FindingKind.TERM_TO_EXCLUDE: "spent on it",
    FindingKind.WASTED_WORDS: "more than they bring",
    FindingKind.FATIGUE: "paid for missing clicks",
    FindingKind.CONTRIBUTION: "changed",
}
_LEVELS: Mapping[str, EntityKind] = {
    "campaign": EntityKind.CAMPAIGN,
    "ad_group": EntityKind.AD_GROUP,
    "ad": EntityKind.AD,
}
_PATH = tuple(_LEVELS)
_OWN_IDS = 2  # of a key: platform and account come before


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A finding in words. `path` leads from the platform to what it is about, by names; nothing is escaped.

    `figures` are titles with written numbers, `stake` is "" where nothing can be told in money.
    """

    finding: Finding
    kind: str
    title: str
    path: tuple[str, ...]
    days: str
    figures: tuple[tuple[str, str], ...]
    stake: str
    stake_is: str


def card_of(
    finding: Finding,
    metric: Metric,
    names: Mapping[tuple[str, ...], str],
    *,
    currency: str,
    write: Writer,
    platform_title: Callable[[str], str],
) -> Card:
    """Write a finding; `names` are those of accounts and objects by key."""
    title = finding.title
    if finding.kind in _OF_METRIC:
        title = f"{metric.title}: {title[:1].lower()}{title[1:]}"
    key = finding.key
    path = [platform_title(key[0]), *(names.get(key[:end], key[end - 1]) for end in range(2, len(key)))]
    if len(key) > 1:
        path.append(names.get(key) or finding.name or key[-1])
    by_name = {one.name: one for one in finding.figures}
    figures = [
        (by_name[name].title, _written(by_name, name, currency, write))
        for name in _SHOWN[finding.kind]
        if name in by_name
    ]
    stake = finding.at_stake_micros
    return Card(
        finding=finding,
        kind=next(title for kind, title in KINDS.values() if kind is finding.kind),
        title=title,
        path=tuple(path),
        days=write.days(finding.since, finding.until) if finding.since != finding.until else write.day(finding.since),
        figures=tuple(figures),
        stake="" if stake is None else write.money(stake, currency, compact=True),
        stake_is="" if stake is None else _STAKES.get(finding.kind, "at stake"),
    )


def _written(figures: Mapping[str, Figure], name: str, currency: str, write: Writer) -> str:
    """Write a figure; what was expected with its interval."""
    text = _number(figures[name], currency, write)
    if name == "expected" and "low" in figures and "high" in figures:
        return f"{text} ({_number(figures['low'], currency, write)} to {_number(figures['high'], currency, write)})"
    if name == "now" and "before" in figures:
        change = write.change(figures["now"].value, figures["before"].value)
        return text if change is None else f"{text} ({change})"
    return text


def _number(figure: Figure, currency: str, write: Writer) -> str:
    match figure.unit:
        case Unit.MONEY:
            return write.money(figure.value, currency)
        case Unit.SHARE:
            return write.percent(figure.value, 0 if figure.name in ("certainty", "share") else 2)
        case Unit.MULTIPLE:
            return write.times(figure.value)
        case Unit.COUNT:
            return write.count(figure.value)
    return MISSING


def evidence_of(finding: Finding, period: Period, currency: str) -> Address:
    """Return the address of the page Campaigns that shows what a finding is made of, beside the days around it."""
    first, last = min(period.first, finding.since), max(period.last, finding.until)
    if finding.kind not in _OF_METRIC:
        first, last = finding.since, finding.until
    address = {
        "period": ["Custom"],
        "range": [first.isoformat(), last.isoformat()],
        "currency": [currency],
        "sort": [finding.metric],
    }
    key = finding.key
    if len(key) > _OWN_IDS:
        address[PLACE] = ["/".join(key)]
    elif len(key) == _OWN_IDS:
        address["accounts"] = ["/".join(key)]
    else:
        address["platforms"] = [key[0]]
    if finding.subject:
        address |= {"level": ["Search terms"], "search": [finding.subject[:100]]}
    return address


def names_in(
    session: Session, workspace_id: str, findings: Sequence[Finding], accounts: Mapping[AccountId, str]
) -> Mapping[tuple[str, ...], str]:
    """Return what accounts, campaigns, ad groups and ads that findings are about are called, by key."""
    names: dict[tuple[str, ...], str] = {tuple(key): name for key, name in accounts.items()}
    keys = {one.key[:end] for one in findings for end in range(_OWN_IDS + 1, len(one.key) + 1)}
    for place, (_, kind) in enumerate(_LEVELS.items()):
        wanted = {(key[0], key[1], key[-1]): key for key in keys if len(key) == _OWN_IDS + 1 + place}
        if not wanted:
            continue
        rows = session.exec(
            select(Entity).where(
                col(Entity.workspace_id) == workspace_id,
                col(Entity.kind) == kind,
                col(Entity.account_id).in_({one[1] for one in wanted}),
                col(Entity.id).in_({one[2] for one in wanted}),
            )
        )
        for row in rows:
            key = wanted.get((row.platform, row.account_id, row.id))
            if key is not None and row.name:
                names[key] = row.name
    return names


def mixed(findings: Iterable[Finding]) -> list[Finding]:
    """Return the weightiest of each kind first, then the second of each: no kind hides the others by its number."""
    seen: Counter[FindingKind] = Counter()
    places = []
    for one in findings:
        seen[one.kind] += 1
        places.append((seen[one.kind], one))
    return [one for _, one in sorted(places, key=lambda placed: placed[0])]


def until_of(span: str, today: date) -> date | None:
    """Return the last day that a finding is put aside for, by what the button says; None for good."""
    length = SPANS[span]
    return None if length is None else today + length
