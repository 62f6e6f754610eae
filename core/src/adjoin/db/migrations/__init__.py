"""The steps from one schema to the next, run by `Store.upgrade`."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FOLDER", "HEAD"]

#: The revision that this release works with.
HEAD = "0010"

#: Where Alembic finds the revisions; it ships inside the package.
FOLDER = Path(__file__).parent
