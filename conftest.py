"""What holds for all tests."""

from __future__ import annotations

import gc
import importlib
import os
import ssl
import sys
from collections.abc import Generator, Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("adjoin", deadline=None)
settings.load_profile("adjoin")

#: What lasts longest, and most of it in waiting for other processes: run first, beside all that computes.
_LONG = ("tests/faults/", "tests/test_real_figures.py", "tests/test_scheduler.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what lasts longest: begun last, it would run alone at the end, on one processor."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, which would go again and again through what all stays.

    Afterwards it leaves out the tests and what they have imported: it has to do with what the tests make.
    """
    gc.disable()
    try:
        result = yield
        gc.collect()
        gc.freeze()
        return result
    finally:
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _authorities_are_read_once() -> Iterator[None]:
    """Each client of httpx's own reads the certificates of all authorities, for longer than most tests last.

    What the product opens by itself (`httpx.create_ssl_context`) stays as it is.
    """
    made: dict[tuple[object, ...], ssl.SSLContext] = {}

    def once(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return httpx.create_ssl_context(verify, cert, trust_env)
        where = (trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        if where not in made:
            made[where] = httpx.create_ssl_context(trust_env=trust_env)
        return made[where]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """Have this process write without waiting until the disk has it: that is for power cuts, and no test makes one.

    Processes that tests start do wait.
    """
    from adjoin.db import engine

    real = engine._prepare_sqlite  # noqa: SLF001

    def prepare(connection: Any, record: object) -> None:
        real(connection, record)
        connection.execute("PRAGMA synchronous=OFF").close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_prepare_sqlite", prepare)
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _components_are_searched_for_once() -> Iterator[None]:
    """Streamlit's AppTest looks through all that is installed for components, anew for each page that is run."""
    scanner = "streamlit.components.v2.manifest_scanner"
    if "streamlit.testing.v1" not in sys.modules:  # no test here runs a page
        yield
        return
    once = cache(importlib.import_module(scanner).scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{scanner}.scan_component_manifests", lambda: list(once()))
        yield
