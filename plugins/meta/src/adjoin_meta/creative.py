"""Text lengths and image sizes of Meta's placements.

Meta cuts long texts rather than refusing them, so the characters are what is shown in full. Checked in November 2026.
"""

from __future__ import annotations

from adjoin.ads.v2 import CreativeLimit

__all__ = ["LIMITS"]

_IMAGE_BYTES = 31_457_280


def _image(placement: str, ratio: str, width: int, height: int) -> CreativeLimit:
    return CreativeLimit(
        placement=placement,
        element="image",
        min_width=width,
        min_height=height,
        ratio=ratio,
        max_bytes=_IMAGE_BYTES,
    )


def _text(placement: str, element: str, characters: int) -> CreativeLimit:
    return CreativeLimit(placement=placement, element=element, max_characters=characters)


LIMITS: tuple[CreativeLimit, ...] = (
    _image("facebook_feed", "4:5", 600, 750),
    _image("facebook_feed", "1:1", 600, 600),
    _image("facebook_feed", "1.91:1", 600, 315),
    _text("facebook_feed", "primary_text", 125),
    _text("facebook_feed", "headline", 27),
    _text("facebook_feed", "description", 27),
    _image("instagram_feed", "4:5", 500, 625),
    _image("instagram_feed", "1:1", 500, 500),
    _image("instagram_feed", "1.91:1", 500, 262),
    _text("instagram_feed", "primary_text", 125),
    _text("instagram_feed", "headline", 40),
    _image("stories", "9:16", 500, 889),
    _text("stories", "primary_text", 125),
    _text("stories", "headline", 40),
    _image("reels", "9:16", 500, 889),
    _text("reels", "primary_text", 72),
    _text("reels", "headline", 40),
    _image("carousel", "1:1", 600, 600),
    _text("carousel", "primary_text", 125),
    _text("carousel", "headline", 32),
    _text("carousel", "description", 18),
    _image("right_column", "1:1", 254, 254),
    _image("right_column", "1.91:1", 254, 133),
    _text("right_column", "headline", 40),
    _image("audience_network", "1.91:1", 398, 208),
    _image("audience_network", "1:1", 398, 398),
    _image("audience_network", "9:16", 398, 708),
    _text("audience_network", "primary_text", 125),
    _text("audience_network", "headline", 40),
    # What the API refuses rather than cuts, whatever the placement.
    _text("dynamic_creative", "primary_text", 1024),
    _text("dynamic_creative", "headline", 255),
    _text("dynamic_creative", "description", 255),
)
