"""The command line: `adjoin`."""

from __future__ import annotations

from adjoin.cli._main import main

__all__ = ["main"]
