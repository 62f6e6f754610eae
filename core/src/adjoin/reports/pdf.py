"""A report as a PDF file, with its charts drawn as shapes. Typst sets it, with the fonts that it brings."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files

import msgspec
import structlog

from adjoin.errors import StateError
from adjoin.reports.content import Content

__all__ = ["as_pdf"]


def as_pdf(content: Content, *, why: str, made_at: datetime) -> bytes:
    """Return the file. `why` says at its foot who is sent it and when.

    Letters that the fonts at hand lack are drawn as boxes: Latin, Greek, Cyrillic, Hebrew and Arabic ones come with
    Typst, others are taken from the fonts of the machine. Raises StateError where it cannot be made.
    """
    import typst

    said = json.dumps(msgspec.to_builtins(asdict(content)) | {"why": why})
    template = files("adjoin.reports").joinpath("report.typ").read_bytes()
    try:
        made = typst.compile(
            input=template, sys_inputs={"content": said}, format="pdf", timestamp=int(made_at.timestamp())
        )
    except typst.TypstError as error:
        structlog.get_logger("adjoin.reports").warning("report cannot be set as PDF", error=str(error))
        raise StateError("the PDF file of the report cannot be made; the log of the process has the details") from None
    if not isinstance(made, bytes):
        raise StateError("the PDF file of the report is empty")
    return made
