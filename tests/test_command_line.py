"""The commands as scripts rely on them: forms, exit codes, JSON."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from adjoin.cli._output import amount

DAYS = ("--from", "2026-02-04", "--to", "2026-03-15")


def test_help_needs_none_of_the_heavy_packages() -> None:
    """`adjoin --help` must answer at once: what is heavy is imported inside commands."""
    heavy = ("pyarrow", "duckdb", "ibis", "sqlmodel", "sqlalchemy", "pydantic", "httpx", "rich", "streamlit", "pandas")
    code = (
        "import sys\n"
        "from adjoin.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: adjoin" in done.stdout
    assert done.stderr.strip() == "[]"


def test_init_can_be_repeated(adjoin, tmp_path: Path) -> None:
    assert "created" in adjoin("init").err
    key = (tmp_path / "home" / "key").read_bytes()
    assert "ready" in adjoin("init").err
    assert (tmp_path / "home" / "key").read_bytes() == key
    assert (tmp_path / "home" / "key").stat().st_mode & 0o777 == 0o600


def test_plugins_list_has_the_form_that_scripts_read(adjoin) -> None:
    [meta] = [one for one in adjoin("plugins", "list", "--json").json if one["name"] == "meta"]
    assert (
        meta.items()
        >= {
            "package": "adjoin-meta",
            "contract": "ads",
            "contract_version": 2,
            "state": "ok",
            "error": None,
        }.items()
    )


def test_a_disabled_plugin_is_listed_as_such_and_comes_back(adjoin, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> str:
        return next(one["state"] for one in adjoin("plugins", "list", "--json").json if one["name"] == "meta")

    assert adjoin("plugins", "disable", "meta").code == 0
    assert state() == "disabled"
    assert adjoin("plugins", "enable", "meta").code == 0
    assert state() == "ok"
    monkeypatch.setenv("ADJOIN_DISABLE", "dashboard, meta")
    assert state() == "disabled"


def test_the_sandbox_prints_where_it_serves(installation) -> None:
    with installation.sandbox("--scale", "0.02", "--today", "2026-03-15") as served:
        meta = served["platforms"]["meta"]
        assert meta["base_url"] == f"http://127.0.0.1:{served['port']}/meta"
        assert all(account.startswith("act_") for account in meta["accounts"])
        url = f"{meta['base_url']}/v26.0/{meta['accounts'][0]}"
        answer = httpx.get(url, params={"access_token": meta["access_token"], "fields": "currency"}, trust_env=False)
        assert answer.json()["id"] == meta["accounts"][0]


def test_what_was_synced_equals_the_truth_of_the_world(adjoin, synced: Path, small_world: str) -> None:
    rows = adjoin("report", *DAYS, "--by", "account", "--json").json["rows"]
    assert len(rows) >= 4
    for row in rows:
        query = {"platform": "meta", "dataset": "account_daily", "account": row["account_id"], "since": "2026-02-04"}
        truth = httpx.get(f"{small_world}/_sandbox/truth", params=query, trust_env=False).json()
        for name in ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros"):
            assert row[name] == truth[name], (row["account_name"], name)


def test_a_second_sync_changes_no_number(adjoin, synced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "40")
    before = adjoin("report", *DAYS, "--by", "ad", "--json").json
    assert adjoin("sync").code == 0
    assert adjoin("report", *DAYS, "--by", "ad", "--json").json == before


def test_connecting_again_renews_the_connection(adjoin, synced: Path, small_world: str) -> None:
    [known] = adjoin("connections", "--json").json
    again = adjoin("connect", "meta", "--sandbox", small_world, "--json").json
    assert (again["connection_id"], again["renewed"]) == (known["connection_id"], True)
    assert len(adjoin("connections", "--json").json) == 1


def test_different_currencies_are_not_added_unless_converted(adjoin, synced: Path) -> None:
    mixed = adjoin("report", *DAYS, "--by", "total", "--json").json
    assert mixed["totals"]["cost_micros"] is None
    assert {one["currency"] for one in mixed["totals"]["by_currency"]} >= {"EUR", "USD", "JPY"}
    converted = adjoin("report", *DAYS, "--by", "total", "--currency", "eur", "--json").json
    assert converted["totals"]["currency"] == "EUR"
    assert converted["totals"]["cost_micros"] > 0


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (1_234_500_000, "EUR", "1,234.50 EUR"),
        (629_294_137, "EUR", "629.29 EUR"),
        (4_438_000_000, "JPY", "4,438 JPY"),
        (-5_000, "USD", "0.00 USD"),
        (0, None, "0.00"),
        (None, "EUR", "–"),
    ],
)
def test_amounts_are_rounded_for_people_only(micros: int | None, currency: str | None, shown: str) -> None:
    assert amount(micros, currency) == shown


def test_the_csv_has_a_line_for_each_row_and_no_formulas(adjoin, synced: Path) -> None:
    rows = adjoin("report", *DAYS, "--by", "campaign", "--json").json["rows"]
    lines = list(csv.DictReader(io.StringIO(adjoin("report", *DAYS, "--by", "campaign", "--csv").out)))
    assert [line["campaign_id"] for line in lines] == [row["campaign_id"] for row in rows]
    assert not [line for line in lines for cell in line.values() if cell[:1] in {"=", "@", "+"}]


def test_doctor_finds_a_healthy_installation_healthy(adjoin, synced: Path) -> None:
    answer = adjoin("doctor", "--json")
    assert (answer.code, {one["state"] for one in answer.json} - {"note"}) == (0, {"ok"})
    assert {"store", "fact store", "key", "scheduler", "connection Meta Ads"} <= {one["check"] for one in answer.json}


def test_doctor_reads_the_fact_files_only_when_asked(adjoin, synced: Path) -> None:
    for file in (synced / "facts").rglob("*.parquet"):
        file.write_bytes(b"PAR1 no more")
    assert adjoin("doctor").code == 0
    deep = adjoin("doctor", "--deep", "--json")
    assert (deep.code, {one["check"] for one in deep.json if one["state"] == "failed"}) == (1, {"fact files"})


def test_doctor_tells_what_needs_attention_from_what_is_broken(adjoin, synced: Path) -> None:
    with sqlite3.connect(synced / "adjoin.db") as connection:
        connection.execute("UPDATE connections SET warning = 'v19 ends soon'")
    connection.close()
    answer = adjoin("doctor", "--json")
    (found,) = [one for one in answer.json if one["state"] == "attention"]
    assert (answer.code, found["detail"]) == (3, "the platform warns: v19 ends soon")
    assert found["advice"]


def test_doctor_looks_at_connections_where_there_is_no_key(adjoin, synced: Path) -> None:
    (synced / "key").unlink()
    answer = adjoin("doctor", "--json")
    assert answer.code == 1
    assert {one["check"] for one in answer.json if one["state"] == "failed"} == {"key", "connection Meta Ads"}


def test_an_upgrade_says_what_it_did(adjoin, synced: Path) -> None:
    answer = adjoin("db", "upgrade")
    assert (answer.code, answer.err.strip()) == (0, "the store has the schema of this release")


def test_runs_are_shown_newest_first(adjoin, synced: Path) -> None:
    adjoin("sync", "--since", "2026-03-13")
    newest, oldest = adjoin("runs", "--json").json
    assert (newest["since"], oldest["since"]) == ("2026-03-13", None)
    assert newest["state"] == oldest["state"] == "succeeded"


def test_nothing_secret_is_printed_or_stored_in_the_clear(adjoin, synced: Path, small_world: str) -> None:
    token = httpx.get(f"{small_world}/_sandbox/world", trust_env=False).json()["platforms"]["meta"]["access_token"]
    answer = adjoin("--debug", "sync", "--since", "2026-03-13", "--json")
    stored = b"".join(file.read_bytes() for file in synced.rglob("*") if file.is_file() and file.name != "key")
    said = (answer.out + answer.err).encode()
    for secret in (token, "sandbox-secret", "EAAB"):
        assert secret.encode() not in said + stored
    assert "access_token=***" in answer.err or "Bearer" not in answer.err
    json.loads(answer.out)
