"""Draws the API keys page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.db.people import Role
from adjoin.errors import AdjoinError
from adjoin.writing import MISSING
from adjoin_dashboard.api_keys.model import LIVES, SCOPES, KeyLine, create, load_keys, revoke, scopes_for
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices, tell
from adjoin_dashboard.proving import is_proven, show_prove_again
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

_OPEN = "keys-dialog"
_PAGE = "api-keys"
_PER_PAGE = 25


def render(context: Context) -> None:
    """Draw the page."""
    with context.store.read() as session:
        keys = load_keys(
            session,
            context.workspace_id,
            user_id=context.signed_in.user_id,
            role=Role(context.role),
            now=context.now(),
        )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title("API keys", anchor=False, width="content")
        if context.may(Permission.CREATE_TOKENS):
            st.button(
                "Create a key", type="primary", icon=":material/add:", key="create", on_click=_open, args=("create",)
            )
    show_notices()
    st.markdown(
        "A key lets a script act in this workspace as its owner, within the key's scopes and never beyond the owner's "
        "role. `adjoin` takes it from ADJOIN_TOKEN, or from a file with `--token`."
    )
    good = [one for one in keys if one.good]
    if good:
        _show_keys(context, good)
    else:
        st.info("There is no key in use.", icon=":material/key_off:")
    _show_ended(context, [one for one in keys if not one.good])
    _show_dialog(context, keys)


def _show_keys(context: Context, keys: list[KeyLine]) -> None:
    pages = -(-len(keys) // _PER_PAGE)
    number = min(st.pagination(pages, key="keys-page"), pages) if pages > 1 else 1
    with st.container(gap="small", key="keys"):
        for one in keys[(number - 1) * _PER_PAGE : number * _PER_PAGE]:
            with st.container(border=True):
                _show_key(context, one)


def _show_key(context: Context, one: KeyLine) -> None:
    what, when, button = st.columns([6, 4, 2], vertical_alignment="center")
    owner = "" if one.is_own else f" · {escaped(one.owner)}"
    scopes = " ".join(f"`{scope}`" for scope in one.scopes if scope not in one.idle)
    what.markdown(f"**{escaped(one.name)}**{owner}  \n{scopes}")
    if one.idle:
        what.caption(f"Not allowed by the owner's role any more: {', '.join(one.idle)}.")
    ends = "until it is revoked" if one.expires_at is None else f"until {context.write.day(one.expires_at)}"
    used = "never used" if one.last_used_at is None else f"last used {context.write.stamp(one.last_used_at)}"
    when.caption(f"Created {context.write.day(one.created_at)}, good {ends}  \n{used}")
    button.button(
        "Revoke",
        key=f"key-{one.id}",
        help=f"End the key {escaped(one.name)}",
        width="stretch",
        on_click=_open,
        args=("revoke", one.id),
    )


def _show_ended(context: Context, keys: list[KeyLine]) -> None:
    if not keys:
        return
    with st.expander(f"{context.write.counted(len(keys), 'key')} that ended"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Key": one.name,
                        "Owner": one.owner,
                        "Ended": one.ended,
                        "Created": context.write.day(one.created_at),
                        "Last used": None if one.last_used_at is None else context.write.stamp(one.last_used_at),
                        "Scopes": ", ".join(one.scopes),
                    }
                    for one in keys
                ]
            ),
            hide_index=True,
            placeholder=MISSING,
            key="ended-keys",
            alt="API keys that are expired or revoked",
        )


def _show_dialog(context: Context, keys: list[KeyLine]) -> None:
    kind, which = st.session_state.get(_OPEN, ("", ""))
    key = next((one for one in keys if one.id == which and one.good), None)
    if kind == "create" and context.may(Permission.CREATE_TOKENS):
        st.dialog("Create an API key", icon=":material/key:", on_dismiss=_close, width="medium")(_create)(context)
    elif kind == "revoke" and key is not None:
        st.dialog("Revoke an API key", icon=":material/key_off:", on_dismiss=_close)(_revoke)(context, key)
    elif kind:
        _close()


def _open(kind: str, which: str = "") -> None:
    st.session_state[_OPEN] = (kind, which)


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _create(context: Context) -> None:
    if _OPEN not in st.session_state:
        st.rerun()  # "Done" was pressed, and a click in a dialog runs the dialog alone
    if not is_proven(context):
        show_prove_again("Making a key", back=_PAGE)
        return
    # What is drawn here is drawn once: the key is kept nowhere, so it is gone with the next click.
    place = st.empty()
    with place.container():
        name = st.text_input("Name", key="key-name", max_chars=100, placeholder="Nightly report")
        scopes = st.multiselect(
            "Scopes",
            scopes_for(Role(context.role)),
            default=[Permission.READ_REPORTS],
            format_func=lambda scope: SCOPES[scope],
            key="key-scopes",
            help="What the script may do. Give it no more than it needs.",
        )
        life = st.selectbox("Good for", list(LIVES), index=list(LIVES).index("90 days"), key="key-life")
        asked = st.button("Create", type="primary", key="key-create")
    if not asked:
        return
    try:
        made = create(context, name=name or "", scopes=scopes, lifetime=LIVES[life or "90 days"])
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    place.empty()
    st.success(f"The key **{escaped(made.row.name)}** is made.", icon=":material/check:")
    st.markdown("Copy it now: it is shown this once and stored nowhere in a form that can be read.")
    st.code(made.token, language=None, wrap_lines=True)
    st.caption("Keep it out of shell histories and repositories: set it as ADJOIN_TOKEN where the script runs.")
    st.button("Done", key="key-done", on_click=_close)


def _revoke(context: Context, key: KeyLine) -> None:
    whose = "" if key.is_own else f" of {escaped(key.owner)}"
    st.markdown(f"Scripts with the key **{escaped(key.name)}**{whose} stop working at once, for good.")
    if not st.button("Revoke the key", type="primary", key="key-revoke"):
        return
    try:
        name = revoke(context, key.id)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(f"The key **{escaped(name)}** is revoked.")
    _close()
    st.rerun()
