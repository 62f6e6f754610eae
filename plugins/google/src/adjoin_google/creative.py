"""Text lengths and image sizes of Google's ad formats. What is longer is refused. Checked in November 2026."""

from __future__ import annotations

from adjoin.ads.v2 import CreativeLimit

__all__ = ["LIMITS"]

_IMAGE_BYTES = 5_242_880


def _text(placement: str, element: str, characters: int) -> CreativeLimit:
    return CreativeLimit(placement=placement, element=element, max_characters=characters)


def _image(placement: str, element: str, ratio: str, width: int, height: int) -> CreativeLimit:
    return CreativeLimit(
        placement=placement,
        element=element,
        min_width=width,
        min_height=height,
        ratio=ratio,
        max_bytes=_IMAGE_BYTES,
    )


def _responsive(placement: str) -> tuple[CreativeLimit, ...]:
    """Formats that Google puts together from texts and images."""
    return (
        _text(placement, "headline", 30),
        _text(placement, "long_headline", 90),
        _text(placement, "description", 90),
        _text(placement, "business_name", 25),
        _image(placement, "image", "1.91:1", 600, 314),
        _image(placement, "image", "1:1", 300, 300),
        _image(placement, "logo", "1:1", 128, 128),
        _image(placement, "logo", "4:1", 512, 128),
    )


LIMITS: tuple[CreativeLimit, ...] = (
    _text("responsive_search", "headline", 30),
    _text("responsive_search", "description", 90),
    _text("responsive_search", "path", 15),
    _image("responsive_search", "image", "1:1", 300, 300),
    _image("responsive_search", "image", "1.91:1", 600, 314),
    *_responsive("responsive_display"),
    *_responsive("performance_max"),
    _image("performance_max", "image", "4:5", 480, 600),
    _text("demand_gen", "headline", 40),
    _text("demand_gen", "description", 90),
    _text("demand_gen", "business_name", 25),
    _image("demand_gen", "image", "1.91:1", 600, 314),
    _image("demand_gen", "image", "1:1", 300, 300),
    _image("demand_gen", "image", "4:5", 480, 600),
    _image("demand_gen", "logo", "1:1", 144, 144),
    _text("sitelink", "link_text", 25),
    _text("sitelink", "description", 35),
    _text("callout", "text", 25),
    _text("search_keyword", "keyword", 80),
)
