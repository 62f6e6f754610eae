"""Names as people give them: underscores, right-to-left text, emoji, quotes, markup and very long ones."""

from __future__ import annotations

import numpy as np

__all__ = ["HEADLINES", "ad_group_name", "campaign_name"]

_CAMPAIGNS = (
    "US_Brand_Search",
    "DE | Sommer-Aktion ☀️ | Prospecting",
    "حملة الصيف ٢٠٢٦",
    "日本_ブランド_獲得",
    "Ofertas «día sin IVA» — año nuevo",
    'Retargeting; "quoted", 50% off',
    "O'Neill & Söhne <b>Katalog</b>",
    "מבצע סוף שבוע (test)",
    "👨‍👩‍👧‍👦 Family bundle",
    "EU_Retargeting_30d_v2",
    "Always-on / Prospecting / Broad",
    "=SUM(A1:A9) not a formula",
    "Zürich · Genève · Lugano",
    "Новая коллекция",
    "ASC_PL_2026-Q3__final_FINAL",
    "Lookalike 1% \\ buyers 180d",
)
_AUDIENCES = (
    "Broad 18-65",
    "Lookalike_1%",
    "Besucher 30 Tage",
    "Interessen: Wandern & Rad",
    "購入者除外",
    "Warenkorb-Abbrecher 🛒",
    "نساء ٢٥-٣٤",
    "Newsletter",
)
HEADLINES = (
    "Sommerpreise bis Sonntag",
    "Free shipping over $50",
    "送料無料キャンペーン",
    "Neu: die leichte Jacke",
    "تخفيضات حتى ٥٠٪",
    "3 for 2 🎉 this week",
    "Ahora también en tallas grandes",
    'Say "hello" to quiet mornings',
    "Ohne Plastik. Ohne Wenn & Aber.",
)


def campaign_name(number: int, rng: np.random.Generator) -> str:
    """Return the name of the n-th campaign: the awkward ones come round in turn, one in twenty is very long."""
    name = _CAMPAIGNS[number % len(_CAMPAIGNS)]
    if number >= len(_CAMPAIGNS):
        name = f"{name} {number // len(_CAMPAIGNS) + 1}"
    return f"{name} | {' '.join(_AUDIENCES)}" if rng.random() < 0.05 else name


def ad_group_name(number: int) -> str:
    """Return the name of the n-th ad group of a campaign."""
    return f"{_AUDIENCES[number % len(_AUDIENCES)]} {number + 1:02d}"
