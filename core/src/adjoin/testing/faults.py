"""Faults that sandboxes act out on request, and a count of the requests they got.

The words are common to all platforms: `REQUEST_CLASSES` says what a request is for, `EVERYWHERE` lists the kinds that
any sandbox acts out (`adjoin.testing.sandbox.FaultLayer` does it), `ON_PLATFORMS` those that a sandbox acts out in its
platform's own shape, wherever the platform has such a thing. Kinds beside these belong to one platform. A sandbox asks
`take` for its kinds.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

from adjoin.errors import BadInput

__all__ = ["EVERYWHERE", "EVERY_CLASS", "FAULT_HEADER", "ON_PLATFORMS", "REQUEST_CLASSES", "Fault", "Faults", "Fired"]

#: Matches the requests of every class.
EVERY_CLASS = "*"

#: A request with this header gets the named faults (separated by commas), whatever else is switched on.
FAULT_HEADER = "x-sandbox-fault"

#: Class of a request: what it is for. A platform may have more of its own.
REQUEST_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "token": "the consent page, and exchanging or renewing tokens",
        "accounts": "which ad accounts there are",
        "entities": "campaigns, ad groups, ads, keywords",
        "facts": "results, read directly or downloaded as pages or files of a report",
        "report": "ordering a report and asking how far it is",
        "mutate": "creating, changing or removing something",
    }
)

#: Kind of a fault that any sandbox acts out: what it means.
EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "status:500": "answers 500 in plain text, unasked; 502 and 503 likewise",
        "cut_before": "closes the connection before it answers; nothing has happened",
        "cut_headers": "closes it after the headers; the request was served",
        "cut_body": "closes it in the middle of the body; the request was served",
        "cut_after": "sends the whole answer and closes the connection, which the next request may try to use",
        "truncate": "sends half of the body and calls it complete",
        "garbage": "sends something else in place of the body",
        "slow": "sends the body in small pieces with pauses",
        "latency:20": "waits so many milliseconds before it answers",
        "clock_skew": "tells a time 5 minutes ahead in the Date header; clock_skew:-300 is as much behind, in seconds",
    }
)

#: Kind of a fault that a sandbox acts out as its platform would, where the platform has such a thing: what it means.
ON_PLATFORMS: Mapping[str, str] = MappingProxyType(
    {
        "throttle": "refuses and says how long to wait, a second or two",
        "throttle_bare": "refuses and does not say how long to wait",
        "throttle_in_200": "refuses inside an answer with status 200",
        "quota_exhausted": "refuses because the day's quota is used up, with a wait of hours",
        "server_error": "answers with the platform's own passing error",
        "token_expired": "calls the access token of this request expired",
        "token_revoked": "withdraws access and refresh token: a person has to connect again",
        "token_rejected": "refuses the refresh token at the token endpoint (invalid_grant)",
        "page_expired": "calls the token of the next page expired",
        "page_invalid": "calls the token of the next page invalid",
        "page_duplicate": "sends a page a second time in place of the next one",
        "page_endless": "names a next page for ever",
        "account_forbidden": "refuses one account, the first that is asked for, from then on",
        "account_disabled": "treats one account, the first that is asked for, as disabled from then on",
        "report_failed": "ends a report without a result",
        "report_stuck": "never ends a report",
        "report_empty": "ends a report without a file, though there may be results",
        "version_retired": "calls the API version retired",
        "unknown_values": "sends values of enumerations newer than we know, and more fields everywhere",
    }
)

_KIND = re.compile(r"(?!status$|latency$)[a-z][a-z0-9_]*(:[A-Za-z0-9_.-]+)?")
_NUMBERED = re.compile(r"status:[45]\d\d|latency:\d{1,5}|clock_skew(:-?\d{1,6})?|(?!status:|latency:|clock_skew).*")

#: The kinds that the request being served asked for by its header; set only while it is served.
_asked: ContextVar[tuple[str, ...]] = ContextVar("sandbox_faults_asked", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule: act out `kind` on requests of a class ("*" is every class).

    The rule counts what it applies to: it lets the first `after` pass, then acts on each `every`-th, beginning with the
    next one, at most `times` times (None: for ever).
    """

    kind: str
    request_class: str = EVERY_CLASS
    times: int | None = None
    every: int = 1
    after: int = 0

    def __post_init__(self) -> None:
        if not (_KIND.fullmatch(self.kind) and _NUMBERED.fullmatch(self.kind)):
            raise BadInput(f"{self.kind!r} is not a kind of fault; write it as status:503, latency:20 or cut_body.")
        if not self.request_class:
            raise BadInput("A fault needs a class of requests; '*' is every class.")
        if self.every < 1 or self.after < 0 or (self.times is not None and self.times < 1):
            raise BadInput(f"The fault {self.kind!r} needs every and times of 1 or more, and after of 0 or more.")

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """Read `{"class": "facts", "kind": "status:500", "times": 2}`; BadInput for anything else."""
        if not isinstance(value, Mapping):
            raise BadInput('A fault is an object such as {"class": "*", "kind": "status:500", "times": 2}.')
        kinds: dict[str, type] = {"kind": str, "class": str, "times": int, "every": int, "after": int}
        if unknown := sorted(set(value) - set(kinds)):
            raise BadInput(f"A fault has no {', '.join(map(repr, unknown))}; it has {', '.join(kinds)}.")
        if "kind" not in value:
            raise BadInput("A fault needs a kind, such as status:500.")
        read = {name: given for name, given in value.items() if given is not None}
        for name, given in read.items():
            if not isinstance(given, kinds[name]) or isinstance(given, bool):
                raise BadInput(f"The {name} of a fault is a {kinds[name].__name__}, not {given!r}.")
        read["request_class"] = read.pop("class", EVERY_CLASS)
        return cls(**read)

    def to_json(self) -> dict[str, str | int | None]:
        """The same, back."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"class": values.pop("request_class"), **values}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A fault that was acted out: the `number`-th of all."""

    number: int
    kind: str
    request_class: str

    def to_json(self) -> dict[str, str | int]:
        return asdict(self)


@dataclass(slots=True)
class _Rule:
    fault: Fault
    seen: int = 0
    fired: int = 0

    def due(self) -> bool:
        self.seen += 1
        place = self.seen - self.fault.after - 1
        if place < 0 or place % self.fault.every:
            return False
        if self.fault.times is not None and self.fired >= self.fault.times:
            return False
        self.fired += 1
        return True


class Faults:
    """The faults that are switched on, a log of those that fired, and the requests by platform and class.

    Safe from several threads. The same requests in the same order get the same faults.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._fired: list[Fired] = []
        self._requests: dict[str, dict[str, int]] = {}
        self._singled: dict[str, str] = {}

    def add(self, *faults: Fault) -> None:
        """Switch faults on, beside those that are on already."""
        with self._lock:
            self._rules.extend(map(_Rule, faults))

    def clear(self) -> None:
        """Switch all faults off and forget what fired. The requests stay counted."""
        with self._lock:
            self._rules.clear()
            self._fired.clear()
            self._singled.clear()

    @property
    def active(self) -> Sequence[Fault]:
        """The faults that are switched on, those that have fired for the last time too."""
        with self._lock:
            return [rule.fault for rule in self._rules]

    @property
    def fired(self) -> Sequence[Fired]:
        """What was acted out, oldest first."""
        with self._lock:
            return list(self._fired)

    def take(self, request_class: str, kind: str) -> bool:
        """Say whether a fault of exactly this kind is due now, and count it. Ask once per request and kind."""
        return self.take_argument(request_class, kind, with_argument=False) is not None

    def take_argument(self, request_class: str, kind: str, *, with_argument: bool = True) -> str | None:
        """Return what stands after the colon of a due fault of this kind (`latency:20`), or None if none is due.

        A kind without a colon gives an empty text.
        """

        def matches(known: str) -> bool:
            return known == kind or (with_argument and known.startswith(f"{kind}:"))

        with self._lock:
            found = next((asked for asked in _asked.get() if matches(asked)), None)
            for rule in self._rules:
                if rule.fault.request_class not in (EVERY_CLASS, request_class) or not matches(rule.fault.kind):
                    continue
                # Every rule counts the request, also when another one has already fired on it.
                if rule.due() and found is None:
                    found = rule.fault.kind
            if found is None:
                return None
            self._fired.append(Fired(number=len(self._fired) + 1, kind=found, request_class=request_class))
        return found.partition(":")[2]

    def single_out(self, request_class: str, kind: str, subject: str) -> bool:
        """Say whether a fault holds for this subject (an account, say): the first that it is due for, until `clear`.

        A request that asks for the fault by its header gets it for its own subject, once.
        """
        with self._lock:
            chosen = self._singled.get(kind)
        if chosen is not None:
            return chosen == subject
        if not self.take(request_class, kind):
            return False
        if kind not in _asked.get():
            with self._lock:
                self._singled[kind] = subject
        return True

    def count_request(self, platform: str, request_class: str) -> None:
        """Count a request that a sandbox got."""
        with self._lock:
            of_platform = self._requests.setdefault(platform, {})
            of_platform[request_class] = of_platform.get(request_class, 0) + 1

    def requests(self) -> dict[str, dict[str, int]]:
        """How many requests came in, by platform and class."""
        with self._lock:
            return {platform: dict(sorted(counts.items())) for platform, counts in sorted(self._requests.items())}

    def asked_for(self, header: str) -> AbstractContextManager[None]:
        """Act out the kinds that a request's own header names while it is served; BadInput for a bad header."""
        kinds = tuple(kind.strip() for kind in header.split(",") if kind.strip())
        for kind in kinds:
            Fault(kind=kind)
        return _asking(kinds)


@contextmanager
def _asking(kinds: tuple[str, ...]) -> Iterator[None]:
    token = _asked.set(kinds)
    try:
        yield
    finally:
        _asked.reset(token)
