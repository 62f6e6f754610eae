"""The command that prints numbers: report."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from adjoin.cli.syncing import parse_day

if TYPE_CHECKING:
    from adjoin.analytics.v1 import Condition, Question
    from adjoin.cli._place import Place

__all__ = ["parse_instant", "register"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TOTAL = "total"


class ComparedWith(StrEnum):
    """Which days are compared with those that are asked about."""

    PREVIOUS_PERIOD = "previous-period"
    PREVIOUS_YEAR = "previous-year"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    context: typer.Context,
    first: str = typer.Option("", "--from", metavar="DAY", help="The first day (default: 30 days before the last)."),
    last: str = typer.Option("", "--to", metavar="DAY", help="The last day (default: yesterday)."),
    by: list[str] = typer.Option(
        [],
        "--by",
        metavar="DIMENSION",
        help="What to have rows for: total, platform (the default), account, campaign, ad_group, ad, keyword, "
        "search_term, day, or another of `adjoin metrics`; may be repeated.",
    ),
    platform: list[str] = typer.Option([], "--platform", help="Only this platform; may be repeated."),
    account: list[str] = typer.Option([], "--account", help="Only this account; may be repeated."),
    campaign: list[str] = typer.Option([], "--campaign", help="Only this campaign; may be repeated."),
    metric: list[str] = typer.Option(
        [],
        "--metric",
        metavar="NAME",
        help="A metric of `adjoin metrics`, in place of the usual ones; may be repeated.",
    ),
    where: list[str] = typer.Option(
        [],
        "--where",
        metavar="CONDITION",
        help="Only what fits: platform=google,meta, status!=paused, campaign~brand (contains), campaign!~test; may be "
        "repeated.",
    ),
    compare: ComparedWith | None = typer.Option(
        None, "--compare", help="Put the figures of earlier days beside: as many right before, or 364 days earlier."
    ),
    order_by: list[str] = typer.Option(
        [],
        "--order-by",
        metavar="COLUMN",
        help="Order by a column, - before it for the highest first; may be repeated.",
    ),
    limit: int = typer.Option(0, "--limit", min=0, metavar="ROWS", help="Only the first rows; totals are of all."),
    currency: str = typer.Option("", "--currency", metavar="CODE", help="Convert amounts at the day's ECB rate."),
    as_of: str = typer.Option(
        "",
        "--as-of",
        metavar="INSTANT",
        help="Figures as they stood then: 2026-11-01T06:00Z, or a day for its end in UTC. Names are today's.",
    ),
    restated: bool = typer.Option(
        False, "--restated", help="Show by how much figures have moved since they were first read, and when."
    ),
    dataset: str = typer.Option(
        "", "--dataset", help="With --restated: look at this dataset (default: each account's coarsest)."
    ),
    as_json: bool = typer.Option(
        False, "--json", help="Print the report as JSON; what ends in _micros is in millionths."
    ),
    as_csv: bool = typer.Option(False, "--csv", help="Print the rows as CSV."),
    xlsx: Path | None = typer.Option(None, "--xlsx", metavar="FILE", help="Write the rows to a workbook."),
    parquet: Path | None = typer.Option(None, "--parquet", metavar="FILE", help="Write the rows to a Parquet file."),
) -> None:
    """Print spend, impressions, clicks, conversions, CPA and ROAS, or the metrics that are named.

    Amounts in different currencies are never added: name one with --currency to convert them. With --as-of the figures
    are those of an earlier instant; how far back that goes is set by ADJOIN_KEEP_SUPERSEDED_DAYS. With --restated there
    is a line for each day and metric that has moved, with its first known value and the current one.

    Example: adjoin report --from 2026-10-01 --to 2026-10-31 --by campaign --currency EUR --as-of 2026-11-01T06:00Z

    Example: adjoin report --by week --by channel --metric cost --metric roas --where platform=google --xlsx weeks.xlsx
    """
    from adjoin.cli._place import place_of
    from adjoin.errors import BadInput

    forms = {"--json": as_json, "--csv": as_csv, "--xlsx": xlsx is not None, "--parquet": parquet is not None}
    chosen = [name for name, given in forms.items() if given]
    if len(chosen) > 1:
        raise BadInput(f"{' and '.join(chosen)} exclude each other")
    if dataset and not restated:
        raise BadInput("--dataset goes with --restated; a report chooses the dataset by --by")
    new = {
        "--metric": bool(metric),
        "--where": bool(where),
        "--compare": compare is not None,
        "--order-by": bool(order_by),
        "--limit": bool(limit),
        "--xlsx": xlsx is not None,
        "--parquet": parquet is not None,
    }
    if restated:
        refused = {"--by": bool(by), "--campaign": bool(campaign), "--currency": bool(currency)}
        refused |= {"--as-of": bool(as_of), "--csv": as_csv} | new
        if any(refused.values()):
            unfit = ", ".join(name for name, given in refused.items() if given)
            raise BadInput(f"--restated goes with --from, --to, --platform, --account and --dataset, not with {unfit}")
    with place_of(context) as place:
        since, until = _days(first, last, place.now.date())
        if restated:
            from adjoin.cli._restated import print_restated

            print_restated(
                place,
                since=since,
                until=until,
                platforms=platform,
                accounts=account,
                dataset=dataset,
                as_json=as_json,
            )
            return
        instant = parse_instant(as_of, place.now) if as_of else None
        conditions = _conditions(where, platform, account, campaign)
        if not any(new.values()) and _is_usual(by):
            _usual(
                place,
                since=since,
                until=until,
                by=by[0] if by else "platform",
                where=conditions,
                currency=currency,
                as_of=instant,
                form=(chosen or [""])[0],
            )
            return
        question = _question(
            since=since,
            until=until,
            by=by,
            metrics=metric,
            where=conditions,
            compare=compare,
            currency=currency,
            order_by=order_by,
            limit=limit,
        )
        _answer(place, question, as_of=instant, form=(chosen or [""])[0], file=xlsx or parquet)


def parse_instant(text: str, now: datetime) -> datetime:
    """Read an instant in ISO 8601, in UTC unless it says otherwise; a day stands for its end, today for now.

    Raises BadInput for what cannot be read or lies in the future.
    """
    from adjoin.errors import BadInput

    try:
        if _DAY.fullmatch(text):
            instant = datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
            if instant.date() == now.astimezone(UTC).date():
                return now
        else:
            if not {"T", " "} & set(text):
                raise ValueError("neither a day nor an instant")
            read = datetime.fromisoformat(text)
            instant = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"--as-of {text!r} is no instant; write 2026-11-01T06:00Z, or a day such as 2026-11-01"
        ) from None
    if instant > now:
        raise BadInput(f"--as-of {text} lies in the future; it is {now:%Y-%m-%d %H:%M} UTC")
    return instant


def _days(first: str, last: str, today: date) -> tuple[date, date]:
    from adjoin.errors import BadInput

    until = parse_day(last, "--to") if last else today - timedelta(days=1)
    since = parse_day(first, "--from") if first else until - timedelta(days=29)
    future = [day for day in (since, until) if day > today + timedelta(days=1)]  # it is tomorrow already in the east
    if future:
        raise BadInput(f"{future[0]} lies in the future: there are no results yet; today is {today}")
    if since > until:
        raise BadInput(f"--from {since} lies after --to {until}")
    return since, until


def _conditions(
    where: list[str], platforms: list[str], accounts: list[str], campaigns: list[str]
) -> tuple[Condition, ...]:
    from adjoin.analytics.addresses import condition_of
    from adjoin.analytics.report import conditions

    named = conditions(platforms=platforms or None, accounts=accounts or None, campaign_ids=campaigns or None)
    return (*named, *(condition_of(text, of="--where") for text in where))


def _is_usual(by: list[str]) -> bool:
    """Say whether a report is one of those that have a shape of their own, which scripts rely on."""
    from typing import get_args

    from adjoin.analytics.report import By

    return len(by) < 2 and all(one in get_args(By) for one in by)


def _question(
    *,
    since: date,
    until: date,
    by: list[str],
    metrics: list[str],
    where: tuple[Condition, ...],
    compare: ComparedWith | None,
    currency: str,
    order_by: list[str],
    limit: int,
) -> Question:
    from adjoin.analytics.report import METRICS
    from adjoin.analytics.v1 import Compare, Question
    from adjoin.errors import BadInput

    if _TOTAL in by and len(by) > 1:
        raise BadInput("--by total is one row for everything; it goes with no other --by")
    return Question(
        since=since,
        until=until,
        metrics=tuple(metrics) or METRICS,
        dimensions=() if by == [_TOTAL] else tuple(by or ["platform"]),
        where=where,
        compare=Compare.NOTHING if compare is None else Compare(compare.value.replace("-", " ")),
        currency=currency.upper() or None,
        order_by=tuple(order_by),
        limit=limit or None,
    )


def _usual(
    place: Place,
    *,
    since: date,
    until: date,
    by: str,
    where: tuple[Condition, ...],
    currency: str,
    as_of: datetime | None,
    form: str,
) -> None:
    from adjoin.analytics.report import report as make
    from adjoin.cli._figures import figures_of
    from adjoin.cli._report_output import print_report_csv, print_report_table

    with figures_of(place, as_of=as_of) as figures:
        found = make(
            figures.ask,
            since=since,
            until=until,
            by=by,
            where=where,
            currency=currency.upper() or None,
            as_of=as_of,
        )
    if form == "--json":
        sys.stdout.write(found.to_json().decode() + "\n")
    elif form == "--csv":
        print_report_csv(found)
    else:
        print_report_table(found)


def _answer(place: Place, question: Question, *, as_of: datetime | None, form: str, file: Path | None) -> None:
    from adjoin.analytics.files import Export, FileKind
    from adjoin.cli._answer_output import print_answer_csv, print_answer_json, print_answer_table, save_answer
    from adjoin.cli._figures import figures_of

    with figures_of(place, as_of=as_of) as figures:
        export = Export(
            answer=figures.ask(question),
            definitions=figures.definitions(),
            made_at=place.now,
            as_of=as_of,
        )
    if file is not None:
        save_answer(export, FileKind(form.removeprefix("--")), file)
    elif form == "--json":
        print_answer_json(export)
    elif form == "--csv":
        print_answer_csv(export)
    else:
        print_answer_table(export)
