"""Text lengths and image sizes of Microsoft's ads.

Longer texts are not shown, or refused; double-width characters (Chinese, Japanese, Korean, emoji) count twice. Checked
in November 2026 against the vendor's reference of ads.
"""

from __future__ import annotations

from adjoin.ads.v2 import CreativeLimit

__all__ = ["LIMITS"]

_IMAGE_BYTES = 5 * 1024 * 1024


def _text(placement: str, element: str, characters: int) -> CreativeLimit:
    return CreativeLimit(placement=placement, element=element, max_characters=characters)


def _image(placement: str, ratio: str, width: int, height: int, *, element: str = "image") -> CreativeLimit:
    return CreativeLimit(
        placement=placement,
        element=element,
        min_width=width,
        min_height=height,
        ratio=ratio,
        max_bytes=_IMAGE_BYTES,
    )


LIMITS: tuple[CreativeLimit, ...] = (
    _text("responsive_search_ad", "headline", 30),
    _text("responsive_search_ad", "description", 90),
    _text("responsive_search_ad", "path", 15),
    _text("responsive_search_ad", "final_url", 2048),
    _text("audience_ad", "headline", 30),
    _text("audience_ad", "long_headline", 90),
    _text("audience_ad", "description", 90),
    _text("audience_ad", "business_name", 25),
    _image("audience_ad", "1.91:1", 703, 368),
    _text("multimedia_ad", "headline", 30),
    _text("multimedia_ad", "long_headline", 90),
    _text("multimedia_ad", "description", 90),
    _text("multimedia_ad", "business_name", 25),
    _image("multimedia_ad", "1.91:1", 703, 368),
    _image("multimedia_ad", "1:1", 470, 470),
    _image("multimedia_ad", "4:1", 608, 152),
    _image("multimedia_ad", "1:2", 470, 940),
    _image("multimedia_ad", "1:1", 128, 128, element="logo"),
    _image("multimedia_ad", "4:1", 512, 128, element="logo"),
    _text("keyword", "text", 100),
)
