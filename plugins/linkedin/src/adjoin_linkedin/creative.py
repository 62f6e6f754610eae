"""Text lengths and image sizes of LinkedIn's placements.

Where LinkedIn shortens a text in the feed before it refuses it, there are two limits: what is shown in full, and under
`..._refused` what is refused. Checked in November 2026.
"""

from __future__ import annotations

from adjoin.ads.v2 import CreativeLimit

__all__ = ["LIMITS"]

_IMAGE_BYTES = 5_242_880
_SMALL_IMAGE_BYTES = 2_097_152
_CARD_BYTES = 10_485_760


def _image(
    placement: str, ratio: str, width: int, height: int, *, max_bytes: int = _IMAGE_BYTES, element: str = "image"
) -> CreativeLimit:
    return CreativeLimit(
        placement=placement, element=element, min_width=width, min_height=height, ratio=ratio, max_bytes=max_bytes
    )


def _text(placement: str, element: str, characters: int) -> CreativeLimit:
    return CreativeLimit(placement=placement, element=element, max_characters=characters)


LIMITS: tuple[CreativeLimit, ...] = (
    _image("single_image", "1.91:1", 640, 360),
    _image("single_image", "1:1", 360, 360),
    _image("single_image", "4:5", 360, 640),
    _text("single_image", "name", 255),
    _text("single_image", "primary_text", 150),
    _text("single_image", "primary_text_refused", 3_000),
    _text("single_image", "headline", 70),
    _text("single_image", "headline_refused", 200),
    _text("single_image", "description", 100),
    _text("single_image", "description_refused", 300),
    _text("single_image", "landing_url", 2_000),
    # No least size is known for the cards: what LinkedIn advises.
    _image("carousel", "1:1", 1_080, 1_080, max_bytes=_CARD_BYTES),
    _text("carousel", "primary_text", 150),
    _text("carousel", "primary_text_refused", 255),
    _text("carousel", "headline", 45),
    _image("text_ad", "1:1", 100, 100, max_bytes=_SMALL_IMAGE_BYTES),
    _text("text_ad", "headline", 25),
    _text("text_ad", "description", 75),
    _image("spotlight", "1:1", 100, 100, max_bytes=_SMALL_IMAGE_BYTES, element="logo"),
    _text("spotlight", "headline", 50),
    _text("spotlight", "description", 70),
    _text("spotlight", "company", 25),
    _text("spotlight", "call_to_action", 18),
    _text("document", "primary_text", 150),
    _text("document", "headline", 70),
)
