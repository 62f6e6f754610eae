"""The signs of life of a process: which of its rounds were made when, and what keeps it from being ready."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adjoin.clock import Clock, SystemClock

__all__ = ["Vitals"]

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


class Vitals:
    """Filled by the loops of a process, read by its monitor. Usable from several threads.

    A round is what a process does again and again, such as dispatching. One that is expected and has not been made for
    too long makes the process unready, as does a problem that was reported and not taken back.
    It measures by the machine's clock: it is there before the database is reached, whose clock the rest goes by.
    """

    def __init__(self, *, role: str, clock: Clock | None = None) -> None:
        self.role = role
        self.registry = CollectorRegistry()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._made: dict[str, float] = {}
        self._longest: dict[str, float] = {}
        self._problems: dict[str, str] = {}
        self.executing = False
        self._executing = Gauge("adjoin_executing", "Whether this process executes runs.", registry=self.registry)
        self._executing.set_function(lambda: float(self.executing))
        self._leading = Gauge(
            "adjoin_leading", "Whether this process leads (1) or stands by (0).", registry=self.registry
        )
        self._took = Histogram(
            "adjoin_round_seconds", "What a round took.", ["round"], buckets=_SECONDS, registry=self.registry
        )
        self._failed = Counter("adjoin_round_failures", "Rounds that failed.", ["round"], registry=self.registry)
        self._queued = Counter(
            "adjoin_runs_queued", "Runs that this process has queued.", ["by"], registry=self.registry
        )
        self._age = Gauge(
            "adjoin_round_age_seconds",
            "Time since a round was made without failing.",
            ["round"],
            registry=self.registry,
        )

    def expect(self, name: str, *, within: float) -> None:
        """Say that a round is made at least every so many seconds. It counts as made now."""
        with self._lock:
            self._longest[name] = within
            self._made[name] = self._clock.monotonic()
        self._age.labels(name).set_function(lambda: self.age(name))

    def beat(self, name: str) -> None:
        """Say that a round was made."""
        with self._lock:
            self._made[name] = self._clock.monotonic()

    @contextmanager
    def round(self, name: str) -> Iterator[None]:
        """Measure a round: made when the block ends, failed when it raises."""
        begun = self._clock.monotonic()
        try:
            yield
        except Exception:
            self._failed.labels(name).inc()
            raise
        self._took.labels(name).observe(self._clock.monotonic() - begun)
        self.beat(name)

    def age(self, name: str) -> float:
        """Return the seconds since a round was made last."""
        with self._lock:
            made = self._made.get(name)
        return float("nan") if made is None else self._clock.monotonic() - made

    def problem(self, name: str, text: str | None) -> None:
        """Report what keeps the process from its work, in words without secrets; None takes it back."""
        with self._lock:
            if text is None:
                self._problems.pop(name, None)
            else:
                self._problems[name] = text

    def lead(self, leading: bool) -> None:
        """Say whether this process leads."""
        self._leading.set(leading)

    def queued(self, runs: int, *, by: str) -> None:
        """Count runs that were queued."""
        if runs:
            self._queued.labels(by).inc(runs)

    def reasons(self) -> list[str]:
        """Return why the process is not ready, in words; none when it is."""
        now = self._clock.monotonic()
        with self._lock:
            found = [f"{name}: {text}" for name, text in sorted(self._problems.items())]
            late = {name: now - self._made[name] for name, longest in self._longest.items()}
            found += [
                f"{name}: not done for {seconds:.0f} s"
                for name, seconds in sorted(late.items())
                if seconds > self._longest[name]
            ]
        return found
