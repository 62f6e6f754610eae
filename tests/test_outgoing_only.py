"""Who may ask other machines by themselves: everybody else asks through a client that guards or authorises."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "scheduler.py", *(ROOT / "core/src").rglob("*.py"), *(ROOT / "dashboard/src").rglob("*.py")]
SOURCES += [path for folder in (ROOT / "plugins").glob("*/src") for path in folder.rglob("*.py")]

CLIENTS = {"aiohttp", "http.client", "httpcore", "httpx", "httpx2", "requests", "urllib.request", "urllib3"}

#: Files and folders that bring an HTTP client, and whom they ask. None of these addresses is entered by a member.
MAY = {
    "core/src/adjoin/outgoing/": "the client for addresses that people enter",
    "core/src/adjoin/http/": "ad platforms, at the address that their plugin gives",
    "core/src/adjoin/oauth.py": "only names of statuses",
    "core/src/adjoin/cli/_demo.py": "the demo's own servers",
    "core/src/adjoin/testing/": "sandboxes",
    "plugins/auth/": "the provider that the operator names",
    "plugins/microsoft/src/adjoin_microsoft/sandbox/": "the sandbox's own servers",
}


def clients_of(path: Path) -> Iterator[str]:
    """The HTTP clients that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (client for client in CLIENTS for name in names if f"{name}.".startswith(f"{client}."))


def test_nobody_else_brings_an_http_client() -> None:
    """A URL that a member enters goes through `adjoin.outgoing.fetch.Outgoing`, which keeps it out of our network."""
    stray = {
        name: found
        for path in SOURCES
        if not (name := path.relative_to(ROOT).as_posix()).startswith(tuple(MAY)) and (found := set(clients_of(path)))
    }
    assert stray == {}, "ask through adjoin.outgoing, or name whom the module asks in MAY"


@pytest.mark.parametrize(
    "line",
    [
        "import httpx",
        "from http import client",
        "from urllib import request as r",
        "import urllib3.util",
        "def f():\n    from aiohttp import web",
    ],
)
def test_clients_are_found(tmp_path: Path, line: str) -> None:
    """However they are imported."""
    (tmp_path / "module.py").write_text(f"import json\n{line}\n")
    assert set(clients_of(tmp_path / "module.py"))


@pytest.mark.parametrize(
    "line",
    ["import http.server", "from http import HTTPStatus", "from urllib.parse import urljoin", "import httpxy"],
)
def test_what_only_sounds_like_one_is_not(tmp_path: Path, line: str) -> None:
    (tmp_path / "module.py").write_text(f"{line}\n")
    assert not set(clients_of(tmp_path / "module.py"))
