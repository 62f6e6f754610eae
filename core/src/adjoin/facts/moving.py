"""Copying all fact files from one store to another: from this machine into object storage, or back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import col, func, select

from adjoin.db import Store
from adjoin.db.models import FactFile, Run, RunState
from adjoin.errors import StateError
from adjoin.facts.store import FactStore

__all__ = ["Moved", "copy_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many files were copied, their bytes, and how many were there already."""

    files: int
    bytes: int
    there: int


def copy_all(
    store: Store, source: FactStore, target: FactStore, *, tell: Callable[[int, int], None] = lambda done, of: None
) -> Moved:
    """Copy every file of the manifest, of all workspaces and with its history; the source stays as it is.

    Each file is checked against its checksum before it is copied, and its size afterwards. What the target has already
    is left out, so that a copying that broke off is simply repeated. `tell` is called with the files done and their
    number. Staged files of interrupted runs are not copied: those days are fetched again.

    Raises StateError while a run is under way, as it would write to a store that is about to be left; StoreDamaged for
    a file that is not as it was written.
    """
    files = total = there = 0
    known = {one.path: one.bytes for one in target.list("facts")}
    seen: set[str] = set()
    # Once more after the last file, for what was committed meanwhile.
    while wanted := {path: about for path, about in _manifest(store).items() if path not in seen}:
        for number, (path, (checksum, size)) in enumerate(wanted.items()):
            _check_idle(store)
            seen.add(path)
            if known.get(path) == size:
                there += 1
            else:
                target.take(path, source.intact(path, expected=checksum), checksum=checksum)
                if target.size(path) != size:
                    raise StateError(f"{target.where} did not keep {path} as it was sent; nothing is lost, try again.")
                files, total = files + 1, total + size
            tell(number + 1, len(wanted))
    return Moved(files=files, bytes=total, there=there)


def _manifest(store: Store) -> dict[str, tuple[str, int]]:
    """Return the files that rows name, current and superseded, with checksum and size."""
    with store.read() as session:
        query = select(FactFile.path, FactFile.checksum, FactFile.bytes).where(FactFile.path != "")
        return {path: (checksum, size) for path, checksum, size in session.exec(query.order_by(col(FactFile.path)))}


def _check_idle(store: Store) -> None:
    with store.read() as session:
        running = session.exec(select(func.count()).select_from(Run).where(Run.state == RunState.RUNNING)).one()
    if running:
        raise StateError(
            f"{running} {'syncs are' if running > 1 else 'sync is'} under way; stop the scheduler and the workers, "
            "then try again. What was copied so far stays."
        )
