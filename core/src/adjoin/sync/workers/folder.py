"""Whether this machine keeps its facts where the other workers do."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.db import upsert
from adjoin.db.models import Lease, new_id
from adjoin.errors import StateError
from adjoin.sync.workers.registry import live_workers

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["check_folder"]

_ROW = "facts folder"
_MARK = "facts-folder"


def check_folder(store: Store, home: Path, *, bucket: str = "", now: datetime) -> None:
    """Raise StateError where other workers keep fact files in another place, which nobody here could read.

    A folder carries a mark that the database knows, so it does not matter how it is shared; of a bucket the address
    counts. While no worker runs, the place that comes first is taken for the right one.
    """
    mark = bucket or _mark(home)
    others = live_workers(store, now=now)
    with store.write() as session:
        # Of several workers that start at once the first one's place counts; the others wait here for it.
        upsert(session, Lease, [{"name": _ROW, "holder": mark, "epoch": 0, "expires_at": now}], update=())
        known = session.get_one(Lease, _ROW, with_for_update=True)
        if known.holder == mark:
            return
        if others:
            hosts = ", ".join(sorted({one.host for one in others}))
            theirs = known.holder if "://" in known.holder else "another folder"
            raise StateError(
                f"The other workers of this installation ({hosts}) keep fact files in {theirs}, this one would keep "
                f"them in {bucket or home}, and each would miss what the others write. Set ADJOIN_FACTS_URL to the "
                "same bucket on all machines, or let all of them share one folder as ADJOIN_HOME"
            )
        known.holder, known.epoch, known.expires_at = mark, known.epoch + 1, now
        session.add(known)


def _mark(home: Path) -> str:
    """The mark of a folder, made when it has none."""
    path = home / _MARK
    draft = home / f".{_MARK}-{new_id()}"
    try:
        if not path.exists():
            draft.write_text(new_id(), encoding="ascii")
            with suppress(FileExistsError):  # another process was faster; nobody ever sees half a mark
                path.hardlink_to(draft)
            draft.unlink()
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise StateError(f"The folder {home} cannot be used: {error.strerror}; set ADJOIN_HOME") from error
