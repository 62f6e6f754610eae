"""People and workspaces on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import Session, col, select

from adjoin.access import invitations, workspaces
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.invitations import InvitationMail
from adjoin.db import Store
from adjoin.db.people import AuditEntry, Invitation, Member, Role, User

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class People:
    """An installation with users; mails are kept in `mails`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self.mails: list[InvitationMail] = []

    def user(self, name: str, *, verified: bool = True, disabled: bool = False) -> str:
        """Add a user with the address NAME@example.com; the id is the name."""
        with self.store.write() as session:
            session.add(
                User(
                    id=name,
                    email=f"{name}@example.com",
                    name=name.title(),
                    email_verified_at=self.now if verified else None,
                    disabled_at=self.now if disabled else None,
                    created_at=self.now,
                )
            )
        return name

    def workspace(self, **roles: Role) -> str:
        """Add a workspace with these members, new users where there are none of the name; the first is its owner."""
        names = list(roles)
        for name in names:
            with self.store.read() as session:
                known = session.get(User, name) is not None
            if not known:
                self.user(name)
        with self.store.write() as session:
            made = workspaces.create(session, name="ACME", owner_id=names[0], by=SYSTEM, now=self.now)
            session.add_all(
                Member(workspace_id=made.id, user_id=name, role=roles[name], created_at=self.now) for name in names[1:]
            )
        return made.id

    def do(self, change: Callable[..., Any], *args: Any, by: str | None = None, **options: Any) -> Any:
        """Make a change in a transaction, as a user or as the operator."""
        with self.store.write() as session:
            return change(
                session,
                *args,
                by=SYSTEM if by is None else Actor.user(by, address="192.0.2.7"),
                now=self.now,
                **options,
            )

    def invite(self, workspace_id: str, name: str, role: Role = Role.VIEWER, *, by: str | None = None) -> Invitation:
        """Invite NAME@example.com."""
        return self.do(invitations.invite, workspace_id, f"{name}@example.com", role, by=by, send=self.send)

    def resend(self, invitation: Invitation, *, by: str | None = None) -> Invitation:
        return self.do(invitations.resend, invitation.workspace_id, invitation.id, by=by, send=self.send)

    def accept(self, token: str, *, by: str) -> Member:
        return self.do(invitations.accept, token, by=by)

    def send(self, _session: Session, mail: InvitationMail) -> None:
        self.mails.append(mail)

    @property
    def token(self) -> str:
        """The token of the latest mail."""
        return self.mails[-1].token

    def roles(self, workspace_id: str) -> dict[str, str]:
        with self.store.read() as session:
            query = select(Member).where(col(Member.workspace_id) == workspace_id).order_by(col(Member.user_id))
            return {one.user_id: str(one.role) for one in session.exec(query)}

    def audit(self, workspace_id: str) -> list[AuditEntry]:
        """The entries, oldest first; those of one instant in no order."""
        with self.store.read() as session:
            query = select(AuditEntry).where(col(AuditEntry.workspace_id) == workspace_id)
            return list(session.exec(query.order_by(col(AuditEntry.at))))

    def actions(self, workspace_id: str) -> list[str]:
        return sorted(entry.action for entry in self.audit(workspace_id))

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def people(store: Store) -> People:
    return People(store)


def at_once(*changes: Callable[[], Any]) -> list[Any]:
    """Call functions in threads that start together; return what each returned or raised."""
    barrier = Barrier(len(changes))

    def call(change: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        try:
            return change()
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            return error

    with ThreadPoolExecutor(len(changes)) as pool:
        return list(pool.map(call, changes))


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    return at_once
