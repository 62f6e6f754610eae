"""Whatever is asked wrongly gets one clear line, an exit code and no traceback, and loses nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest


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
    assert str(damaged) in "".join(one["detail"] for one in adjoin("doctor", "--json").json)
    assert adjoin("sync", "--since", "2026-03-01").code == 0
    assert adjoin("report", *days).json["totals"] == before


def test_the_wrong_key_is_said_and_the_credential_kept(adjoin, synced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
