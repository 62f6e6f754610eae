"""The searches: which criteria each takes, and which nodes they find. Values are joined by or, criteria by and."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.errors import param_invalid
from adjoin_linkedin.sandbox.params import Params
from adjoin_linkedin.sandbox.states import HIDDEN, KNOWN

__all__ = ["PAGE_PARAMS", "find_creatives", "search"]

_Nodes: TypeAlias = "list[dict[str, Any]]"

PAGE_PARAMS = ("q", "pageSize", "pageToken", "start", "count", "sortOrder", "fields")

#: The keys of `search` per resource, and the kind of URN their values are (empty for plain words).
_KEYS: Mapping[str, Mapping[str, str]] = {
    "adAccounts": {"status": "", "type": "", "name": "", "id": urns.ACCOUNT, "reference": urns.ORGANIZATION},
    "adCampaignGroups": {"status": "", "name": "", "id": urns.GROUP},
    "adCampaigns": {
        "status": "",
        "type": "",
        "name": "",
        "id": urns.CAMPAIGN,
        "campaignGroup": urns.GROUP,
        "associatedEntity": urns.ORGANIZATION,
    },
}

_TYPES = {
    "adAccounts": ("BUSINESS", "ENTERPRISE"),
    "adCampaigns": ("TEXT_AD", "SPONSORED_UPDATES", "SPONSORED_INMAILS", "DYNAMIC"),
}


def search(params: Params, resource: str, nodes: _Nodes) -> _Nodes:
    """Answer `q=search` of accounts, campaign groups and campaigns."""
    params.allow(*PAGE_PARAMS, "search")
    criteria = params.record("search") or Params({}, "search")
    keys = _KEYS[resource]
    criteria.allow(*keys, "test")
    if criteria.flag("test"):
        nodes = []
    for key, kind in keys.items():
        given = criteria.record(key)
        if given is None:
            if key == "status":
                nodes = [node for node in nodes if node["status"] not in HIDDEN or resource == "adAccounts"]
            continue
        given.allow("values")
        wanted = set(given.texts("values") or ())
        path = f"search/{key}/values"
        if key == "status":
            _known(wanted, KNOWN[resource], path)
        elif key == "type":
            _known(wanted, _TYPES[resource], path)
        nodes = [node for node in nodes if _shown(node, key) in _numbers(wanted, key, kind, path)]
    return _sorted(params, nodes)


def find_creatives(params: Params, nodes: _Nodes) -> _Nodes:
    """Answer `q=criteria`."""
    params.allow(
        *PAGE_PARAMS,
        "campaigns",
        "creatives",
        "contentReferences",
        "intendedStatuses",
        "isTestAccount",
        "isTotalIncluded",
        "leadgenCreativeCallToActionDestinations",
    )
    tests: dict[str, Callable[[dict[str, Any]], object]] = {
        "campaigns": lambda node: node["campaign"],
        "creatives": lambda node: node["id"],
        "contentReferences": lambda node: node["content"].get("reference"),
        "intendedStatuses": lambda node: node["intendedStatus"],
        "leadgenCreativeCallToActionDestinations": lambda node: None,
    }
    for name, value_of in tests.items():
        wanted = params.texts(name)
        if wanted is None:
            if name == "intendedStatuses":
                nodes = [node for node in nodes if node["intendedStatus"] not in HIDDEN]
            continue
        if name == "intendedStatuses":
            _known(set(wanted), KNOWN["creatives"], name)
        elif name in ("campaigns", "creatives"):
            for urn in wanted:
                urns.bare(urn, urns.CAMPAIGN if name == "campaigns" else urns.CREATIVE, path=name)
        nodes = [node for node in nodes if value_of(node) in wanted]
    if params.flag("isTestAccount"):
        nodes = []
    return _sorted(params, nodes)


def _sorted(params: Params, nodes: _Nodes) -> _Nodes:
    order = params.choice("sortOrder", ("ASCENDING", "DESCENDING"), "ASCENDING")
    return nodes if order == "ASCENDING" else nodes[::-1]


def _known(words: set[str], known: tuple[str, ...], path: str) -> None:
    if unknown := sorted(words.difference(known)):
        raise param_invalid(path, f'"{unknown[0]}" is not an enum symbol')


def _numbers(wanted: set[str], key: str, kind: str, path: str) -> set[str]:
    """What to look for: ids may come as URNs or as bare numbers."""
    if not kind:
        return wanted
    if key == "id":
        return {urn if urn.isdecimal() else urns.bare(urn, kind, path=path) for urn in wanted}
    return {f"{kind}{urns.bare(urn, kind, path=path)}" for urn in wanted}


def _shown(node: dict[str, Any], key: str) -> str:
    return str(node.get(key))
