"""The mail that an invitation goes out in."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from adjoin.access.context import DEFAULT_BASE_URL
from adjoin.access.invitations import InvitationMail, Send, link
from adjoin.db.people import Role
from adjoin.mail.outbox import put
from adjoin.mail.v1 import Mail

if TYPE_CHECKING:
    from sqlmodel import Session

    from adjoin.secrets import Vault

__all__ = ["by_mail", "write"]

#: What a mail program makes a link of, even where nobody wrote one: a sign between two others, as in example.com.
_LINKED = re.compile(r"(?<=\S)([.:/@])(?=\S)")
_WORD_JOINER = "\u2060"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_AS = {
    Role.VIEWER: "a viewer, who sees the figures",
    Role.ANALYST: "an analyst, who sees the figures and starts syncs",
    Role.ADMIN: "an admin, who also manages connections and members",
    Role.OWNER: "an owner, who may do everything",
}


def by_mail(vault: Vault, *, base_url: str, now: datetime) -> Send:
    """Return what puts the mail into the outbox, in the transaction that makes the invitation."""

    def send(session: Session, mail: InvitationMail) -> None:
        put(session, vault, write(mail, base_url=base_url), now=now)

    return send


def write(mail: InvitationMail, *, base_url: str = "") -> Mail:
    """Write the mail. `base_url` is the dashboard's address; empty: where it is as long as nobody says otherwise.

    Names are chosen by people who may want others to follow a link of theirs: no mail program makes one of them here.
    """
    workspace, person = _harmless(mail.workspace), _harmless(mail.invited_by)
    target = link(base_url or DEFAULT_BASE_URL, mail.token)
    end = f"{mail.expires_at.day} {mail.expires_at:%B %Y, %H:%M} UTC"
    invites = f"{person} invites you" if person else "You are invited"
    before = (
        f"{invites} to the workspace “{workspace}” on Adjoin, where its advertising is joined and reported. "
        f"You would be {_AS[mail.role]}."
    )
    how = f"Accept until {end}. The link works once, with this e-mail address:"
    after = (
        "If you do not know what this is about, ignore this mail, and nothing happens. Do not pass it on: whoever "
        "has the link can take it up in your name."
    )
    anchor = f'<a href="{escape(target)}">{escape(target)}</a>'
    html = "".join(f"<p>{part}</p>" for part in (escape(before), escape(how), anchor, escape(after)))
    return Mail(
        to=mail.to,
        subject=f"{invites} to “{workspace}”",
        text=f"{before}\n\n{how}\n\n{target}\n\n{after}\n",
        html=html,
        kind="workspace.invitation",
    )


def _harmless(name: str) -> str:
    """Return a name in one line, with what looks like an address in it taken apart by a sign that is not seen."""
    line = " ".join(_CONTROL.sub(" ", name).split())
    return _LINKED.sub(rf"\1{_WORD_JOINER}", line)
