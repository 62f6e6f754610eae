"""The contender Adjoin: connect, then sync with everything on, as `adjoin sync` does it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
from measure import arguments, compete

from adjoin import logs
from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import Credential
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, FactFile, RunState, RunTrigger
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import load_settings


def main() -> None:
    url, folder, since, until = arguments()
    settings = load_settings(folder)
    folder.mkdir(parents=True, exist_ok=True)
    Keyring.create_file(settings.key_file)
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime.now(UTC))
    with (folder / "log").open("w") as log, Runtime(settings) as runtime:
        logs.configure("debug", json=True, stream=log)
        made = asyncio.run(
            runtime.connections.connect("meta", base_url=url, credential=Credential(access_token="benchmark"))
        )
        import adjoin_meta.insights  # noqa: F401 - start-up, not sync

        def load() -> None:
            run, _ = runtime.runs.enqueue(
                workspace_id=DEFAULT_WORKSPACE,
                connection_id=made.connection.id,
                trigger=RunTrigger.PERSON,
                now=runtime.clock.now(),
                since=date.fromisoformat(since),
                until=date.fromisoformat(until),
            )
            with runtime.executor.exclusive():
                asyncio.run(runtime.executor.run_until_idle())
            ended = runtime.runs.get(DEFAULT_WORKSPACE, run.id)
            if ended.state is not RunState.SUCCEEDED or ended.differences:
                raise SystemExit(f"the sync ended {ended.state}: {ended.error or ended.differences}")

        compete(url, load, lambda: _found(runtime, folder))


def _found(runtime: Runtime, root: Path) -> dict[str, dict[str, int]]:
    from sqlmodel import col, select

    with runtime.store.read() as session:
        current = session.exec(select(FactFile).where(col(FactFile.superseded_at).is_(None))).all()
    totals = {}
    for name in sorted({file.dataset for file in current}):
        spec = DATASETS[name]
        paths = [str(root / file.path) for file in current if file.dataset == name]
        keys = ", ".join(("date", "account_id", *spec.keys))
        metrics = [metric for metric in spec.metrics if metric != "video_views"]
        sums = ", ".join(f"sum({metric})" for metric in metrics)
        with duckdb.connect() as connection:
            row = connection.execute(
                f"SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM read_parquet($1))), {sums} "
                "FROM read_parquet($1)",
                [paths],
            ).fetchone()
        assert row is not None
        totals[name] = dict(zip(("rows", "keys", *metrics), map(int, row), strict=True))
    return totals


if __name__ == "__main__":
    main()
