"""Logs: where they go, in which form, and what they leave out."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from adjoin.ads.v2 import App, Credential
from adjoin.errors import UsageError
from adjoin.logs import configure, redact

SECRET = "canary-5Hs8token"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is a setting of the whole process: put it back."""
    root = logging.getLogger()
    handlers, level, factory = root.handlers[:], root.level, logging.getLogRecordFactory()
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "aiohttp", "urllib3", "asyncio")}
    yield
    structlog.reset_defaults()
    logging.setLogRecordFactory(factory)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def failing(token: str) -> None:
    raise ValueError(f"no access_token={token} for https://x/?client_secret={token}")


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_is_written(*, as_json: bool) -> None:
    stream = io.StringIO()
    configure("debug", json=as_json, stream=stream)
    log = structlog.get_logger("adjoin.test").bind(authorization=SECRET)
    log.info(f"GET /me?access_token={SECRET}", refresh_token=SECRET, password=SECRET, code=SECRET, api_key=SECRET)
    log.info("nested", params={"token": SECRET, "list": [{"key": SECRET}, f"Bearer {SECRET}"]})
    log.info("objects", app=App(client_id="1", client_secret=SECRET), held=Credential(access_token=SECRET))
    log.info("bytes", body=SECRET.encode())
    try:
        failing(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed with Bearer %s", SECRET)
    logging.getLogger("library").warning("GET /x?access_token=%s", SECRET, extra={"token": SECRET})
    logging.getLogger("httpx").info("HTTP Request: GET https://x/?weird=%s", SECRET)
    written = stream.getvalue()
    assert "failing" in written
    assert SECRET not in written


def test_a_secret_setting_is_hidden_whatever_stands_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a word, an address or a traceback, of our loggers and of others'."""
    monkeypatch.setenv("ADJOIN_META_CLIENT_SECRET", "canary-app-secret/1")
    monkeypatch.setenv("ADJOIN_DATABASE_URL", "postgresql://u:canary-db-pass@h/d")
    stream = io.StringIO()
    configure("debug", stream=stream)
    structlog.get_logger().info(
        "the app canary-app-secret/1 of canary-db-pass", url="https://x/canary-app-secret%2F1/y"
    )
    try:
        raise ValueError("it was canary-db-pass")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed with %s", "canary-app-secret/1")
    assert "canary" not in stream.getvalue()
    assert "the app *** of ***" in stream.getvalue()
    assert "https://x/***/y" in stream.getvalue()
    assert stream.getvalue().count("ValueError: it was ***") == 2


def test_a_library_with_a_handler_of_its_own_writes_no_secret_either() -> None:
    """Streamlit's loggers have one each and pass nothing on."""
    configure(stream=io.StringIO())
    theirs = io.StringIO()
    logger = logging.getLogger("adjoin-test-theirs")
    logger.propagate = False
    logger.handlers[:] = [logging.StreamHandler(theirs)]
    logger.warning("GET /x?access_token=%s", SECRET)
    logger.warning("%d of %s", 1, "innocent")
    try:
        failing(SECRET)
    except ValueError:
        logger.exception("Uncaught app execution")
    assert SECRET not in theirs.getvalue()
    assert "1 of innocent" in theirs.getvalue()
    assert "ValueError: no access_token=***" in theirs.getvalue()


CRASH = """
import threading
from adjoin.logs import configure, guard_crashes

configure("info")
guard_crashes()

def fail():
    token = "canary-local-value"
    raise ValueError("refused access_token=canary-message") from KeyError("password=canary-cause")

class Dying:
    def __del__(self):
        fail()

thread = threading.Thread(target=fail, name="a thread")
thread.start()
thread.join()
Dying()
{last}
"""


@pytest.mark.parametrize(
    ("last", "code"), [("fail()", 1), ("import resource; exit(resource.getrlimit(resource.RLIMIT_CORE)[0])", 0)]
)
def test_what_nothing_catches_is_told_without_secrets(last: str, code: int) -> None:
    """And a process that is killed by a fault of its own leaves no file with its memory."""
    run = subprocess.run([sys.executable, "-c", CRASH.format(last=last)], capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stderr
    assert run.stderr.count("ValueError: refused access_token=***") == 2 + code
    assert "in a thread:" in run.stderr
    assert "canary" not in run.stdout + run.stderr.replace('token = "canary-local-value"', "")


def test_json_is_one_object_a_line_with_level_time_and_fields() -> None:
    stream = io.StringIO()
    configure(json=True, stream=stream)
    structlog.get_logger().warning("slow", status=429, account="act_1")
    logging.getLogger("library").error("%s broke", "it")
    ours, theirs = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (ours["event"], ours["level"], ours["status"], ours["account"]) == ("slow", "warning", 429, "act_1")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("it broke", "error", "library")


def test_readable_lines_have_no_colours_outside_a_terminal() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    structlog.get_logger().info("hello", rows=3)
    assert "hello" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure("warning", stream=stream)
    structlog.get_logger().info("detail")
    logging.getLogger("library").info("detail")
    assert stream.getvalue() == ""


def test_configuring_again_replaces_the_first_time() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(stream=first)
    configure(stream=second)
    structlog.get_logger().info("one")
    logging.getLogger("library").warning("two")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 2


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(UsageError, match="'loud'; there are debug, info, warning, error"):
        configure("loud")


def test_numbers_flags_and_nothing_stay_what_they_are() -> None:
    event = {"event": "x", "rows": 3, "share": 0.5, "done": True, "token": None}
    assert redact(None, "info", dict(event)) == event
