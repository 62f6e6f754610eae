"""What the Data health page says: how each connection is, and which days of each dataset are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from adjoin.health import ConnectionHealth, Finding, Severity, Verdict
from adjoin.sync.gaps import Calendar, DayState, Span
from adjoin.writing import Writer
from adjoin_dashboard.runs.model import connection_name

__all__ = ["STATES", "Gap", "HealthLine", "gap_calendar", "gaps", "health_lines", "strip_summary", "why_missing"]

_VERDICTS = {
    Verdict.HEALTHY: "✓ Healthy",
    Verdict.ATTENTION: "▲ Attention",
    Verdict.BROKEN: "✕ Broken",
}

#: The states of a day in the order of the legend: what it is called, and its colour in the light and the dark theme.
STATES: dict[DayState, tuple[str, str, str]] = {
    DayState.COVERED: ("There", "#91A7FF", "#4C5FB8"),
    DayState.MISSING: ("Missing", "#E8590C", "#FFA94D"),
    DayState.UNDER_WAY: ("Being read", "#0CA678", "#38D9A9"),
    DayState.FAILED: ("Failed", "#A61E4D", "#F783AC"),
    DayState.BEYOND_RETENTION: ("Not offered any more", "#CED4DA", "#495057"),
    DayState.BEFORE_HISTORY: ("Before the history", "#E9ECEF", "#2A3448"),
    DayState.TO_COME: ("To come", "#F4F6FA", "#182033"),
}
#: Of several days in a cell the one that needs somebody most.
_WORST = (
    DayState.FAILED,
    DayState.MISSING,
    DayState.UNDER_WAY,
    DayState.COVERED,
    DayState.BEYOND_RETENTION,
    DayState.BEFORE_HISTORY,
    DayState.TO_COME,
)
_DAYS_APART = 400
_STRIP = 26  # pixels
_FRAME = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLine:
    """A connection in words. `problem` and `advice` are those of the worst finding, None where there is none."""

    verdict: Verdict
    status: str
    name: str
    freshness: str
    problem: str | None
    advice: str | None
    findings: tuple[Finding, ...]

    @property
    def headline(self) -> str:
        """What stands on the fold of its findings."""
        counted = sum(one.severity is not Severity.NOTE for one in self.findings)
        told = f"{counted} to look at" if counted else f"{len(self.findings)} to know"
        return f"{self.status} · {self.name} · {told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Days in a row that should be there and are not."""

    account: str
    dataset: str
    days: str
    count: int
    why: str


def health_lines(
    healths: Sequence[ConnectionHealth], *, title: Callable[[str], str], now: datetime
) -> list[HealthLine]:
    """Return a line for each connection, the worst first. `title` names a platform."""
    order = [Verdict.BROKEN, Verdict.ATTENTION, Verdict.HEALTHY]
    lines = []
    for health in sorted(healths, key=lambda one: order.index(one.verdict)):
        worst = health.worst
        lines.append(
            HealthLine(
                verdict=health.verdict,
                status=_VERDICTS[health.verdict],
                name=connection_name(title(health.platform), health.label),
                freshness=_freshness(health, now),
                problem=None if worst is None else _sentence(worst),
                advice=None if worst is None else worst.advice.replace("`", "") or None,  # a cell shows no markup
                findings=health.findings,
            )
        )
    return lines


def gaps(calendars: Sequence[Calendar], write: Writer) -> list[Gap]:
    """Return the days that should be there and are not, the longest gaps first."""
    found = [(one, span) for one in calendars for span in one.gaps]
    found.sort(key=lambda pair: (-pair[1].days, pair[0].account_name, pair[0].dataset, pair[1].since))
    return [
        Gap(
            account=one.account_name,
            dataset=one.dataset,
            days=write.days(span.since, span.until),
            count=span.days,
            why=why_missing(one, span),
        )
        for one, span in found
    ]


def strip_summary(calendars: Sequence[Calendar]) -> str:
    """Say in words what the strips of an account show, for those who do not see them."""
    told = [
        f"{one.dataset}: {one.missing_days} {'day' if one.missing_days == 1 else 'days'} missing"
        for one in calendars
        if one.missing_days
    ]
    return "; ".join(told) or "no day is missing"


def gap_calendar(calendars: Sequence[Calendar], write: Writer, *, dark: bool) -> tuple[dict[str, Any], int]:
    """Return the ECharts option of the strips of one account, one for each dataset, and its height in pixels.

    A cell is a day; over more than a year it is a week, which shows the worst of its days.
    """
    datasets = [one.dataset for one in reversed(calendars)]  # the first one on top
    first = min(one.spans[0].since for one in calendars)
    last = max(one.spans[-1].until for one in calendars)
    step = 1 if (last - first).days < _DAYS_APART else 7
    cells = {(one.dataset, start): state for one in calendars for start, state in _cells(one, first, step).items()}
    starts = [first + timedelta(days=ahead) for ahead in range(0, (last - first).days + 1, step)]
    text, ground = ("#AEB8CA", "#0F1420") if dark else ("#596276", "#FFFFFF")
    axis = {"type": "category", "axisTick": {"show": False}, "axisLine": {"show": False}}
    option = {
        "animation": False,
        "legend": {
            "left": 0,
            "top": 0,
            "icon": "roundRect",
            "itemWidth": 14,
            "itemHeight": 10,
            "selectedMode": False,
            "textStyle": {"color": text},
        },
        "tooltip": {"confine": True, "formatter": "{b}"},
        "grid": {"left": 4, "right": 30, "top": 52, "bottom": 4, "containLabel": True},
        "xAxis": axis
        | {
            "data": [write.day(start) for start in starts],
            "axisLabel": {"color": text, "hideOverlap": True},
        },
        "yAxis": axis
        | {
            "data": datasets,
            "axisLabel": {"color": text},
            "splitLine": {"show": True, "lineStyle": {"color": ground, "width": 5}},
            "z": 5,  # the lines keep the strips apart
        },
        "series": [
            {
                "type": "heatmap",
                "name": label,
                "itemStyle": {"color": colours[dark], "borderColor": ground, "borderWidth": 1 if step == 1 else 0},
                "data": [
                    {
                        "name": f"{dataset}, {write.days(start, start + timedelta(days=step - 1))}: {label}",
                        "value": [write.day(start), dataset, 1],
                        "itemStyle": {"color": colours[dark]},
                    }
                    for (dataset, start), found in cells.items()
                    if found is state
                ],
            }
            for state, (label, *colours) in STATES.items()
            if state in cells.values()
        ],
    }
    return option, _FRAME + _STRIP * len(datasets)


def _cells(calendar: Calendar, first: date, step: int) -> dict[date, DayState]:
    """Return the state of each cell by its first day."""
    cells: dict[date, DayState] = {}
    for span in calendar.spans:
        for ahead in range(span.days):
            back = (span.since + timedelta(days=ahead) - first).days
            start = first + timedelta(days=back - back % step)
            cells[start] = min(cells.get(start, span.state), span.state, key=_WORST.index)
    return cells


def _sentence(finding: Finding) -> str:
    text = finding.what + (f": {finding.why}" if finding.why else "")
    return text[:1].upper() + text[1:]


def _freshness(health: ConnectionHealth, now: datetime) -> str:
    if health.synced_at is None:
        return "never synced"
    ago = f"{_about(now - health.synced_at)} ago"
    if health.late > timedelta(minutes=30):
        return f"{ago}, {_about(health.late)} late"
    if health.due_at is not None and health.due_at > now:
        return f"{ago}, next in {_about(health.due_at - now)}"
    return ago


def _about(length: timedelta) -> str:
    if length >= timedelta(days=2):
        return f"{length.days} days"
    if length >= timedelta(hours=2):
        return f"{length // timedelta(hours=1)} h"
    return f"{max(length // timedelta(minutes=1), 1)} min"


def why_missing(one: Calendar, span: Span) -> str:
    """Say why days of a dataset are not there."""
    if span.reason:
        return span.reason
    covered: list[date] = [piece.since for piece in one.spans if piece.state is DayState.COVERED]
    if not covered:
        return "nothing of it was read yet"
    return "older history, still to be read" if span.until < covered[0] else "not read yet; the next run reads it"
