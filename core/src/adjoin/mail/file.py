"""The mailer `file`: keeps each mail as a file below the home folder, for installations without a mail server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from adjoin.clock import Clock, SystemClock
from adjoin.contract import hookimpl
from adjoin.errors import MailError
from adjoin.mail.message import Sender, build
from adjoin.mail.v1 import Mail, Mailer
from adjoin.settings import Settings, load_settings

__all__ = ["FileMailer", "folder", "mailer"]

_NOBODY = "Adjoin <adjoin@localhost>"


def folder(settings: Settings) -> Path:
    """Return where the mails are."""
    return settings.home / "mail"


class FileMailer(Mailer):
    """Writes `<time>-<id>.eml`, which mail programs open. Only the owner can read them: their links let people in."""

    def __init__(self, settings: Callable[[], Settings] = load_settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()

    @hookimpl
    def send(self, mail: Mail) -> None:
        """Write the mail, whole or not at all; one with a key that is there already stays as it is."""
        settings, now = self._settings(), self._clock.now()
        message = build(mail, Sender.read(settings.mail_from or _NOBODY), now=now).as_bytes()
        place = folder(settings)
        identity = hashlib.sha256(mail.key.encode()).hexdigest()[:16] if mail.key else uuid4().hex[:16]
        draft = place / f".{identity}.{uuid4().hex[:8]}"
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(place.glob(f"*-{identity}.eml")):
                return
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(message)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(place / f"{now:%Y%m%dT%H%M%SZ}-{identity}.eml")
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise MailError(f"the mail cannot be written to {place}: {error.strerror}", may_pass=True) from None


#: What the entry point `file` names.
mailer = FileMailer()
