"""What it costs to find out who is signed in, with many sessions stored.

    python benchmarks/gate.py [--sessions 10000] [--requests 2000] [--json]

Each request comes with the token of another session, drawn at random (with a fixed seed), so that nothing is known
from the request before: `asked`. Then the same with what is known for a second: `known`. Exit code 1 if the median
of either is a millisecond or more, or if anybody is taken for somebody else.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from adjoin.access.sessions import Sessions
from adjoin.access.signed_in import SessionLevel
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Member, Role, User

_LIMIT_MICROS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the look-up of sessions.")
    parser.add_argument("--sessions", type=int, default=10_000, help="sessions stored")
    parser.add_argument("--requests", type=int, default=2_000, help="requests to measure")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        report = _measure(Path(folder), given.sessions, given.requests)
    if given.json:
        print(json.dumps(report))
    else:
        for name, one in report.items():
            print(f"{name:6}  median {one['median']:7.1f} µs   95 of 100 below {one['p95']:7.1f} µs")
    sys.exit(any(one["median"] >= _LIMIT_MICROS for one in report.values()))


def _measure(folder: Path, count: int, requests: int) -> dict[str, dict[str, float]]:
    clock = ManualClock()
    with Store.open(f"sqlite:///{folder / 'adjoin.db'}", check_schema=False) as store:
        store.initialise(now=clock.now())
        sessions = Sessions(store, clock)
        tokens = _fill(store, sessions, count, clock)
        drawn = random.Random(7).choices(sorted(tokens), k=requests)
        report = {}
        for name, pause in (("asked", 2.0), ("known", 0.0)):
            micros = []
            for token in drawn:
                clock.advance(pause)
                if not pause:
                    sessions.find(token)
                start = time.perf_counter()
                found = sessions.find(token)
                micros.append((time.perf_counter() - start) * 1e6)
                if found is None or found.user_id != tokens[token]:
                    sys.exit("somebody was taken for somebody else")
            report[name] = {"median": median(micros), "p95": quantiles(micros, n=20)[-1]}
    return report


def _fill(store: Store, sessions: Sessions, count: int, clock: ManualClock) -> dict[str, str]:
    tokens = {}
    with store.write() as database:
        for number in range(count):
            user = f"user{number}"
            database.add(User(id=user, email=f"{user}@example.com", created_at=clock.now()))
            database.add(Member(workspace_id=DEFAULT_WORKSPACE, user_id=user, role=Role.VIEWER, created_at=clock.now()))
        database.flush()
        with database.no_autoflush:
            for number in range(count):
                user = f"user{number}"
                made = sessions.create(
                    database, user_id=user, provider="local", subject=user, level=SessionLevel.PASSWORD
                )
                tokens[made.token] = user
    return tokens


if __name__ == "__main__":
    main()
