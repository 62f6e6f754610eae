"""Catches every line that is logged, through structlog or the standard library, whatever the level."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog

__all__ = ["captured_logs"]


class _Listing(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.NOTSET)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        # An exception is logged with its words, so they count too.
        self._lines.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''} {vars(record)}")


@contextmanager
def captured_logs() -> Iterator[list[str]]:
    """Give a list that fills with what is logged meanwhile. Loggers must be made inside."""
    lines: list[str] = []

    def keep(_logger: Any, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        lines.append(f"{method}: {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, keep],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=False,
    )
    root, handler = logging.getLogger(), _Listing(lines)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        structlog.configure(**before)
