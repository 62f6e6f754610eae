"""Words that pages share: roles, and sentences made of what other parts say."""

from __future__ import annotations

import re
from collections.abc import Mapping

from adjoin.db.people import Role

__all__ = ["ROLE_HELP", "escaped", "role_title", "sentence"]

#: What each role may do, in one line.
ROLE_HELP: Mapping[Role, str] = {
    Role.VIEWER: "Sees figures, accounts and members.",
    Role.ANALYST: "Also starts syncs, and makes API keys of their own.",
    Role.ADMIN: "Also manages connections, schedules, members and API keys, and reads the audit log.",
    Role.OWNER: "May do everything: also delete the workspace, and make others owners.",
}

_LINKED = re.compile(r"(?:www(?=\.)|:(?=//)|(?<=\S)@(?=\S))", re.IGNORECASE)


def role_title(role: str) -> str:
    """Write a role as a word of its own: "Viewer"."""
    return str(role).capitalize()


def sentence(text: str) -> str:
    """Return what a part of Adjoin says as a sentence for Streamlit's Markdown, nothing of it drawn."""
    whole = escaped(text.strip())
    whole = whole[:1].upper() + whole[1:]
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."


def escaped(text: str) -> str:
    """Return text so that Streamlit's Markdown shows it as it is: names come from platforms, "$" begins a formula.

    What looks like an address would become a link whoever wrote it; a sign that is not seen keeps it from that.
    """
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:])", r"\\\1", _LINKED.sub("\\g<0>\u2060", text))
