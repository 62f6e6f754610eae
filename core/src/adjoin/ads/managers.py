"""Links to the platforms' own managers, from the templates in a plugin's description."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from adjoin.ads.v2 import Description, ManagerLinks

__all__ = ["link_to", "problems_of"]

#: From the widest on, as ids come in a path.
_LEVELS = ("account", "campaign", "ad_group", "ad")
_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_LONGEST = 2_000


def problems_of(links: ManagerLinks) -> Mapping[str, str]:
    """Return by level what is wrong with its address; nothing where all of them can be used."""
    found = {level: _problem(level, getattr(links, level)) for level in _LEVELS}
    return {level: problem for level, problem in found.items() if problem}


def link_to(description: Description, ids: Sequence[str], *, base_url: str = "") -> str:
    """Return where the manager shows an object; "" where it does not, or where the address cannot be used.

    `ids` lead to it: account, campaign, ad group and ad. `base_url` is that of the connection that it was read by: what
    was not read from the platform itself, but from a sandbox, is not in its manager. Without one it is the platform.
    """
    links = description.manager
    elsewhere = base_url and base_url.rstrip("/") != description.base_url.rstrip("/")
    if links is None or elsewhere or not 0 < len(ids) <= len(_LEVELS) or not all(ids):
        return ""
    for level in reversed(_LEVELS[: len(ids)]):
        template: str = getattr(links, level)
        if template:
            return "" if _problem(level, template) else _filled(template, dict(zip(_LEVELS, ids, strict=False)))
    return ""


def _filled(template: str, ids: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: quote(ids[found[1]], safe=""), template)


def _problem(level: str, template: str) -> str:
    if not template:
        return ""
    known = _LEVELS[: _LEVELS.index(level) + 1]
    unknown = sorted({name for name in _PLACEHOLDER.findall(template) if name not in known})
    if unknown:
        return f"{template!r} has {{{unknown[0]}}}, which is none of {', '.join(f'{{{name}}}' for name in known)}"
    bare = _PLACEHOLDER.sub("0", template)
    try:
        parts, host = urlsplit(bare), urlsplit(template).netloc
    except ValueError as error:
        return f"{template!r} is no address: {error}"
    if parts.scheme != "https" or not parts.hostname:
        return f"{template!r} is no https address"
    if "@" in parts.netloc or _PLACEHOLDER.search(host):
        return f"{template!r} must name its host in full, without a user"
    if set("{}") & set(bare) or not bare.isascii() or not bare.isprintable() or " " in bare or len(bare) > _LONGEST:
        return f"{template!r} has signs that belong in no address"
    return ""
