"""Structured logs, with secrets removed before anything is written."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

from adjoin.environment import secret_values
from adjoin.errors import UsageError
from adjoin.http.redaction import HIDDEN, is_secret_name, redact_text, remember_secrets

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

__all__ = ["configure", "guard_crashes", "redact"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_DEPTH = 6
# These write every request with its full URL, secrets included, at a level that people do switch on.
_TOO_TALKATIVE = ("httpx", "httpcore", "aiohttp", "urllib3", "asyncio")


def configure(level: str = "info", *, json: bool = False, stream: TextIO | None = None) -> None:
    """Send all logs of the process to `stream` (standard error), those of the standard library's loggers too.

    One line each: readable, or JSON. The last call holds. UsageError for an unknown level.
    What libraries write past this, through handlers of their own, is redacted as well.
    """
    import structlog  # it takes a fifth of a second to import, which `adjoin --help` does not have

    number = _LEVELS.get(level.lower())
    if number is None:
        raise UsageError(f"Unknown log level {level!r}; there are {', '.join(_LEVELS)}")
    target = stream or sys.stderr
    remember_secrets(secret_values(os.environ))
    logging.setLogRecordFactory(_clean_record)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Exceptions become plain text first, without local variables, and are then redacted like any other text.
    last: list[Processor] = [structlog.processors.format_exc_info, redact, _renderer(json=json, stream=target)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name in _TOO_TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def guard_crashes() -> None:
    """Redact what Python prints of exceptions that nothing catches, and let a crash leave no image of the memory.

    For a program's start: it holds for the whole process.
    """
    sys.excepthook = lambda _kind, error, _trace: _print_error(error)
    threading.excepthook = lambda args: _print_error(args.exc_value, of=args.thread.name if args.thread else "")
    sys.unraisablehook = lambda args: _print_error(args.exc_value, of=args.err_msg or "")
    try:
        import resource
    except ImportError:  # not on Windows, which leaves none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _print_error(error: BaseException | None, *, of: str = "") -> None:
    if error is None or isinstance(error, SystemExit) or sys.stderr is None:
        return
    text = "".join(traceback.format_exception(error))
    print(redact_text(f"in {of}:\n{text}" if of else text), end="", file=sys.stderr, flush=True)


def _clean_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record whose text and traceback are redacted, for whichever handler gets it."""
    record = logging.LogRecord(*args, **kwargs)
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # the handler says so
        return record
    if (clean := redact_text(message)) != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None:
        # What is here already, the standard formatter does not format again.
        record.exc_text = redact_text("".join(traceback.format_exception(record.exc_info[1]))).rstrip("\n")
    return record


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Blank out values under telling names and secrets inside texts: a structlog processor."""
    return {name: _clean(name, value, _DEPTH) for name, value in event.items()}


def _clean(name: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, int | float | date | datetime | timedelta):
        return value
    if depth > 0 and isinstance(value, Mapping):
        return {str(key): _clean(str(key), item, depth - 1) for key, item in value.items()}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item, depth - 1) for item in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return redact_text(repr(value))


def _renderer(*, json: bool, stream: TextIO) -> Processor:
    import structlog

    if json:
        return structlog.processors.JSONRenderer(default=str)
    # Its own way of showing exceptions prints local variables, and with them tokens.
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
