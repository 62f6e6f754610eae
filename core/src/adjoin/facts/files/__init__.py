"""Where finished fact files are kept: a folder of this machine, or object storage that many machines share."""

from __future__ import annotations

from adjoin.facts.files.choosing import open_files
from adjoin.facts.files.local import LocalFiles
from adjoin.facts.files.port import Files, StoredFile

__all__ = ["Files", "LocalFiles", "StoredFile", "open_files"]
