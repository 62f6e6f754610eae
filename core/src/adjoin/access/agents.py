"""What a browser says about itself, in plain words: "Firefox on Windows"."""

from __future__ import annotations

import re

__all__ = ["LONGEST_AGENT", "plain_agent"]

#: As much of a User-Agent header as is kept.
LONGEST_AGENT = 400

# The first that is found counts: most browsers also name those that they descend from.
_PROGRAMS = (
    (r"\bEdg(?:e|A|iOS)?/", "Edge"),
    (r"\b(?:OPR|OPiOS|Opera)/", "Opera"),
    (r"\bVivaldi/", "Vivaldi"),
    (r"\bYaBrowser/", "Yandex Browser"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\bDuckDuckGo/", "DuckDuckGo"),
    (r"\b(?:Firefox|FxiOS)/", "Firefox"),
    (r"\b(?:HeadlessChrome|Chrome|CriOS|Chromium)/", "Chrome"),
    (r"\bVersion/\S+.*\bSafari/", "Safari"),
    (r"\bcurl/", "curl"),
    (r"\b(?:python-requests|python-httpx|aiohttp|Python-urllib)\b", "a Python script"),
)
_SYSTEMS = (
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bWindows\b", "Windows"),
    (r"\bMac OS X\b|\bMacintosh\b", "macOS"),
    (r"\bLinux\b", "Linux"),
)


def plain_agent(header: str) -> str:
    """Say in plain words what a User-Agent header stands for. Whoever sends it may have made it up."""
    program = _first(_PROGRAMS, header)
    system = _first(_SYSTEMS, header)
    if program and system:
        return f"{program} on {system}"
    return program or (f"a program on {system}" if system else "an unknown program")


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for pattern, name in patterns if re.search(pattern, text)), "")
