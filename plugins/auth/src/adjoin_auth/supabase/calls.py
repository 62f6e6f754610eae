"""One call to a project: clients that live as long as it and are nobody else's, and the plugin's own rows.

A client of supabase-py keeps the session of whoever acts by it, so each call makes its own, with a storage of its own,
without refreshing in the background, and without proxies of the environment.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx
import structlog
from httpx import QueryParams
from sqlmodel import Session
from supabase_auth import AsyncGoTrueClient, AsyncMemoryStorage
from supabase_auth.types import User, UserList

from adjoin.auth.v1 import AuthContext
from adjoin_auth.asking import Bounds, NoAnswer, ask, trust
from adjoin_auth.jwks import KeySet
from adjoin_auth.supabase.project import Project
from adjoin_auth.supabase.refusals import translated, unavailable

__all__ = ["Call", "Known", "Tokens"]

T = TypeVar("T")
_log = structlog.get_logger("adjoin.sign_in.supabase")

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)  # Supabase Auth itself gives up after ten seconds
_BOUNDS = Bounds(total=timedelta(seconds=6))
_RULES_FOR = timedelta(minutes=10)
_PER_PAGE = 1000
_KEY = "session"
#: The library refreshes a session that it takes for over. When that is, is not for it to say.
_FAR_OFF = 86_400


@dataclass(frozen=True, slots=True)
class Tokens:
    """What opens a session at Supabase."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


class Known:
    """What is known of a project and kept between calls: its keys, and whether it confirms e-mails."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.keys = KeySet(self._published)
        self._autoconfirm: bool | None = None
        self._asked_at: datetime | None = None

    async def _published(self) -> Mapping[str, Any]:
        return await self._get(".well-known/jwks.json")

    async def autoconfirm(self, now: datetime) -> bool:
        """Say whether e-mails count as confirmed there without a mail. Then they prove nothing."""
        if self._autoconfirm is None or self._asked_at is None or now - self._asked_at >= _RULES_FOR:
            try:
                found = (await self._get("settings")).get("mailer_autoconfirm") is not False
            except NoAnswer as error:
                if self._autoconfirm is None:
                    _log.warning("the settings of the project cannot be read", error=str(error))
                    raise unavailable() from None
            else:
                self._autoconfirm, self._asked_at = found, now
                if found:
                    _log.error(
                        "the project takes e-mails for confirmed without a mail: switch 'Confirm email' on at Supabase"
                    )
        return bool(self._autoconfirm)

    async def _get(self, path: str) -> Mapping[str, Any]:
        answer = await ask(
            "GET", f"{self.project.auth_url}/{path}", headers={"apikey": self.project.key}, bounds=_BOUNDS
        )
        if answer.status != 200:
            raise NoAnswer(f"{answer.host} answers {path} with status {answer.status}")
        return answer.object()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a hook."""

    context: AuthContext
    known: Known

    @property
    def project(self) -> Project:
        return self.known.project

    @property
    def now(self) -> datetime:
        return self.context.now()

    async def rows(self, work: Callable[[Session], T]) -> T:
        """Do work in one transaction of the state database, in a thread."""

        def do() -> T:
            with self.context.write() as session:
                return work(session)

        return await asyncio.to_thread(do)

    @asynccontextmanager
    async def guest(self, address: str = "") -> AsyncIterator[AsyncGoTrueClient]:
        """Open a client of nobody. `address` is the browser's, for those that take our word for it."""
        async with self._client(self.project.key, AsyncMemoryStorage(), address) as client:
            yield client

    @asynccontextmanager
    async def member(self, tokens: Tokens, user_id: str = "") -> AsyncIterator[AsyncGoTrueClient]:
        """Open a client of somebody who is signed in. It cannot refresh: the tokens it holds are all it has."""
        storage = AsyncMemoryStorage()
        held = {
            "access_token": tokens.access,
            "refresh_token": "none",
            "token_type": "bearer",
            "expires_in": _FAR_OFF,
            "expires_at": round(time.time()) + _FAR_OFF,
            "user": {"id": user_id, "aud": "", "app_metadata": {}, "user_metadata": {}, "created_at": 0},
        }
        await storage.set_item(_KEY, json.dumps(held))
        async with self._client(self.project.key, storage, "") as client:
            yield client

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[AsyncGoTrueClient]:
        """Open a client with the secret key, for its `admin` alone."""
        async with self._client(self.project.secret_key, AsyncMemoryStorage(), "") as client:
            yield client

    async def user(self, tokens: Tokens) -> User:
        """Ask who a session is of. Raises AuthError of kind `ended` where it is over."""
        async with self.guest() as client:
            with translated():
                found = await client.get_user(tokens.access)
        if found is None:
            raise unavailable()
        return found.user

    async def find(self, email: str) -> User | None:
        """Look somebody up by their e-mail, as it is stored: in small letters."""
        page = 0
        while True:
            page += 1
            async with self.operator() as client:
                # The library's own list_users cannot filter; the server compares parts of addresses and names.
                query = QueryParams(page=page, per_page=_PER_PAGE, filter=email)
                with translated():
                    answer = await client.admin._request("GET", "admin/users", query=query)  # noqa: SLF001
                    users = UserList.model_validate_json(answer.content).users
            for user in users:
                if (user.email or "").lower() == email:
                    return user
            if len(users) < _PER_PAGE:
                return None

    @asynccontextmanager
    async def _client(self, key: str, storage: AsyncMemoryStorage, address: str) -> AsyncIterator[AsyncGoTrueClient]:
        headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        if address:
            headers["Sb-Forwarded-For"] = address
        async with httpx.AsyncClient(verify=trust(), trust_env=False, follow_redirects=False, timeout=_TIMEOUT) as http:
            yield AsyncGoTrueClient(
                url=self.project.auth_url,
                headers=headers,
                storage_key=_KEY,
                auto_refresh_token=False,
                persist_session=True,
                storage=storage,
                http_client=http,
                flow_type="implicit",  # what is mailed is redeemed by its hash, on any device
            )
