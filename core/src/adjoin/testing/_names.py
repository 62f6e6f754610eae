"""Names as people give them: underscores, right-to-left text, emoji, quotes, markup and very long ones."""

from __future__ import annotations

import numpy as np

__all__ = ["HEADLINES", "ad_group_name", "campaign_name", "keyword_texts", "search_terms"]

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

#: By language: what is bid on, of which kind, and how people ask for it.
_SEARCHES = {
    "de": (
        ("wanderschuhe", "regenjacke", "zelt für 2 personen", "trekkingrucksack", "schlafsack", "übergangsjacke"),
        ("", "damen ", "größe 44 ", "günstige ", "nordlicht "),
        ("{}", "{} kaufen", '"{}" test, erfahrungen', "wo gibt's {} in münchen?"),
    ),
    "en": (
        ("hiking boots", "rain jacket", "two person tent", "backpack 40l", "sleeping bag", "down jacket"),
        ("", "women's ", "lightweight ", "cheap ", "northern light "),
        ("{}", "{} near me", '{}, 8" wide', "best {} 2026 🏕️"),
    ),
    "ja": (
        ("登山靴", "レインジャケット", "テント", "リュック", "寝袋", "ダウンジャケット"),
        ("", "軽量 ", "レディース ", "安い ", "ノルトリヒト "),
        ("{}", "{} 通販", "{}、口コミ「良い」", "{} ランキング ⛺"),
    ),
    "es": (
        ("botas de montaña", "chaqueta impermeable", "tienda de campaña", "mochila", "saco de dormir", "plumífero"),
        ("", "mejores ", "baratas o baratos ", "para niños ", "nordlicht "),
        ("{}", "¿dónde comprar {}?", "{}; rebajas, 50%", '"{}" opiniones'),
    ),
}


def campaign_name(number: int, rng: np.random.Generator) -> str:
    """Return the name of the n-th campaign: the awkward ones come round in turn, one in twenty is very long."""
    name = _CAMPAIGNS[number % len(_CAMPAIGNS)]
    if number >= len(_CAMPAIGNS):
        name = f"{name} {number // len(_CAMPAIGNS) + 1}"
    return f"{name} | {' '.join(_AUDIENCES)}" if rng.random() < 0.05 else name


def ad_group_name(number: int) -> str:
    """Return the name of the n-th ad group of a campaign."""
    return f"{_AUDIENCES[number % len(_AUDIENCES)]} {number + 1:02d}"


def keyword_texts(currency: str, time_zone: str) -> tuple[str, ...]:
    """Return what an account may bid on, in its language: letters, digits and spaces, as platforms allow."""
    things, kinds, _asked = _SEARCHES[_language(currency, time_zone)]
    return tuple(f"{kind}{thing}" for thing in things for kind in kinds)


def search_terms(keyword: str, currency: str, time_zone: str) -> tuple[str, ...]:
    """Return what people typed before they saw an ad of a keyword: always as many, all different, as they typed it."""
    _things, _kinds, asked = _SEARCHES[_language(currency, time_zone)]
    return tuple(each.format(keyword) for each in asked)


def _language(currency: str, time_zone: str) -> str:
    if currency == "JPY":
        return "ja"
    if time_zone == "Europe/Madrid":
        return "es"
    return "de" if currency == "EUR" else "en"
