"""The `mail` contract, version 1: a way for mail to leave the house.

The operator picks one by its entry-point name (ADJOIN_MAILER). Adjoin brings `smtp`, `console` and `file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from adjoin.contract import MaybeAsync, hookspec, payload

__all__ = ["Attachment", "Mail", "Mailer"]


@payload
class Attachment:
    """A file that goes with a mail: what it is called, what it is ("application/pdf"), and what is in it."""

    name: str
    content_type: str
    data: bytes


@payload
class Mail:
    """A message to one person.

    `to` is one address and `subject` one line. `text` is always there; `html` is the same for programs that show it.
    `key` is the same when the same message is sent again, for a mailer that can notice. `kind` says what it is for,
    such as `auth.confirm`, and may be logged; nothing else of a message may. A mailer that cannot carry
    `attachments` leaves them out: the text stands without them.
    """

    to: str
    subject: str
    text: str
    kind: str
    html: str = ""
    reply_to: str = ""
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()


class Mailer:
    """Sends mail."""

    @hookspec(required=True, timeout=60)
    def send(self, mail: Mail) -> MaybeAsync[None]:
        """Hand a message over for delivery.

        Called in the plugin's loop or thread, at least once for each message: one that was cut off is sent again.
        Returning means that somebody else has taken it, such as the mail server. Raise MailError for what is wrong,
        with `may_pass` where trying again makes sense; the caller tries a few times within the hour. Never put the
        text into an error or a log: it holds links that sign people in.
        """
        raise NotImplementedError
