"""Which platforms and accounts a workspace has."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import select

from adjoin.db.access import Access
from adjoin.db.models import Account
from adjoin.errors import UnknownName

__all__ = ["check_names"]


def check_names(
    store: Access, workspace_id: str, *, platforms: Collection[str] = (), accounts: Collection[str] = ()
) -> None:
    """Raise UnknownName for a platform or an account that is not there, saying which there are."""
    with store.read() as session:
        found = session.exec(select(Account.platform, Account.id).where(Account.workspace_id == workspace_id)).all()
    for kind, asked, there in (
        ("platform", platforms, {platform for platform, _ in found}),
        ("account", accounts, {account_id for _, account_id in found}),
    ):
        unknown = sorted(set(asked) - there)
        if unknown:
            raise UnknownName(
                f"There is no {kind} {', '.join(unknown)} here; "
                + (f"there are {', '.join(sorted(there))}." if there else "nothing is connected yet.")
            )
