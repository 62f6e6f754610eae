"""The conformance suite of the `ads` contract: what every ad platform's plugin promises, as tests to inherit.

    from adjoin.testing.ads import AdsConformance

    class TestConformance(AdsConformance):
        @pytest.fixture
        def implementation(self):
            return plugin

Everything is asked through the kernel and in terms of the newest version; a plugin of an older one sets the fixture
`version` and is lifted. A plugin with a sandbox is read through a real API client on a small world; others bring their
own `client` or use the default, which only has an access token. Nothing happens at collection, no network is used.

Hooks that the plugin does not have are left out and listed at the end of the run. A test that a plugin cannot pass is
named in `deviations`, with a mark that says why: `pytest.mark.notyet(reason=...)` or `pytest.mark.never(reason=...)`.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from adjoin import ads
from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.errors import ErrorKind, PlatformError
from adjoin.kernel import Kernel
from adjoin.testing._ads_probe import (
    CANARY,
    CANARY_SECRET,
    Reader,
    Rows,
    TokenClient,
    WatchedClient,
    days,
    entry_point_of,
    sandbox_client,
)
from adjoin.testing.world import World

__all__ = ["AdsConformance"]

_ENTITY_STREAMS = {"campaigns", "ad_groups", "ads"}
_MONEY = ("cost_micros", "conversion_value_micros")
_COUNTS = ("impressions", "clicks", "conversions", "video_views")
_PATIENCE = 10.0


class AdsConformance:
    """Inherit, and override the fixture `implementation`; the others have defaults that suit most plugins."""

    __adjoin_conformance__ = True

    #: Tests that the plugin does not pass, by name, each with `pytest.mark.notyet` or `pytest.mark.never` and a reason.
    deviations: ClassVar[Mapping[str, pytest.MarkDecorator]] = {}

    #: What the entry-point module must not import: listing plugins has to stay quick.
    heavy: ClassVar[tuple[str, ...]] = (
        "aiohttp", "duckdb", "httpx", "msgspec", "numpy", "pandas", "pyarrow", "pydantic", "requests", "starlette",
    )  # fmt: skip

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        unknown = sorted(name for name in cls.deviations if not hasattr(cls, name))
        if unknown:
            raise TypeError(f"{cls.__name__}.deviations names no test of the suite: {', '.join(unknown)}")
        odd = sorted(name for name, mark in cls.deviations.items() if mark.name not in {"notyet", "never"})
        if odd:
            raise TypeError(f"{cls.__name__}.deviations: {', '.join(odd)} must be marked notyet or never")

    # --- what an author gives ---------------------------------------------------------------------------------------

    @pytest.fixture
    def implementation(self) -> object:
        """The plugin object: what the entry point names."""
        raise NotImplementedError("override the fixture `implementation` to return the plugin object")

    @pytest.fixture
    def version(self) -> int:
        """The contract version that the plugin speaks."""
        return ads.CONTRACT.newest.number

    @pytest.fixture
    def platform(self, implementation: object, version: int) -> str:
        """The plugin's name; found from its entry point when it is installed."""
        return entry_point_of(implementation, version)[0]

    @pytest.fixture
    def world(self) -> World:
        """The advertiser behind the sandbox. Small, so that reading all of it is quick."""
        return World.generate(seed=7, today=date(2026, 3, 15), scale=0.02, days=40)

    @pytest.fixture
    def window(self, world: World) -> v2.DateWindow:
        """Days that the platform has results for, and that it does not restate between two questions."""
        return v2.DateWindow(since=world.today - timedelta(days=6), until=world.today - timedelta(days=3))

    @pytest.fixture
    def app(self) -> v2.App:
        """The registration that the sandbox knows."""
        return v2.App(client_id="sandbox-app", client_secret="sandbox-secret")  # noqa: S106 - made up

    @pytest.fixture
    def client(self, kernel: Kernel, platform: str, world: World, app: v2.App) -> v2.Client:
        """What the plugin reaches its platform with."""
        if kernel.hook(v2.Ads.sandbox).implemented_by(platform):
            return sandbox_client(kernel, platform, world, app=app, token=world.token(platform))
        return TokenClient()

    # --- what the suite stands on -----------------------------------------------------------------------------------

    @pytest.fixture
    def kernel(self, implementation: object, version: int, platform: str) -> Iterator[Kernel]:
        """A kernel with this plugin only."""
        kernel = Kernel((ads.CONTRACT,))
        kernel.add(platform, "ads", version, implementation)
        yield kernel
        kernel.close()

    @pytest.fixture
    def reader(self, kernel: Kernel, platform: str, client: v2.Client) -> Reader:
        """The plugin, asked through the kernel."""
        return Reader(kernel, platform, client)

    def need(self, reader: Reader, hook: str) -> None:
        """Leave a test out if the plugin does not have an optional hook."""
        if not reader.implements(hook):
            pytest.skip(f"not implemented: {hook}")

    # --- describe ---------------------------------------------------------------------------------------------------

    def test_the_description_is_constant(self, reader: Reader) -> None:
        assert reader.describe() == reader.describe(), "describe() must only state: it is called often"

    def test_there_is_a_title_for_people(self, reader: Reader) -> None:
        assert reader.describe().title.strip(), "the title is what people see; it must not be empty"

    def test_streams_have_different_names(self, reader: Reader) -> None:
        names = [stream.name for stream in reader.describe().streams]

        assert names, "a platform offers at least one stream"
        assert len(names) == len(set(names)), f"each stream once, got {names}"

    def test_streams_are_known(self, reader: Reader) -> None:
        for stream in reader.describe().streams:
            known = set(DATASETS) if stream.kind == "facts" else _ENTITY_STREAMS
            assert stream.name in known, f"{stream.kind} stream {stream.name!r} is none of {sorted(known)}"
            assert set(stream.yields) <= set(DATASETS), f"{stream.name} yields unknown datasets: {stream.yields}"
            assert stream.name not in stream.yields, f"{stream.name}: `yields` names what comes along, not itself"

    def test_periods_are_positive(self, reader: Reader) -> None:
        for stream in reader.describe().streams:
            assert stream.max_window_days >= 1, f"{stream.name}: a window has at least one day"
            assert stream.retention_days is None or stream.retention_days >= 1, f"{stream.name}: None means for ever"
            for look_back in stream.look_back:
                assert look_back.days >= 1, f"{stream.name}: looking back 0 days reads nothing again"
                assert look_back.every >= timedelta(0), f"{stream.name}: `every` is how long to wait, not negative"

    def test_there_is_a_way_to_authorise(self, reader: Reader) -> None:
        assert reader.describe().auth.methods, "without a method nobody can connect: 'oauth', 'token' or both"

    def test_limits_are_positive(self, reader: Reader) -> None:
        described = reader.describe()

        assert described.max_concurrency >= 1, "with a concurrency of 0 nothing would ever be read"
        for limit in described.limits:
            assert limit.per_second > 0, f"a {limit.scope} limit of {limit.per_second} per second never lets through"
            assert limit.burst >= 1, f"a {limit.scope} limit with a burst of {limit.burst} never lets through"

    def test_known_gaps_are_pairs_of_datasets(self, reader: Reader) -> None:
        for pair, reason in reader.describe().known_gaps.items():
            finer, _, coarser = pair.partition("<")
            assert {finer, coarser} <= set(DATASETS), f"{pair!r} must read 'finer<coarser', both datasets"
            assert reason.strip(), f"{pair}: the operator wants to know why"

    def test_the_entry_module_imports_nothing_heavy(self, implementation: object, version: int) -> None:
        """Importing a plugin is part of every start, `adjoin --help` included: import SDKs inside the functions."""
        module = entry_point_of(implementation, version)[1]
        program = (
            f"import sys, importlib; importlib.import_module({module!r}); "
            f"print(*sorted(set({self.heavy!r}) & set(sys.modules)))"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603

        assert run.returncode == 0, f"{module} cannot be imported by itself: {run.stderr}"
        assert not run.stdout.split(), f"importing {module} imports {run.stdout.split()}: do that inside the functions"

    # --- authorisation ----------------------------------------------------------------------------------------------

    def test_the_hooks_for_oauth_are_there_where_it_is_offered_and_only_there(self, reader: Reader) -> None:
        methods = reader.describe().auth.methods
        for hook in ("consent_url", "redeem", "renew"):
            if "oauth" in methods:
                assert reader.implements(hook), f"auth.methods has 'oauth', so {hook} is needed"
            elif hook != "renew":
                assert not reader.implements(hook), f"{hook} is never called: auth.methods lacks 'oauth'"

    def test_the_consent_page_is_told_where_to_come_back_to(self, reader: Reader) -> None:
        self.need(reader, "consent_url")
        app = v2.App(client_id="the-app", client_secret=CANARY_SECRET)
        consent = v2.Consent(redirect_uri="http://127.0.0.1:8765/back", state="the-state", code_challenge="challenge")

        url = reader.kernel.hook(v2.Ads.consent_url).one(
            reader.platform, app, consent, base_url=reader.describe().base_url
        )

        query = parse_qs(urlsplit(url).query)
        assert urlsplit(url).scheme == "https", f"a person's password is typed in there: {url}"
        assert query.get("state") == ["the-state"], "the state guards against forged answers and must be passed on"
        assert query.get("redirect_uri") == ["http://127.0.0.1:8765/back"]
        assert CANARY_SECRET not in url, "the app's secret must not be in an address"
        assert ("code_challenge" in query) == reader.describe().auth.pkce, "`auth.pkce` says whether it understands one"

    # --- verdicts ---------------------------------------------------------------------------------------------------

    @pytest.fixture
    def good_body(self) -> bytes:
        """A body with which the platform says that all is well and there is nothing."""
        return b'{"data":[]}'

    def test_a_good_answer_is_no_fault(self, reader: Reader, good_body: bytes) -> None:
        self.need(reader, "inspect")
        reply = v2.Reply(status=200, headers={"content-type": "application/json"}, body=good_body)

        verdict = reader.kernel.hook(v2.Ads.inspect).one(reader.platform, reply)

        assert verdict.fault is None, f"status 200 with {good_body!r} was taken for a fault: {verdict.fault}"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"error": 7}', b'"\xff'])
    def test_any_refusal_gets_a_kind_and_nothing_raises(self, reader: Reader, status: int, body: bytes) -> None:
        """Proxies and gateways answer in the platform's place, and not in its format."""
        self.need(reader, "inspect")

        verdict = reader.kernel.hook(v2.Ads.inspect).one(
            reader.platform, v2.Reply(status=status, headers={}, body=body)
        )

        assert verdict.fault is not None, f"status {status} with {body!r} is no good answer"
        if status >= 500:
            assert verdict.fault.kind is ErrorKind.RETRY, "a gateway's fault passes"
        if status == 429:
            assert verdict.fault.kind is ErrorKind.WAIT, "429 asks to wait, whatever the body says"

    # --- accounts ---------------------------------------------------------------------------------------------------

    def test_there_is_an_account(self, reader: Reader) -> None:
        assert reader.accounts(), "the suite needs at least one account to read"

    def test_accounts_have_ids_of_their_own(self, reader: Reader) -> None:
        ids = [account.id for account in reader.accounts()]

        assert all(ids), "an account without an id"
        assert len(ids) == len(set(ids)), f"each account once (paging that overlaps?), got {ids}"

    def test_accounts_have_an_iso_currency(self, reader: Reader) -> None:
        for account in reader.accounts():
            assert re.fullmatch("[A-Z]{3}", account.currency), f"{account.id}: {account.currency!r} is not ISO 4217"

    def test_accounts_have_an_iana_time_zone(self, reader: Reader) -> None:
        """A reporting day is a day of this zone; ZoneInfo must know it."""
        for account in reader.accounts():
            ZoneInfo(account.time_zone)

    def test_accounts_are_the_same_when_asked_again(self, reader: Reader) -> None:
        first, again = reader.accounts(), reader.accounts()

        assert sorted(first, key=lambda one: one.id) == sorted(again, key=lambda one: one.id)

    # --- entities ---------------------------------------------------------------------------------------------------

    def test_an_entity_stream_yields_only_its_entities(self, reader: Reader) -> None:
        kinds = {"campaigns": v2.Campaign, "ad_groups": v2.AdGroup, "ads": v2.Ad}
        for stream in reader.streams("entities"):
            for account in reader.readable_accounts():
                for batch in reader.read(stream.name, account):
                    assert isinstance(batch, v2.EntityBatch), f"{stream.name} is a list of entities"
                    assert {type(one) for one in batch.entities} <= {kinds[stream.name]}, f"in {stream.name}"

    def test_entities_belong_to_the_account_that_was_asked_for(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in (v2.Campaign, v2.AdGroup, v2.Ad):
                for one in reader.entities(account, kind):
                    assert one.account_id == account.id, f"{kind.__name__} {one.id} is of {one.account_id}"

    def test_entities_come_once(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in (v2.Campaign, v2.AdGroup, v2.Ad):
                ids = [one.id for one in reader.entities(account, kind)]
                assert all(ids), f"{kind.__name__} without an id"
                assert len(ids) == len(set(ids)), f"{kind.__name__} twice in account {account.id}"

    def test_entities_have_parents_that_exist(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            campaigns = {one.id for one in reader.entities(account, v2.Campaign)}
            ad_groups = {one.id for one in reader.entities(account, v2.AdGroup)}
            for ad_group in reader.entities(account, v2.AdGroup):
                assert isinstance(ad_group, v2.AdGroup)
                assert ad_group.campaign_id in campaigns, f"ad group {ad_group.id}: no campaign {ad_group.campaign_id}"
            for ad in reader.entities(account, v2.Ad):
                assert isinstance(ad, v2.Ad)
                assert ad.campaign_id in campaigns, f"ad {ad.id}: there is no campaign {ad.campaign_id}"
                assert not ad_groups or ad.ad_group_id in ad_groups, f"ad {ad.id}: no ad group {ad.ad_group_id}"

    def test_budgets_and_bids_are_not_negative(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in (v2.Campaign, v2.AdGroup):
                for one in reader.entities(account, kind):
                    for name in ("daily_budget_micros", "lifetime_budget_micros", "bid_micros"):
                        value = getattr(one, name, None)
                        assert value is None or value >= 0, f"{kind.__name__} {one.id}: {name} is {value}"

    def test_instants_are_aware(self, reader: Reader) -> None:
        for account in reader.readable_accounts():
            for kind in (v2.Campaign, v2.AdGroup, v2.Ad):
                for one in reader.entities(account, kind):
                    instant = one.updated_at
                    assert instant is None or instant.utcoffset() is not None, f"{one.id}: updated_at has no zone"

    # --- facts ------------------------------------------------------------------------------------------------------

    def test_fact_batches_obey_the_schema_exactly(self, reader: Reader, window: v2.DateWindow) -> None:
        for stream in reader.streams("facts"):
            for account in reader.readable_accounts():
                for batch in reader.read(stream.name, account, window):
                    assert isinstance(batch, v2.FactBatch), f"{stream.name} yields facts"
                    allowed = {stream.name, *stream.yields}
                    assert batch.dataset in allowed, f"{stream.name} yielded {batch.dataset}, it says {sorted(allowed)}"
                    expected = arrow_schema(batch.dataset)
                    assert batch.rows.schema.equals(expected), f"{batch.dataset}: {batch.rows.schema} != {expected}"
                    batch.rows.validate(full=True)

    def test_the_world_has_results_to_read(self, reader: Reader, window: v2.DateWindow) -> None:
        """Or the tests of facts would prove nothing."""
        for stream in reader.streams("facts"):
            found = [reader.facts(stream.name, account, window) for account in reader.readable_accounts()]
            assert any(one.rows for facts in found for one in facts.values()), f"{stream.name}: no rows in {window}"

    def test_keys_are_not_null(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            dataset = DATASETS[facts.dataset]
            for name in ("date", "account_id", *(key for key in dataset.keys if key not in dataset.nullable_keys)):
                assert all(row[name] is not None for row in facts.rows), f"{facts.dataset} of {account.id}: {name}"

    def test_rows_stay_inside_the_window(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            outside = sorted({row["date"] for row in facts.rows} - set(days(window)))
            assert not outside, f"{facts.dataset} of {account.id}: {window} was asked for, got {outside}"

    def test_rows_are_of_the_account_that_was_asked_for(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            others = {row["account_id"] for row in facts.rows} - {account.id}
            assert not others, f"{facts.dataset} of {account.id} has rows of {others}"

    def test_no_row_comes_twice(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            keys = facts.keys
            twice = [key for key in set(keys) if keys.count(key) > 1][:3] if len(keys) != len(set(keys)) else []
            assert not twice, f"{facts.dataset} of {account.id}: {twice} more than once"

    def test_money_and_counts_are_not_negative(self, reader: Reader, window: v2.DateWindow) -> None:
        for account, facts in self._facts(reader, window):
            for name in (*_MONEY, *_COUNTS):
                bad = [row for row in facts.rows if row.get(name) is not None and row[name] < 0][:1]
                assert not bad, f"{facts.dataset} of {account.id}: negative {name} in {bad}"

    def test_reading_twice_gives_the_same(self, reader: Reader, window: v2.DateWindow) -> None:
        first = [(account.id, facts.dataset, facts.sorted()) for account, facts in self._facts(reader, window)]
        again = [(account.id, facts.dataset, facts.sorted()) for account, facts in self._facts(reader, window)]

        assert first == again, "what is read again must replace what was read, not differ from it"

    def test_a_window_equals_the_sum_of_its_days(self, reader: Reader, window: v2.DateWindow) -> None:
        """Slices are cut by the planner and after a refusal, so where they are cut must not matter."""
        for stream in reader.streams("facts"):
            for account in reader.readable_accounts()[:2]:
                whole = reader.facts(stream.name, account, window)
                by_day = [reader.facts(stream.name, account, v2.DateWindow(since=d, until=d)) for d in days(window)]
                for dataset, facts in whole.items():
                    rows = tuple(row for day in by_day if dataset in day for row in day[dataset].rows)
                    assert Rows(dataset, rows).sorted() == facts.sorted(), f"{dataset} of {account.id} in {window}"

    def test_what_is_read_is_what_the_world_knows(
        self, reader: Reader, platform: str, world: World, window: v2.DateWindow
    ) -> None:
        """To the last digit: money without floats, no row lost between pages, none made up.

        What comes along with another dataset may lack what that one lacks (campaigns without ads).
        """
        self.need(reader, "sandbox")
        own = {stream.name for stream in reader.streams("facts")}
        for account, facts in self._facts(reader, window):
            truth = world.on(platform).truth(
                facts.dataset, account_id=account.id, since=window.since, until=window.until
            )
            expected = Rows(facts.dataset, tuple(truth.to_pylist())).sorted()
            if facts.dataset not in own:
                read = set(facts.keys)
                expected = [row for row in expected if Rows(facts.dataset, (row,)).keys[0] in read]
            assert facts.sorted() == expected, f"{facts.dataset} of {account.id} in {window}"

    def _facts(self, reader: Reader, window: v2.DateWindow) -> Iterator[tuple[v2.Account, Rows]]:
        for account in sorted(reader.readable_accounts(), key=lambda one: one.id):
            for stream in reader.streams("facts"):
                for facts in reader.facts(stream.name, account, window).values():
                    yield account, facts

    # --- errors and endings -----------------------------------------------------------------------------------------

    def test_a_wrong_token_is_refused_without_being_repeated_in_words(
        self, reader: Reader, kernel: Kernel, platform: str, world: World, app: v2.App
    ) -> None:
        self.need(reader, "sandbox")
        stranger = Reader(kernel, platform, sandbox_client(kernel, platform, world, app=app, token=CANARY))

        with pytest.raises(PlatformError) as caught:
            stranger.accounts()

        assert caught.value.kind in {ErrorKind.RECONNECT, ErrorKind.REFRESH}, "the owner has to connect again"
        self._tells_no_secret(caught.value, app)

    def test_an_unknown_account_is_the_platforms_refusal(
        self, reader: Reader, window: v2.DateWindow, app: v2.App
    ) -> None:
        self.need(reader, "sandbox")
        known = reader.readable_accounts()[0]
        unknown = v2.Account(id="999000999", name="", currency=known.currency, time_zone=known.time_zone)
        for stream in reader.describe().streams:
            request = v2.ReadRequest(
                stream=stream.name, account=unknown, window=window if stream.kind == "facts" else None
            )
            error = asyncio.run(_refusal(reader, request))
            assert error is not None, f"{stream.name}: an account that is not there must not look like an empty one"
            self._tells_no_secret(error, app)

    def _tells_no_secret(self, error: BaseException, app: v2.App) -> None:
        cause: BaseException | None = error
        while cause is not None:
            assert CANARY not in str(cause), f"the message holds the access token: {type(cause).__name__}"
            assert not app.client_secret or app.client_secret not in str(cause), (
                f"the message holds the app's secret: {type(cause).__name__}"
            )
            cause = cause.__cause__

    def test_leaving_early_leaves_nothing_open(
        self, reader: Reader, kernel: Kernel, platform: str, client: v2.Client, window: v2.DateWindow
    ) -> None:
        for stream in reader.describe().streams:
            watched = WatchedClient(client)
            asyncio.run(_leave_early(kernel, platform, watched, _request(reader, stream, window)))
            assert watched.open == 0, f"{stream.name}: {watched.open} requests are still open"

    def test_cancelling_leaves_nothing_open(
        self, reader: Reader, kernel: Kernel, platform: str, client: v2.Client, window: v2.DateWindow
    ) -> None:
        for stream in reader.describe().streams:
            watched = WatchedClient(client, stall=True)
            asyncio.run(_cancel(kernel, platform, watched, _request(reader, stream, window)))
            assert watched.open == 0, f"{stream.name}: {watched.open} requests are still open"

    # --- the rest ---------------------------------------------------------------------------------------------------

    def test_creative_limits_are_positive(self, reader: Reader) -> None:
        self.need(reader, "spec_limits")
        for limit in reader.kernel.hook(v2.Ads.spec_limits).one(reader.platform):
            assert limit.placement, f"where does it hold? {limit}"
            assert limit.element, f"of what? {limit}"
            numbers = (limit.max_characters, limit.min_width, limit.min_height, limit.max_bytes)
            assert all(number is None or number > 0 for number in numbers), (
                f"None is no limit, 0 allows nothing: {limit}"
            )

    def test_the_sandbox_is_an_application(self, reader: Reader, world: World) -> None:
        self.need(reader, "sandbox")

        assert callable(reader.kernel.hook(v2.Ads.sandbox).one(reader.platform, world))

    def test_checking_a_change_changes_nothing(self, reader: Reader) -> None:
        self.need(reader, "apply")
        account = next(one for one in reader.readable_accounts() if reader.entities(one, v2.Campaign))
        before = reader.entities(account, v2.Campaign)
        change = v2.Change(
            key="conformance-1",
            account=account,
            operation="update",
            kind="campaign",
            object_id=before[0].id,
            fields=(v2.FieldChange(name="name", before=None, after='"Renamed"'),),
            validate_only=True,
        )

        result = reader.kernel.hook(v2.Ads.apply).one(reader.platform, change, client=reader.client)

        assert result.state in {"valid", "refused"}, f"only checked, so it cannot be {result.state}"
        assert reader.entities(account, v2.Campaign) == before, "validate_only must write nothing"


def _request(reader: Reader, stream: v2.Stream, window: v2.DateWindow) -> v2.ReadRequest:
    account = reader.readable_accounts()[0]
    return v2.ReadRequest(stream=stream.name, account=account, window=window if stream.kind == "facts" else None)


async def _refusal(reader: Reader, request: v2.ReadRequest) -> PlatformError | None:
    try:
        async for _ in reader.kernel.stream(v2.Ads.read).stream(reader.platform, request=request, client=reader.client):
            pass
    except PlatformError as error:
        return error
    return None


async def _leave_early(kernel: Kernel, platform: str, client: Any, request: v2.ReadRequest) -> None:
    batches = kernel.stream(v2.Ads.read).stream(platform, request=request, client=client)
    async for _ in batches:
        break
    await batches.aclose()


async def _cancel(kernel: Kernel, platform: str, client: WatchedClient, request: v2.ReadRequest) -> None:
    """Cancel the reading while its first request is under way; a plugin that sends none just ends."""

    async def read() -> None:
        async for _ in kernel.stream(v2.Ads.read).stream(platform, request=request, client=client):
            pass

    reading = asyncio.create_task(read())
    stalling = asyncio.create_task(asyncio.to_thread(client.stalled.wait, _PATIENCE))
    await asyncio.wait({reading, stalling}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    await asyncio.wait({reading})
    client.stalled.set()
    await stalling
    if not reading.cancelled():
        reading.result()
