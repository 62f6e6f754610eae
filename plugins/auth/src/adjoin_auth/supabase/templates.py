"""The mails that Supabase sends, as they are to be set there: links with a hash, redeemed by a page of the dashboard.

The token stands behind `#`, so that no server logs it, and nothing is redeemed by opening the link: scanners of mail do
that, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adjoin.access.context import LINK_PATHS
from adjoin.auth.v1 import LinkKind

__all__ = ["TEMPLATES"]


def _mail(kind: LinkKind, before: str, words: str, after: str) -> str:
    href = "{{ .SiteURL }}" + LINK_PATHS[kind] + "#{{ .TokenHash }}"
    return f'<p>{before}</p>\n<p><a href="{href}">{words}</a></p>\n<p>{after}</p>\n'


#: By the name of the template at Supabase.
TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        "confirmation": _mail(
            LinkKind.CONFIRM,
            "Somebody has signed up to Adjoin with this e-mail address. If it was you, confirm it within 24 hours:",
            "Confirm the address",
            "If it was not you, ignore this mail, and do not follow the link: whoever signed up knows its password.",
        ),
        "recovery": _mail(
            LinkKind.RESET,
            "Somebody has asked for a new password of your Adjoin account. If it was you, set it soon:",
            "Set a new password",
            "If it was not you, ignore this mail: your password stays as it is.",
        ),
        "email_change": _mail(
            LinkKind.CHANGE_EMAIL,
            "An Adjoin account is to get another e-mail address. If it is yours and you want that, confirm it:",
            "Confirm the address",
            "If you know nothing of it, ignore this mail.",
        ),
    }
)
