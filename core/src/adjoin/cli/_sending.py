"""Mail that a command has put into the outbox leaves before it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adjoin.mail.outbox import Sent
    from adjoin.runtime import Runtime

__all__ = ["how_it_leaves", "send_mail"]


def send_mail(runtime: Runtime) -> Sent:
    """Send what is due now: there may be no other process that does, and several may.

    What fails is tried again by whoever sends next, and raised by nobody.
    """
    from adjoin.mail.outbox import send_due, sender

    send = sender(runtime.kernel, runtime.settings.mailer)
    return send_due(runtime.store, runtime.vault, send, clock=runtime.clock)


def how_it_leaves(runtime: Runtime) -> str:
    """Send what is due now, and say what came of it."""
    from adjoin.mail.file import folder

    done = send_mail(runtime)
    if done.given_up:
        return "no mail could be sent; `adjoin doctor` says why"
    if done.again:
        return "the mail could not be sent yet, and is tried again while the dashboard or the scheduler runs"
    if runtime.settings.mailer == "file":
        return f"the mail with the link is a file in {folder(runtime.settings)}, as ADJOIN_MAILER sends none"
    return "the mail with the link is on its way"
