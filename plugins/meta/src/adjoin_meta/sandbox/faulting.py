"""Which fault kinds this sandbox acts out, and how."""

from __future__ import annotations

from adjoin.testing.world import World
from adjoin_meta.sandbox import errors
from adjoin_meta.sandbox.reports import State
from adjoin_meta.sandbox.usage import Usage

__all__ = ["Faulting"]

#: Seconds and minutes that throttled answers ask for.
_WAIT_SECONDS, _WAIT_MINUTES = 1, 1


class Faulting:
    """Asks the world's faults what is due for a request, beside what any sandbox acts out.

    Request classes: `token`, `accounts`, `entities`, `insights` (pages of results, of reports too), `report` (its order
    and its polls), `batch`.
    """

    def __init__(self, world: World, usage: Usage) -> None:
        self._faults = world.faults
        self._usage = usage

    def due(self, request_class: str, kind: str) -> bool:
        return self._faults.take(request_class, kind)

    def refuse(self, request_class: str, account_id: str) -> None:
        """Raise the refusal that is due for a request, if one is."""
        refusals = {
            "throttle": lambda: errors.throttled_account(self._usage.full_account(account_id, seconds=_WAIT_SECONDS)),
            "throttle_insights": lambda: errors.throttled_insights(
                self._usage.full_insights(account_id, minutes=_WAIT_MINUTES)
            ),
            "throttle_app": lambda: errors.throttled_app(self._usage.headers("", insights=False)),
            "server_error": errors.passing,
            "expired_token": lambda: errors.expired_token("Friday, 20-Nov-26 04:00:00 PST"),
            "revoked_token": errors.revoked_token,
            "retired_version": errors.retired_version,
            "reduce_data": errors.reduce_data,
            "bad_cursor": errors.bad_cursor,
        }
        for kind, refusal in refusals.items():
            if self.due(request_class, kind):
                raise refusal()

    def report_states(self) -> tuple[State, ...] | None:
        """Return the unusual course of a report that is due when one is ordered, None for the usual one."""
        running, done = State("Job Running", 40), State("Job Completed", 100)
        courses = {
            "report_slow": (State("Job Not Started", 0), State("Job Started", 0), *(running,) * 4, done),
            "report_full_but_running": (running, State("Job Running", 100), State("Job Running", 100), done),
            "report_failed": (running, State("Job Failed", 40, (2, 1504044, "An unknown error occurred"))),
            "report_too_large": (running, State("Job Failed", 40, (-3, 1504045, "The report is too large"))),
            "report_skipped": (State("Job Skipped", 0),),
        }
        due = [course for kind, course in courses.items() if self.due("report", kind)]
        return due[0] if due else None
