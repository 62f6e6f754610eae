"""Switching plugins on and off on the Plugins page, for those who run the installation."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from adjoin.access.installation import fixed_plugins, is_operator, reach_of, switch_plugin
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import tell
from adjoin_dashboard.plugins.model import Card
from adjoin_dashboard.words import escaped, sentence

__all__ = ["may_switch", "show_question", "show_switch"]

_ASKED = "plugins-asked"
_RESTART = "The dashboard, the scheduler and each worker on this machine have to be started again for it to count."


def may_switch(context: Context) -> bool:
    """Say whether the visitor runs the installation, as things are now."""
    host = context.host
    with host.store.read() as session:
        return is_operator(session, host.runtime.settings, context.signed_in.user_id)


def show_switch(context: Context, card: Card) -> None:
    """Draw the button of a plugin, and what is still to happen where it was switched since the start."""
    settings = context.host.runtime.settings
    off = card.name in settings.disabled_plugins
    if card.switched_off and off:
        st.markdown("It is switched off and not even imported.")
        if card.name in {one.strip() for one in settings.disable.split(",")}:
            st.caption("ADJOIN_DISABLE names it: take it out there, where Adjoin runs.")
        else:
            _button(context, card, "Switch on", on=True)
    elif card.switched_off:
        st.info(f"Switched on from the next start on. {_RESTART}", icon=":material/restart_alt:")
        _button(context, card, "Leave it off", on=False)
    elif off:
        st.info(f"Switched off from the next start on. {_RESTART}", icon=":material/restart_alt:")
        _button(context, card, "Leave it on", on=True)
    elif card.name in fixed_plugins(settings):
        st.caption(f"The dashboard needs it: `adjoin plugins disable {escaped(card.name)}` where Adjoin runs.")
    elif st.button("Switch off", icon=":material/power_settings_new:", key=f"switch-{card.name}"):
        st.session_state[_ASKED] = card.name


def show_question(context: Context, cards: Sequence[Card]) -> None:
    """Draw the dialog that tells what stops, where somebody is about to switch a plugin off."""
    name = st.session_state.get(_ASKED)
    card = next((one for one in cards if one.name == name and one.loaded), None)
    if card is not None:
        st.dialog(f"Switch off {escaped(card.name)}?", icon=":material/power_settings_new:", on_dismiss=_close)(_ask)(
            context, card
        )
    elif name is not None:
        _close()


def _ask(context: Context, card: Card) -> None:
    with context.host.store.read() as session:
        reach = reach_of(session, card.name)
    write = context.write
    lines = [f"This is gone then, for all workspaces: {escaped(card.summary)}." if card.summary else ""]
    if reach.connections:
        lines.append(
            f"{write.counted(reach.connections, 'connection')} in {write.counted(reach.workspaces, 'workspace')} will "
            "not be synced any more. Figures that were synced stay and can be looked at."
        )
    lines += ["Nothing that is stored is deleted; switched on again, it goes on where it was.", _RESTART]
    st.markdown("\n".join(f"- {line}" for line in lines if line))
    with st.container(horizontal=True):
        if st.button("Switch off", type="primary", key="switch-sure"):
            _do(context, card, on=False)
        st.button("Cancel", type="tertiary", on_click=_close, key="switch-cancel")


def _button(context: Context, card: Card, label: str, *, on: bool) -> None:
    if st.button(label, icon=":material/power_settings_new:", key=f"switch-{card.name}"):
        _do(context, card, on=on)


def _do(context: Context, card: Card, *, on: bool) -> None:
    host = context.host
    try:
        switch_plugin(
            host.store, host.runtime.settings, host.kernel, card.name, on=on, by=context.actor, now=context.now()
        )
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(f"{escaped(card.name)} is switched {'on' if on else 'off'} from the next start on.")
    _close()
    st.rerun()


def _close() -> None:
    st.session_state.pop(_ASKED, None)
