"""What all changes share: lists whose items succeed or fail one by one, and values that an item may set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from adjoin.ads.v2 import Status
from adjoin_microsoft.sandbox.calls import Call, check_keys, object_of, text_of
from adjoin_microsoft.sandbox.errors import bad_body, operation_error
from adjoin_microsoft.sandbox.partial import Editorial, batch_error

__all__ = [
    "Change",
    "Handler",
    "ItemError",
    "Outcome",
    "amount",
    "bid",
    "change_all",
    "check_editorial",
    "day",
    "delete_all",
    "kept",
    "one_of",
    "status",
]

#: Words that the editors refuse, wherever a text has them.
_REFUSED = "click here"

Handler: TypeAlias = "Callable[[Change], str]"


#: The types of fields that are kept as they are, where they are no texts. Lists hold texts.
_TYPES: Mapping[str, type] = {
    "AdRotation": dict,
    "AdScheduleUseSearcherTimeZone": bool,
    "AudienceAdsBidAdjustment": int,
    "BiddingScheme": dict,
    "FinalMobileUrls": list,
    "FinalUrls": list,
    "GoalIds": list,
    "Languages": list,
    "MultimediaAdsBidAdjustment": int,
    "UrlCustomParameters": dict,
}


class ItemError(Exception):
    """One item of a list failed; the others go on."""

    def __init__(self, code: int, field_path: str | None = None, *, editorial: Editorial | None = None) -> None:
        super().__init__(str(code))
        self.code = code
        self.field_path = field_path
        self.editorial = editorial


@dataclass(frozen=True, slots=True)
class Change:
    """One item of a list: the fields that it sets. Null and absent are the same."""

    given: Mapping[str, Any]
    path: str

    def get(self, name: str) -> Any:
        return self.given.get(name)

    def text(self, name: str) -> str:
        return text_of(self.given.get(name), f"{self.path}.{name}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a list: ids at the places of their items, null where one failed, and the errors."""

    ids: Sequence[str | None]
    errors: Sequence[Any]


def change_all(
    call: Call, name: str, keys: frozenset[str], handler: Handler, *, none: int, too_many: tuple[int, int], null: int
) -> Outcome:
    """Hand the items of a list to a handler; an empty or too long list is refused as a whole."""
    items = call.list(name)
    if not items:
        raise operation_error(none)
    if len(items) > too_many[1]:
        raise operation_error(too_many[0])
    changes: list[Change | None] = []
    for at, item in enumerate(items):
        path = f"$.{name}[{at}]"
        if item is not None:
            check_keys(object_of(item, path), keys, path)
        changes.append(None if item is None else Change(item, path))
    ids: list[str | None] = []
    errors: list[Any] = []
    for at, change in enumerate(changes):
        try:
            if change is None:
                raise ItemError(null)
            ids.append(handler(change))
        except ItemError as error:
            ids.append(None)
            errors.append(batch_error(at, error.code, field_path=error.field_path, editorial=error.editorial))
    return Outcome(ids, errors)


def delete_all(
    call: Call, name: str, delete: Callable[[str], None], *, none: int, too_many: tuple[int, int]
) -> Mapping[str, Any]:
    """Delete by ids."""
    ids = call.ids(name)
    if not ids:
        raise operation_error(none)
    if len(ids) > too_many[1]:
        raise operation_error(too_many[0])
    errors = []
    for at, each in enumerate(ids):
        try:
            delete(each)
        except ItemError as error:
            errors.append(batch_error(at, error.code))
    return {"PartialErrors": errors}


def status(change: Change, wrong: int) -> Status | None:
    """Return the status to set; only these two can be set."""
    name = change.text("Status")
    if not name:
        return None
    known = {"Active": Status.ACTIVE, "Paused": Status.PAUSED}
    if name not in known:
        raise ItemError(wrong, "Status")
    return known[name]


def amount(value: object, wrong: int, name: str) -> int:
    """Return an amount in micros; it must be a number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ItemError(wrong, name)
    return round(value * 100_000) * 10


def bid(change: Change, name: str) -> int | None:
    """Return a bid in micros, None if none is set."""
    given = change.get(name)
    if given is None:
        return None
    value = object_of(given, f"{change.path}.{name}").get("Amount")
    return None if value is None else amount(value, 1507, name)


def day(change: Change, name: str, wrong: int) -> date | None:
    """Return a day that is written as an object of three numbers."""
    given = change.get(name)
    if given is None:
        return None
    parts = object_of(given, f"{change.path}.{name}")
    try:
        return date(int(parts["Year"]), int(parts["Month"]), int(parts["Day"]))
    except (KeyError, TypeError, ValueError):
        raise ItemError(wrong, name) from None


def kept(change: Change, names: Sequence[str]) -> dict[str, Any]:
    """Return the fields that the world has no place for, of those that are set."""
    found = {name: change.get(name) for name in names if change.get(name) is not None}
    for name, value in found.items():
        wanted = _TYPES.get(name, str)
        exact = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
        if not exact or (wanted is list and not all(isinstance(part, str) for part in value)):
            raise bad_body(f"{change.path}.{name}", f"Error converting value to type '{wanted.__name__}'.")
    return found


def check_editorial(text: str, location: str) -> None:
    """Refuse a text that the editors would refuse."""
    if _REFUSED in text.lower():
        raise ItemError(1042, editorial=Editorial(text, location))


def one_of(change: Change, name: str, known: Sequence[str]) -> str:
    """Return a value of an enumeration, empty if none is set; an unknown one cannot be read."""
    value = change.text(name)
    if value and value not in known:
        raise bad_body(f"{change.path}.{name}", f"Requested value '{value}' was not found.")
    return value
