"""Programs as real processes, for tests that kill, freeze and starve them.

    process = Process([sys.executable, "scheduler.py"], name="scheduler", env=environment)
    eventually(lambda: sandbox_was_asked(), watching=[process])
    process.kill()

Linux only: a process is cut off from the disk by its own limit on file sizes.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

__all__ = ["Process", "clean_environment", "eventually"]

#: Seconds that anything may take before a test gives up; far more than is needed, for a machine that is busy.
DEADLINE = 300.0
_LOOK_AGAIN = 0.01
_ASK_AGAIN = 0.05
_TOLD_LINES = 40


class Process:
    """A program under test. What it prints is kept in memory. Killed at the end of the block if it still runs."""

    def __init__(self, command: Sequence[str], *, name: str, env: Mapping[str, str]) -> None:
        self.name = name
        self._popen = subprocess.Popen(  # noqa: S603 - the test's own command
            list(command), env=dict(env), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, minus the signal's number where one killed it; None while it runs."""
        return self._popen.poll()

    @property
    def said(self) -> str:
        """What it has printed so far, both streams."""
        return "".join(self._lines)

    def kill(self) -> None:
        """End it as kill -9 does. Harmless when it has ended."""
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait(DEADLINE)
        self._reader.join(DEADLINE)

    def stop(self, *, within: float = DEADLINE) -> int:
        """Ask it to stop as an operating system does (SIGTERM) and return its exit code.

        AssertionError, with what it said, when it does not obey in time.
        """
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        try:
            code = self._popen.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not stop within {within:.0f} s:\n{self.tail()}") from None
        self._reader.join(DEADLINE)
        return code

    def freeze(self) -> None:
        """Let it do nothing more until `thaw`, as on a machine that swaps or is suspended."""
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._popen.send_signal(signal.SIGCONT)

    def limit_files(self, size: int | None) -> None:
        """Refuse it writing beyond so many bytes of any file from now on, as a full disk does; None lets it again."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def peak_memory(self) -> int:
        """Return the most memory that it has had so far, in bytes. It must be running."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:  # noqa: PTH123 - not a file of ours
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

    def tail(self) -> str:
        """The last lines that it has printed."""
        return "".join(self._lines[-_TOLD_LINES:])

    def _read(self) -> None:
        stream = self._popen.stdout
        assert stream is not None
        for line in stream:
            self._lines.append(line)
        stream.close()


def eventually(
    condition: Callable[[], bool],
    what: str = "it",
    *,
    watching: Sequence[Process] = (),
    within: float = DEADLINE,
    every: float = _ASK_AGAIN,
) -> float:
    """Wait until the condition holds, and return the seconds it took.

    AssertionError when that takes longer than `within`, or when one of the watched processes ends before; it tells
    what they said.
    """
    begun = time.monotonic()
    while not condition():
        ended = next((one for one in watching if one.exit_code is not None), None)
        if ended is not None and not condition():
            raise AssertionError(f"{ended.name} ended with {ended.exit_code} before {what}:\n{ended.tail()}")
        if time.monotonic() - begun > within:
            told = "".join(f"\n--- {one.name}:\n{one.tail()}" for one in watching)
            raise AssertionError(f"{what} did not happen within {within:.0f} s{told}")
        time.sleep(max(every, _LOOK_AGAIN))
    return time.monotonic() - begun


def clean_environment(**settings: str) -> dict[str, str]:
    """Return the environment without any setting of Adjoin's, and with the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ADJOIN_")}
    return {**kept, **settings}
