"""The states of a rule, and what follows from each check: two tables."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from adjoin.db.alerts import AlertState

__all__ = ["ACTS", "NEXT", "Act", "Event"]


class Event(StrEnum):
    """What happens to a rule. A check that has to wait for data is no event."""

    CLEAR = "clear"  #: a check found that what is watched for is not so
    TRIP = "trip"  #: a check found that it is so
    FAIL = "fail"  #: it could not be checked
    MUTE = "mute"  #: somebody wants to hear nothing for some time
    UNMUTE = "unmute"  #: that time is over, or was ended


class Act(StrEnum):
    """What is done. Each may be done again and again and has its effect once.

    While the next state is `muted` nobody is told; what began then and still goes on afterwards is told then.
    """

    BEGIN = "begin"  #: note that it is so, unless that is noted; tell, unless it was told or the cool-down lasts
    END = "end"  #: note that it is over; tell who heard that it began
    BREAK = "break"  #: note that it could not be checked, and tell
    MEND = "mend"  #: note that it can be checked again; tell who heard that it could not


#: The next state, by the one before and what happens.
NEXT: Mapping[tuple[AlertState, Event], AlertState] = MappingProxyType(
    {
        (AlertState.OK, Event.CLEAR): AlertState.OK,
        (AlertState.OK, Event.TRIP): AlertState.FIRING,
        (AlertState.OK, Event.FAIL): AlertState.BROKEN,
        (AlertState.OK, Event.MUTE): AlertState.MUTED,
        (AlertState.OK, Event.UNMUTE): AlertState.OK,
        (AlertState.FIRING, Event.CLEAR): AlertState.OK,
        (AlertState.FIRING, Event.TRIP): AlertState.FIRING,
        (AlertState.FIRING, Event.FAIL): AlertState.BROKEN,
        (AlertState.FIRING, Event.MUTE): AlertState.MUTED,
        (AlertState.FIRING, Event.UNMUTE): AlertState.FIRING,
        (AlertState.BROKEN, Event.CLEAR): AlertState.OK,
        (AlertState.BROKEN, Event.TRIP): AlertState.FIRING,
        (AlertState.BROKEN, Event.FAIL): AlertState.BROKEN,
        (AlertState.BROKEN, Event.MUTE): AlertState.MUTED,
        (AlertState.BROKEN, Event.UNMUTE): AlertState.BROKEN,
        (AlertState.MUTED, Event.CLEAR): AlertState.MUTED,
        (AlertState.MUTED, Event.TRIP): AlertState.MUTED,
        (AlertState.MUTED, Event.FAIL): AlertState.MUTED,
        (AlertState.MUTED, Event.MUTE): AlertState.MUTED,
        (AlertState.MUTED, Event.UNMUTE): AlertState.OK,
    }
)

#: What is done about a check, in this order.
ACTS: Mapping[Event, tuple[Act, ...]] = MappingProxyType(
    {
        Event.CLEAR: (Act.MEND, Act.END),
        Event.TRIP: (Act.MEND, Act.BEGIN),
        Event.FAIL: (Act.BREAK,),
        Event.MUTE: (),
        Event.UNMUTE: (),
    }
)
