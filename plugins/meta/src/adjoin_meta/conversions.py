"""The rule that turns Meta's `actions` into conversions.

Meta lists one event under many names (a purchase as purchase, omni_purchase, offsite_conversion.fb_pixel_purchase
...), so names of the same event are never added up. For each canonical action the first of its alternatives that is
there counts; an alternative may name several sources that do not overlap, and only those are added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple, Protocol

from adjoin.ads.datasets import CONVERSION_SCALE

__all__ = ["CUSTOM", "NANOS", "RULE", "STEPS", "VIDEO_VIEW", "action_names", "chosen", "count_to_nanos", "counts"]

#: A count is kept in billionths, which is what the datasets' decimal holds.
NANOS: int = 10**CONVERSION_SCALE

#: Custom conversions are named by id; the account's customconversions edge gives their names.
CUSTOM = "offsite_conversion.custom."

#: A play of three seconds or more; the canonical video view.
VIDEO_VIEW = "video_view"

Alternatives = tuple[tuple[str, ...], ...]

#: Canonical action: its alternatives, best first.
RULE: Mapping[str, Alternatives] = {
    "purchases": (
        ("omni_purchase",),
        ("purchase",),
        ("offsite_conversion.fb_pixel_purchase",),
        ("app_custom_event.fb_mobile_purchase",),
        ("onsite_conversion.purchase",),
        ("offline_conversion.purchase",),
    ),
    "leads": (
        ("lead",),
        # Instant forms and the website: two sources of one event, without overlap.
        ("onsite_conversion.lead_grouped", "offsite_conversion.fb_pixel_lead"),
    ),
    "registrations": (
        ("omni_complete_registration",),
        ("complete_registration",),
        ("offsite_conversion.fb_pixel_complete_registration",),
        ("app_custom_event.fb_mobile_complete_registration",),
    ),
    "app_installs": (("omni_app_install",), ("mobile_app_install",), ("app_install",)),
    "subscriptions": (("subscribe_total",), ("subscribe_website",)),
    "trials": (("start_trial_total",), ("start_trial_website",)),
    "contacts": (("contact_total",), ("contact_website",)),
    "appointments": (("schedule_total",), ("schedule_website",)),
    "applications": (("submit_application_total",), ("submit_application_website",)),
    "conversations": (("onsite_conversion.messaging_conversation_started_7d",),),
    "add_to_cart": (("omni_add_to_cart",), ("add_to_cart",), ("offsite_conversion.fb_pixel_add_to_cart",)),
    "checkouts": (
        ("omni_initiated_checkout",),
        ("initiate_checkout",),
        ("offsite_conversion.fb_pixel_initiate_checkout",),
    ),
}

#: Steps on the way to a result: kept by action, but not counted as conversions.
STEPS = frozenset({"add_to_cart", "checkouts"})


class _Place(NamedTuple):
    action: str
    rank: int


_PLACES: Mapping[str, _Place] = {
    name: _Place(action, rank)
    for action, alternatives in RULE.items()
    for rank, names in enumerate(alternatives)
    for name in names
}


class _Action(Protocol):
    @property
    def action_type(self) -> str: ...

    @property
    def value(self) -> str: ...


def counts(action: str) -> bool:
    """Say whether a canonical action is a conversion, and not a step on the way."""
    return action not in STEPS


def chosen(actions: Iterable[_Action], amount: Callable[[str], int]) -> dict[str, int]:
    """Return the figure of each canonical action; `amount` turns a value of the wire into a number.

    Custom conversions keep their `offsite_conversion.custom.<id>`; what is neither a result nor a step is left out.
    """
    found: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for action in actions:
        name = action.action_type
        place = _PLACES.get(name)
        if place is None:
            if name.startswith(CUSTOM):
                found[name] = amount(action.value)
            continue
        canonical, rank = place
        best = ranks.get(canonical)
        if best is None or rank < best:
            ranks[canonical] = rank
            found[canonical] = amount(action.value)
        elif rank == best:  # another source of the same alternative
            found[canonical] += amount(action.value)
    return found


def count_to_nanos(value: str) -> int:
    """Turn a count ("3", "2.5") into billionths. ValueError if it is no number."""
    if value.isdecimal():
        return int(value) * NANOS
    try:
        return int((Decimal(value) * NANOS).to_integral_value(ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{value!r} is no count") from error


def action_names(customs: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return what each custom conversion (`offsite_conversion.custom.<id>`) is called in the datasets.

    Its name, with the id behind where another one or a canonical action has the same; without a name `custom.<id>`. The
    answer does not depend on which of the account's custom conversions occur.
    """
    taken: dict[str, int] = dict.fromkeys(RULE, 1)
    for name in names.values():
        taken[name] = taken.get(name, 0) + 1
    called: dict[str, str] = {}
    for custom in customs:
        number = custom.removeprefix(CUSTOM)
        name = names.get(number, "")
        if not name:
            called[custom] = f"custom.{number}"
        else:
            called[custom] = name if taken[name] == 1 else f"{name} ({number})"
    return called
