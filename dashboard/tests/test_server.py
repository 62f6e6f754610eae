"""The server starts only where and how it should."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest

from adjoin.errors import BadInput, NotInitialised
from adjoin_dashboard.server import SITE, serve


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_it_does_not_listen_where_others_can_reach_it(tmp_path: Path, host: str) -> None:
    """Without sign-in that would give the data away; the message says what to do instead."""
    with pytest.raises(BadInput, match=r"only listens on 127\.0\.0\.1.*ssh -L 8501"):
        serve(tmp_path, host=host)


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
    assert found == {"icon.png", "inter-OFL.txt", "inter-latin.woff2", "logo-dark.svg", "logo-light.svg"}
    fonts = tomllib.loads((SITE / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]["fontFaces"]
    assert [font["url"] for font in fonts] == ["app/static/inter-latin.woff2"]
