"""Who keeps a connection's credential and renews it, once for everyone who needs it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol, TypeAlias

from adjoin.ads.v2 import Credential
from adjoin.clock import Clock, SystemClock
from adjoin.errors import ErrorKind, PlatformError, StateError
from adjoin.http.redaction import Redactor, is_secret_name

__all__ = ["CredentialKeeper", "Renew", "Save", "Share"]

#: Asks the platform for the next credential; usually the plugin's `renew` hook.
Renew: TypeAlias = Callable[[Credential], Awaitable[Credential]]
#: Stores a credential; a plain function is called in a thread.
Save: TypeAlias = Callable[[Credential], Awaitable[None] | None]


#: Seconds between tries to store a renewed credential while the store is away: nobody else knows it.
_STORE_AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


class Share(Protocol):
    """The stored credential of a connection that several processes use."""

    def hold(self) -> AbstractAsyncContextManager[None]:
        """Keep the others from renewing until the end of the block."""
        ...

    async def load(self) -> Credential:
        """Return what is stored now."""
        ...

    async def save(self, credential: Credential) -> Credential:
        """Store what follows the credential that was loaded last; return what is stored then."""
        ...


class CredentialKeeper:
    """The credential of one connection, renewed once however many requests find it expired at the same moment.

    A renewed credential is stored by `save` before anyone may use it, because refresh tokens rotate: the old one is
    dead from then on. If storing fails the error is raised and the next call stores it again instead of renewing twice.
    Once a person must connect again, every call says so without asking the platform.

    Usable from any thread and event loop. The renewal runs as a task in the loop of the caller that began it and is not
    cancelled with that caller, so that a token which the platform has already replaced is not lost; callers in other
    loops wait for its result.

    Hand the client of the `renew` hook its own keeper without `renew`: with this one, a request of the hook that finds
    the token expired would wait for itself.

    Where several processes use a connection, `share` takes the place of `save`: a renewal holds their common lock, and
    where another process was faster what it has stored is used.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        renew: Renew | None = None,
        save: Save | None = None,
        share: Share | None = None,
        clock: Clock | None = None,
        leeway: timedelta = timedelta(seconds=60),
    ) -> None:
        self._credential = credential
        self._renew = renew
        self._save = save
        self._share = share
        self._clock = clock or SystemClock()
        self._leeway = leeway
        self._lock = threading.Lock()
        self._renewing: Future[Credential] | None = None
        self._task: asyncio.Task[None] | None = None
        self._unsaved: Credential | None = None
        self._lost: PlatformError | None = None
        self._renewed_at: float | None = None
        self.redact = Redactor(_secrets(credential))

    def __repr__(self) -> str:
        return f"CredentialKeeper({self._credential!r})"

    async def get(self) -> Credential:
        """Return a credential to use now, renewed first if it is about to expire and can be."""
        with self._lock:
            current = self._credential
            if self._lost is not None:
                raise _copy(self._lost)
        if not self._about_to_expire(current):
            return current
        try:
            return await self.renew(current)
        except PlatformError as error:
            expired = current.expires_at is not None and current.expires_at <= self._clock.now()
            if expired or error.kind not in {ErrorKind.RETRY, ErrorKind.WAIT}:
                raise
            return current  # it is still good for a moment, and the token endpoint may be back by then

    async def renew(self, stale: Credential) -> Credential:
        """Return a credential newer than `stale`, renewing it if nobody has.

        PlatformError(kind=reconnect) if a person must connect again. What `save` raises is raised to all who wait.
        """
        with self._lock:
            if self._lost is not None:
                raise _copy(self._lost)
            if self._credential != stale:
                return self._credential
            future = self._renewing
            if future is None:
                if self._unsaved is None and (self._renew is None or not stale.can_renew):
                    self._lost = PlatformError(
                        "The authorisation has expired or was withdrawn and cannot be renewed; connect again",
                        kind=ErrorKind.RECONNECT,
                        code="expired",
                    )
                    raise _copy(self._lost)
                future = self._renewing = Future()
                self._task = asyncio.get_running_loop().create_task(self._carry_out(future, stale))
        return await asyncio.shield(asyncio.wrap_future(future))

    def _about_to_expire(self, credential: Credential) -> bool:
        if credential.expires_at is None or not credential.can_renew or self._renew is None:
            return False
        if credential.expires_at - self._leeway > self._clock.now():
            return False
        # A token born with less life than the leeway is used all the same, rather than renewed for each request.
        since = float("inf") if self._renewed_at is None else self._clock.monotonic() - self._renewed_at
        return since >= self._leeway.total_seconds()

    async def _carry_out(self, future: Future[Credential], stale: Credential) -> None:
        try:
            renewed = await self._fetch_and_store(stale)
        except BaseException as error:
            with self._lock:
                self._renewing = None
                if isinstance(error, PlatformError) and error.kind is ErrorKind.RECONNECT:
                    self._lost = error
            if isinstance(error, Exception):
                future.set_exception(error)
                return
            future.set_exception(
                PlatformError("Renewing the access token was interrupted", kind=ErrorKind.RETRY, code="interrupted")
            )
            raise
        with self._lock:
            self._credential = renewed
            self._renewing = None
            self._renewed_at = self._clock.monotonic()
        future.set_result(renewed)

    async def _fetch_and_store(self, stale: Credential) -> Credential:
        if self._share is not None:
            async with self._share.hold():
                return await self._fetch_and_share(self._share, stale)
        renewed = await self._fetch(stale)
        if self._save is not None:
            await _call(self._save, renewed)
        self._unsaved = None
        return renewed

    async def _fetch(self, stale: Credential) -> Credential:
        """Ask the platform, unless it was asked before and the answer could not be stored."""
        if self._unsaved is None:
            if self._renew is None:
                raise RuntimeError("a renewal began without a way to renew")
            renewed = await self._renew(stale)
            self.redact.add(_secrets(renewed))
            self._unsaved = renewed
        return self._unsaved

    async def _fetch_and_share(self, share: Share, stale: Credential) -> Credential:
        if self._unsaved is None:
            stored = await share.load()
            self.redact.add(_secrets(stored))
            if stored != stale:
                return stored
        try:
            renewed = await self._fetch(stale)
        except PlatformError as error:
            if error.kind is not ErrorKind.RECONNECT:
                raise
            stored = await share.load()
            if stored == stale:
                raise
            self.redact.add(_secrets(stored))
            return stored  # a person has connected again meanwhile
        for pause in (*_STORE_AGAIN, None):
            try:
                kept = await share.save(renewed)
            except StateError:
                if pause is None:
                    raise
                await self._clock.sleep(pause)
            else:
                break
        self._unsaved = None
        self.redact.add(_secrets(kept))
        return kept


async def _call(save: Save, credential: Credential) -> None:
    if inspect.iscoroutinefunction(save):
        await save(credential)
        return
    answer = await asyncio.to_thread(save, credential)
    if answer is not None:
        await answer


def _secrets(credential: Credential) -> list[str]:
    told = [value for name, value in credential.extra.items() if is_secret_name(name)]
    return [credential.access_token, credential.refresh_token, *told]


def _copy(error: PlatformError) -> PlatformError:
    """A fresh exception: one that is raised by many tasks would collect the traceback of each."""
    return PlatformError(
        str(error), kind=error.kind, code=error.code, request_id=error.request_id, retry_after=error.retry_after
    )
