"""Operations of a mutate: what each one changes, read from the request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from adjoin_google.sandbox._fields import FIELDS
from adjoin_google.sandbox.catalog import Field, camel, enum_values, find, snake
from adjoin_google.sandbox.errors import AdsError, Path, bad_payload, invalid
from adjoin_google.sandbox.wire import read_text_map

__all__ = ["KINDS", "Kind", "Operation", "Problem", "Verb", "camel_keys", "int64", "read_operations"]

Verb: TypeAlias = Literal["create", "update", "remove"]

_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of resource that can be changed. `name` is in snake_case, `collection` as in paths and names."""

    name: str
    collection: str
    verbs: frozenset[str]

    @property
    def result(self) -> str:
        return f"{camel(self.name)}Result"


_ALL = frozenset({"create", "update", "remove"})

#: By collection.
KINDS: Mapping[str, Kind] = {
    kind.collection: kind
    for kind in (
        Kind(name="campaign_budget", collection="campaignBudgets", verbs=_ALL),
        Kind(name="campaign", collection="campaigns", verbs=_ALL),
        Kind(name="ad_group", collection="adGroups", verbs=_ALL),
        Kind(name="ad_group_criterion", collection="adGroupCriteria", verbs=_ALL),
        Kind(name="ad_group_ad", collection="adGroupAds", verbs=_ALL),
        Kind(name="ad", collection="ads", verbs=frozenset({"update"})),
    )
}

#: Messages whose inside does not matter here.
_OPEN = {
    "campaign": frozenset(
        {
            "commission",
            "geo_target_type_setting",
            "manual_cpm",
            "manual_cpv",
            "percent_cpc",
            "shopping_setting",
            "target_cpm",
            "target_impression_share",
        }
    ),
    "ad_group_ad": frozenset({"ad.shopping_product_ad", "ad.image_ad"}),
}

#: A text of an ad.
_TEXT = {"text": "string", "pinnedField": "string"}

_PYTHON: Mapping[str, tuple[type, ...]] = {"string": (str,), "bool": (bool,), "double": (int, float)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `value` is the object with camelCase keys, or only its resource name if it is to be removed."""

    kind: Kind
    verb: Verb
    value: dict[str, Any]
    mask: tuple[str, ...] | None
    place: Path

    @property
    def name(self) -> str:
        """The resource name that it is about; of a create, a temporary one or none."""
        return str(self.value.get("resourceName", ""))

    def problem(self, family: str, code: str, message: str, *path: str | tuple[str, int], trigger: str = "") -> Problem:
        """Make an error at a field of the object."""
        where = (*self.place, self.verb, *path)
        return Problem(AdsError(family=family, code=code, message=message, path=where, trigger=trigger or None))

    def required(self, *path: str) -> Problem:
        return self.problem("fieldError", "REQUIRED", "The required field was not present.", *path)


class Problem(Exception):
    """What is wrong with one operation."""

    def __init__(self, *errors: AdsError) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


def read_operations(service: str, given: Sequence[Any]) -> list[Operation]:
    """Read the operations of a request; refuses what is no valid message at all."""
    if not given:
        raise invalid("requestError", "OPERATION_REQUIRED", "At least one operation is required.")
    if len(given) > _MOST:
        raise invalid(
            "requestError", "TOO_MANY_MUTATE_OPERATIONS", f"Request contains more than {_MOST} mutate operations."
        )
    if service != "googleAds":
        kind = KINDS[service]
        return [_read(kind, each, (("operations", at),), f"operations[{at}]") for at, each in enumerate(given)]
    operations: list[Operation] = []
    names = {f"{camel(kind.name)}Operation": kind for kind in KINDS.values()}
    for at, each in enumerate(given):
        where = f"mutate_operations[{at}]"
        wrapper = read_text_map(_object(each, where), dict.fromkeys(names, "object"), where)
        if len(wrapper) != 1:
            raise invalid("requestError", "OPERATION_REQUIRED", "An operation is required.")
        ((key, inner),) = wrapper.items()
        kind, word = names[key], snake(key)
        operations.append(_read(kind, inner, (("mutate_operations", at), word), f"{where}.{word}"))
    return operations


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_payload(f"Invalid value at '{where}', message expected", where)
    return value


def _read(kind: Kind, given: Any, place: Path, where: str) -> Operation:
    extra = ("policyValidationParameter", "exemptPolicyViolationKeys")
    kinds = {"create": "object", "update": "object", "remove": "string", "updateMask": "string"}
    read = read_text_map(_object(given, where), {**kinds, extra[0]: "object", extra[1]: "list"}, where)
    verbs = [verb for verb in ("create", "update", "remove") if verb in read]
    if len(verbs) > 1:
        raise bad_payload(f"Invalid value at '{where}' (oneof), oneof field 'operation' is already set.", where)
    if not verbs or verbs[0] not in kind.verbs:
        raise invalid("requestError", "OPERATION_REQUIRED", "An operation is required.", path=place)
    verb: Verb = "create" if "create" in read else "update" if "update" in read else "remove"
    value: dict[str, Any] = {"resourceName": read["remove"]} if verb == "remove" else camel_keys(read[verb])
    if verb != "remove":
        _check_keys(kind, value, f"{where}.{verb}")
    mask = tuple(filter(None, str(read["updateMask"]).split(","))) if "updateMask" in read else None
    if any("_" in path for path in mask or ()):
        raise bad_payload(f"Invalid value at '{where}.update_mask' (FieldMask), \"{read['updateMask']}\"", where)
    return Operation(kind=kind, verb=verb, value=value, mask=mask, place=place)


def camel_keys(value: Any) -> Any:
    """Return an object with camelCase keys all the way down."""
    if isinstance(value, Mapping):
        return {camel(key): camel_keys(each) for key, each in value.items() if each is not None}
    return [camel_keys(each) for each in value] if isinstance(value, list) else value


def _check_keys(kind: Kind, value: Mapping[str, Any], where: str, above: str = "") -> None:
    """Refuse keys that the message does not have."""
    resource = "ad_group_ad" if kind.name == "ad" else kind.name
    start = "ad." if kind.name == "ad" and not above else above
    for key, each in value.items():
        name = start + snake(key)
        place = f"{where}.{snake(key)}"
        if name in _OPEN.get(resource, ()):
            _object(each, place)
            continue
        field = find(f"{resource}.{name}")
        if field is not None:
            _check_value(field, each, place)
        elif _has_below(resource, name):
            _check_keys(kind, _object(each, place), place, f"{name}.")
        else:
            raise bad_payload(f"Unknown name \"{key}\" at '{where}': Cannot find field.", where)


def _check_value(field: Field, value: Any, place: str) -> None:
    """Refuse a value of another kind than the field's."""
    if field.repeated:
        if not isinstance(value, list):
            raise bad_payload(f"Invalid value at '{place}', a list is expected", place)
        values = value
    else:
        values = [value]
    for each in values:
        if field.kind == "message":
            read_text_map(_object(each, place), _TEXT, place)
        elif field.kind in ("int64", "int32"):
            int64(each, place)
        elif field.kind == "enum":
            if not isinstance(each, str) or each not in enum_values(field.enum):
                raise bad_payload(f"Invalid value at '{place}' (TYPE_ENUM), \"{each}\"", place)
        elif not isinstance(each, _PYTHON[field.kind]):
            raise bad_payload(f"Invalid value at '{place}' (TYPE_{field.kind.upper()}), \"{each}\"", place)


def _has_below(resource: str, name: str) -> bool:
    return any(known.startswith(f"{name}.") for names in FIELDS[resource].values() for known in names.split())


def int64(value: Any, where: str) -> int:
    """Read a whole number, which may be written as a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    raise bad_payload(f"Invalid value at '{where}' (TYPE_INT64), \"{value}\"", where)
