"""How the mail is: whether there is a mailer, and what it could not send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.db.people import OutgoingMail
from adjoin.errors import AdjoinError
from adjoin.health.machinery import Check
from adjoin.health.words import span

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.kernel import Kernel
    from adjoin.settings import Settings

__all__ = ["check_mail"]

_REMEMBERED = timedelta(days=7)  # how long a mail that was given up is worth mentioning
_LATE = timedelta(minutes=10)


def check_mail(store: Store, kernel: Kernel, settings: Settings, *, now: datetime) -> list[Check]:
    """Look at the mailer, at mails that wait for long, and at those given up in the last week. Sends nothing."""
    with store.read() as session:
        oldest: datetime | None = session.exec(
            select(sa.func.min(col(OutgoingMail.created_at))).where(col(OutgoingMail.next_at).is_not(None))
        ).one()
        late = session.exec(
            select(OutgoingMail)
            .where(col(OutgoingMail.next_at).is_not(None), col(OutgoingMail.created_at) < now - _LATE)
            .order_by(col(OutgoingMail.created_at))
        ).all()
        lost = session.exec(
            select(OutgoingMail)
            .where(
                col(OutgoingMail.next_at).is_(None),
                col(OutgoingMail.sent_at).is_(None),
                col(OutgoingMail.created_at) > now - _REMEMBERED,
            )
            .order_by(col(OutgoingMail.created_at).desc())
        ).all()
    found = [_mailer(kernel, settings)]
    if late and oldest is not None:
        why = next((one.last_error for one in late if one.last_error), "nobody has tried to send it")
        found.append(
            Check(
                check="outbox",
                state="attention",
                detail=f"{_count(len(late))} for up to {span(now - oldest)}: {why}",
                advice="They are tried again by themselves, for a day. `scheduler.py` sends them; keep it running.",
            )
        )
    if lost:
        found.append(
            Check(
                check="outbox",
                state="attention",
                detail=f"given up in the last {_REMEMBERED.days} days: {len(lost)}; the last one ({lost[0].kind}): "
                f"{lost[0].last_error}",
                advice="Mend the cause, and ask those people to request their mail anew.",
            )
        )
    return found


def _mailer(kernel: Kernel, settings: Settings) -> Check:
    name = settings.mailer
    known = kernel.plugins("mail")
    if name not in known:
        return Check(
            check="mailer",
            state="failed",
            detail=f"there is no mailer {name!r}; loaded are: {', '.join(known)}",
            advice="Set ADJOIN_MAILER to one of them, or install the plugin.",
        )
    try:
        return Check(check="mailer", state="ok", detail=_where(name, settings))
    except AdjoinError as error:
        return Check(check="mailer", state="failed", detail=str(error))


def _where(name: str, settings: Settings) -> str:
    match name:
        case "file":
            from adjoin.mail.file import folder

            return f"file: mails are kept in {folder(settings)} and sent to nobody"
        case "console":
            return "console: mails are printed and sent to nobody, for development"
        case "smtp":
            from adjoin.mail.message import Sender
            from adjoin.mail.smtp import SmtpServer

            server = SmtpServer.read(settings.smtp_url.get_secret_value())
            return f"smtp: {server}, from {Sender.read(settings.mail_from).address}"
        case _:
            return name


def _count(number: int) -> str:
    return "1 mail waits" if number == 1 else f"{number} mails wait"
