"""The command that prints numbers: report."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import amount, print_table, say
from adjoin.cli.syncing import parse_day

if TYPE_CHECKING:
    from adjoin.facts.history import Moved
    from adjoin.facts.report import Report

__all__ = ["parse_instant", "register"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_NAMES = {
    "platform": ("platform",),
    "account": ("platform", "account_name", "account_id"),
    "campaign": ("platform", "campaign_name", "campaign_id"),
    "ad_group": ("platform", "ad_group_name", "ad_group_id"),
    "ad": ("platform", "ad_name", "ad_id"),
    "keyword": ("platform", "campaign_name", "ad_group_name", "keyword_name", "keyword_id"),
    "search_term": ("platform", "campaign_name", "ad_group_name", "search_term"),
    "day": ("date",),
    "total": (),
}

#: What a line of CSV has before its names, where it is not the account alone: ids that tell equal names apart.
_MORE_IDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("total", "platform", "account", "day"), ()),
    **dict.fromkeys(("keyword", "search_term"), ("account_id", "campaign_id", "ad_group_id")),
}


class By(StrEnum):
    """What a report has a row for."""

    TOTAL = "total"
    PLATFORM = "platform"
    ACCOUNT = "account"
    CAMPAIGN = "campaign"
    AD_GROUP = "ad_group"
    AD = "ad"
    KEYWORD = "keyword"
    SEARCH_TERM = "search_term"
    DAY = "day"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    context: typer.Context,
    first: str = typer.Option("", "--from", metavar="DAY", help="The first day (default: 30 days before the last)."),
    last: str = typer.Option("", "--to", metavar="DAY", help="The last day (default: yesterday)."),
    by: By = typer.Option(By.PLATFORM, "--by", help="What to have a row for."),
    platform: list[str] = typer.Option([], "--platform", help="Only this platform; may be repeated."),
    account: list[str] = typer.Option([], "--account", help="Only this account; may be repeated."),
    campaign: list[str] = typer.Option([], "--campaign", help="Only this campaign; may be repeated."),
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
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON; amounts in millionths."),
    as_csv: bool = typer.Option(False, "--csv", help="Print the rows as CSV."),
) -> None:
    """Print spend, impressions, clicks, conversions, CPA and ROAS.

    Amounts in different currencies are never added: name one with --currency to convert them. With --as-of the figures
    are those of an earlier instant; how far back that goes is set by ADJOIN_KEEP_SUPERSEDED_DAYS. With --restated there
    is a line for each day and metric that has moved, with its first known value and the current one.

    Example: adjoin report --from 2026-10-01 --to 2026-10-31 --by campaign --currency EUR --as-of 2026-11-01T06:00Z
    """
    from adjoin.cli._place import place_of
    from adjoin.errors import BadInput
    from adjoin.facts.report import report as make

    if as_json and as_csv:
        raise BadInput("--json and --csv exclude each other")
    if dataset and not restated:
        raise BadInput("--dataset goes with --restated; a report chooses the dataset by --by")
    if restated:
        refused = {"--by": by is not By.PLATFORM, "--campaign": bool(campaign), "--currency": bool(currency)}
        refused |= {"--as-of": bool(as_of), "--csv": as_csv}
        if any(refused.values()):
            unfit = ", ".join(name for name, given in refused.items() if given)
            raise BadInput(f"--restated goes with --from, --to, --platform, --account and --dataset, not with {unfit}")
        _restated(context, first, last, platform, account, dataset, as_json=as_json)
        return
    with place_of(context) as place:
        now = place.now
        since, until = _days(first, last, now.date())
        with place.query(as_of=parse_instant(as_of, now) if as_of else None) as query:
            found = make(
                query,
                since=since,
                until=until,
                by=by.value,
                platforms=platform or None,
                accounts=account or None,
                campaign_ids=campaign or None,
                currency=currency.upper() or None,
            )
    if as_json:
        sys.stdout.write(found.to_json().decode() + "\n")
    elif as_csv:
        _print_csv(found, by)
    else:
        _print_table(found, by)


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


def _restated(
    context: typer.Context,
    first: str,
    last: str,
    platforms: list[str],
    accounts: list[str],
    dataset: str,
    *,
    as_json: bool,
) -> None:
    from adjoin.cli._place import place_of
    from adjoin.facts.history import restated
    from adjoin.facts.report import check_names

    with place_of(context) as place:
        since, until = _days(first, last, place.now.date())
        with place.query() as query:
            check_names(query, platforms=platforms or None, accounts=accounts or None)
            found = restated(
                query,
                since=since,
                until=until,
                platforms=platforms or None,
                accounts=accounts or None,
                dataset=dataset or None,
            )
    if as_json:
        sys.stdout.write(found.to_json().decode() + "\n")
        return
    columns = [("platform", False), ("account", False), ("date", False), ("dataset", False), ("metric", False)]
    columns += [("first", True), ("now", True), ("change", True), ("moved last (UTC)", False), ("times", True)]
    print_table(
        columns,
        [_moved(row) for row in found.rows],
        title=f"{since} to {until}, moved since first read",
        empty=f"No figure from {since} to {until} has moved since it was first read.",
    )
    for note in found.notes:
        say(f"note: {note}")


def _moved(row: Moved) -> list[str]:
    def text(value: Any) -> str:
        money = row.metric.endswith("_micros")
        return amount(value, row.currency) if money else _number(value)

    return [
        row.platform,
        row.account_id,
        str(row.day),
        row.dataset,
        row.metric.removesuffix("_micros"),
        text(row.first),
        text(row.latest),
        f"{'+' if row.change > 0 else ''}{text(row.change)}",
        f"{row.moved_at:%Y-%m-%d %H:%M}",
        str(row.times),
    ]


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


def _print_table(found: Report, by: By) -> None:
    names = _NAMES[by.value]
    columns = [(name.removesuffix("_name").replace("_", " "), False) for name in names]
    columns += [(name, True) for name in ("spend", "impressions", "clicks", "conversions", "CPA", "ROAS")]
    rows = [[*(_text(row.get(name)) for name in names), *_figures(row)] for row in found.rows]
    if found.rows and by is not By.TOTAL:
        rows.append(["total", *[""] * (len(names) - 1), *_figures(found.totals)])
    print_table(
        columns,
        rows,
        title=f"{found.since} to {found.until}"
        + ("" if found.as_of is None else f", as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC"),
        empty=f"No results from {found.since} to {found.until}. Run `adjoin sync`, or ask for other days.",
    )
    for note in found.notes:
        say(f"note: {note}")


def _print_csv(found: Report, by: By) -> None:
    import csv

    keys = (*_MORE_IDS.get(by.value, ("account_id",)), *_NAMES[by.value])
    figures = (
        "currency",
        "cost_micros",
        "impressions",
        "clicks",
        "conversions",
        "conversion_value_micros",
        "cpa_micros",
        "roas",
        "ctr",
    )
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*keys, *figures])
    for row in found.rows:
        writer.writerow([_harmless(row.get(name)) for name in (*keys, *figures)])


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from taking a name for a formula."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value


def _figures(row: dict[str, Any]) -> list[str]:
    by_currency = row.get("by_currency")
    if by_currency:
        spend = " + ".join(amount(one["cost_micros"], one["currency"]) for one in by_currency)
    else:
        spend = amount(row["cost_micros"], row["currency"])
    roas = row["roas"]
    return [
        spend,
        _number(row["impressions"]),
        _number(row["clicks"]),
        _number(row["conversions"]),
        amount(row["cpa_micros"], row["currency"]),
        "–" if roas is None else f"{roas:.2f}",
    ]


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def _text(value: Any) -> str:
    return "–" if value is None else str(value)
