"""The mailer `console`: prints mail where the process runs. For development only: whoever sees it can follow links."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from adjoin.contract import hookimpl
from adjoin.mail.message import check
from adjoin.mail.v1 import Mail, Mailer

__all__ = ["ConsoleMailer", "mailer"]


class ConsoleMailer(Mailer):
    """Prints each mail to standard error, and says that nobody gets it."""

    def __init__(self, stream: Callable[[], TextIO] = lambda: sys.stderr) -> None:
        self._stream = stream

    @hookimpl
    def send(self, mail: Mail) -> None:
        """Print the mail."""
        check(mail)
        lines = "".join(f"  {line}\n" for line in mail.text.splitlines())
        lines += "".join(f"  [{one.name}, {len(one.data):,} bytes]\n" for one in mail.attachments)
        self._stream().write(
            "A mail, shown here and sent to nobody: the mailer `console` is for development.\n"
            f"  To: {mail.to}\n  Subject: {mail.subject}\n\n{lines}\n"
        )


#: What the entry point `console` names.
mailer = ConsoleMailer()
