"""The rule that turns Meta's `actions` into conversions.

Meta lists one event under many names (a purchase as purchase, omni_purchase, offsite_conversion.fb_pixel_purchase
...), so names of the same event are never added up. For each canonical action the first of its alternatives that is
there counts; an alternative may name several sources that do not overlap, and only those are added.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from adjoin.ads.datasets import CONVERSION_SCALE

__all__ = [
    "CUSTOM",
    "NANOS",
    "RULE",
    "STEPS",
    "VIDEO_VIEW",
    "Chosen",
    "action_names",
    "chosen",
    "code_of",
    "count_to_nanos",
    "counts",
]

Ints: TypeAlias = npt.NDArray[np.int64]

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


#: Meta's names that are of use, each with its canonical action and which of its alternatives it is. The position of a
#: name is its code. Custom conversions are added as they are met.
_NAMES: list[tuple[str, int]] = []
_CODES: dict[str, int] = {}
_MEETING = threading.Lock()
_NO_CODE = -1
_MOST_CODES = 100_000

for _action, _alternatives in RULE.items():
    for _rank, _sources in enumerate(_alternatives):
        for _name in _sources:
            _CODES[_name] = len(_NAMES)
            _NAMES.append((_action, _rank))


def code_of(name: str) -> int:
    """Return the code of Meta's name for a result or a step on the way, below 0 for any other.

    Called for every entry of every row.
    """
    code = _CODES.get(name)
    return _meet(name) if code is None else code


def _meet(name: str) -> int:
    with _MEETING:
        if name not in _CODES:
            if len(_CODES) >= _MOST_CODES:
                raise ValueError(f"Meta uses more than {_MOST_CODES:,} names of actions")
            _CODES[name] = len(_NAMES) if name.startswith(CUSTOM) else _NO_CODE
            if name.startswith(CUSTOM):
                _NAMES.append((name, 0))
        return _CODES[name]


def counts(action: str) -> bool:
    """Say whether a canonical action is a conversion, and not a step on the way."""
    return action not in STEPS


@dataclass(frozen=True, slots=True)
class Chosen:
    """The figure of each canonical action of each row, sorted by both. `action` is a position in `actions`.

    Custom conversions keep their `offsite_conversion.custom.<id>`.
    """

    actions: tuple[str, ...]
    place: Ints
    action: Ints
    figure: Ints


def chosen(places: Ints, codes: Ints, figures: Ints) -> Chosen:
    """Apply the rule to figures by row and code."""
    met, position = np.unique(codes, return_inverse=True)
    named = [_NAMES[code] for code in met.tolist()]
    actions = tuple(dict.fromkeys(action for action, _ in named))
    action = np.array([actions.index(action) for action, _ in named], dtype=np.int64)[position]
    rank = np.array([rank for _, rank in named], dtype=np.int64)[position]
    order = np.lexsort((rank, action, places))
    place, action, rank, figure = places[order], action[order], rank[order], figures[order]
    first = np.flatnonzero((np.diff(place, prepend=-1) != 0) | (np.diff(action, prepend=-1) != 0))
    best = np.repeat(rank[first], np.diff(first, append=len(rank)))
    # Those of the best alternative are sources of one event that do not overlap.
    sums = np.add.reduceat(np.where(rank == best, figure, 0), first) if len(first) else figure
    return Chosen(actions, place[first], action[first], sums)


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
