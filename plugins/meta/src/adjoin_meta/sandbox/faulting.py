"""Which fault kinds this sandbox acts out, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adjoin.testing.world import World
from adjoin_meta.sandbox import errors
from adjoin_meta.sandbox.errors import Refusal
from adjoin_meta.sandbox.reports import State
from adjoin_meta.sandbox.usage import Usage

__all__ = ["Faulting"]

#: Seconds and minutes that throttled answers ask for.
_WAIT_SECONDS, _WAIT_MINUTES, _LONG_MINUTES = 1, 1, 240


class Faulting:
    """Asks the world's faults what is due for a request, beside what any sandbox acts out.

    Request classes: the common ones, and `batch`. `facts` are pages of results, of reports too; `report` its order and
    its polls.
    """

    def __init__(self, world: World, usage: Usage) -> None:
        self._faults = world.faults
        self._usage = usage
        self._refusals: Mapping[str, Callable[[str], Refusal]] = {
            "throttle": lambda account: errors.throttled_account(
                self._usage.full_account(account, seconds=_WAIT_SECONDS)
            ),
            "throttle_bare": lambda _: errors.throttled_app(self._usage.headers("", insights=False)),
            "throttle_in_200": lambda account: errors.throttled_account(
                self._usage.full_account(account, seconds=_WAIT_SECONDS), status=200
            ),
            "throttle_insights": lambda account: errors.throttled_insights(
                self._usage.full_insights(account, minutes=_WAIT_MINUTES)
            ),
            "quota_exhausted": lambda account: errors.throttled_insights(
                self._usage.full_insights(account, minutes=_LONG_MINUTES)
            ),
            "server_error": lambda _: errors.passing(),
            "token_expired": lambda _: errors.expired_token("Friday, 20-Nov-26 04:00:00 PST"),
            "version_retired": lambda _: errors.retired_version(),
            "reduce_data": lambda _: errors.reduce_data(),
        }

    def due(self, request_class: str, kind: str) -> bool:
        return self._faults.take(request_class, kind)

    def argument(self, request_class: str, kind: str) -> int | None:
        """Return the number behind the colon of a fault that is due, None if none is."""
        text = self._faults.take_argument(request_class, kind)
        return int(text) if text else None

    def refuse(self, request_class: str, account_id: str = "", params: Mapping[str, str] | None = None) -> None:
        """Raise the refusal that is due for a request, if one is. Cursors are refused only where there is one."""
        for kind, refusal in self._refusals.items():
            if self.due(request_class, kind):
                raise refusal(account_id)
        if (params or {}).get("after"):
            # Meta has one code for both.
            for kind in ("page_expired", "page_invalid"):
                if self.due(request_class, kind):
                    raise errors.bad_cursor()
        if account_id and self._faults.single_out(request_class, "account_forbidden", account_id):
            raise errors.forbidden_account()

    def disabled(self, account_id: str) -> bool:
        """Say whether an account shows up as disabled now."""
        return self._faults.single_out("accounts", "account_disabled", account_id)

    def report_states(self) -> tuple[State, ...] | None:
        """Return the unusual course of a report that is due when one is ordered, None for the usual one."""
        running, done = State("Job Running", 40), State("Job Completed", 100)
        courses = {
            "report_slow": (State("Job Not Started", 0), State("Job Started", 0), *(running,) * 4, done),
            "report_full_but_running": (running, State("Job Running", 100), State("Job Running", 100), done),
            "report_failed": (running, State("Job Failed", 40, (2, 1504044, "An unknown error occurred"))),
            "report_too_large": (running, State("Job Failed", 40, (-3, 1504045, "The report is too large"))),
            "report_skipped": (State("Job Skipped", 0),),
            "report_stuck": (running,),
            "unknown_values": (State("Job Pondering", 20), done),
        }
        due = [course for kind, course in courses.items() if self.due("report", kind)]
        return due[0] if due else None
