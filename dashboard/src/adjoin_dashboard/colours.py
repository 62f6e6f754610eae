"""One colour per platform, the same on every page, in a light and a dark tone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ["DARK", "LIGHT", "platform_colours"]

#: The series colours of the theme. The same list stands in `site/.streamlit/config.toml`; a test compares them.
LIGHT = ("#3B5BDB", "#0CA678", "#F08C00", "#C2255C", "#1098AD", "#7048E8", "#868E96", "#E8590C")
DARK = ("#748FFC", "#38D9A9", "#FFA94D", "#F783AC", "#3BC9DB", "#B197FC", "#ADB5BD", "#FF922B")

_PLACES = {"meta": 0, "google": 2, "linkedin": 1, "microsoft": 3}


def platform_colours(platforms: Collection[str], *, dark: bool) -> Mapping[str, str]:
    """Return a colour for each platform. One that is not known takes a colour that the known ones leave.

    `platforms` are all of the workspace, not those of a filter, so that a filter changes no colour.
    """
    palette = DARK if dark else LIGHT
    spare = [place for place in range(len(palette)) if place not in _PLACES.values()]
    others = sorted(set(platforms) - _PLACES.keys())
    places = _PLACES | {platform: spare[number % len(spare)] for number, platform in enumerate(others)}
    return {platform: palette[places[platform]] for platform in platforms}
