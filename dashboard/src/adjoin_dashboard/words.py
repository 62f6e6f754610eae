"""Words that pages share: roles, and sentences made of what other parts say."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.db.people import Role
from adjoin_dashboard import numbers

__all__ = ["ROLE_HELP", "counted", "role_title", "sentence"]

#: What each role may do, in one line.
ROLE_HELP: Mapping[Role, str] = {
    Role.VIEWER: "Sees figures, accounts and members.",
    Role.ANALYST: "Also starts syncs, and makes API keys of their own.",
    Role.ADMIN: "Also manages connections, schedules, members and API keys, and reads the audit log.",
    Role.OWNER: "May do everything: also delete the workspace, and make others owners.",
}


def role_title(role: str) -> str:
    """Write a role as a word of its own: "Viewer"."""
    return str(role).capitalize()


def sentence(text: str) -> str:
    """Return what a part of Adjoin says as a sentence for Streamlit's Markdown, nothing of it drawn."""
    whole = numbers.escaped(text.strip())
    whole = whole[:1].upper() + whole[1:]
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."


def counted(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun: "1 member", "2 members"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
