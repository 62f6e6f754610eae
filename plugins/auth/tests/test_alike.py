"""Nobody learns who is known: the same work, the same time, and the same answers for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from adjoin.auth.v1 import Credentials, LinkKind, SignUp
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import AuthError
from adjoin.testing.auth import RecordingContext
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.passwords import ask_reset
from adjoin_auth.local.registering import admit, sign_up
from adjoin_auth.local.signing_in import check_password, sign_in

KNOWN, UNKNOWN = "ada@company.example", "nobody@company.example"
PASSWORD, OTHER = "garnet otter fjord 41", "violet anvil brook 88"


@pytest.fixture(autouse=True)
def ada(desk: Desk) -> str:
    """Somebody who is known."""
    subject = admit(desk, SignUp(email=KNOWN, password=PASSWORD)).subject
    desk.hasher.calls.clear()  # type: ignore[attr-defined]
    return subject


@contextmanager
def writes_of(store: Store) -> Iterator[list[str]]:
    """Transactions that have changed something."""
    seen: list[str] = []
    changing: set[int] = set()

    def note(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            changing.add(id(connection))

    def commit(connection: sa.Connection) -> None:
        if id(connection) in changing:
            changing.discard(id(connection))
            seen.append("commit")

    sa.event.listen(store._engine, "before_cursor_execute", note)
    sa.event.listen(store._engine, "commit", commit)
    yield seen
    sa.event.remove(store._engine, "before_cursor_execute", note)
    sa.event.remove(store._engine, "commit", commit)


@pytest.mark.parametrize("address", ["", "203.0.113.7"])
def test_signing_in_takes_as_long_for_who_is_unknown(desk: Desk, clock: ManualClock, address: str) -> None:
    costs = []
    for email in (KNOWN, UNKNOWN, "no e-mail"):
        before, calls = clock.monotonic(), len(desk.hasher.calls)  # type: ignore[attr-defined]
        with pytest.raises(AuthError):
            sign_in(desk, Credentials(email=email, password=OTHER, address=address))
        costs.append((clock.monotonic() - before, desk.hasher.calls[calls:]))  # type: ignore[attr-defined]

    assert [calls for _, calls in costs] == [["verify"]] * 3
    assert [spent for spent, _ in costs] == pytest.approx([0.05] * 3)


def test_signing_in_writes_as_much_for_who_is_unknown(desk: Desk, store: Store) -> None:
    with pytest.raises(AuthError):
        sign_in(desk, Credentials(email="first@company.example", password=OTHER))  # sweeps, once a minute
    written = []
    for email in (KNOWN, UNKNOWN):
        with writes_of(store) as writes, pytest.raises(AuthError):
            sign_in(desk, Credentials(email=email, password=OTHER))
        written.append(len(writes))

    assert written[0] == written[1]


def test_signing_up_takes_as_long_for_who_is_known(desk: Desk, store: Store) -> None:
    sign_up(desk, SignUp(email="first@company.example", password=OTHER))
    desk.mails.clear()
    costs = []
    for email in (KNOWN, UNKNOWN):
        calls = len(desk.hasher.calls)  # type: ignore[attr-defined]
        with writes_of(store) as writes:
            sign_up(desk, SignUp(email=email, password=OTHER))
        costs.append((desk.hasher.calls[calls:], len(writes)))  # type: ignore[attr-defined]

    assert costs[0] == costs[1]
    assert [(mail.to, mail.kind) for mail in desk.mails] == [(KNOWN, "auth.known"), (UNKNOWN, "auth.confirm")]


def test_asking_for_a_link_writes_as_much_for_who_is_unknown(desk: Desk, store: Store) -> None:
    """A mail goes into the outbox in a transaction of its own; where none goes, a row takes its place."""
    ask_reset(desk, "first@company.example", "")
    written = []
    for email in (KNOWN, UNKNOWN):
        with writes_of(store) as writes:
            ask_reset(desk, email, "203.0.113.7")
        written.append(len(writes) + len(desk.mails))
        desk.mails.clear()

    assert written[0] == written[1]


def test_checking_a_password_takes_as_long_for_nobody(desk: Desk, ada: str) -> None:
    for subject in (ada, "nobody"):
        with pytest.raises(AuthError):
            check_password(desk, subject, OTHER)

    assert desk.hasher.calls == ["verify", "verify"]  # type: ignore[attr-defined]


def test_an_endless_password_costs_no_work(desk: Desk) -> None:
    for email in (KNOWN, UNKNOWN):
        with pytest.raises(AuthError):
            sign_in(desk, Credentials(email=email, password="x" * 1_000_000))

    assert desk.hasher.calls == []  # type: ignore[attr-defined]


def test_mails_repeat_nothing_that_a_stranger_wrote(desk: Desk, auth_context: RecordingContext) -> None:
    """Nobody sends their own words to others through a sign-up."""
    sign_up(desk, SignUp(email=UNKNOWN, password=OTHER, name="Win at https://evil.example <b>now</b>"))

    (mail,) = desk.mails
    assert "evil" not in mail.text + mail.html + mail.subject
    assert auth_context.link(LinkKind.CONFIRM, "") in mail.text
