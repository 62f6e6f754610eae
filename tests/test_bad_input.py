"""Whatever is asked wrongly gets one clear line, an exit code and no traceback, and loses nothing."""

from __future__ import annotations

import io
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import structlog
from sqlmodel import select

from adjoin.ads import v2
from adjoin.ads.v2 import AccountStatus
from adjoin.cli._place import Place
from adjoin.cli.connecting import connect_platform
from adjoin.contract import hookimpl
from adjoin.db import Store
from adjoin.db.models import Connection, Coverage, FactFile
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.sync.connections import Connections
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import World
from adjoin_meta import MetaAds

PLATFORMS = {
    "google": "Google Ads",
    "linkedin": "LinkedIn Ads",
    "meta": "Meta Ads",
    "microsoft": "Microsoft Advertising",
}

FOREIGN_SECRET = "GOCSPX-not-for-here"


def complains(answer, code: int, *parts: str) -> None:
    """One line on stderr that holds these parts."""
    assert answer.code == code, answer
    assert "Traceback" not in answer.err
    lines = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, answer.err
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("nosuch",), ("nosuch", "adjoin --help")),
        (("sync", "--nosuch"), ("--nosuch", "adjoin sync --help")),
        (("sync", "--since", "yesterday"), ("--since", "YYYY-MM-DD")),
        (("sync", "--until", "2026-01-01"), ("--until needs --since",)),
        (("sync", "--since", "2026-02-01", "--until", "2026-01-01"), ("2026-02-01 lies after --until 2026-01-01",)),
        (("sync", "--since", "2199-01-01"), ("2199-01-01 lies in the future",)),
        (("sync", "--platform", "nosuch"), ("nosuch", "meta")),
        (("sync",), ("there is no connection", "adjoin connect")),
        (("connect", "nosuch"), ("nosuch", "adjoin plugins list")),
        (("connect", "meta"), ("ADJOIN_META_CLIENT_ID", "--sandbox")),
        (("connect", "meta", "--sandbox", "http://127.0.0.1:1"), ("127.0.0.1:1", "running")),
        (("connect", "meta", "--sandbox", "http://example.org"), ("example.org",)),
        (("report", "--from", "2026-02-01", "--to", "2026-01-01"), ("2026-02-01 lies after --to 2026-01-01",)),
        (("report", "--from", "2199-01-01"), ("2199-01-01 lies in the future",)),
        (("report", "--by", "planet"), ("planet", "campaign")),
        (("report", "--json", "--csv"), ("--json and --csv",)),
        (("report", "--account", "nosuch"), ("nosuch",)),
        (("report", "--currency", "XXQ"), ("XXQ", "EUR")),
        (("plugins", "check", "nosuch"), ("nosuch", "meta")),
        (("plugins", "disable", "nosuch"), ("nosuch", "meta")),
        (("sandbox", "--world", "/nosuch.csv"), ("/nosuch.csv",)),
    ],
)
def test_what_cannot_be_is_refused_with_exit_code_2(adjoin, arguments, parts) -> None:
    adjoin("init")
    complains(adjoin(*arguments), 2, *parts)


def test_a_csv_that_cannot_be_read_is_named_with_line_and_column(adjoin, tmp_path: Path) -> None:
    file = tmp_path / "world.csv"
    file.write_text(
        "date,campaign_id,ad_group_id,ad_id,impressions,clicks,cost,leads\n"
        "2023-08-01,1,2,3,100,1,1.00,0\n"
        "2023-08-01,1,2,4,many,1,1.00,0\n"
    )
    complains(adjoin("sandbox", "--world", str(file)), 2, "line 3", "impressions", "many")


def test_nothing_works_before_init_and_it_says_so(adjoin) -> None:
    complains(adjoin("runs"), 1, "adjoin init")


def test_a_folder_that_cannot_be_made_is_named(adjoin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOIN_HOME", "/proc/nosuch")
    complains(adjoin("init"), 1, "/proc/nosuch", "ADJOIN_HOME")


def test_a_setting_that_is_off_is_named(adjoin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "many")
    complains(adjoin("runs"), 2, "ADJOIN_HISTORY_DAYS")


def test_a_damaged_database_is_said_and_left_alone(adjoin, synced: Path) -> None:
    database = synced / "adjoin.db"
    for side in synced.glob("adjoin.db-*"):
        side.unlink()
    database.write_bytes(b"this is no database" * 100)
    complains(adjoin("runs"), 1, str(database), "backup")
    assert database.read_bytes() == b"this is no database" * 100


@pytest.mark.parametrize(
    ("revision", "parts"), [("9999", ("newer release", "upgrade Adjoin")), (None, ("adjoin init",))]
)
def test_a_store_of_another_release_is_refused(adjoin, synced: Path, revision, parts) -> None:
    with sqlite3.connect(synced / "adjoin.db") as connection:
        connection.execute("DELETE FROM alembic_version")
        if revision:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    connection.close()
    complains(adjoin("runs"), 1, *parts)


def test_a_damaged_fact_file_is_named_by_report_and_doctor_and_healed_by_a_sync(
    adjoin, synced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "40")
    days = ("--from", "2026-03-01", "--to", "2026-03-14", "--json")
    before = adjoin("report", *days).json["totals"]
    damaged = next((synced / "facts").rglob("account_daily/2026-03/*.parquet"))
    damaged.write_bytes(b"PAR1 no more")
    complains(adjoin("report", *days), 1, str(damaged), "adjoin sync")
    assert damaged.name in "".join(one["detail"] for one in adjoin("doctor", "--deep", "--json").json)
    assert adjoin("sync", "--since", "2026-03-01").code == 0
    assert adjoin("report", *days).json["totals"] == before


def test_the_wrong_key_is_said_and_the_credential_kept(adjoin, synced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "40")
    with monkeypatch.context() as patch:
        patch.setenv("ADJOIN_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        answer = adjoin("sync")
        assert answer.code == 1
        assert "encrypted with key" in answer.err
    assert adjoin("sync").code == 0


def test_a_key_that_others_can_read_is_refused(adjoin, synced: Path) -> None:
    (synced / "key").chmod(0o644)
    complains(adjoin("sync"), 1, "chmod 600")


def test_an_unexpected_fault_is_one_line_unless_debug_is_asked_for(adjoin, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the moon is in the wrong place")

    monkeypatch.setattr("adjoin.settings.load_settings", broken)
    complains(adjoin("runs"), 1, "RuntimeError", "moon", "--debug")
    assert "Traceback" in adjoin("--debug", "runs").err


def test_the_port_of_the_demo_is_checked_before_the_work(adjoin, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        complains(adjoin("demo", "--port", str(port)), 2, str(port), "--port")
        complains(adjoin("sandbox", "--port", str(port)), 2, str(port))
    assert not (tmp_path / "home").exists()


@dataclass(frozen=True, kw_only=True)
class Connected:
    """Sandboxes of all platforms, and a home that is connected to each of them but was never synced."""

    world: World
    url: str
    home: Path

    def account(self, platform: str, status: AccountStatus = AccountStatus.ACTIVE) -> str:
        return next(one.id for one in self.world.on(platform).accounts if one.status is status)


@pytest.fixture(scope="module")
def connected_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    settings = Settings(home=tmp_path_factory.mktemp("connected") / "home")
    settings.home.mkdir()
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime(2026, 1, 1, tzinfo=UTC))
    Keyring.create_file(settings.key_file)
    world = World.generate(seed=6, today=date(2026, 3, 15), scale=0.02, days=10)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with Runtime(settings, environ={}) as runtime:
        sandbox = runtime.kernel.hook(v2.Ads.sandbox)
        with running(sandbox_app({name: sandbox.one(name, world=world) for name in PLATFORMS}, world)) as url:
            for platform in PLATFORMS:
                connect_platform(Place.of_operator(runtime), platform, sandbox=url)
            structlog.reset_defaults()
            yield Connected(world=world, url=url, home=settings.home)


@pytest.fixture
def connected(adjoin, connected_once: Connected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connected:
    """A copy of that home, where the `adjoin` fixture looks."""
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "5")
    return replace(connected_once, home=shutil.copytree(connected_once.home, tmp_path / "home"))


def stored(home: Path, what) -> list:
    with Store.open(f"sqlite:///{home / 'adjoin.db'}") as store, store.read() as session:
        return list(session.exec(select(what)).all())


class TestCredentials:
    """Those of another platform are refused, in the platform's words, and nothing is stored."""

    def paste(self, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))

    @pytest.mark.parametrize(
        ("platform", "foreign", "parts"),
        [
            ("meta", "google", ("the token is not valid", "Invalid OAuth access token", "190")),
            ("meta", "linkedin", ("the token is not valid", "Invalid OAuth access token")),
            ("linkedin", "meta", ("connect again",)),
            ("linkedin", "google", ("connect again",)),
        ],
    )
    def test_a_pasted_token_of_another_platform(
        self, adjoin, connected: Connected, monkeypatch, platform, foreign, parts
    ) -> None:
        before = [(one.id, one.credential_version) for one in stored(connected.home, Connection)]
        token = connected.world.token(foreign)
        self.paste(monkeypatch, token)
        answer = adjoin("connect", platform, "--sandbox", connected.url, "--token")
        complains(answer, 1, *parts)
        assert token not in answer.out + answer.err
        assert [(one.id, one.credential_version) for one in stored(connected.home, Connection)] == before

    @pytest.mark.parametrize("platform", ["google", "microsoft"])
    def test_a_platform_without_pasted_tokens(self, adjoin, connected: Connected, monkeypatch, platform) -> None:
        self.paste(monkeypatch, connected.world.token("meta"))
        answer = adjoin("connect", platform, "--sandbox", connected.url, "--token")
        complains(answer, 2, f"{PLATFORMS[platform]} takes no pasted token", "--token")

    @pytest.fixture
    def foreign_app(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The settings hold the registration of an app with another platform."""
        right = Connections.app

        def wrong(connections: Connections, platform: str, base_url: str) -> v2.App:
            app = right(connections, platform, base_url)
            return replace(app, client_id="000-other.apps.example.com", client_secret=FOREIGN_SECRET)

        monkeypatch.setattr(Connections, "app", wrong)

    @pytest.mark.parametrize("platform", PLATFORMS)
    @pytest.mark.usefixtures("foreign_app")
    def test_a_client_id_of_another_platform_gets_no_consent(self, adjoin, connected: Connected, platform) -> None:
        """At the real platform a person sees its page in the browser."""
        before = stored(connected.home, Connection)
        complains(adjoin("connect", platform, "--sandbox", connected.url), 2, "did not consent", "answered 40")
        assert stored(connected.home, Connection) == before

    @pytest.mark.parametrize(
        ("platform", "words"),
        [
            ("google", "Google does not know the OAuth client; check ADJOIN_GOOGLE_CLIENT_ID"),
            ("linkedin", "Client authentication failed"),
            ("meta", "Invalid application ID"),
            ("microsoft", "AADSTS700016"),
        ],
    )
    def test_a_code_is_not_redeemed_for_the_app_of_another_platform(
        self, adjoin, connected: Connected, request, monkeypatch, platform, words
    ) -> None:
        """The platform says that it does not know the app, or its secret; the secret is in no message."""
        right, bare = Connections.app, Connections.bare_client
        request.getfixturevalue("foreign_app")
        wrong = Connections.app
        monkeypatch.setattr(Connections, "app", right)

        def redeeming(connections: Connections, name: str, base_url: str) -> v2.Client:
            with monkeypatch.context() as patch:
                patch.setattr(Connections, "app", wrong)
                return bare(connections, name, base_url)

        monkeypatch.setattr(Connections, "bare_client", redeeming)
        before = stored(connected.home, Connection)
        answer = adjoin("connect", platform, "--sandbox", connected.url)
        complains(answer, 1, words)
        assert FOREIGN_SECRET not in answer.out + answer.err
        assert stored(connected.home, Connection) == before


class TestChoice:
    """What is named for a sync has to be there, and to fit together."""

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_an_account_of_another_connection(self, adjoin, connected: Connected, platform) -> None:
        other = "google" if platform == "meta" else "meta"
        answer = adjoin("sync", "--platform", platform, "--account", connected.account(other))
        complains(answer, 2, connected.account(other), PLATFORMS[other], f"--platform {other}")

    def test_an_unknown_account_is_said_with_those_there_are(self, adjoin, connected: Connected) -> None:
        answer = adjoin("sync", "--platform", "linkedin", "--account", "nosuch")
        complains(answer, 2, "'nosuch'", connected.account("linkedin"))
        assert connected.account("meta") not in answer.err

    def test_an_account_that_the_platform_keeps_closed(self, adjoin, connected: Connected) -> None:
        closed = connected.account("google", AccountStatus.DISABLED)
        complains(adjoin("sync", "--account", closed), 2, closed, "Northern Light (old)", "CANCELED")

    def test_an_unknown_dataset_is_said_with_those_there_are(self, adjoin, connected: Connected) -> None:
        complains(adjoin("sync", "--dataset", "nosuch"), 2, "'nosuch'", "ad_daily", "keyword_daily")

    @pytest.mark.parametrize("platform", ["linkedin", "meta"])
    @pytest.mark.parametrize("dataset", ["keyword_daily", "search_term_daily", "keywords"])
    def test_a_dataset_that_the_platform_lacks(self, adjoin, connected: Connected, platform, dataset) -> None:
        parts = (PLATFORMS[platform], f"'{dataset}'", "campaign_daily")
        complains(adjoin("sync", "--platform", platform, "--dataset", dataset), 2, *parts)
        account = connected.account(platform)
        answer = adjoin("sync", "--account", account, "--dataset", dataset)
        complains(answer, 2, account, dataset, "adjoin plugins list")

    def test_nothing_of_it_leaves_a_run_behind(self, adjoin, connected: Connected) -> None:
        adjoin("sync", "--dataset", "nosuch")
        adjoin("sync", "--account", "nosuch")
        assert adjoin("runs", "--json").json == []


class TestDays:
    """Days that a platform does not answer for any more."""

    @pytest.mark.parametrize(
        ("platform", "first"),
        [("google", "2023-02-17"), ("linkedin", "2016-03-17"), ("meta", "2023-02-17"), ("microsoft", "2023-03-18")],
    )
    def test_a_window_beyond_retention_fails_with_the_limit(self, adjoin, connected, platform, first) -> None:
        answer = adjoin("sync", "--platform", platform, "--since", "2015-01-01", "--until", "2015-01-31", "--json")
        assert answer.code == 1
        (run,) = answer.json
        assert (run["state"], run["platform"]) == ("failed", platform)
        assert run["error"] == (
            f"2015-01-01 to 2015-01-31 has no day that can be read: the platform answers from {first} on "
            f"({PLATFORMS[platform]}; today is 2026-03-15 there)"
        )
        assert stored(connected.home, FactFile) == []
        assert stored(connected.home, Coverage) == []

    def test_it_is_one_line_for_people(self, adjoin, connected: Connected) -> None:
        answer = adjoin("sync", "--platform", "meta", "--since", "2015-01-01", "--until", "2015-01-31")
        assert answer.code == 1
        assert "Traceback" not in answer.err
        (line,) = [line for line in answer.err.splitlines() if line.startswith("Meta Ads: ")]
        assert "failed" in line
        assert "the platform answers from 2023-02-17 on" in line

    def test_a_window_that_begins_too_early_reads_what_there_is_and_says_so(self, adjoin, connected) -> None:
        """The days that can be read are read, and a note gives the limit."""
        account = connected.account("meta")
        days = ("--since", "2015-01-01", "--until", "2023-02-20")
        answer = adjoin("sync", "--account", account, "--dataset", "account_daily", *days, "--json")
        assert answer.code == 0, answer.err
        (run,) = answer.json
        assert [note for note in run["notes"] if "2015" in note] == [
            "not all of 2015-01-01 to 2023-02-20 can be read: the platform answers from 2023-02-17 on (Meta Ads)"
        ]
        read = {one.day for one in stored(connected.home, Coverage)}
        assert read == {date(2023, 2, day) for day in (17, 18, 19, 20)}


class TestPlugin:
    """A plugin that does not keep to the schema."""

    @pytest.fixture
    def spoilt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Meta's plugin gives amounts as fractions of a unit."""
        read = MetaAds.read

        @hookimpl
        async def off(
            self: MetaAds, request: v2.ReadRequest, client: v2.Client
        ) -> AsyncIterator[v2.FactBatch | v2.EntityBatch]:
            async for batch in read(self, request, client):
                if isinstance(batch, v2.FactBatch):
                    place = batch.rows.schema.get_field_index("cost_micros")
                    cost = batch.rows.column(place).cast(pa.float64())
                    batch = replace(batch, rows=batch.rows.set_column(place, "cost_micros", cost))
                yield batch

        monkeypatch.setattr(MetaAds, "read", off)

    def test_the_column_is_named_the_run_fails_and_nothing_is_committed(self, adjoin, connected, spoilt) -> None:
        account = connected.account("meta")
        answer = adjoin("sync", "--account", account, "--dataset", "campaign_daily", "--dataset", "ad_daily", "--json")
        assert answer.code == 1, answer
        assert "Traceback" not in answer.err
        (run,) = answer.json
        assert run["state"] == "failed"
        assert f"account {account}, campaign_daily 2026-03-10 to 2026-03-15: " in run["error"]
        assert "column cost_micros is double instead of int64" in run["error"]
        assert stored(connected.home, FactFile) == []
        assert stored(connected.home, Coverage) == []
        assert list(connected.home.rglob("*.parquet")) == []

    def test_what_was_there_stays_and_the_other_platforms_go_on(self, adjoin, connected, request) -> None:
        """Of the spoilt platform only the account without any data, whose batches have no column, counts as read."""
        only = ("--dataset", "account_daily")
        assert adjoin("sync", "--platform", "meta", *only).code == 0
        before = [(one.path, one.checksum) for one in stored(connected.home, FactFile)]
        assert before
        request.getfixturevalue("spoilt")
        answer = adjoin("sync", *only, "--json", "--since", "2026-03-10")
        assert answer.code == 3
        assert {run["platform"]: run["state"] for run in answer.json} == {
            name: "partly" if name == "meta" else "succeeded" for name in PLATFORMS
        }
        kept = [one for one in stored(connected.home, FactFile) if one.platform == "meta"]
        assert [(one.path, one.checksum, one.superseded_at) for one in kept] == [(*one, None) for one in before]
