"""The DuckDB that computes over fact files: one for all questions of a process, a cursor for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from adjoin.facts.listing import ListingCache

if TYPE_CHECKING:
    import duckdb

__all__ = ["EXACT", "FactEngine"]

#: What statements may call by name. `micros_over(a, b, c)` is a * b / c rounded half to even to a whole number, where b
#: and c are positive: whole numbers of 128 bits, for DuckDB divides decimals as floats. Days that are moved or cut stay
#: days and become no times.
EXACT = """
CREATE MACRO half_even(twice, below) AS (
    twice // below - (twice % below = 0)::HUGEINT * ((twice // below) % 2)
);
CREATE MACRO micros_over(amount, numerator, denominator) AS (
    sign(amount) * half_even(
        2 * abs(amount::HUGEINT) * numerator::HUGEINT + denominator::HUGEINT, 2 * denominator::HUGEINT
    )
);
CREATE MACRO day_moved(day, days) AS (day + days::INTEGER);
CREATE MACRO period_start(period, day) AS (date_trunc(period, day)::DATE);
"""


#: As many as are asked at the same time on a busy day; more are closed after use.
_MOST_IDLE = 8


class FactEngine:
    """DuckDB in memory, and what is known of the workspaces' files. Usable from several threads."""

    def __init__(self) -> None:
        self.listings = ListingCache()
        self._lock = Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._idle: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor for one query; what was registered there is unregistered before it is given back.

        Cursors are kept: the first query of a new one takes several milliseconds longer. One whose query failed is not.
        """
        lent = self._idle_cursor() or self._new_cursor()
        try:
            yield lent
        except BaseException:
            lent.close()
            raise
        with self._lock:
            keeps = len(self._idle) < _MOST_IDLE
            if keeps:
                self._idle.append(lent)
        if not keeps:
            lent.close()

    def _idle_cursor(self) -> duckdb.DuckDBPyConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        with self._lock:
            if self._connection is None:
                made = duckdb.connect(
                    config={"autoinstall_known_extensions": "false", "python_enable_replacements": "false"}
                )
                made.execute(EXACT)
                self._connection = made
            return self._connection.cursor()
