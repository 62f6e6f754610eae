"""A lane: the threads and the event loop in which one plugin's code runs, and the only place where it can hang.

A thread cannot be killed, so a deadline frees the caller and not the thread. Each lane has a few slots (a bulkhead):
calls that never come back fill their own plugin's lane and no other. The threads are daemons, so that a hung one
does not hold up the end of the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Generic, TypeVar

from adjoin._loop_thread import LoopThread
from adjoin.errors import AdjoinError, PluginBusy, PluginError, PluginTimeout, WrongResult
from adjoin.http.redaction import redact_text

__all__ = ["Lane", "Started", "guarded"]

T = TypeVar("T")

_CLOSING_GRACE = 2.0  # seconds that a stream which is left early may take to close what it has open
_END_GRACE = 1.0  # seconds that a loop may take to end


def guarded(plugin: str, doing: str, error: BaseException) -> AdjoinError:
    """Turn whatever a plugin let out into an AdjoinError that names it.

    Adjoin's own errors pass: a PlatformError says more about the platform than about the plugin.
    """
    what = redact_text(str(error))  # it is stored and shown, and may quote anything
    if isinstance(error, AdjoinError):
        if what != str(error):
            error.args = (what,)
        return error
    what = what or "no message"
    if isinstance(error, SystemExit):
        message = f"plugin {plugin!r} tried to end the process (sys.exit({redact_text(repr(error.code))})) in {doing}"
    else:
        message = f"plugin {plugin!r} raised {type(error).__name__} in {doing}: {what}"
    wrapped = PluginError(message, plugin=plugin)
    wrapped.__cause__ = error
    return wrapped


class Started(Generic[T]):
    """A call that is under way. `wait` and `await_` return its value or raise an AdjoinError."""

    def __init__(
        self, plugin: str, doing: str, future: Future[T], abandon: Callable[[], None], deadline: float | None = None
    ) -> None:
        self.plugin = plugin
        self.deadline = deadline
        self._doing = doing
        self.future = future
        self.abandon = abandon

    async def settled(self, timeout: float) -> None:
        """Wait until the call has ended in whatever way, or for `timeout` seconds."""
        waiter = asyncio.wrap_future(self.future)
        done, _ = await asyncio.wait({waiter}, timeout=timeout)
        if not done:
            waiter.cancel()
        elif not waiter.cancelled():
            waiter.exception()  # seen, so that asyncio does not complain about it

    def wait(self, timeout: float | None) -> T:
        """Block until the value is there, for at most `timeout` seconds."""
        try:
            return self.future.result(timeout)
        except TimeoutError:
            if self.future.done():  # came back in this very moment
                return self.future.result()
            raise self._late(timeout) from None
        except FutureCancelled as error:
            raise guarded(self.plugin, self._doing, error) from error
        except KeyboardInterrupt:
            self.abandon()
            raise

    async def await_(self, timeout: float | None) -> T:
        """Wait without blocking the loop. Cancelling the waiter cancels the plugin's coroutine."""
        waiter = asyncio.wrap_future(self.future)
        try:
            done, _ = await asyncio.wait({waiter}, timeout=timeout)
        except asyncio.CancelledError:
            self.abandon()
            waiter.cancel()
            raise
        if not done:
            late = self._late(timeout)
            waiter.cancel()
            raise late
        try:
            return waiter.result()
        except asyncio.CancelledError as error:
            raise guarded(self.plugin, self._doing, error) from error

    def _late(self, timeout: float | None) -> PluginTimeout:
        self.abandon()
        limit = timeout if self.deadline is None else self.deadline
        return PluginTimeout(
            f"plugin {self.plugin!r} gave no answer to {self._doing} within {limit:g} s", plugin=self.plugin
        )


class Lane:
    """Where the calls of one plugin run: `slots` of them at once at most."""

    def __init__(self, plugin: str, *, slots: int = 16) -> None:
        self.plugin = plugin
        self._slots = slots
        self._free = threading.BoundedSemaphore(slots)
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None
        self._closed = False

    def start(self, doing: str, function: Callable[[], Any]) -> Started[Any]:
        """Run a plain function in a thread, or a coroutine function in the plugin's loop. Raises PluginBusy."""
        slot = self._take(doing)
        if inspect.iscoroutinefunction(inspect.unwrap(function)):
            return self._start_coroutine(doing, function, slot)
        return self._start_thread(doing, function, slot)

    async def in_thread(self, doing: str, function: Callable[[], T]) -> T:
        """Run a plain function of the plugin in a thread, from within the plugin's own loop.

        The thread shares the slot of the call it belongs to, and keeps it if the call is given up.
        """
        slot = _slot.get()
        if slot is None or not slot.hold(self):
            slot = self._take(doing)
        future: Future[T] = Future()

        def run() -> None:
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - the boundary: a thread's SystemExit would vanish silently
                slot.let_go()
                _deliver(future, error=guarded(self.plugin, doing, error))
            else:
                slot.let_go()
                _deliver(future, value=value)

        self._spawn(doing, run)
        return await asyncio.wrap_future(future)

    async def stream(
        self, doing: str, make: Callable[[], AsyncIterator[T]], timeout: float | None
    ) -> AsyncGenerator[T, None]:
        """Iterate over an async iterator that lives in the plugin's loop, one item ahead at most.

        The whole iterator runs in one task, so timeouts and scopes it holds across items stay valid. Leaving early
        closes it. `timeout` is the longest wait for one item.
        """
        slot = self._take(doing)
        here = asyncio.get_running_loop()
        items: asyncio.Queue[T | _End] = asyncio.Queue()

        async def give(item: T | _End) -> None:
            await items.put(item)
            await items.join()  # taken: only now may the plugin work on the next one

        async def hand_over(item: T | _End) -> None:
            giving = give(item)
            try:
                given = asyncio.run_coroutine_threadsafe(giving, here)
            except RuntimeError:  # the reader's loop is gone
                giving.close()
                raise
            await asyncio.wrap_future(given)

        async def pump() -> None:
            try:
                iterator = self._iterator(doing, make())
                try:
                    async for item in iterator:
                        await hand_over(item)
                finally:
                    close = getattr(iterator, "aclose", None)
                    if close is not None:
                        await close()
            except BaseException as error:
                if _is_cancelled():
                    raise
                await hand_over(_End(guarded(self.plugin, doing, error)))
            else:
                await hand_over(_End(None))

        started = self._start_coroutine(doing, pump, slot)
        ended = False
        try:
            while True:
                try:
                    async with asyncio.timeout(timeout):
                        item = await items.get()
                except TimeoutError:
                    raise PluginTimeout(
                        f"plugin {self.plugin!r} gave no batch in {doing} within {timeout:g} s",
                        plugin=self.plugin,
                    ) from None
                items.task_done()
                if not isinstance(item, _End):
                    yield item
                    continue
                ended = True
                if item.error is not None:
                    raise item.error
                return
        finally:
            if not ended:
                started.abandon()
            await started.settled(_CLOSING_GRACE)

    def begin_close(self) -> None:
        """Take no more calls and cancel those in the loop, without waiting for them."""
        with self._lock:
            self._closed = True
            if self._loop is not None:
                self._loop.stop()

    def close(self) -> None:
        """Take no more calls and end the loop. What hangs in it is left behind."""
        self.begin_close()
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.join(_END_GRACE)

    def _take(self, doing: str) -> _Slot:
        if self._closed:
            raise self._shut(doing)
        if not self._free.acquire(blocking=False):
            raise PluginBusy(
                f"plugin {self.plugin!r} is busy: {self._slots} calls have not come back, so {doing} was not started",
                plugin=self.plugin,
            )
        return _Slot(self, self._free)

    def _shut(self, doing: str) -> PluginError:
        return PluginError(f"plugin {self.plugin!r} is shut down, so {doing} was not started", plugin=self.plugin)

    def _iterator(self, doing: str, made: object) -> AsyncIterator[Any]:
        if isinstance(made, AsyncIterator):
            return made
        _close(made)
        raise WrongResult(
            f"plugin {self.plugin!r} returned {type(made).__name__} from {doing}, expected an async iterator",
            plugin=self.plugin,
        )

    def _start_thread(self, doing: str, function: Callable[[], Any], slot: _Slot) -> Started[Any]:
        future: Future[Any] = Future()
        abandoned = threading.Event()
        continued: list[Started[Any]] = []

        def run() -> None:
            try:
                value = function()
                more = inspect.isawaitable(value)  # a plain function may return one
            except BaseException as error:  # noqa: BLE001 - the boundary: a thread's SystemExit would vanish silently
                slot.let_go()
                _deliver(future, error=guarded(self.plugin, doing, error))
                return
            if more and not abandoned.is_set():
                continued.extend(self._continue(doing, value, slot, future))
                if abandoned.is_set():
                    abandon()
                return
            slot.let_go()
            if more:
                _close(value)
            else:
                _deliver(future, value=value)

        def abandon() -> None:
            abandoned.set()
            for one in continued:
                one.abandon()

        self._spawn(doing, run)
        return Started(self.plugin, doing, future, abandon)

    def _continue(self, doing: str, value: Awaitable[Any], slot: _Slot, future: Future[Any]) -> list[Started[Any]]:
        async def settle() -> Any:
            return await value

        try:
            started = self._start_coroutine(doing, settle, slot)
        except AdjoinError as error:
            _close(value)
            _deliver(future, error=error)
            return []
        started.future.add_done_callback(lambda done: _forward(done, future))
        return [started]

    def _start_coroutine(
        self, doing: str, function: Callable[[], Coroutine[Any, Any, Any]], slot: _Slot
    ) -> Started[Any]:
        future: Future[Any] = Future()
        context = contextvars.copy_context()
        context.run(_slot.set, slot)
        thread = self._running_loop()
        task: list[asyncio.Task[None]] = []
        begun = threading.Event()

        async def settle() -> None:
            begun.set()
            try:
                value = await function()
            except BaseException as error:  # noqa: BLE001 - SystemExit must not reach the loop
                slot.let_go()
                _deliver(future, error=guarded(self.plugin, doing, error))
            else:
                slot.let_go()  # first, so that who waits for the answer finds the slot free
                _deliver(future, value=value)

        def end(_: object) -> None:
            if not begun.is_set():  # cancelled before its first step
                slot.let_go()

        def begin() -> None:
            made = thread.loop.create_task(settle(), context=context, name=f"{self.plugin}: {doing}")
            made.add_done_callback(end)
            task.append(made)

        def cancel() -> None:
            for one in task:
                one.cancel()

        def abandon() -> None:
            if future.done():
                return
            with self._lock:
                thread.probe()
            thread.post(cancel)

        if not thread.post(begin):
            slot.let_go()
            raise self._shut(doing)
        return Started(self.plugin, doing, future, abandon)

    def _running_loop(self) -> LoopThread:
        """Return the plugin's loop, a new one if there is none or the last is blocked by code that does not await."""
        with self._lock:
            if self._loop is not None and self._loop.blocked():
                self._loop.retire()
                self._loop = None
            if self._loop is None:
                self._loop = LoopThread(f"adjoin-{self.plugin}-loop")
            return self._loop

    def _spawn(self, doing: str, run: Callable[[], object]) -> None:
        context = contextvars.copy_context()
        name = f"adjoin-{self.plugin}-{doing}"
        threading.Thread(target=context.run, args=(run,), name=name, daemon=True).start()


class _Slot:
    """One place in a lane, held by a call and by the threads that it has started. Free when the last one lets go."""

    def __init__(self, lane: Lane, free: threading.BoundedSemaphore) -> None:
        self._lane = lane
        self._free = free
        self._holders = 1
        self._lock = threading.Lock()

    def hold(self, lane: Lane) -> bool:
        """Hold on to it as well; False if it is another lane's or has been freed."""
        with self._lock:
            if lane is not self._lane or not self._holders:
                return False
            self._holders += 1
            return True

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self._free.release()


#: The slot of the call that the running coroutine belongs to.
_slot: contextvars.ContextVar[_Slot | None] = contextvars.ContextVar("adjoin_slot", default=None)


class _End:
    """The end of a stream, in the place of an item."""

    def __init__(self, error: AdjoinError | None) -> None:
        self.error = error


def _is_cancelled() -> bool:
    """Whether it was us who cancelled: a plugin may raise CancelledError by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _deliver(future: Future[Any], *, value: object = None, error: BaseException | None = None) -> None:
    with suppress(InvalidStateError):  # nobody waits any more
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)


def _close(value: object) -> None:
    """Close a coroutine that nobody will await."""
    if inspect.iscoroutine(value):
        value.close()


def _forward(done: Future[Any], to: Future[Any]) -> None:
    error = done.exception()
    _deliver(to, value=None if error else done.result(), error=error)
