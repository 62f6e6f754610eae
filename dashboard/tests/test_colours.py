"""Colours stay with their platform."""

from __future__ import annotations

import tomllib

from adjoin_dashboard.colours import DARK, LIGHT, platform_colours
from adjoin_dashboard.server import SITE


def test_known_platforms_keep_their_colours_whoever_is_beside_them() -> None:
    """Meta is the same blue alone and in company."""
    assert platform_colours(["meta"], dark=False)["meta"] == LIGHT[0]
    assert platform_colours(["google", "meta", "zeta"], dark=True)["meta"] == DARK[0]


def test_our_platforms_differ_from_each_other() -> None:
    """Side by side in one chart, light and dark."""
    for dark in (False, True):
        given = platform_colours(["google", "linkedin", "meta", "microsoft"], dark=dark)
        assert len(set(given.values())) == 4


def test_unknown_platforms_get_colours_that_the_known_ones_leave() -> None:
    """A platform of a third party never looks like one of ours."""
    given = platform_colours(["google", "linkedin", "meta", "microsoft", "pinterest", "tiktok"], dark=False)
    assert len(set(given.values())) == 6


def test_the_theme_has_the_same_series_colours() -> None:
    """Charts that the theme colours match those that we colour."""
    theme = tomllib.loads((SITE / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert tuple(theme["light"]["chartCategoricalColors"]) == LIGHT
    assert tuple(theme["dark"]["chartCategoricalColors"]) == DARK
