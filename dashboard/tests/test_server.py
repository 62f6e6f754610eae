"""The server starts only where and how it should."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest

from adjoin.errors import BadInput, NotInitialised
from adjoin_dashboard.server import SITE, serve


@pytest.fixture(autouse=True)
def _no_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADJOIN_BASE_URL", "ADJOIN_DATABASE_URL", "ADJOIN_PROXIES"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_where_others_can_reach_it_it_must_know_its_name(tmp_path: Path, host: str) -> None:
    """Else it could not tell its own pages from others'; the message says what to do."""
    with pytest.raises(BadInput, match=r"ADJOIN_BASE_URL=https://.*ssh -L 8501"):
        serve(tmp_path, host=host)


@pytest.mark.parametrize("host", ["example.org", "", "127.0.0.1:80"])
def test_a_name_is_no_address_to_listen_on(tmp_path: Path, host: str) -> None:
    """It takes one of this computer's addresses."""
    with pytest.raises(BadInput, match=r"is no address to listen on"):
        serve(tmp_path, host=host)


def test_with_its_name_it_listens_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next thing that lacks is the store."""
    monkeypatch.setenv("ADJOIN_BASE_URL", "https://ads.example.com")
    with pytest.raises(NotInitialised):
        serve(tmp_path, host="0.0.0.0", port=0)


def test_a_taken_port_is_said_with_another_one(tmp_path: Path) -> None:
    """Before anything is loaded."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BadInput, match=rf"Port {port} is taken.*--port {port + 1}"):
            serve(tmp_path, port=port)


def test_a_number_that_is_no_port_is_said(tmp_path: Path) -> None:
    """70000 is not one."""
    with pytest.raises(BadInput, match="70000 is not a port"):
        serve(tmp_path, port=70_000)


def test_a_home_without_store_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of the store comes out as it is."""
    monkeypatch.delenv("ADJOIN_DATABASE_URL", raising=False)
    with pytest.raises(NotInitialised, match="adjoin init"):
        serve(tmp_path, port=0)


def test_what_the_pages_need_is_beside_the_script() -> None:
    """The font, its licence, the logo and the configuration are part of the package."""
    found = {path.name for path in (SITE / "static").iterdir()}
    icons = {"icon.png", "logo-dark.svg", "logo-light.svg"}
    assert found == icons | {"door.css", "door.js", "inter-OFL.txt", "inter-latin.woff2"}
    fonts = tomllib.loads((SITE / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]["fontFaces"]
    assert [font["url"] for font in fonts] == ["app/static/inter-latin.woff2"]
