"""Links from pages to the platforms' own managers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st
from sqlmodel import col, select

from adjoin.ads.managers import link_to
from adjoin.db.models import Account, Connection
from adjoin_dashboard.context import Context

__all__ = ["manager_links", "show_manager_link"]


def manager_links(context: Context, paths: Collection[tuple[str, ...]]) -> Mapping[tuple[str, ...], str]:
    """Return by path where a platform's manager shows it; what has no address there is left out.

    A path leads from the platform down: platform, account, campaign, ad group, ad. There is none for what was read from
    a sandbox, for a platform whose plugin is not loaded or names no addresses, and for accounts that are not here.
    """
    accounts = {(path[0], path[1]) for path in paths if len(path) > 1 and path[0] in context.platforms}
    if not accounts:
        return {}
    with context.store.read() as session:
        places = {
            (platform, own): base_url
            for platform, own, base_url in session.exec(
                select(col(Account.platform), col(Account.id), col(Connection.base_url))
                .join(
                    Connection,
                    (col(Connection.id) == col(Account.connection_id))
                    & (col(Connection.workspace_id) == col(Account.workspace_id)),
                )
                .where(Account.workspace_id == context.workspace_id)
                .where(Connection.workspace_id == context.workspace_id)
                .where(col(Account.platform).in_({one[0] for one in accounts}))
                .where(col(Account.id).in_({one[1] for one in accounts}))
            )
        }
    found = {}
    for path in paths:
        base_url = places.get((path[0], path[1])) if len(path) > 1 else None
        if base_url is not None and path[0] in context.platforms:
            link = link_to(context.platforms[path[0]], path[1:], base_url=base_url)
            if link:
                found[path] = link
    return found


def show_manager_link(context: Context, path: tuple[str, ...], link: str | None) -> None:
    """Draw the link to an object in its platform's manager, if there is one."""
    if link:
        st.link_button(
            f"Open in {context.host.platform_title(path[0])}", link, icon=":material/open_in_new:", type="tertiary"
        )
