"""Two workspaces that have connected the same accounts: each has connections, runs, figures and files of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adjoin.access import workspaces
from adjoin.access.actors import SYSTEM
from adjoin.db import Store
from adjoin.db.people import User

DAYS = ("--from", "2026-02-04", "--to", "2026-03-15", "--by", "account", "--json")


def test_the_same_accounts_are_synced_twice(
    adjoin, synced: Path, small_world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whatever becomes of one workspace's figures, the other has its own."""
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "40")
    with Store.open(f"sqlite:///{synced / 'adjoin.db'}") as store, store.write() as session:
        session.add(User(id="ada", email="ada@example.com", created_at=datetime.now(UTC)))
        session.flush()
        other = workspaces.create(session, name="Other", owner_id="ada", by=SYSTEM, now=datetime.now(UTC)).id
    first_report, first_runs = adjoin("report", *DAYS).json["rows"], adjoin("runs", "--json").json
    assert first_report
    assert adjoin("--workspace", "Other", "sync").code == 2  # nothing is connected there
    made = adjoin("--workspace", "Other", "connect", "meta", "--sandbox", small_world, "--json").json
    assert not made["renewed"]
    assert adjoin("--workspace", "Other", "report", *DAYS).json["rows"] == []
    runs = adjoin("--workspace", "Other", "sync", "--json").json
    assert {one["connection_id"] for one in runs} == {made["connection_id"]}
    assert adjoin("--workspace", "Other", "report", *DAYS).json["rows"] == first_report
    assert adjoin("runs", "--json").json == first_runs
    assert {path.name for path in (synced / "facts").iterdir()} == {"default", other}
    for path in (synced / "facts" / "default").rglob("*.parquet"):
        path.unlink()
    assert adjoin("facts", "verify", "--quick").code == 1
    assert adjoin("--workspace", "Other", "facts", "verify").code == 0
    assert adjoin("--workspace", "Other", "report", *DAYS).json["rows"] == first_report
