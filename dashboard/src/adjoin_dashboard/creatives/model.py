"""Ads as cards: what is asked, and the words, numbers and drawings of each, without Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote

from sqlmodel import Session, col, select

from adjoin.analytics.v1 import Answer, Condition, Finding, FindingKind, Good, Metric, Question, Threshold
from adjoin.db.models import Entity, EntityKind
from adjoin.writing import Writer
from adjoin_dashboard.figures import Change, Value, change_of, number_of, written_value

__all__ = [
    "LEAST",
    "PER_PAGE",
    "Asked",
    "Card",
    "Known",
    "cards_of",
    "conditions_of",
    "is_ratio",
    "known_of",
    "pair_questions",
    "path_of",
    "sparkline",
    "tired_by_ad",
    "tired_words",
]

PER_PAGE = 24
#: Impressions from which on a ratio of an ad says something.
LEAST = 1_000
_COLUMNS = ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id")
_SHOWN = ("cost", "impressions", "ctr", "conversions", "cpa", "roas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which ads are shown, in which order. `only` keeps to some, by path."""

    sort: str
    descending: bool = True
    search: str = ""
    active: bool = False
    only: tuple[tuple[str, ...], ...] | None = None

    def conditions(self) -> tuple[Condition, ...]:
        """Return what keeps a question to them."""
        found = []
        if self.active:
            found.append(Condition(dimension="ad_status", values=("active",)))
        if self.only is not None:
            found += conditions_of(self.only)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored of an ad. `picture` says whether a picture of it is known; `status` is "" where nothing is."""

    name: str
    format: str
    status: str
    picture: str
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An ad. Nothing is escaped; `figures` are titles with written values and changes, the sorted one first."""

    path: tuple[str, ...]
    name: str
    kind: str
    campaign: str
    status: str
    picture: str
    figures: tuple[tuple[str, str, Change | None], ...]


def conditions_of(paths: Sequence[tuple[str, ...]]) -> list[Condition]:
    """Return what keeps a question to some ads: their accounts and ids, as hundreds of whole paths take long to find.

    Another account's ad of the same id could be among them: go by the paths of what is answered.
    """
    accounts = dict.fromkeys("/".join(path[:2]) for path in paths)
    ads = dict.fromkeys(path[-1] for path in paths)
    return [Condition(dimension="account", values=tuple(accounts)), Condition(dimension="ad", values=tuple(ads))]


def is_ratio(metric: Metric) -> bool:
    """Say whether a metric is a ratio, which a few impressions make extreme."""
    return "/" in metric.formula


def cards_of(
    answer: Answer, metrics: Mapping[str, Metric], sort: str, known: Mapping[tuple[str, ...], Known], write: Writer
) -> list[Card]:
    """Return the cards of an answer by ad, in its order."""
    names = [sort, *(name for name in _SHOWN if name in metrics and name != sort)]
    cards = []
    for row in answer.rows.to_pylist():
        path = path_of(row)
        about = known.get(path)
        figures = []
        for name in names:
            change = None
            if answer.before is not None:
                change = change_of(metrics[name], row[name], row[f"{name}.before"], write)
            figures.append(
                (metrics[name].title, written_value(metrics[name], row[name], write, answer.currency), change)
            )
        name = (about.name if about is not None else "") or row["ad"] or path[-1]
        cards.append(
            Card(
                path=path,
                name=str(name),
                kind=(about.format if about is not None else "") or "Ad",
                campaign=about.campaign if about is not None else path[2],
                status=about.status if about is not None else "",
                picture=picture_path(path, about),
                figures=tuple(figures),
            )
        )
    return cards


def path_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the way to an ad, from a row of an answer."""
    return tuple(str(row[name]) for name in _COLUMNS)


def picture_path(path: Sequence[str], about: Known | None) -> str:
    """Return the address of an ad's picture on this server; it changes with what is seen, so browsers may keep it."""
    seen = "" if about is None else f"{about.name}\n{about.format}\n{about.picture}"
    version = sha256(seen.encode()).hexdigest()[:10]
    parts = {"platform": path[0], "account": path[1], "ad": path[-1], "v": version}
    return "/creative/picture?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())


def known_of(
    session: Session, workspace_id: str, paths: Collection[tuple[str, ...]]
) -> Mapping[tuple[str, ...], Known]:
    """Return what is stored of ads, by path; those that no list of the platform had are left out."""
    if not paths:
        return {}
    by_ad = {(path[0], path[1], path[-1]): path for path in paths}
    campaigns = {
        (row.platform, row.account_id, row.id): row.name
        for row in _entities(session, workspace_id, EntityKind.CAMPAIGN, {(one[0], one[1], one[2]) for one in paths})
    }
    found = {}
    for row in _entities(session, workspace_id, EntityKind.AD, set(by_ad)):
        path = by_ad.get((row.platform, row.account_id, row.id))
        if path is None:
            continue
        found[path] = Known(
            name=row.name,
            format=_text(row.detail.get("format")),
            status="removed" if row.gone_at is not None else row.status.replace("_", " "),
            picture=_text(row.detail.get("thumbnail_url")),
            campaign=campaigns.get((path[0], path[1], path[2])) or path[2],
        )
    return found


def _entities(
    session: Session, workspace_id: str, kind: EntityKind, wanted: Collection[tuple[str, ...]]
) -> Sequence[Entity]:
    return session.exec(
        select(Entity).where(
            col(Entity.workspace_id) == workspace_id,
            col(Entity.kind) == kind,
            col(Entity.platform).in_({one[0] for one in wanted}),
            col(Entity.account_id).in_({one[1] for one in wanted}),
            col(Entity.id).in_({one[2] for one in wanted}),
        )
    ).all()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def pair_questions(question: Question, metric: Metric) -> tuple[Question, Question]:
    """Return the questions for the best and the worst ad by a metric, of those that were shown often enough."""
    falling = metric.good is Good.DOWN
    often = (*question.having, Threshold(metric="impressions", at_least=Decimal(LEAST)))
    orders = (f"{'' if falling else '-'}{metric.name}", f"{'-' if falling else ''}{metric.name}")
    one, other = (replace(question, order_by=(order,), limit=1, offset=0, having=often) for order in orders)
    return one, other


def tired_by_ad(found: Sequence[Finding]) -> Mapping[tuple[str, ...], Finding]:
    """Return what was found of ads that tire, by path."""
    return {one.key: one for one in found if one.kind is FindingKind.FATIGUE and one.dimension == "ad"}


def tired_words(finding: Finding, write: Writer) -> str:
    """Say in a sentence how an ad tires: not escaped."""
    figures = {one.name: one.value for one in finding.figures}
    now, expected = figures.get("ctr_now"), figures.get("ctr_expected", figures.get("ctr_first"))
    days = write.days(finding.since, finding.until)
    if now is None or expected is None:
        return f"Tired: fewer people click, {days}."
    return f"Tired: CTR {write.percent(now)} where {write.percent(expected)} was to be expected, {days}."


def sparkline(values: Sequence[Value], metric: Metric, *, colour: str) -> str:
    """Return a small drawing of a metric by day as the address of an SVG picture; "" with fewer than two values.

    Days without a value are gaps, which a line between two others does not bridge.
    """
    numbers = [number_of(metric, value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) < 2:
        return ""
    top = max(known) or 1.0
    step = 200 / max(len(numbers) - 1, 1)
    parts, pen = [], "M"
    for place, number in enumerate(numbers):
        if number is None:
            pen = "M"
            continue
        parts.append(f"{pen}{place * step:.1f} {34 - 32 * number / top:.1f}")
        pen = "L"
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 36" preserveAspectRatio="none">'
        f'<path d="{"".join(parts)}" fill="none" stroke="{escape(colour)}" stroke-width="1.6" '
        'vector-effect="non-scaling-stroke" stroke-linejoin="round" stroke-linecap="round"/></svg>'
    )
    return f"data:image/svg+xml,{quote(drawn)}"
