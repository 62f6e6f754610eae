"""Saved views: a page of the dashboard with all that was chosen on it, for oneself or for the whole workspace.

The functions that change something take a session of `write()` and belong to its transaction. What is shared stands in
the audit log; what somebody keeps for themselves does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, may, required
from adjoin.db.people import Role, User
from adjoin.db.views import DefaultView, SavedView
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

__all__ = ["MOST_OWN", "MOST_SHARED", "ViewLine", "change", "delete", "save", "set_default", "views_of"]

#: Views that one person may keep in a workspace, and views that all of its members may share.
MOST_OWN, MOST_SHARED = 200, 500
_MOST_PARAMETERS = 40
_LONGEST_ADDRESS = 8_000  # characters, as JSON: what browsers and proxies still pass on
_PAGE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PARAMETER = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLine:
    """A view as somebody sees it. `author` is a name; `mine` and `default` are about who looks."""

    id: str
    page: str
    name: str
    address: Mapping[str, tuple[str, ...]]
    shared: bool
    mine: bool
    default: bool
    author: str
    changed_at: datetime


def views_of(session: Session, workspace_id: str, user_id: str, *, page: str) -> Sequence[ViewLine]:
    """Return the views of a page that somebody may open: their own and the shared ones, by name."""
    query = (
        select(SavedView, User)
        .join(User, col(User.id) == col(SavedView.user_id), isouter=True)
        .where(
            col(SavedView.workspace_id) == workspace_id,
            col(SavedView.page) == page,
            _seen_by(user_id),
        )
    )
    first = session.get(DefaultView, (workspace_id, user_id, page))
    found = [
        ViewLine(
            id=view.id,
            page=view.page,
            name=view.name,
            address={name: tuple(values) for name, values in view.address.items()},
            shared=view.shared,
            mine=view.user_id == user_id,
            default=first is not None and first.view_id == view.id,
            author="" if user is None else user.name or user.email,
            changed_at=view.changed_at,
        )
        for view, user in session.exec(query)
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), not one.mine, one.id))


def save(
    session: Session,
    workspace_id: str,
    *,
    page: str,
    name: str,
    address: Mapping[str, Sequence[str]],
    shared: bool = False,
    by: Actor,
    now: datetime,
) -> SavedView:
    """Keep a page as it is. Raises BadInput for the name, the address or one too many, Forbidden, UnknownName."""
    _, role = lock_staying(session, workspace_id, by, Permission.SAVE_VIEWS)
    if shared:
        required(role, Permission.SHARE_VIEWS)
    if by.user_id is None:
        raise BadInput("views belong to people; the operator has none")
    if _PAGE.fullmatch(page) is None or len(page) > 100:
        raise BadInput(f"{page[:40]!r} is no page of the dashboard")
    view = SavedView(
        workspace_id=workspace_id,
        user_id=by.user_id,
        page=page,
        name=_free_name(session, workspace_id, by.user_id, page, name, shared=shared),
        address=_checked(address),
        shared=shared,
        created_at=now,
        changed_at=now,
    )
    _limit(session, workspace_id, by.user_id, shared=shared)
    session.add(view)
    if shared:
        _note(session, view, "view.shared", after={"name": view.name, "page": page}, by=by, now=now)
    return view


def change(
    session: Session,
    workspace_id: str,
    view_id: str,
    *,
    name: str | None = None,
    address: Mapping[str, Sequence[str]] | None = None,
    shared: bool | None = None,
    by: Actor,
    now: datetime,
) -> SavedView:
    """Rename a view, have it open another address, share it, or keep it for oneself again.

    Somebody else's shared view takes MANAGE_VIEWS. Nobody else's page opens with a view that is not shared any more.
    Raises Forbidden, UnknownName for a view that one does not see, and BadInput as `save` does.
    """
    view, role = _mine_to_change(session, workspace_id, view_id, by)
    before = {"name": view.name, "shared": view.shared}
    will_share = view.shared if shared is None else shared
    if will_share and not view.shared:
        required(role, Permission.SHARE_VIEWS)
        _limit(session, workspace_id, view.user_id, shared=True)
    if name is not None or will_share != view.shared:
        view.name = _free_name(
            session, workspace_id, view.user_id, view.page, name or view.name, shared=will_share, but=view.id
        )
    moved = address is not None
    if address is not None:
        view.address = _checked(address)
    was_shared, view.shared, view.changed_at = view.shared, will_share, now
    session.add(view)
    if was_shared and not will_share:
        session.flush()
        session.connection().execute(
            sa.delete(DefaultView).where(
                col(DefaultView.workspace_id) == workspace_id,
                col(DefaultView.view_id) == view.id,
                col(DefaultView.user_id) != view.user_id,
            )
        )
    if was_shared or will_share:
        done = "view.shared" if not was_shared else "view.changed" if will_share else "view.unshared"
        after = {"name": view.name, "shared": view.shared} | ({"address": "changed"} if moved else {})
        _note(session, view, done, before=before, after=after, by=by, now=now)
    return view


def delete(session: Session, workspace_id: str, view_id: str, *, by: Actor, now: datetime) -> None:
    """Delete a view; pages that opened with it open as they are. Raises Forbidden, UnknownName."""
    view, _ = _mine_to_change(session, workspace_id, view_id, by)
    if view.shared:
        _note(session, view, "view.deleted", before={"name": view.name, "page": view.page}, by=by, now=now)
    session.delete(view)


def set_default(
    session: Session, workspace_id: str, *, page: str, view_id: str | None, by: Actor, now: datetime
) -> None:
    """Have a page open with a view for who asks; None: as it is. Raises UnknownName for a view they do not see."""
    lock_staying(session, workspace_id, by, Permission.SAVE_VIEWS)
    if by.user_id is None:
        raise BadInput("views belong to people; the operator has none")
    mine = session.get(DefaultView, (workspace_id, by.user_id, page))
    if view_id is None:
        if mine is not None:
            session.delete(mine)
        return
    view = _seen(session, workspace_id, view_id, by.user_id)
    if view.page != page:
        raise BadInput(f"the view {view.name!r} is one of the page {view.page!r}, not of {page!r}")
    if mine is None:
        mine = DefaultView(workspace_id=workspace_id, user_id=by.user_id, page=page, view_id=view_id, chosen_at=now)
    mine.view_id, mine.chosen_at = view_id, now
    session.add(mine)


def _seen_by(user_id: str) -> sa.ColumnElement[bool]:
    return sa.or_(col(SavedView.user_id) == user_id, col(SavedView.shared).is_(True))


def _seen(session: Session, workspace_id: str, view_id: str, user_id: str | None) -> SavedView:
    view = session.get(SavedView, (workspace_id, view_id))
    if view is None or not (view.shared or user_id is None or view.user_id == user_id):
        raise UnknownName(f"there is no view {view_id[:80]!r}; it may have been deleted, or is not shared any more")
    return view


def _mine_to_change(session: Session, workspace_id: str, view_id: str, by: Actor) -> tuple[SavedView, Role]:
    _, role = lock_staying(session, workspace_id, by, Permission.SAVE_VIEWS)
    view = _seen(session, workspace_id, view_id, by.user_id)
    if by.user_id not in (None, view.user_id):
        required(role, Permission.MANAGE_VIEWS)
    elif view.shared and not may(role, Permission.SHARE_VIEWS):
        raise Forbidden(
            f"a member with the role {role} may not change what all members see; save a view of your own instead"
        )
    return view, role


def _free_name(
    session: Session, workspace_id: str, user_id: str, page: str, name: str, *, shared: bool, but: str = ""
) -> str:
    """Return the name as it is stored. Raises BadInput where another view of the page that is seen beside has it."""
    wanted = clean_name(name, "the name of a view")
    beside = col(SavedView.shared).is_(True) if shared else sa.false()
    query = select(SavedView.name).where(
        col(SavedView.workspace_id) == workspace_id,
        col(SavedView.page) == page,
        col(SavedView.id) != but,
        sa.or_(col(SavedView.user_id) == user_id, beside),
    )
    if wanted.casefold() in {one.casefold() for one in session.exec(query)}:
        raise BadInput(f"there is a view {wanted!r} of this page already; choose another name, or update that one")
    return wanted


def _limit(session: Session, workspace_id: str, user_id: str, *, shared: bool) -> None:
    counted = select(sa.func.count()).select_from(SavedView).where(col(SavedView.workspace_id) == workspace_id)
    if session.exec(counted.where(col(SavedView.user_id) == user_id)).one() >= MOST_OWN:
        raise StateError(f"you keep {MOST_OWN} views here already; delete one that is not used any more")
    if shared and session.exec(counted.where(col(SavedView.shared).is_(True))).one() >= MOST_SHARED:
        raise StateError(f"the workspace shares {MOST_SHARED} views already; delete one that is not used any more")


def _checked(address: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    kept = {name: [str(value) for value in values] for name, values in address.items()}
    if len(kept) > _MOST_PARAMETERS or not all(_PARAMETER.fullmatch(name) for name in kept):
        raise BadInput(f"the address of a view has up to {_MOST_PARAMETERS} parameters, named in small letters")
    if len(json.dumps(kept)) > _LONGEST_ADDRESS:
        raise BadInput(
            f"this view has too much in it: its address may have {_LONGEST_ADDRESS:,} characters. Choose fewer accounts"
        )
    if any("\0" in value for values in kept.values() for value in values):
        raise BadInput("the address of a view holds a sign that cannot be stored")
    return kept


def _note(
    session: Session,
    view: SavedView,
    action: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    by: Actor,
    now: datetime,
) -> None:
    by.note(session, view.workspace_id, action, of=("view", view.id), before=before, after=after, now=now)
