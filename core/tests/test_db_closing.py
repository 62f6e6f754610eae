"""A store that is closed while a thread still has a connection of it closes that one too, when it comes back."""

from __future__ import annotations

import gc
import threading

import sqlalchemy as sa

from adjoin.db import Store


def test_what_a_thread_has_is_closed_when_it_comes_back(store: Store) -> None:
    """psycopg warns of connections that are forgotten, which fails a test; SQLAlchemy forgets these by itself."""
    taken, closed = threading.Event(), threading.Event()
    seen: list[object] = []

    def work() -> None:
        with store.read() as session:
            connection = session.connection()
            connection.execute(sa.select(1))
            seen.append(connection.connection.dbapi_connection)
            taken.set()
            closed.wait()

    thread = threading.Thread(target=work)
    thread.start()
    taken.wait()
    store.close()
    closed.set()
    thread.join()
    (connection,) = seen
    if store.dialect == "postgresql":
        assert connection.closed  # type: ignore[attr-defined]
    seen.clear()
    del connection
    gc.collect()


def test_a_store_that_is_used_again_keeps_its_connections(store: Store) -> None:
    store.close()
    with store.read() as session:
        first = session.connection().connection.dbapi_connection
    with store.read() as session:
        assert session.connection().connection.dbapi_connection is first
