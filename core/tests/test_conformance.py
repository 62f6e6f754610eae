"""The conformance suite itself: an honest plugin passes, and each kind of liar is caught by the test meant for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pyarrow as pa
import pytest

from adjoin import ads
from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.contract import hookimpl
from adjoin.errors import AdjoinError, ErrorKind
from adjoin.kernel import Kernel
from adjoin.testing._ads_probe import Reader, TokenClient
from adjoin.testing.ads import AdsConformance

ROOT = Path(__file__).parents[2]
WINDOW = v2.DateWindow(since=date(2026, 3, 9), until=date(2026, 3, 12))
ACCOUNT = v2.Account(id="a1", name="One", currency="EUR", time_zone="Europe/Vienna")


class Honest:
    """A platform with one account, one campaign with one ad, and a row for each day. Variants below lie somewhere."""

    description = v2.Description(
        title="Honest",
        base_url="https://honest.example",
        api_version="1",
        auth=v2.Auth(methods=("token",)),
        streams=(
            v2.Stream(name="campaigns", kind="entities"),
            v2.Stream(name="ads", kind="entities"),
            v2.Stream(name="campaign_daily", kind="facts"),
        ),
        limits=(v2.RateLimit(scope="app", per_second=5),),
    )
    listed: tuple[v2.Account, ...] = (ACCOUNT,)
    campaigns: tuple[v2.Entity, ...] = (
        v2.Campaign(id="c1", account_id="a1", name="C", status=v2.Status.ACTIVE, native_status="on"),
    )
    the_ads: tuple[v2.Entity, ...] = (
        v2.Ad(
            id="x1",
            account_id="a1",
            campaign_id="c1",
            ad_group_id="g1",
            name="X",
            status=v2.Status.ACTIVE,
            native_status="on",
        ),
    )
    limits: tuple[v2.CreativeLimit, ...] = (v2.CreativeLimit(placement="feed", element="headline", max_characters=40),)
    row: Mapping[str, Any] = {}
    extra_days = 0
    repeat = 1
    reads = 0
    drift = 0
    schema: pa.Schema | None = None
    fault: v2.Fault | None = None

    @hookimpl
    def describe(self) -> v2.Description:
        return self.description

    @hookimpl
    def inspect(self, reply: v2.Reply) -> v2.Verdict:
        if reply.status < 400:
            return v2.Verdict(fault=self.fault)
        kind = {429: ErrorKind.WAIT}.get(reply.status, ErrorKind.RETRY if reply.status >= 500 else ErrorKind.INVALID)
        return v2.Verdict(fault=v2.Fault(kind=kind, message="refused"))

    @hookimpl
    async def accounts(self) -> list[v2.Account]:
        return list(self.listed)

    @hookimpl
    def spec_limits(self) -> tuple[v2.CreativeLimit, ...]:
        return self.limits

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        self.reads += 1
        if request.window is None:
            yield v2.EntityBatch(entities=self.campaigns if request.stream == "campaigns" else self.the_ads)
            return
        days = range(request.window.days + self.extra_days)
        rows = [self.a_row(request.window.since + timedelta(days=day)) for day in days for _ in range(self.repeat)]
        schema = self.schema or arrow_schema("campaign_daily")
        yield v2.FactBatch(dataset="campaign_daily", rows=pa.RecordBatch.from_pylist(rows, schema=schema))

    def a_row(self, day: date) -> dict[str, Any]:
        return {
            "date": day,
            "account_id": "a1",
            "campaign_id": "c1",
            "impressions": 100,
            "clicks": 3,
            "cost_micros": 1_500_000 + self.drift * self.reads,
            "conversions": Decimal(1),
            **self.row,
        }


def check(plugin: Honest, test: str) -> None:
    """Run one test of the suite against a plugin object."""
    kernel = Kernel((ads.CONTRACT,))
    kernel.add("honest", "ads", 2, plugin)
    reader = Reader(kernel, "honest", TokenClient())
    given = {"reader": reader, "window": WINDOW, "good_body": b"{}", "kernel": kernel, "platform": "honest"}
    given["client"] = reader.client
    function: Callable[..., None] = getattr(AdsConformance, test)
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    try:
        function(AdsConformance(), **{name: given[name] for name in names})
    finally:
        kernel.close()


def lying(**lies: Any) -> Honest:
    plugin = Honest()
    for name, value in lies.items():
        setattr(plugin, name, value)
    return plugin


def described(**changes: Any) -> Honest:
    return lying(description=replace(Honest.description, **changes))


def with_stream(**changes: Any) -> Honest:
    campaigns, the_ads, facts = Honest.description.streams
    return described(streams=(campaigns, the_ads, replace(facts, **changes)))


def schema_without_views() -> pa.Schema:
    full = arrow_schema("campaign_daily")
    return full.remove(full.get_field_index("video_views"))


AD = Honest.the_ads[0]
CAMPAIGN = Honest.campaigns[0]
assert isinstance(CAMPAIGN, v2.Campaign)
assert isinstance(AD, v2.Ad)

LIES: list[tuple[str, str, Honest]] = [
    ("test_there_is_a_title_for_people", "title", described(title=" ")),
    ("test_streams_have_different_names", "each stream once", described(streams=Honest.description.streams * 2)),
    ("test_streams_have_different_names", "at least one", described(streams=())),
    ("test_streams_are_known", "is none of", with_stream(name="weather_daily")),
    ("test_streams_are_known", "yields unknown", with_stream(yields=("weather_daily",))),
    ("test_streams_are_known", "comes along", with_stream(yields=("campaign_daily",))),
    ("test_periods_are_positive", "at least one day", with_stream(max_window_days=0)),
    ("test_periods_are_positive", "for ever", with_stream(retention_days=0)),
    ("test_periods_are_positive", "reads nothing again", with_stream(look_back=(v2.LookBack(days=0),))),
    ("test_there_is_a_way_to_authorise", "nobody can connect", described(auth=v2.Auth(methods=()))),
    ("test_limits_are_positive", "nothing would ever", described(max_concurrency=0)),
    ("test_limits_are_positive", "lets through", described(limits=(v2.RateLimit(scope="app", per_second=0),))),
    (
        "test_links_to_the_manager_can_be_filled",
        "manager.ad: 'http://x.example/{ad}' is no https address",
        described(manager=v2.ManagerLinks(ad="http://x.example/{ad}")),
    ),
    (
        "test_links_to_the_manager_can_be_filled",
        "none of {account}",
        described(manager=v2.ManagerLinks(account="https://x.example/{account}/{campaign}")),
    ),
    ("test_known_gaps_are_pairs_of_datasets", "finer<coarser", described(known_gaps={"ads": "because"})),
    (
        "test_the_hooks_for_oauth_are_there_where_it_is_offered_and_only_there",
        "consent_url is needed",
        described(auth=v2.Auth(methods=("oauth",))),
    ),
    (
        "test_a_good_answer_is_no_fault",
        "was taken for a fault",
        lying(fault=v2.Fault(kind=ErrorKind.RETRY, message="?")),
    ),
    ("test_there_is_an_account", "at least one account", lying(listed=())),
    ("test_accounts_have_ids_of_their_own", "each account once", lying(listed=(ACCOUNT, ACCOUNT))),
    ("test_accounts_have_an_iso_currency", "ISO 4217", lying(listed=(replace(ACCOUNT, currency="euro"),))),
    (
        "test_entities_belong_to_the_account_that_was_asked_for",
        "is of a2",
        lying(campaigns=(replace(CAMPAIGN, account_id="a2"),)),
    ),
    ("test_entities_come_once", "twice", lying(campaigns=(CAMPAIGN, CAMPAIGN))),
    ("test_entities_have_parents_that_exist", "no campaign c9", lying(the_ads=(replace(AD, campaign_id="c9"),))),
    ("test_an_entity_stream_yields_only_its_entities", "in campaigns", lying(campaigns=(AD,))),
    (
        "test_budgets_and_bids_are_not_negative",
        "daily_budget_micros is -1",
        lying(campaigns=(replace(CAMPAIGN, daily_budget_micros=-1),)),
    ),
    (
        "test_instants_are_aware",
        "no zone",
        lying(campaigns=(replace(CAMPAIGN, updated_at=datetime(2026, 1, 1)),)),  # noqa: DTZ001 - the lie
    ),
    ("test_fact_batches_obey_the_schema_exactly", "campaign_daily", lying(schema=schema_without_views())),
    ("test_keys_are_not_null", "campaign_id", lying(row={"campaign_id": None})),
    ("test_rows_stay_inside_the_window", "was asked for", lying(extra_days=1)),
    ("test_rows_are_of_the_account_that_was_asked_for", "rows of", lying(row={"account_id": "a2"})),
    ("test_no_row_comes_twice", "more than once", lying(repeat=2)),
    ("test_money_and_counts_are_not_negative", "negative cost_micros", lying(row={"cost_micros": -1})),
    ("test_reading_twice_gives_the_same", "must replace", lying(drift=1)),
    ("test_a_window_equals_the_sum_of_its_days", "campaign_daily of a1", lying(drift=1)),
    (
        "test_creative_limits_are_positive",
        "0 allows nothing",
        lying(limits=(v2.CreativeLimit(placement="feed", element="headline", max_characters=0),)),
    ),
]


@pytest.mark.parametrize(
    ("test", "message", "liar"), LIES, ids=[f"{test.removeprefix('test_')}: {message}" for test, message, _ in LIES]
)
def test_a_liar_is_caught_and_told_why(test: str, message: str, liar: Honest) -> None:
    with pytest.raises(AssertionError) as caught:
        check(liar, test)

    assert message in str(caught.value)


@pytest.mark.parametrize("test", sorted({test for test, _, _ in LIES}))
def test_the_honest_plugin_passes(test: str) -> None:
    check(Honest(), test)


def test_a_time_zone_that_nobody_knows_is_caught() -> None:
    with pytest.raises(KeyError, match="Mars/Olympus"):
        check(lying(listed=(replace(ACCOUNT, time_zone="Mars/Olympus"),)), "test_accounts_have_an_iana_time_zone")


class Hoarder(Honest):
    """Keeps its request open when it is left."""

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        self.kept = client.stream("GET", "/rows")
        await self.kept.__aenter__()
        yield v2.EntityBatch(entities=())
        await asyncio.Event().wait()


def test_requests_that_stay_open_are_caught() -> None:
    class Open:
        async def __aenter__(self) -> None:
            return None

        async def __aexit__(self, *_: object) -> None:
            return None

    client = TokenClient()
    client.stream = lambda *_, **__: Open()  # type: ignore[method-assign]
    kernel = Kernel((ads.CONTRACT,))
    kernel.add("honest", "ads", 2, Hoarder())
    try:
        with pytest.raises(AssertionError, match="1 requests are still open"):
            AdsConformance().test_leaving_early_leaves_nothing_open(
                Reader(kernel, "honest", client), kernel, "honest", client, WINDOW
            )
    finally:
        kernel.close()


def test_a_deviation_must_name_a_test_and_say_whether_it_is_for_good() -> None:
    with pytest.raises(TypeError, match="names no test of the suite: test_nothing"):
        type("T", (AdsConformance,), {"deviations": {"test_nothing": pytest.mark.never(reason="x")}})
    with pytest.raises(TypeError, match="must be marked notyet or never"):
        type("T", (AdsConformance,), {"deviations": {"test_limits_are_positive": pytest.mark.skip(reason="x")}})


def run_pytest(folder: Path, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path or folder)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_deviations_are_skipped_with_their_reason_and_listed(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --import-mode=importlib\n")
    (tmp_path / "test_deviating.py").write_text(
        dedent("""
        import pytest
        from adjoin.testing.ads import AdsConformance

        class TestDeviating(AdsConformance):
            deviations = {
                "test_there_is_an_account": pytest.mark.notyet(reason="the list comes in May"),
                "test_limits_are_positive": pytest.mark.never(reason="there is no such thing"),
                "test_streams_are_known": pytest.mark.never,
            }

            @pytest.fixture
            def reader(self):
                raise LookupError("a test that was not left out asked for the plugin")

        for name in dir(AdsConformance):
            if name.startswith("test_") and name not in TestDeviating.deviations:
                setattr(TestDeviating, name, None)

        def test_asserts_of_the_suite_are_explained():
            class Reader:
                def describe(self):
                    class Description:
                        title = "  "
                    return Description()

            with pytest.raises(AssertionError) as caught:
                AdsConformance().test_there_is_a_title_for_people(Reader())
            assert "where" in str(caught.value)
        """)
    )

    run = run_pytest(tmp_path)

    assert "1 passed, 2 skipped, 1 error" in run.stdout, run.stdout + run.stderr
    assert "the marker 'never' needs a reason" in run.stdout
    assert "conformance: left out" in run.stdout
    assert "not yet: the list comes in May (1 test)" in run.stdout
    assert "never: there is no such thing (1 test)" in run.stdout


def test_the_example_plugin_passes_through_the_upgrader() -> None:
    """A v1 plugin outside the workspace, with tests of its own that inherit the suite."""
    run = run_pytest(ROOT / "examples" / "leaflet", path=ROOT / "examples" / "leaflet" / "src")

    assert run.returncode == 0, run.stdout + run.stderr
    assert "not implemented: sandbox" in run.stdout
    assert "failed" not in run.stdout


def test_a_plugin_without_a_sandbox_is_told_what_to_do() -> None:
    with pytest.raises(AdjoinError, match="override the fixture `client`"):
        asyncio.run(TokenClient().request("GET", "/accounts"))
