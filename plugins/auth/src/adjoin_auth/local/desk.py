"""What the work of one call needs: the context, the hasher, and the mails that go out when the work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from adjoin.auth.v1 import AuthContext
from adjoin.errors import AuthError
from adjoin.mail.v1 import Mail
from adjoin_auth.local.hashing import Hasher

__all__ = ["Desk", "at_desk"]

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """One call."""

    context: AuthContext
    hasher: Hasher
    mails: list[Mail] = field(default_factory=list, repr=False)

    @property
    def now(self) -> datetime:
        return self.context.now()


async def at_desk(context: AuthContext, hasher: Hasher, work: Callable[[Desk], T]) -> T:
    """Do work that blocks in a thread, then send its mails; also those of work that refuses somebody."""
    desk = Desk(context, hasher)
    try:
        done = await asyncio.to_thread(work, desk)
    except AuthError:
        await _send(desk)
        raise
    await _send(desk)
    return done


async def _send(desk: Desk) -> None:
    for mail in desk.mails:
        await desk.context.send(mail)
