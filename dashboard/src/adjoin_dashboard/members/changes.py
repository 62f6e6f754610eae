"""What the Members page does. All of it is asked of `adjoin.access`, which looks at the visitor's role again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from adjoin.access import invitations, members
from adjoin.access.accounts import require_fresh
from adjoin.access.invitation_mail import by_mail
from adjoin.access.permissions import outranks
from adjoin.db.people import Role
from adjoin.errors import AdjoinError, BadInput
from adjoin_dashboard.context import Context
from adjoin_dashboard.members.model import MOST_AT_ONCE, read_addresses

__all__ = ["Invited", "change_role", "invite", "leave", "needs_proof", "remove", "resend", "revoke", "transfer"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom a mail goes to, and whom not: addresses with the reason."""

    sent: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def needs_proof(role: Role, before: Role | None = None) -> bool:
    """Say whether giving a role takes a fresh proof of who gives it: making an owner does."""
    return role is Role.OWNER and (before is None or outranks(role, before))


def invite(context: Context, text: str, role: Role) -> Invited:
    """Invite the people of a text, each by a mail. One that is refused keeps nobody else from being invited.

    Raises BadInput for no address and for too many, StaleProof for owners.
    """
    addresses = read_addresses(text)
    if not addresses:
        raise BadInput("write at least one e-mail address")
    if len(addresses) > MOST_AT_ONCE:
        raise BadInput(f"{MOST_AT_ONCE} people can be invited at once, and these are {len(addresses)}")
    if needs_proof(role):
        require_fresh(context.signed_in, context.host.doors)
    sent: list[str] = []
    refused: list[tuple[str, str]] = []
    for address in addresses:
        try:
            sent.append(_do(context, invitations.invite, address, role, send=_mailed(context)).email)
        except AdjoinError as error:
            refused.append((address, str(error)))
    return Invited(tuple(sent), tuple(refused))


def resend(context: Context, invitation_id: str) -> str:
    """Send an invitation again, with a new link; return to whom."""
    return _do(context, invitations.resend, invitation_id, send=_mailed(context)).email


def revoke(context: Context, invitation_id: str) -> str:
    """Take an invitation back; return whose it was."""
    return _do(context, invitations.revoke, invitation_id).email


def change_role(context: Context, user_id: str, role: Role) -> None:
    """Give a member another role. Raises StaleProof where they are to be an owner."""
    if needs_proof(role):
        require_fresh(context.signed_in, context.host.doors)
    _do(context, members.change_role, user_id, role)


def remove(context: Context, user_id: str) -> None:
    """Take a member out."""
    _do(context, members.remove, user_id)


def leave(context: Context) -> None:
    """Have the visitor leave the workspace."""
    _do(context, members.leave, context.signed_in.user_id)


def transfer(context: Context, user_id: str) -> None:
    """Make another member the owner, and the visitor an admin. Raises StaleProof."""
    require_fresh(context.signed_in, context.host.doors)
    _do(context, members.transfer, user_id)


def _do(context: Context, change: Callable[..., T], *what: Any, **options: Any) -> T:
    """Make a change of the visitor's workspace in a transaction of its own."""
    with context.host.store.write() as session:
        return change(session, context.workspace_id, *what, by=context.actor, now=context.now(), **options)


def _mailed(context: Context) -> invitations.Send:
    runtime = context.host.runtime
    return by_mail(runtime.vault, base_url=runtime.settings.base_url, now=context.now())
