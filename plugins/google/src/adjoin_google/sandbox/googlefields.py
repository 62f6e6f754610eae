"""The field catalogue as the API tells it: `googleAdsFields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjoin_google.sandbox.catalog import METRIC_RESOURCES, RESOURCES, Field, camel, enum_values, find, known_fields
from adjoin_google.sandbox.errors import AdsError, Refusal, invalid
from adjoin_google.sandbox.gaql import Query, parse, query_error
from adjoin_google.sandbox.wire import read_text_map

__all__ = ["describe_field", "search_fields"]

_TYPES = {"int64": "INT64", "int32": "INT32", "double": "DOUBLE", "bool": "BOOLEAN", "string": "STRING"}
_KNOWN = frozenset(
    {
        "resource_name",
        "name",
        "category",
        "selectable",
        "filterable",
        "sortable",
        "selectable_with",
        "attribute_resources",
        "metrics",
        "segments",
        "enum_values",
        "data_type",
        "type_url",
        "is_repeated",
    }
)


def _field(field: Field) -> dict[str, Any]:
    categories = {"segments": "SEGMENT", "metrics": "METRIC"}
    value: dict[str, Any] = {
        "resourceName": f"googleAdsFields/{field.name}",
        "name": field.name,
        "category": categories.get(field.resource, "ATTRIBUTE"),
        "selectable": True,
        "filterable": field.kind != "message",
        "sortable": field.kind != "message" and not field.repeated,
        "dataType": {"enum": "ENUM", "date": "DATE", "message": "MESSAGE"}.get(field.kind) or _TYPES[field.kind],
        "isRepeated": field.repeated,
    }
    if field.kind == "enum":
        value["enumValues"] = sorted(enum_values(field.enum))
    return value


def _resource(name: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "resourceName": f"googleAdsFields/{name}",
        "name": name,
        "category": "RESOURCE",
        "selectable": False,
        "filterable": False,
        "sortable": False,
        "selectableWith": [*RESOURCES[name]],
        "attributeResources": [*RESOURCES[name]],
        "dataType": "MESSAGE",
        "isRepeated": False,
    }
    if name in METRIC_RESOURCES:
        value["metrics"] = sorted(field for field in known_fields() if field.startswith("metrics."))
        value["segments"] = sorted(field for field in known_fields() if field.startswith("segments."))
    return value


def describe_field(name: str) -> dict[str, Any]:
    """Answer the field, or the resource, of a name; refuses what there is not."""
    if name in RESOURCES:
        return _resource(name)
    field = find(name)
    if field is None:
        raise Refusal(
            404,
            AdsError(family="requestError", code="RESOURCE_NOT_FOUND", message=f"The field '{name}' was not found."),
        )
    return _field(field)


def search_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a query of the catalogue: `SELECT name, data_type WHERE name LIKE 'campaign.%'`."""
    request = read_text_map(given, {"query": "string", "pageToken": "string", "pageSize": "int32"})
    if request.get("pageSize", 0) > 10_000 or request.get("pageSize", 0) < 0:
        raise invalid("requestError", "INVALID_PAGE_SIZE", "Page size must be between 1 and 10000.")
    query = parse(str(request.get("query", "")), needs_from=False)
    named = [*query.fields, *(condition.field for condition in query.conditions)]
    if unknown := [name for name in named if name not in _KNOWN]:
        raise query_error("UNRECOGNIZED_FIELD", f"Unrecognized fields in the query: '{unknown[0]}'.")
    names = [name for name in (*RESOURCES, *known_fields()) if _wanted(name, query)]
    rows = [_cut(describe_field(name), query.fields) for name in names[: query.limit]]
    body: dict[str, Any] = {"results": rows} if rows else {}
    return {**body, "totalResultsCount": str(len(rows))}


def _wanted(name: str, query: Query) -> bool:
    for condition in query.conditions:
        texts = [value.text for value in condition.values]
        if condition.field != "name" or condition.operator not in ("=", "IN", "LIKE"):
            raise query_error("PROHIBITED_FIELD_IN_WHERE_CLAUSE", "Error in WHERE clause: filter by name.")
        if condition.operator == "LIKE":
            if not name.startswith(texts[0].rstrip("%")):
                return False
        elif name not in texts:
            return False
    return True


def _cut(value: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    keys = {"resourceName", *(camel(field) for field in fields)}
    return {key: each for key, each in value.items() if key in keys}
