"""Partial updates: `{"patch": {"$set": {..}, "$delete": [..]}}`, also deeper inside of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjoin_linkedin.sandbox.errors import Refusal

__all__ = ["patched"]


def patched(node: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node with the patch of a body applied; refuses what is no patch."""
    patch = body.get("patch")
    if not isinstance(patch, dict) or set(body) != {"patch"}:
        raise Refusal('A partial update has the form {"patch": {"$set": {..}}}')
    return _apply(node, patch)


def _apply(node: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(node)
    for name, given in patch.items():
        if name == "$set" and isinstance(given, dict):
            changed |= given
        elif name == "$delete" and isinstance(given, list):
            for field in given:
                changed.pop(str(field), None)
        elif not name.startswith("$") and isinstance(given, dict):
            inner = changed.get(name, {})
            changed[name] = _apply(inner if isinstance(inner, dict) else {}, given)
        else:
            raise Refusal(f"The patch has no operation {name!r}")
    return changed
