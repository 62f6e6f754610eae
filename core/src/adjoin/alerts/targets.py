"""Targets: Slack channels and web servers that messages are posted to. Whoever manages alerts makes them.

An address carries its own secret: it is sealed, and neither shown again nor named in an error or a log. The functions
take a session of `store.write()` and belong to its transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db.alerts import TARGET_PURPOSE, AlertRule, AlertTarget, TargetKind
from adjoin.db.models import new_id
from adjoin.errors import BadInput, SecretError, StateError, UnknownName

if TYPE_CHECKING:
    from adjoin.secrets import Vault

__all__ = ["MOST", "Address", "TargetLine", "add", "delete", "open_address", "target_of", "targets_of"]

#: Targets that a workspace may have.
MOST = 50
_LONGEST = 2_000  # characters of an address
_SECRET_BYTES = 32


class Address(msgspec.Struct, frozen=True):
    """Where a target is. `secret` signs what is sent to a webhook; Slack needs none."""

    url: str
    secret: str = ""

    def __repr__(self) -> str:
        return "Address(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """A target as members see it. `problem` says why messages do not get there, empty while they do."""

    id: str
    kind: TargetKind
    name: str
    created_at: datetime
    delivered_at: datetime | None
    failing_since: datetime | None
    problem: str


def targets_of(session: Session, workspace_id: str) -> Sequence[TargetLine]:
    """Return the targets of a workspace by name."""
    rows = session.exec(select(AlertTarget).where(col(AlertTarget.workspace_id) == workspace_id)).all()
    return [
        TargetLine(
            id=one.id,
            kind=one.kind,
            name=one.name,
            created_at=one.created_at,
            delivered_at=one.delivered_at,
            failing_since=one.failing_since,
            problem=(one.last_error or "") if one.failing_since is not None else "",
        )
        for one in sorted(rows, key=lambda row: (row.name.casefold(), row.id))
    ]


def target_of(session: Session, workspace_id: str, target_id: str) -> AlertTarget:
    """Return a target. Raises UnknownName."""
    found = session.get(AlertTarget, (workspace_id, target_id))
    if found is None:
        raise UnknownName("there is no such target in this workspace; it may have been deleted")
    return found


def add(
    session: Session,
    vault: Vault,
    workspace_id: str,
    *,
    kind: TargetKind,
    name: str,
    url: str,
    outgoing_allow: str = "",
    by: Actor,
    now: datetime,
) -> tuple[AlertTarget, str]:
    """Add a target; return it with the secret that signs what is sent to it, which is empty for Slack.

    `outgoing_allow` is the operator's setting of what is allowed beside public addresses. The secret is told this once.
    Raises BadInput for the name or the address, StateError for one too many, Forbidden.
    """
    from adjoin.outgoing.addresses import AddressRule, read_allowed
    from adjoin.outgoing.errors import OutgoingError
    from adjoin.outgoing.urls import read_url

    lock_staying(session, workspace_id, by, Permission.MANAGE_ALERTS)
    if by.user_id is None:
        raise BadInput("targets are made by people, in the dashboard")
    cleaned = clean_name(name, "the name of a target")
    address = url.strip()
    if len(address) > _LONGEST:
        raise BadInput(f"an address has at most {_LONGEST:,} characters")
    try:
        read_url(address, ports=AddressRule(read_allowed(outgoing_allow)).ports)
    except OutgoingError as error:
        raise BadInput(str(error)) from None
    rows = session.exec(select(AlertTarget.name).where(col(AlertTarget.workspace_id) == workspace_id)).all()
    if len(rows) >= MOST:
        raise StateError(f"the workspace has {MOST} targets already; delete one that is not used any more")
    if cleaned.casefold() in {one.casefold() for one in rows}:
        raise BadInput(f"there is a target {cleaned!r} already; choose another name")
    secret = secrets.token_urlsafe(_SECRET_BYTES) if kind is TargetKind.WEBHOOK else ""
    made = new_id()
    target = AlertTarget(
        workspace_id=workspace_id,
        id=made,
        user_id=by.user_id,
        kind=kind,
        name=cleaned,
        sealed=vault.seal(
            msgspec.json.encode(Address(url=address, secret=secret)),
            workspace=workspace_id,
            purpose=TARGET_PURPOSE,
            record=made,
        ),
        created_at=now,
    )
    session.add(target)
    by.note(session, workspace_id, "alert_target.added", of=("alert_target", made), after=_told(target), now=now)
    return target, secret


def delete(session: Session, workspace_id: str, target_id: str, *, by: Actor, now: datetime) -> AlertTarget:
    """Delete a target with what is on its way there; what used it goes on without. Raises Forbidden, UnknownName."""
    from adjoin.reports.defining import forget_target

    lock_staying(session, workspace_id, by, Permission.MANAGE_ALERTS)
    target = target_of(session, workspace_id, target_id)
    for rule in session.exec(select(AlertRule).where(col(AlertRule.workspace_id) == workspace_id).with_for_update()):
        if target_id in rule.targets:
            rule.targets = [one for one in rule.targets if one != target_id]
            session.add(rule)
    forget_target(session, workspace_id, target_id)
    by.note(
        session, workspace_id, "alert_target.deleted", of=("alert_target", target_id), before=_told(target), now=now
    )
    session.flush()
    session.connection().execute(
        sa.delete(AlertTarget).where(col(AlertTarget.workspace_id) == workspace_id, col(AlertTarget.id) == target_id)
    )
    return target


def open_address(vault: Vault, target: AlertTarget) -> Address:
    """Return where a target is. Raises SecretError where it cannot be opened."""
    data = vault.open(target.sealed, workspace=target.workspace_id, purpose=TARGET_PURPOSE, record=target.id)
    try:
        return msgspec.json.decode(data, type=Address)
    except msgspec.DecodeError:  # the cause would quote it
        raise SecretError(f"the address of the target {target.name!r} cannot be read by this release") from None


def _told(target: AlertTarget) -> dict[str, object]:
    return {"name": target.name, "kind": target.kind.value}
