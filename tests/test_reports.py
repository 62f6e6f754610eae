"""What `adjoin report` prints after a sync of all four platforms is the truth of the sandboxes, to the last micro."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from sqlmodel import select
from starlette.applications import Starlette

from adjoin.ads.v2 import AccountStatus, Status
from adjoin.analytics import v1 as analytics
from adjoin.cli._output import amount
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Coverage
from adjoin.settings import Settings
from adjoin.testing.world import Presence, WorldObject
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.door.report_exports import export_url, routes
from adjoin_dashboard.door.visitor import SCOPE_KEY, Visit
from adjoin_dashboard.host import open_host
from adjoin_dashboard.overview.accounts import quiet_accounts
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.overview.source import Question, load
from adjoin_dashboard.overview.status import load_accounts
from adjoin_dashboard.testing import sign_in

from .whole_advertiser import COUNTS, MONEY, PLATFORMS, TODAY, Bank, Row, Synced, added

FIRST, LAST = date(2026, 3, 22), date(2026, 4, 13)
DAYS = ("--from", str(FIRST), "--to", str(LAST))

#: The keys of a row, and the dataset whose truth it must equal.
GRAINS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "total": ((), "account_daily"),
    "platform": (("platform",), "account_daily"),
    "day": (("date",), "account_daily"),
    "account": (("platform", "account_id"), "account_daily"),
    "campaign": (("platform", "account_id", "campaign_id"), "campaign_daily"),
    "ad_group": (("platform", "account_id", "campaign_id", "ad_group_id"), "ad_group_daily"),
    "ad": (("platform", "account_id", "campaign_id", "ad_group_id", "ad_id"), "ad_daily"),
    "keyword": (("platform", "account_id", "campaign_id", "ad_group_id", "keyword_id"), "keyword_daily"),
    "search_term": (("platform", "account_id", "campaign_id", "ad_group_id", "search_term"), "search_term_daily"),
}


@pytest.fixture
def asked(adjoin: Callable[..., Any], synced_everywhere: Synced, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run `adjoin report` on the synced home: `asked("--by", "day")`; answers are decoded JSON with exact decimals."""
    monkeypatch.setitem(os.environ, "ADJOIN_HOME", str(synced_everywhere.home))

    def report(*arguments: str) -> Any:
        answer = adjoin("report", *DAYS, *arguments, "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out, parse_float=Decimal)

    return report


def by_action(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Decimal]]:
    """Add up conversions by action by hand, without those that a platform does not break down so far."""
    sums: dict[tuple[Any, ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        if None not in [row[name] for name in keys]:
            sums[tuple(str(row[name]) for name in keys)][row["action"]] += row["conversions"]
    return sums


def ratio(above: int | None, below: int | None) -> float | None:
    return None if above is None or not below else above / below


def each(cost: int | None, conversions: Decimal) -> int | None:
    if cost is None or not conversions:
        return None
    return int((Decimal(cost) / conversions).to_integral_value(ROUND_HALF_EVEN))


def check_row(row: Row, expected: Row) -> None:
    """Compare all measures of a row with sums made by hand."""
    for name in COUNTS:
        assert row[name] == expected[name], (name, row)
    assert _same(row["ctr"], ratio(expected["clicks"], expected["impressions"])), row
    amounts = expected["amounts"]
    if len(amounts) > 1:
        assert {row[name] for name in ("currency", *MONEY, "cpa_micros", "roas")} == {None}
        found = {one["currency"]: {name: one[name] for name in MONEY} for one in row["by_currency"]}
        assert found == amounts
        for one in row["by_currency"]:
            mine = amounts[one["currency"]]
            assert _same(one["roas"], ratio(mine["conversion_value_micros"], mine["cost_micros"])), row
        return
    ((currency, mine),) = amounts.items()
    assert row["currency"] == currency
    assert {name: row[name] for name in MONEY} == mine, row
    assert row["cpa_micros"] == each(mine["cost_micros"], expected["conversions"]), row
    assert _same(row["roas"], ratio(mine["conversion_value_micros"], mine["cost_micros"])), row


def _same(found: Decimal | int | None, expected: float | None) -> bool:
    return found == expected if found is None or expected is None else float(found) == expected


class TestTruth:
    """Without a currency: the figures as the platforms gave them."""

    @pytest.mark.parametrize("by", GRAINS)
    def test_every_row_and_the_totals_equal_the_truth(self, asked: Any, synced_everywhere: Synced, by: str) -> None:
        """Per platform, account, campaign, ad group, ad, keyword, search term and day; nothing more, nothing less."""
        keys, dataset = GRAINS[by]
        truth = synced_everywhere.truth(dataset)
        found, expected = asked("--by", by), added(truth, keys)
        rows = {tuple(row[key] for key in keys): row for row in found["rows"]}
        assert len(rows) == len(found["rows"])
        assert rows.keys() == expected.keys()
        for key, row in rows.items():
            check_row(row, expected[key])
        check_row(found["totals"], added(truth, ())[()])
        platforms = {row["platform"] for row in truth}
        assert platforms == ({"google", "microsoft"} if by in ("keyword", "search_term") else set(PLATFORMS))

    @pytest.mark.parametrize("by", ["total", "platform", "day", "account", "campaign", "ad_group", "ad"])
    def test_conversions_by_action_equal_the_truth(self, asked: Any, synced_everywhere: Synced, by: str) -> None:
        """As far down as each platform breaks them down."""
        keys, _ = GRAINS[by]
        truth = synced_everywhere.truth("conversion_daily")
        found, expected = asked("--by", by), by_action(truth, keys)
        assert expected
        for row in found["rows"]:
            key = tuple(row[name] for name in keys)
            assert row["conversions_by_action"] == expected.pop(key, {}), key
        assert expected == {}
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for actions in by_action(truth, keys).values():
            for action, conversions in actions.items():
                totals[action] += conversions
        assert found["totals"]["conversions_by_action"] == totals

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_one_platform_and_its_campaigns_by_day(self, asked: Any, synced_everywhere: Synced, platform: str) -> None:
        """The filters leave exactly what they name: a platform, an account of it, a campaign of that."""
        accounts = [row for row in synced_everywhere.truth("account_daily") if row["platform"] == platform]
        campaigns = [row for row in synced_everywhere.truth("campaign_daily") if row["platform"] == platform]
        account_id, campaign_id = campaigns[-1]["account_id"], campaigns[0]["campaign_id"]
        for options, truth in (
            (("--platform", platform), accounts),
            (("--account", account_id), [row for row in accounts if row["account_id"] == account_id]),
            (
                ("--platform", platform, "--campaign", campaign_id),
                [row for row in campaigns if row["campaign_id"] == campaign_id],
            ),
        ):
            found, expected = asked("--by", "day", *options), added(truth, ("date",))
            assert [row["date"] for row in found["rows"]] == sorted(key for (key,) in expected)
            for row in found["rows"]:
                check_row(row, expected[row["date"],])

    def test_some_days_are_those_days(self, asked: Any, synced_everywhere: Synced, adjoin: Any) -> None:
        """Both ends count, as days of each account's own zone."""
        since, until = date(2026, 3, 28), date(2026, 3, 30)
        answer = adjoin("report", "--from", str(since), "--to", str(until), "--by", "platform", "--json")
        truth = [row for row in synced_everywhere.truth("account_daily") if since <= row["date"] <= until]
        expected = added(truth, ("platform",))
        found = json.loads(answer.out, parse_float=Decimal)
        assert [row["platform"] for row in found["rows"]] == list(PLATFORMS)
        for row in found["rows"]:
            check_row(row, expected[row["platform"],])


class TestWhatIsLeftOut:
    """Accounts that the platform does not let be read."""

    def test_google_keeps_a_cancelled_account_and_its_managers_closed(self, synced_everywhere: Synced) -> None:
        """Elsewhere a disabled account still shows the results it had."""
        google = synced_everywhere.world.on("google")
        disabled = {one.id for one in google.accounts if one.status is AccountStatus.DISABLED}
        managers = synced_everywhere.unreadable - {one.id for one in google.accounts}
        assert len(disabled) == 1
        assert len(managers) == 2
        assert synced_everywhere.unreadable == disabled | managers

    def test_they_are_in_no_report(self, asked: Any, synced_everywhere: Synced) -> None:
        """Though the world has results of the cancelled account in these days."""
        unreadable = synced_everywhere.unreadable
        google = synced_everywhere.world.on("google")
        closed = next(one.id for one in google.accounts if one.id in unreadable)
        assert google.truth("account_daily", account_id=closed, since=FIRST).num_rows > 0
        for by in ("account", "campaign", "ad"):
            assert not {row["account_id"] for row in asked("--by", by)["rows"]} & unreadable
        assert asked("--by", "account", "--account", closed)["rows"] == []

    def test_nothing_counts_as_read_of_them(self, synced_everywhere: Synced) -> None:
        """An account that cannot be read is not one without results."""
        with Store.open(Settings(home=synced_everywhere.home).database) as store, store.read() as session:
            covered = set(session.exec(select(Coverage.account_id)).all())
        assert covered
        assert not covered & synced_everywhere.unreadable


def is_gone(presence: Presence, known: WorldObject) -> bool:
    """Say whether an object or one that it is in was removed or archived: platforms may not list it any more."""
    above = [presence.find(getattr(known, name, "")) for name in ("campaign_id", "ad_group_id")]
    return any(one.status in (Status.REMOVED, Status.ARCHIVED) for one in (known, *above) if one is not None)


class TestNames:
    """The names beside the ids; null for what was removed before anything was listed."""

    def test_accounts_campaigns_ad_groups_and_ads(self, asked: Any, synced_everywhere: Synced) -> None:
        """Umlauts, emoji and Japanese come out as they are."""
        world = synced_everywhere.world
        named = 0
        for row in asked("--by", "ad")["rows"]:
            presence = world.on(row["platform"])
            assert row["account_name"] == presence.account(row["account_id"]).name
            for kind in ("campaign", "ad_group"):
                known = presence.find(row[f"{kind}_id"])
                if row[f"{kind}_name"] is None:
                    assert is_gone(presence, known), row
                else:
                    assert row[f"{kind}_name"] == known.name
                    named += 1
        assert named > 100

    def test_keywords_have_their_text(self, asked: Any, synced_everywhere: Synced) -> None:
        """A keyword's name is its text, and the names of what it is in stand beside it."""
        rows = asked("--by", "keyword")["rows"]
        assert {row["platform"] for row in rows} == {"google", "microsoft"}
        for row in rows:
            presence = synced_everywhere.world.on(row["platform"])
            known = presence.find(row["keyword_id"])
            assert (row["campaign_id"], row["ad_group_id"]) == (known.campaign_id, known.ad_group_id)
            named = {"keyword": known.text}
            named |= {kind: presence.find(row[f"{kind}_id"]).name for kind in ("campaign", "ad_group")}
            for kind, name in named.items():
                assert row[f"{kind}_name"] == name or (row[f"{kind}_name"] is None and is_gone(presence, known)), row
        assert len({row["keyword_name"] for row in rows}) > 5

    @pytest.mark.parametrize(
        ("by", "words"),
        [
            ("keyword", "Not all results have a keyword"),
            ("search_term", "Platforms keep rare search terms to themselves"),
        ],
    )
    def test_what_is_only_a_part_says_so(self, asked: Any, by: str, words: str) -> None:
        """The sum over keywords or search terms is less than that over campaigns, and a note tells."""
        found, campaigns = asked("--by", by), asked("--by", "campaign")
        assert [note for note in found["notes"] if note.startswith(words)] == [
            f"{words}, so these are less than the campaigns' results."
        ]
        assert 0 < found["totals"]["clicks"] < campaigns["totals"]["clicks"]
        assert not [note for note in campaigns["notes"] if "campaigns' results" in note]

    @pytest.mark.parametrize("platform", ["linkedin", "meta"])
    @pytest.mark.parametrize("by", ["keyword", "search_term"])
    def test_a_platform_without_search_has_none(self, asked: Any, platform: str, by: str) -> None:
        """An empty report, not an error and not a row called null."""
        found = asked("--by", by, "--platform", platform)
        assert found["rows"] == []
        assert found["totals"]["clicks"] is None

    @pytest.mark.parametrize("by", ["keyword", "search_term"])
    def test_one_campaign_is_a_part_of_its_own_results(self, asked: Any, synced_everywhere: Synced, by: str) -> None:
        """The filter on a campaign leaves its keywords and terms."""
        keys, dataset = GRAINS[by]
        truth = synced_everywhere.truth(dataset)
        campaign_id = truth[0]["campaign_id"]
        expected = added([row for row in truth if row["campaign_id"] == campaign_id], keys)
        found = asked("--by", by, "--campaign", campaign_id)
        assert len(found["rows"]) == len(expected)
        for row in found["rows"]:
            check_row(row, expected[tuple(row[key] for key in keys)])
        assert found["totals"]["clicks"] < asked("--by", "campaign", "--campaign", campaign_id)["totals"]["clicks"]


class TestMixedCurrencies:
    """Amounts in EUR, USD and JPY."""

    NOTE = "Amounts are in EUR, JPY, USD and were not added; name a currency to convert them."

    @pytest.mark.parametrize("by", ["total", "platform", "day", "campaign"])
    def test_are_not_added(self, asked: Any, by: str) -> None:
        """Amounts of the totals are null, given per currency, and a note says what to do."""
        found = asked("--by", by)
        totals = found["totals"]
        assert [totals[name] for name in ("currency", *MONEY, "cpa_micros", "roas")] == [None] * 5
        assert [one["currency"] for one in totals["by_currency"]] == ["EUR", "JPY", "USD"]
        assert self.NOTE in found["notes"]
        assert totals["clicks"] > 0

    def test_one_currency_alone_has_its_amounts(self, asked: Any, synced_everywhere: Synced) -> None:
        """Where nothing mixes there is nothing to refuse, and no note."""
        truth = [row for row in synced_everywhere.truth("account_daily") if row["currency"] == "JPY"]
        accounts = [part for one in {row["account_id"] for row in truth} for part in ("--account", one)]
        found = asked("--by", "platform", *accounts)
        assert found["totals"]["currency"] == "JPY"
        assert found["totals"]["cost_micros"] == sum(row["cost_micros"] for row in truth)
        assert found["notes"] == []

    @pytest.mark.parametrize("by", ["platform", "account"])
    def test_the_table_shows_them_side_by_side(self, adjoin: Any, asked: Any, by: str) -> None:
        """People read amounts per currency, also in the line of the totals, and the note."""
        shown = adjoin("report", *DAYS, "--by", by)
        assert shown.code == 0
        _, total = shown.out.split("total", 1)  # a narrow terminal breaks the line after it
        for one in asked()["totals"]["by_currency"]:
            assert amount(one["cost_micros"], one["currency"]) in total
        assert f"note: {self.NOTE}" in " ".join((shown.out + shown.err).split())


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank()


class TestConversion:
    """`--currency` converts each day at its rate of the European Central Bank."""

    @pytest.mark.parametrize("by", GRAINS)
    def test_each_row_is_converted_day_by_day(self, asked: Any, synced_everywhere: Synced, bank: Bank, by: str) -> None:
        """Every amount equals an exact computation with decimals; the totals are converted as a whole."""
        keys, dataset = GRAINS[by]
        truth = synced_everywhere.truth(dataset)
        expected = added(bank.converted(truth, keys, "EUR"), keys)
        found = asked("--by", by, "--currency", "EUR")
        assert len(found["rows"]) == len(expected)
        for row in found["rows"]:
            check_row(row, expected[tuple(row[key] for key in keys)])
        check_row(found["totals"], added(bank.converted(truth, (), "EUR"), ())[()])

    @pytest.mark.parametrize("target", ["USD", "JPY", "GBP"])
    def test_other_currencies(self, asked: Any, synced_everywhere: Synced, bank: Bank, target: str) -> None:
        """Also into one that no account has."""
        truth = synced_everywhere.truth("account_daily")
        expected = added(bank.converted(truth, ("platform",), target), ("platform",))
        found = asked("--by", "platform", "--currency", target)
        for row in found["rows"]:
            check_row(row, expected[row["platform"],])
        assert found["totals"]["currency"] == target

    def test_days_without_a_rate_use_the_last_before_and_are_counted(
        self, asked: Any, synced_everywhere: Synced, bank: Bank
    ) -> None:
        """Weekends, Good Friday and Easter Monday: a note says how many days, and which rate they have."""
        days = {row["date"] for row in synced_everywhere.truth("account_daily")}
        without = {day for day in days if bank.rated(day) != day}
        assert {date(2026, 3, 28), date(2026, 3, 29), date(2026, 4, 3), date(2026, 4, 6)} <= without
        assert bank.rated(date(2026, 4, 6)) == date(2026, 4, 2)
        (note,) = asked("--by", "platform", "--currency", "EUR")["notes"]
        assert note == (
            f"{len(without)} of the days have no exchange rate of the European Central Bank (weekends, holidays): the "
            "last one before was used."
        )

    def test_a_weekday_alone_needs_no_note(self, adjoin: Any, asked: Any) -> None:
        """With a rate of its own there is nothing to say."""
        answer = adjoin("report", "--from", "2026-03-25", "--to", "2026-03-25", "--currency", "EUR", "--json")
        assert answer.json["notes"] == []
        assert answer.json["totals"]["currency"] == "EUR"

    def test_the_totals_are_the_same_whatever_the_rows_are(self, asked: Any) -> None:
        """Rounding is by day and currency, so that platform, account and day end in one sum."""
        totals = [asked("--by", by, "--currency", "EUR")["totals"] for by in ("total", "platform", "account", "day")]
        assert all(one == totals[0] for one in totals)

    def test_a_currency_without_rates_is_refused(self, adjoin: Any, asked: Any) -> None:
        """One line with those that there are."""
        answer = adjoin("report", *DAYS, "--currency", "XXX")
        assert answer.code == 2
        assert "no exchange rates for the currency 'XXX'" in answer.err
        assert "EUR" in answer.err


class TestForms:
    """The same figures as CSV and as a table."""

    @pytest.mark.parametrize("by", ["account", "campaign", "keyword", "search_term"])
    def test_csv_has_the_rows_of_the_json(self, adjoin: Any, asked: Any, by: str) -> None:
        """A line for each row, amounts in millionths, conversions exact."""
        rows = asked("--by", by)["rows"]
        lines = list(csv.DictReader(io.StringIO(adjoin("report", *DAYS, "--by", by, "--csv").out)))
        assert len(lines) == len(rows) > 0
        names = ("account_id", *GRAINS[by][0])
        assert len({tuple(line[name] for name in names) for line in lines}) == len(lines)
        for line, row in zip(lines, rows, strict=True):
            assert [line[name] for name in names] == [row[name] for name in names]
            assert line["cost_micros"] == str(row["cost_micros"])
            assert Decimal(line["conversions"]) == row["conversions"]
            if by == "search_term":
                assert line["search_term"] == row["search_term"]
            else:
                assert line[f"{by}_name"] == (row[f"{by}_name"] or "")

    @pytest.mark.parametrize("by", ["keyword", "search_term"])
    def test_the_table_says_where_a_keyword_or_term_is(self, adjoin: Any, asked: Any, by: str) -> None:
        """The same one may stand in several ad groups, so campaign and ad group stand before it."""
        shown = adjoin("report", *DAYS, "--by", by, "--platform", "google", "--currency", "EUR")
        assert shown.code == 0
        heading = next(line for line in shown.out.splitlines() if "platform" in line)
        words = ["platform", "campaign", "ad group", by.replace("_", " "), "spend", "clicks"]
        assert sorted(words, key=heading.index) == words


class TestMetricLayer:
    """Metrics, dimensions, conditions and comparisons that are named, printed and as files."""

    @pytest.fixture(autouse=True)
    def _home(self, adjoin: Any, synced_everywhere: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(os.environ, "ADJOIN_HOME", str(synced_everywhere.home))

    def test_a_file_holds_the_truth(self, adjoin: Any, synced_everywhere: Synced, bank: Bank, tmp_path: Path) -> None:
        """Each campaign's days, converted, to the last micro."""
        file = tmp_path / "campaigns.parquet"
        options = ("--by", "campaign", "--by", "day", "--metric", "cost", "--metric", "clicks", "--currency", "eur")
        answer = adjoin("report", *DAYS, *options, "--parquet", str(file))
        assert answer.code == 0, answer.err
        keys = ("platform", "account_id", "campaign_id", "date")
        expected = added(bank.converted(synced_everywhere.truth("campaign_daily"), keys, "EUR"), keys)
        table = pq.read_table(file)
        rows = {
            (row["platform"], row["account_id"], row["campaign_id"], str(row["day"])): row for row in table.to_pylist()
        }
        assert f"{len(expected):,} rows written to {file}" in answer.err
        assert rows.keys() == expected.keys()
        for key, row in rows.items():
            micros = expected[key]["amounts"]["EUR"]["cost_micros"]
            assert (row["cost"], row["clicks"]) == (Decimal(micros).scaleb(-6), expected[key]["clicks"])
            assert row["currency"] == "EUR"
        assert b"by=campaign,day" in table.schema.metadata[b"adjoin.question"]

    def test_a_workbook_and_csv_have_the_same_rows(self, adjoin: Any, tmp_path: Path) -> None:
        """By platform and week, with the usual metrics."""
        options = ("--by", "platform", "--by", "week", "--currency", "EUR", "--order-by", "week")
        printed = adjoin("report", *DAYS, *options, "--csv")
        lines = list(csv.DictReader(io.StringIO(printed.out)))
        assert adjoin("report", *DAYS, *options, "--xlsx", str(tmp_path / "a.xlsx")).code == 0
        with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert sheet.count("<row ") == len(lines) + 1 == len(PLATFORMS) * 3 + 1
        assert list(lines[0]) == [
            *("platform", "week", "currency", "cost", "impressions", "clicks", "ctr", "conversions"),
            *("conversion_value", "cpa", "roas"),
        ]
        assert [line["week"] for line in lines] == sorted(line["week"] for line in lines)
        assert sum(f">{line['clicks']}<" in sheet for line in lines) == len(lines)

    def test_what_is_compared_are_the_days_before(self, adjoin: Any, synced_everywhere: Synced) -> None:
        """A week beside the one before it, by account and in its own currency."""
        days = ("--from", "2026-04-02", "--to", "2026-04-08")
        options = ("--by", "account", "--metric", "cost", "--compare", "previous-period", "--json")
        found = json.loads(adjoin("report", *days, *options).out, parse_float=Decimal)
        assert found["compared"] == {"since": "2026-03-26", "until": "2026-04-01"}
        truth = synced_everywhere.truth("account_daily")
        for name, since, until in (
            ("cost", date(2026, 4, 2), date(2026, 4, 8)),
            ("cost.before", date(2026, 3, 26), date(2026, 4, 1)),
        ):
            expected = added([row for row in truth if since <= row["date"] <= until], ("platform", "account_id"))
            shown = {(row["platform"], row["account_id"]): row for row in found["rows"]}
            for key, sums in expected.items():
                ((currency, amounts),) = sums["amounts"].items()
                assert shown[key]["currency"] == currency
                assert shown[key][name] == Decimal(amounts["cost_micros"]).scaleb(-6)
        shown = adjoin("report", *days, *options[:-1])
        assert "compared with 2026-03-26 to 2026-04-01" in shown.out

    def test_conditions_order_and_limit(self, adjoin: Any, synced_everywhere: Synced) -> None:
        """What is left is ordered and cut; the totals are of all that is left."""
        platforms = ("google", "meta")
        options = ("--by", "campaign", "--metric", "clicks", "--where", f"platform={','.join(platforms)}")
        found = adjoin("report", *DAYS, *options, "--order-by", "-clicks", "--limit", "3", "--json").json
        truth = [row for row in synced_everywhere.truth("campaign_daily") if row["platform"] in platforms]
        campaigns = added(truth, ("platform", "account_id", "campaign_id"))
        counts = sorted((one["clicks"] for one in campaigns.values()), reverse=True)
        assert [row["clicks"] for row in found["rows"]] == counts[:3]
        assert (found["total_rows"], found["totals"]["clicks"]) == (len(campaigns), sum(counts))
        name = found["rows"][0]["campaign"]
        part = f"campaign~{name[:4].upper()}".replace(",", "\\,")
        named = adjoin("report", *DAYS, *options, "--where", part, "--json").json["rows"]
        assert name in {row["campaign"] for row in named}
        assert all(name[:4].casefold() in row["campaign"].casefold() for row in named)

    def test_everything_that_is_listed_can_be_asked_for(self, adjoin: Any) -> None:
        """`adjoin metrics` names them with formula and unit."""
        listed = adjoin("metrics", "--json").json
        metrics = {one["name"]: one for one in listed["metrics"]}
        assert metrics["roas"]["unit"] == "multiple"
        assert metrics["ctr"]["formula"] == "clicks / impressions"
        assert {"platform", "campaign", "day", "weekday"} <= {one["name"] for one in listed["dimensions"]}
        asked = [part for name in metrics for part in ("--metric", name)]
        (row,) = adjoin("report", *DAYS, "--by", "total", *asked, "--currency", "EUR", "--json").json["rows"]
        assert set(metrics) <= set(row)
        shown = adjoin("metrics")
        assert "clicks / impressions" in shown.out
        assert "search_term" in shown.out

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--metric", "glory"), "glory"),
            (("--by", "moon"), "moon"),
            (("--by", "ad", "--by", "keyword"), "keyword"),
            (("--where", "platform"), "--where='platform' is no condition"),
            (("--where", "platform=bing"), "bing"),
            (("--by", "total", "--by", "day"), "--by total is one row for everything"),
            (("--json", "--xlsx", "a.xlsx"), "--json and --xlsx exclude each other"),
            (("--metric", "cost", "--order-by", "shine"), "shine"),
            (("--xlsx", "nowhere/a.xlsx"), "the file nowhere/a.xlsx cannot be written"),
            (("--restated", "--metric", "cost"), "not with --metric"),
        ],
    )
    def test_what_cannot_be_asked(self, adjoin: Any, options: tuple[str, ...], said: str) -> None:
        """One line that names it, and nothing printed."""
        answer = adjoin("report", *DAYS, *options)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
        assert len(answer.err.splitlines()) == 1


class TestDashboard:
    """The Overview of the same home."""

    @pytest.fixture
    def context(self, synced_everywhere: Synced, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
        for name in [name for name in os.environ if name.startswith("ADJOIN_")]:
            monkeypatch.delenv(name)
        with open_host(synced_everywhere.home, clock=ManualClock(synced_everywhere.world.now)) as host:
            found = host.still_in(sign_in(host.store, now=synced_everywhere.world.now).session.id)
            assert found is not None
            made = make_context(host, found)
            yield made
            made.close()

    @pytest.mark.parametrize("currency", ["EUR", "JPY"])
    def test_platforms_and_accounts_have_the_truth(
        self, context: Context, synced_everywhere: Synced, bank: Bank, currency: str
    ) -> None:
        """Spend, conversions and their value, each day converted at its rate."""
        truth = [row for row in synced_everywhere.truth("account_daily") if row["date"] < TODAY]
        question = Question(
            workspace_id=context.workspace_id,
            data_version=context.data_version,
            period=Period(FIRST, TODAY - timedelta(days=1)),
            compared=None,
            platforms=PLATFORMS,
            currency=currency,
            convert=True,
            write=context.write,
        )
        overview = load(question, context.ask, context.store).overview
        for keys, groups in ((("platform",), overview.platforms), (("platform", "account_id"), overview.accounts)):
            expected = added(bank.converted(truth, keys, currency), keys)
            assert len(groups) == len(expected)
            for group in groups:
                sums = expected[tuple(getattr(group, key) for key in keys)]
                assert {name: getattr(group.figures, name) for name in COUNTS} == {name: sums[name] for name in COUNTS}
                assert {name: getattr(group.figures, name) for name in MONEY} == sums["amounts"][currency]

    def test_what_is_downloaded_is_what_the_page_shows(self, context: Context, synced_everywhere: Synced) -> None:
        """The file of a question by its address: the answer that a page gets, which is the truth."""
        question = analytics.Question(
            since=FIRST, until=LAST, metrics=("clicks", "cost", "cpa"), dimensions=("account",), currency="EUR"
        )
        shown = context.ask(question)

        async def gate(scope: Any, receive: Any, send: Any) -> None:
            visit = Visit(address="192.0.2.1", secure=False, now=context.now(), signed_in=context.signed_in)
            await Starlette(routes=routes(context.host))(scope | {SCOPE_KEY: visit}, receive, send)

        async def download() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=gate), base_url="http://127.0.0.1"
            ) as client:
                return await client.get(export_url(context.workspace_id, question, "csv"))

        answer = asyncio.run(download())
        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        rows = shown.rows.to_pylist()
        clicks = added(synced_everywhere.truth("account_daily"), ("platform", "account_id"))
        assert len(lines) == len(rows) == len(clicks)
        for line, row in zip(lines, rows, strict=True):
            assert [line[name] for name in ("platform", "account_id", "account", "currency")] == [
                *(row[name] for name in ("platform", "account_id", "account")),
                "EUR",
            ]
            assert int(line["clicks"]) == row["clicks"] == clicks[row["platform"], row["account_id"]]["clicks"]
            for name in ("cost", "cpa"):
                assert line[name] == ("" if row[name] is None else f"{Decimal(row[name]).scaleb(-6).normalize():f}")

    def test_accounts_without_figures_are_told_by_platform(self, context: Context, synced_everywhere: Synced) -> None:
        """Google's managers and its cancelled account are not read; elsewhere the closed one had results, or not."""
        with context.host.store.read() as session:
            accounts = load_accounts(session, context.workspace_id, context.write)
        shown = {(row["platform"], row["account_id"]) for row in synced_everywhere.truth("account_daily")}
        told = [line.replace("\\", "") for line in quiet_accounts(accounts, shown, context.host.platform_title)]
        assert told[0] == (
            "Google Ads: Nordlicht Agency (manager, not read), Nordlicht Group (manager, not read), "
            "Nordlicht leer / empty (no traffic), Northern Light (old) (canceled, not read)"
        )
        titles = ("Google Ads", "LinkedIn Ads", "Meta Ads", "Microsoft Advertising")
        assert [line.partition(":")[0] for line in told] == list(titles)
        assert all("Nordlicht leer / empty (no traffic)" in line for line in told)
