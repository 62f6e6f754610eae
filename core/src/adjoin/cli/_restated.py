"""How `adjoin report --restated` shows by how much figures have moved."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from adjoin.cli._output import amount, print_table, say

if TYPE_CHECKING:
    from datetime import date

    from adjoin.cli._place import Place
    from adjoin.facts.history import Moved

__all__ = ["print_restated"]


def print_restated(
    place: Place,
    *,
    since: date,
    until: date,
    platforms: Collection[str],
    accounts: Collection[str],
    dataset: str,
    as_json: bool,
) -> None:
    """Print a line for each day and metric that has moved since it was first read."""
    from adjoin.facts.history import restated
    from adjoin.facts.names import check_names

    check_names(place.store, place.workspace_id, platforms=platforms, accounts=accounts)
    with place.query() as query:
        found = restated(
            query,
            since=since,
            until=until,
            platforms=platforms or None,
            accounts=accounts or None,
            dataset=dataset or None,
        )
    if as_json:
        sys.stdout.write(found.to_json().decode() + "\n")
        return
    columns = [("platform", False), ("account", False), ("date", False), ("dataset", False), ("metric", False)]
    columns += [("first", True), ("now", True), ("change", True), ("moved last (UTC)", False), ("times", True)]
    print_table(
        columns,
        [_moved(row) for row in found.rows],
        title=f"{since} to {until}, moved since first read",
        empty=f"No figure from {since} to {until} has moved since it was first read.",
    )
    for note in found.notes:
        say(f"note: {note}")


def _moved(row: Moved) -> list[str]:
    def text(value: Any) -> str:
        if value is None:
            return "–"
        return amount(value, row.currency) if row.metric.endswith("_micros") else f"{value:,}"

    return [
        row.platform,
        row.account_id,
        str(row.day),
        row.dataset,
        row.metric.removesuffix("_micros"),
        text(row.first),
        text(row.latest),
        f"{'+' if row.change > 0 else ''}{text(row.change)}",
        f"{row.moved_at:%Y-%m-%d %H:%M}",
        str(row.times),
    ]
