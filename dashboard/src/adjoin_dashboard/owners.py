"""Whose the sessions and files of Streamlit's are, which it holds in memory and gives to whoever knows their names."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from streamlit.runtime.scriptrunner import get_script_run_ctx

if TYPE_CHECKING:
    from streamlit.runtime.media_file_manager import MediaFileManager

    from adjoin.access.signed_in import SignedIn

__all__ = ["Owner", "Owners"]

_MOST_SESSIONS = 20_000
_PRUNE_EVERY = 1_000


class Owner(NamedTuple):
    """Who something was made for: a person who looks at a workspace, in one browser."""

    user_id: str
    workspace_id: str | None
    session_id: str

    @classmethod
    def of(cls, signed_in: SignedIn) -> Owner:
        return cls(signed_in.user_id, signed_in.workspace_id, signed_in.session_id)


class Owners:
    """Remembers who Streamlit's sessions belong to, and the files that their scripts have made. Safe from any thread.

    What is not known belongs to nobody. A file that two have made, with the same content, belongs to both.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Owner] = OrderedDict()
        self._files: dict[str, set[tuple[str, str | None]]] = {}
        self._added = 0

    def note_session(self, owner: Owner | None) -> None:
        """Note whose the session of the script is that runs in this thread; None: nobody's any more."""
        context = get_script_run_ctx()
        if context is None:
            return
        with self._lock:
            self._sessions.pop(context.session_id, None)
            if owner is not None:
                self._sessions[context.session_id] = owner
                if len(self._sessions) > _MOST_SESSIONS:
                    self._sessions.popitem(last=False)

    def owns_session(self, owner: Owner, name: str) -> bool:
        """Say whether a session of Streamlit's was made for them."""
        return self._sessions.get(name) == owner

    def owns_file(self, owner: Owner, path: str) -> bool:
        """Say whether a file, by the path of its address, was made for this person in the workspace they look at."""
        return (owner.user_id, owner.workspace_id) in self._files.get(PurePosixPath(path).stem, ())

    def bind(self, manager: MediaFileManager) -> None:
        """Learn of each file that is made from now on."""
        add, add_later, make = manager.add, manager.add_deferred, manager.execute_deferred
        later: OrderedDict[str, Owner] = OrderedDict()

        def added(*values: Any, **named: Any) -> str:
            url = add(*values, **named)
            self._note_file(url, self._running(), manager)
            return url

        def promised(*values: Any, **named: Any) -> str:
            name = add_later(*values, **named)
            owner = self._running()
            with self._lock:
                if owner is not None:
                    later[name] = owner
                    if len(later) > _MOST_SESSIONS:
                        later.popitem(last=False)
            return name

        def made(file_id: str) -> str:
            url = make(file_id)
            self._note_file(url, later.get(file_id), manager)
            return url

        replaced: dict[str, Callable[..., str]] = {"add": added, "add_deferred": promised, "execute_deferred": made}
        for name, function in replaced.items():
            setattr(manager, name, function)

    def _running(self) -> Owner | None:
        context = get_script_run_ctx()
        return None if context is None else self._sessions.get(context.session_id)

    def _note_file(self, url: str, owner: Owner | None, manager: MediaFileManager) -> None:
        if owner is None:
            return
        with self._lock:
            self._files.setdefault(PurePosixPath(url).stem, set()).add((owner.user_id, owner.workspace_id))
            self._added += 1
            if self._added % _PRUNE_EVERY == 0:
                for gone in [name for name in self._files if manager.read_file(name) is None]:
                    del self._files[gone]
