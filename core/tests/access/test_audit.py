"""The audit log: written with what it tells of, read page by page, and refused by the database to be changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from adjoin.access import audit
from adjoin.access.audit import AuditWriter
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import Member, Role, User
from adjoin.errors import BadInput, UsageError
from adjoin.tokens import SESSION, new_token

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHY = "entries of the audit log cannot be changed or removed"


def put(store: Store, action: str = "member.removed", *, minutes: int = 0, **more: Any) -> str:
    values = {"workspace_id": DEFAULT_WORKSPACE, "actor": audit.by_user("ada")} | more
    with store.write() as session:
        return audit.record(session, action=action, now=NOW + timedelta(minutes=minutes), **values).id


def read(store: Store, workspace_id: str = DEFAULT_WORKSPACE, **filters: Any) -> audit.AuditPage:
    with store.read() as session:
        return audit.entries(session, workspace_id, **filters)


class TestWriting:
    def test_it_stands_exactly_if_the_change_does(self, store: Store) -> None:
        def fail(session: Session) -> None:
            audit.record(session, workspace_id=DEFAULT_WORKSPACE, actor=audit.SYSTEM, action="member.added", now=NOW)
            raise LookupError

        with pytest.raises(LookupError), store.write() as session:
            fail(session)
        assert read(store).entries == ()

    def test_no_secret_gets_in(self, store: Store) -> None:
        token = new_token(SESSION)
        put(
            store,
            before={"password": "hunter2-hunter2", "nested": {"clientSecret": "s3cr3t-value"}, "blob": b"\x01\x02"},
            after={"note": f"used {token}", "list": [{"api_key": "abcdef"}, token], "url": "https://a:pw@b/?token=zzz"},
            object_id=token,
        )
        [entry] = read(store).entries
        shown = repr(entry.model_dump())
        for secret in (token, "hunter2", "s3cr3t", "abcdef", ":pw@", "zzz", "\\x01"):
            assert secret not in shown

    def test_what_json_cannot_say_is_said_in_words(self, store: Store) -> None:
        put(
            store,
            after={
                "at": NOW,
                "day": date(2026, 3, 1),
                "role": Role.OWNER,
                "roles": {Role.VIEWER, Role.ADMIN},
                "share": float("nan"),
                "text": "a\0b\ud800",
                "long": "x" * 5_000,
                "many": list(range(500)),
                "deep": [[[[[[[["bottom"]]]]]]]],
                "none": None,
            },
        )
        after = read(store).entries[0].after
        assert after is not None
        assert after["at"] == "2026-03-01T12:00:00+00:00"
        assert (after["day"], after["role"], after["share"]) == ("2026-03-01", "owner", "nan")
        assert after["roles"] == ["admin", "viewer"]
        assert after["text"] == "a\N{REPLACEMENT CHARACTER}b?"
        assert (len(after["long"]), after["many"][-1], after["none"]) == (1_000, "… 400 more", None)
        assert "bottom" not in repr(after["deep"])

    @pytest.mark.parametrize("actor", ["", "ada", "user:", "user:a b", "root:1", "system:1", "user:" + "x" * 200])
    def test_an_actor_has_a_form(self, sqlite_store: Store, actor: str) -> None:
        with pytest.raises(UsageError, match="is no actor"):
            put(sqlite_store, actor=actor)

    @pytest.mark.parametrize("action", ["", "removed", "Member.removed", "member.", "member removed", "a." + "b" * 100])
    def test_an_action_has_a_form(self, sqlite_store: Store, action: str) -> None:
        with pytest.raises(UsageError, match="is no action"):
            put(sqlite_store, action)

    def test_what_is_about_a_person_is_told_to_all_their_workspaces(self, sqlite_store: Store) -> None:
        with sqlite_store.write() as session:
            session.add(Workspace(id="second", name="Second", created_at=NOW))
            session.add(Workspace(id="foreign", name="Foreign", created_at=NOW))
            session.add(User(id="ada", email="ada@example.com", created_at=NOW))
            session.add_all(
                Member(workspace_id=one, user_id="ada", role=Role.VIEWER, created_at=NOW)
                for one in (DEFAULT_WORKSPACE, "second")
            )
        with sqlite_store.write() as session:
            assert audit.record_everywhere(session, user_id="ada", action="session.signed_in", now=NOW) == 2
        assert [len(read(sqlite_store, one).entries) for one in (DEFAULT_WORKSPACE, "second", "foreign")] == [1, 1, 0]

    def test_a_plugin_writes_in_its_own_name_only(self, sqlite_store: Store) -> None:
        clock = ManualClock(NOW)
        writer = AuditWriter(sqlite_store.write, clock, workspace_id=DEFAULT_WORKSPACE, plugin="meta")
        writer.record("report.sent", object_kind="report", object_id="r1", after={"to": "a@example.com"})
        by = audit.by_user("ada")
        AuditWriter(
            sqlite_store.write, clock, workspace_id=DEFAULT_WORKSPACE, plugin="meta", actor=by, address="192.0.2.1"
        ).record("report.opened")
        found = {(one.actor, one.action, one.address) for one in read(sqlite_store).entries}
        assert found == {("plugin:meta", "meta.report.sent", ""), (by, "meta.report.opened", "192.0.2.1")}


class TestReading:
    def test_page_by_page_nothing_is_missed_or_told_twice(self, store: Store) -> None:
        ids = [put(store, minutes=n // 3) for n in range(10)]  # three at each instant
        seen: list[str] = []
        page = read(store, limit=4)
        seen += [one.id for one in page.entries]
        put(store, minutes=99)  # what is added meanwhile shifts nothing
        while page.next is not None:
            page = read(store, limit=4, after=page.next)
            seen += [one.id for one in page.entries]
        assert len(seen) == 10
        assert set(seen) == set(ids)

    def test_it_is_narrowed_down(self, store: Store) -> None:
        put(store, "member.removed", object_kind="user", object_id="bob")
        put(store, "member.added", actor=audit.SYSTEM, minutes=5)
        put(store, "members_list.read", minutes=9)

        def actions(**filters: Any) -> list[str]:
            return [one.action for one in read(store, **filters).entries]

        assert actions() == ["members_list.read", "member.added", "member.removed"]
        assert actions(action="member.") == ["member.added", "member.removed"]
        assert actions(action="member.added") == actions(actor=audit.SYSTEM) == ["member.added"]
        assert actions(object_kind="user", object_id="bob") == ["member.removed"]
        assert actions(since=NOW + timedelta(minutes=5), until=NOW + timedelta(minutes=9)) == ["member.added"]
        assert actions(action="membe%.") == actions(object_id="nobody") == []

    def test_another_workspace_is_not_seen(self, sqlite_store: Store) -> None:
        put(sqlite_store)
        assert read(sqlite_store, "other").entries == ()

    @pytest.mark.parametrize("after", ["", "x", "2026-03-01/" + "0" * 32, "2026-03-01T12:00:00+00:00/' OR 1", "/"])
    def test_a_place_has_a_form(self, sqlite_store: Store, after: str) -> None:
        with pytest.raises(BadInput, match="place where a page"):
            read(sqlite_store, after=after)

    @pytest.mark.parametrize("limit", [0, -1, 501])
    def test_a_page_has_a_size(self, sqlite_store: Store, limit: int) -> None:
        with pytest.raises(BadInput, match="1 to 500"):
            read(sqlite_store, limit=limit)


class TestRefusal:
    """The database itself refuses, also to those who come past Adjoin."""

    @pytest.fixture
    def plain_sqlite(self, sqlite_store: Store) -> Iterator[sqlite3.Connection]:
        put(sqlite_store, object_id="kept")
        sqlite_store.close()
        with closing(sqlite3.connect(str(sqlite_store.path), isolation_level=None)) as connection:
            yield connection

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit SET actor = 'user:eve'",
            "UPDATE OR REPLACE audit SET actor = 'user:eve'",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE object_id = 'kept'",
            "REPLACE INTO audit SELECT * FROM audit",
            "INSERT OR REPLACE INTO audit SELECT * FROM audit",
            "INSERT OR IGNORE INTO audit SELECT * FROM audit",
            "INSERT INTO audit SELECT * FROM audit WHERE true ON CONFLICT DO UPDATE SET actor = 'user:eve'",
        ],
    )
    def test_sqlite_past_adjoin(self, plain_sqlite: sqlite3.Connection, statement: str) -> None:
        before = plain_sqlite.execute("SELECT * FROM audit").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match=WHY):
            plain_sqlite.execute(statement)
        assert plain_sqlite.execute("SELECT * FROM audit").fetchall() == before
        assert len(before) == 1

    def test_sqlite_rows_have_no_number_to_replace_them_by(self, plain_sqlite: sqlite3.Connection) -> None:
        with pytest.raises(sqlite3.OperationalError, match="rowid"):
            plain_sqlite.execute("SELECT rowid FROM audit")

    def test_sqlite_replaces_nothing_through_adjoin_either(self, sqlite_store: Store) -> None:
        with sqlite_store.read() as session:
            assert session.connection().exec_driver_sql("PRAGMA recursive_triggers").scalar() == 1

    @pytest.mark.postgres
    def test_postgres_past_adjoin(self, postgres_store: Store) -> None:
        put(postgres_store, object_id="kept")
        with psycopg.connect(postgres_store.conninfo(), autocommit=True) as connection:
            for statement in (
                b"UPDATE audit SET actor = 'user:eve'",
                b"UPDATE audit SET actor = 'user:eve' WHERE false",
                b"DELETE FROM audit",
                b"TRUNCATE audit",
                b"TRUNCATE workspaces CASCADE",
                b"INSERT INTO audit SELECT * FROM audit ON CONFLICT (workspace_id, id) DO UPDATE SET actor = 'x'",
                b"SET session_replication_role = replica; DELETE FROM audit",
                b"SET session_replication_role = replica; TRUNCATE audit",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match=WHY):
                    connection.execute(statement)
                connection.execute("RESET session_replication_role")
                assert connection.execute("SELECT actor, object_id FROM audit").fetchall() == [("user:ada", "kept")]

    def test_adjoin_itself(self, store: Store) -> None:
        put(store)
        for statement in ("UPDATE audit SET actor = 'user:eve'", "DELETE FROM audit"):
            with pytest.raises(sa.exc.DBAPIError, match=WHY), store.write() as session:
                session.connection().execute(sa.text(statement))
        assert [one.actor for one in read(store).entries] == ["user:ada"]
