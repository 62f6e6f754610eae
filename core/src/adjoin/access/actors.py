"""Who acts: for the audit log, and for what their role allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlmodel import Session

from adjoin.access import audit

__all__ = ["SYSTEM", "Actor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks for a change. `name` is what the audit log says, `address` from where.

    Without `user_id` it is the operator at the machine, or a job: no role is asked for.
    """

    name: str
    user_id: str | None = None
    address: str = ""

    @classmethod
    def user(cls, user_id: str, *, address: str = "") -> Self:
        """A signed-in user."""
        return cls(name=audit.by_user(user_id), user_id=user_id, address=address)

    @classmethod
    def token(cls, token_id: str, user_id: str, *, address: str = "") -> Self:
        """A script with an API token of a user. Whether its scopes allow the change is for the caller to see."""
        return cls(name=audit.by_token(token_id), user_id=user_id, address=address)

    def note(
        self,
        session: Session,
        workspace_id: str,
        action: str,
        *,
        of: tuple[str, str],
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        now: datetime,
    ) -> None:
        """Add an entry to the audit log of a workspace, in the session's transaction; `of` is a kind and an id."""
        audit.record(
            session,
            workspace_id=workspace_id,
            actor=self.name,
            action=action,
            object_kind=of[0],
            object_id=of[1],
            before=before,
            after=after,
            address=self.address,
            now=now,
        )


#: The operator at the machine, or a job of the core.
SYSTEM = Actor(name=audit.SYSTEM)
