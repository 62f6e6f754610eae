"""Commits, packing and retention in any order: no figure is ever lost, doubled or of another time."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adjoin.errors import BadInput
from adjoin.facts.compact import compact
from adjoin.facts.query import FactQuery
from adjoin.facts.retention import clean
from adjoin.facts.verify import verify

MONTH = (date(2026, 3, 1), date(2026, 3, 31))
ACCOUNTS = ("act_1", "act_2", "act_3")
KEPT = 10  # days

State = dict[tuple[str, date], int]


@pytest.mark.parametrize("place", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order(put_facts: Any, upkeep: Any, seed: int) -> None:
    """After each step the current figures are the last that were committed; as of any instant they are those of then.

    An instant is refused only when a file of then was replaced longer ago than files are kept.
    """
    chance = random.Random(seed)
    now = datetime.now(UTC)
    state: State = {}
    history: list[tuple[datetime, State]] = [(now - timedelta(days=1), {})]
    packed = 0
    for _ in range(30):
        now += timedelta(hours=chance.randrange(1, 72))
        action = chance.choice(("commit", "commit", "commit", "compact", "clean"))
        if action == "commit":
            account = chance.choice(ACCOUNTS)
            since = date(2026, 3, chance.randrange(1, 29))
            days = [since + timedelta(days=offset) for offset in range(chance.randrange(1, 4))]
            rows = {day: chance.randrange(1, 5) for day in days if chance.random() < 0.8}
            facts = [{"date": day, "clicks": clicks} for day, clicks in rows.items()]
            put_facts("account_daily", *facts, account=account, days=(days[0], days[-1]), now=now)
            kept = {key: value for key, value in state.items() if key[0] != account or key[1] not in days}
            state = kept | {(account, day): clicks for day, clicks in rows.items()}
            history.append((now, state))
        elif action == "compact":
            packed += sum(one.accounts for one in compact(upkeep.store, upkeep.facts, now=now, look_back={"meta": 1}))
        else:
            clean(upkeep.store, upkeep.facts, now=now, keep_superseded_days=KEPT, keep_runs_days=400)
        assert answer(upkeep) == state
    assert packed, "nothing was ever packed"
    clean(upkeep.store, upkeep.facts, now=now, keep_superseded_days=KEPT, keep_runs_days=400)
    refused = 0
    for (began, then), (ended, _) in zip(history, [*history[1:], (now, {})], strict=True):
        for instant in (began, began + (ended - began) / 2):
            try:
                assert answer(upkeep, instant) == then
            except BadInput:
                refused += 1
                assert instant < now - timedelta(days=KEPT)
    assert refused, "everything was kept"
    found = verify(upkeep.store, upkeep.facts, workspace_id="default", now=now + timedelta(days=2))
    assert (found.damage, found.orphans) == ([], [])
    assert upkeep.paths() == {row.path for row in upkeep.rows() if row.path}


def answer(upkeep: Any, as_of: datetime | None = None) -> State:
    with FactQuery(upkeep.store, upkeep.facts, "default", as_of=as_of) as query:
        rows = query.run(query.table("account_daily", *MONTH)).to_pylist()
    found = {(row["account_id"], row["date"]): row["clicks"] for row in rows}
    assert len(found) == len(rows), "a row came twice"
    return found
