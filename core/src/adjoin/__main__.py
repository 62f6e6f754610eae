"""Lets `python -m adjoin` stand for `adjoin`."""

from __future__ import annotations

from adjoin.cli import main

main()
