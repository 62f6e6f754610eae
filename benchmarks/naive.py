"""The naive contender: what one writes in an afternoon. httpx, json, a dict and Decimals per row, SQLite upserts.

No retries, no state, no staging, no reconciliation, no limits, no log.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
from feed import LEVELS
from measure import arguments, compete

_IDS = {"campaign": ("campaign_id",), "adset": ("campaign_id", "adset_id"), "ad": ("campaign_id", "adset_id", "ad_id")}
_COUNTED = {"omni_purchase": "purchases", "lead": "leads"}
_SUMS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")


def main() -> None:
    url, folder, since, until = arguments()
    folder.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(folder / "naive.db")
    for level, table in LEVELS.items():
        keys = ", ".join(("date", "account_id", *_IDS.get(level, ())))
        database.execute(f"CREATE TABLE {table} ({keys}, {', '.join(_SUMS)}, PRIMARY KEY ({keys}))")
    keys = "date, account_id, campaign_id, adset_id, ad_id, action"
    database.execute(
        f"CREATE TABLE conversion_daily ({keys}, conversions, conversion_value_micros, PRIMARY KEY ({keys}))"
    )
    with httpx.Client(base_url=f"{url}/v26.0", trust_env=False) as client:

        def load() -> None:
            for account in client.get("/me/adaccounts").json()["data"]:
                for level in LEVELS:
                    for page in _pages(client, account["id"], level, since, until):
                        _store(database, account["account_id"], level, page)
            database.commit()

        compete(url, load, lambda: _found(database))


def _pages(client: httpx.Client, account: str, level: str, since: str, until: str) -> Iterator[list[dict[str, Any]]]:
    params = {"level": level, "time_range": json.dumps({"since": since, "until": until}), "time_increment": "1"}
    while True:
        answer = json.loads(client.get(f"/{account}/insights", params=params).content)
        yield answer["data"]
        if "next" not in answer["paging"]:
            return
        params["after"] = answer["paging"]["cursors"]["after"]


def _store(database: sqlite3.Connection, account: str, level: str, page: list[dict[str, Any]]) -> None:
    rows, conversions = [], []
    for raw in page:
        counts = {item["action_type"]: Decimal(item["value"]) for item in raw.get("actions", [])}
        values = {item["action_type"]: Decimal(item["value"]) for item in raw.get("action_values", [])}
        row = {"date": raw["date_start"], "account_id": account}
        row |= {key: raw[key] for key in _IDS.get(level, ())}
        for name, action in _COUNTED.items():
            if level == "ad" and name in counts:
                conversions.append(
                    {
                        **row,
                        "action": action,
                        "n": int(counts[name]),
                        "v": int(values.get(name, Decimal(0)) * 1_000_000),
                    }
                )
        row["impressions"] = int(raw.get("impressions", 0))
        row["clicks"] = int(raw.get("clicks", 0))
        row["cost_micros"] = int(Decimal(raw.get("spend", "0")) * 1_000_000)
        row["conversions"] = int(sum(counts.get(name, Decimal(0)) for name in _COUNTED))
        row["conversion_value_micros"] = int(sum(values.get(name, Decimal(0)) for name in _COUNTED) * 1_000_000)
        rows.append(row)
    for table, found in ((LEVELS[level], rows), ("conversion_daily", conversions)):
        if found:
            marks = ", ".join("?" * len(found[0]))
            database.executemany(
                f"INSERT OR REPLACE INTO {table} VALUES ({marks})", [tuple(row.values()) for row in found]
            )


def _found(database: sqlite3.Connection) -> dict[str, dict[str, int]]:
    totals = {}
    for table in (*LEVELS.values(), "conversion_daily"):
        metrics = _SUMS[3:] if table == "conversion_daily" else _SUMS
        sums = ", ".join(f"sum({metric})" for metric in metrics)
        row = database.execute(f"SELECT count(*), {sums} FROM {table}").fetchone()
        # The primary key allows no row twice.
        totals[table] = dict(zip(("rows", "keys", *metrics), (row[0], *row), strict=True))
    return totals


if __name__ == "__main__":
    main()
