"""What comes in by a websocket that is open: each message is for somebody who is still signed in.

The script asks again who is behind it, but callbacks run before it, and fragments without it. So when a session has
ended, or its workspace or role has changed, a message becomes a plain rerun of the page, which finds out and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from streamlit.proto.BackMsg_pb2 import BackMsg

from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from starlette.types import Message, Receive

    from adjoin.access.signed_in import SignedIn
    from adjoin.access.signing_in import SigningIn

__all__ = ["Watched"]

_log = structlog.get_logger("adjoin.gate")
#: What changes the whole process, and is for developers.
_NEVER = frozenset(
    {"clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime"}
)
#: Says that the tab is open, which is no use of the session.
_HEARTBEAT = "app_heartbeat"
#: What a plain rerun keeps: where the page is, and what the browser says of itself.
_KEPT = ("query_string", "page_script_hash", "page_name", "context_info", "cached_message_hashes")


class Watched:
    """Receives the messages of one websocket that `found` has opened."""

    def __init__(self, receive: Receive, doors: SigningIn, found: SignedIn) -> None:
        self._receive = receive
        self._doors = doors
        self._session_id = found.session_id
        self._standing: object = _standing(found)

    async def __call__(self) -> Message:
        while True:
            message = await self._receive()
            data = message.get("bytes")
            if message["type"] != "websocket.receive" or data is None:
                return message
            asked = _read(data)
            kind = None if asked is None else asked.WhichOneof("type")
            if asked is None or kind in _NEVER:
                continue
            if kind != _HEARTBEAT and await self._has_changed():
                return {**message, "bytes": _plain(asked).SerializeToString()}
            return message

    async def _has_changed(self) -> bool:
        """Say whether they are other than at the last message; once they are out, each message is a change."""
        try:
            found = await self._doors.still_in(self._session_id)
        except AdjoinError as error:  # the script asks as well, and shows what is wrong
            _log.warning("who is behind a websocket could not be asked", session=self._session_id, error=str(error))
            found = None
        standing = None if found is None else _standing(found)
        before, self._standing = self._standing, standing
        return standing is None or standing != before


def _standing(found: SignedIn) -> object:
    return found.user_id, found.workspace_id, found.role


def _read(data: bytes) -> BackMsg | None:
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except Exception:  # noqa: BLE001 - the protobuf library's own error differs between its implementations
        return None
    return message


def _plain(asked: BackMsg) -> BackMsg:
    """Return a rerun of the same page, with no widget touched and no fragment named."""
    rerun = BackMsg()
    rerun.rerun_script.SetInParent()
    if asked.WhichOneof("type") == "rerun_script":
        for name in _KEPT:
            _copy(asked.rerun_script, rerun.rerun_script, name)
    return rerun


def _copy(source: Any, target: Any, name: str) -> None:
    field = source.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return
    value = getattr(source, name)
    if field.is_repeated:
        getattr(target, name).extend(value)
    elif field.message_type is not None:
        if source.HasField(name):
            getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)
