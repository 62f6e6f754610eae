"""Connections: making them, and the clients that speak for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.connection_changes import check_may_connect
from adjoin.ads import v2
from adjoin.clock import Clock, PlatformClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Connection, ConnectionState
from adjoin.errors import BadInput, SecretError, StateError, UnknownName, UsageError
from adjoin.http.client import ApiClient
from adjoin.http.credentials import CredentialKeeper
from adjoin.http.limiter import Pace, RateLimiter
from adjoin.kernel import Kernel
from adjoin.secrets import Vault, open_credential
from adjoin.settings import app_of
from adjoin.sync.entities import save_accounts
from adjoin.sync.schedules import ensure_schedule
from adjoin.sync.shared_credential import SharedCredential, put_credential

__all__ = ["Connected", "Connections", "sandbox_app_of"]

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _is_sandbox(description: v2.Description, base_url: str) -> bool:
    """Say whether an address is of a stand-in on this machine."""
    return base_url.rstrip("/") != description.base_url.rstrip("/") and urlsplit(base_url).hostname in _LOOPBACK


def sandbox_app_of(description: v2.Description) -> v2.App:
    """Return the registration that a platform's sandbox accepts. It is known to everyone."""
    fields = [field.name for field in description.auth.app_fields if field.required]
    return v2.App(
        client_id="sandbox-app",
        client_secret="sandbox-secret",  # noqa: S106
        extra={name: f"sandbox-{name}" for name in fields},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """What a new or renewed connection reaches."""

    connection: Connection
    accounts: list[v2.Account]
    notes: list[str]
    renewed: bool


class Connections:
    """Makes connections and the authorised clients of plugins."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        vault: Vault,
        limiter: RateLimiter,
        clock: Clock,
        environ: Mapping[str, str],
    ) -> None:
        self._store = store
        self._kernel = kernel
        self._vault = vault
        self._limiter = limiter
        self._clock = clock
        self._environ = environ
        self.warnings: dict[str, list[str]] = {}

    def describe(self, platform: str) -> v2.Description:
        """Return what the platform's plugin says of it. Raises UnknownName if there is no such plugin."""
        return self._kernel.hook(v2.Ads.describe).one(platform)

    def app(self, platform: str, base_url: str) -> v2.App:
        """Return the registration to use with a platform at an address. Sandboxes on this machine have their own."""
        description = self.describe(platform)
        if _is_sandbox(description, base_url):
            return sandbox_app_of(description)
        return app_of(platform, description, self._environ)

    def bare_client(self, platform: str, base_url: str) -> ApiClient:
        """Return a client that holds no credential yet, as while a code is redeemed."""
        return self._client(platform, base_url, connection="", keeper=None)

    def client(self, connection: Connection) -> ApiClient:
        """Return the authorised client of a connection. Raises SecretError when the credential does not decrypt."""
        if connection.credential is None:
            raise StateError(
                f"connection {connection.label!r} has no credential; run `adjoin connect {connection.platform}`"
            )
        try:
            credential = open_credential(
                self._vault, connection.credential, workspace=connection.workspace_id, connection=connection.id
            )
        except SecretError as error:
            raise SecretError(f"the credential of connection {connection.label!r}: {error}") from error
        hook = self._kernel.hook(v2.Ads.renew)

        async def renew(stale: v2.Credential) -> v2.Credential:
            client = self._client(
                connection.platform, connection.base_url, connection=connection.id, keeper=CredentialKeeper(stale)
            )
            try:
                return await hook.aone(connection.platform, credential=stale, client=client)
            finally:
                await client.aclose()

        clock = PlatformClock(self._clock)
        keeper = CredentialKeeper(
            credential,
            renew=renew if hook.implemented_by(connection.platform) else None,
            share=SharedCredential(self._store, self._vault, connection),
            clock=clock,
        )
        return self._client(
            connection.platform, connection.base_url, connection=connection.id, keeper=keeper, clock=clock
        )

    async def connect(
        self,
        platform: str,
        *,
        base_url: str,
        credential: v2.Credential,
        workspace_id: str = DEFAULT_WORKSPACE,
        label: str = "",
        connection_id: str | None = None,
        by: Actor = SYSTEM,
    ) -> Connected:
        """Store a connection and what it reaches, renewing the one that reaches the same accounts.

        With `connection_id` that one is renewed and no other. Nothing is stored unless the platform lists the accounts
        with this credential. Raises Forbidden for an actor who may not connect, and UsageError where no account is
        reached, or none of those of the connection that is to be renewed.
        """
        keeper = CredentialKeeper(credential, clock=self._clock)
        client = self._client(platform, base_url, connection="", keeper=keeper)
        try:
            accounts = await self._kernel.hook(v2.Ads.accounts).aone(platform, client=client)
        finally:
            await client.aclose()
        if not accounts:
            raise UsageError(
                f"{self.describe(platform).title} accepted the authorisation but it reaches no ad account; "
                "ask the owner of the account to give this user access, then connect again"
            )
        return await asyncio.to_thread(
            self._store_connection, platform, base_url, credential, accounts, workspace_id, label, connection_id, by
        )

    def check_may_connect(self, workspace_id: str, *, by: Actor) -> None:
        """Raise Forbidden, UnknownName or StateError unless the actor may connect platforms in the workspace now."""
        with self._store.write() as session:
            check_may_connect(session, workspace_id, by=by)

    def find(self, workspace_id: str, *, platform: str | None = None) -> list[Connection]:
        """Return the connections of a workspace, oldest first."""
        with self._store.read() as session:
            query = select(Connection).where(col(Connection.workspace_id) == workspace_id)
            if platform is not None:
                query = query.where(col(Connection.platform) == platform)
            return list(session.exec(query.order_by(col(Connection.created_at), col(Connection.id))))

    def _client(
        self,
        platform: str,
        base_url: str,
        *,
        connection: str,
        keeper: CredentialKeeper | None,
        clock: Clock | None = None,
    ) -> ApiClient:
        description = self.describe(platform)
        if description.base_url and not base_url:
            raise BadInput(f"the connection to {description.title} has no address")
        app = self.app(platform, base_url)
        inspect = self._kernel.hook(v2.Ads.inspect)
        return ApiClient(
            app=app,
            base_url=base_url or "https://invalid.invalid",  # a rows plugin brings its own way to its platform
            hosts=description.hosts,
            read_timeout=description.read_timeout,
            credentials=keeper,
            inspect=(lambda reply: inspect.one(platform, reply=reply)) if inspect.implemented_by(platform) else None,
            pace=Pace(
                self._limiter,
                clock=self._clock,
                platform=platform,
                client_id=app.client_id,
                connection=connection,
                limits=() if _is_sandbox(description, base_url) else description.limits,  # those are the platform's
            ),
            clock=clock or PlatformClock(self._clock),
            secret_fields=[field.name for field in description.auth.app_fields if field.secret],
            on_warning=lambda text: self.warnings.setdefault(connection, []).append(text),
        )

    def _store_connection(
        self,
        platform: str,
        base_url: str,
        credential: v2.Credential,
        accounts: list[v2.Account],
        workspace_id: str,
        label: str,
        connection_id: str | None,
        by: Actor,
    ) -> Connected:
        now = self._clock.now()
        with self._store.write() as session:
            check_may_connect(session, workspace_id, by=by)
            if connection_id is None:
                connection = self._same_accounts(session, workspace_id, platform, accounts)
            else:
                connection = self._chosen(session, workspace_id, platform, accounts, connection_id)
            renewed = connection is not None
            before = None if connection is None else {"label": connection.label, "state": str(connection.state)}
            if connection is None:
                connection = Connection(
                    workspace_id=workspace_id,
                    platform=platform,
                    label=label or self.describe(platform).title,
                    created_at=now,
                )
            connection.label = label or connection.label
            connection.base_url = base_url
            connection.state = ConnectionState.OK
            connection.last_error = None
            put_credential(self._vault, connection, credential)
            session.add(connection)
            session.flush()
            notes = save_accounts(session, connection, accounts, now=now)
            ensure_schedule(session, workspace_id=workspace_id, connection_id=connection.id, now=now)
            by.note(
                session,
                workspace_id,
                "connection.renewed" if renewed else "connection.created",
                of=("connection", connection.id),
                before=before,
                after={"platform": platform, "label": connection.label, "accounts": len(accounts)},
                now=now,
            )
        return Connected(connection=connection, accounts=accounts, notes=notes, renewed=renewed)

    def _same_accounts(
        self, session: Session, workspace_id: str, platform: str, accounts: list[v2.Account]
    ) -> Connection | None:
        found = session.exec(_reaching(workspace_id, platform, accounts)).first()
        return None if found is None else session.get(Connection, (workspace_id, found))

    def _chosen(
        self, session: Session, workspace_id: str, platform: str, accounts: list[v2.Account], connection_id: str
    ) -> Connection:
        """Return the connection to renew; somebody may have consented as a user who reaches other accounts."""
        found = session.get(Connection, (workspace_id, connection_id))
        if found is None or found.platform != platform:
            raise UnknownName(f"there is no connection {connection_id[:40]!r} to {platform} in this workspace")
        own = select(Account.id).where(
            col(Account.workspace_id) == workspace_id, col(Account.connection_id) == connection_id
        )
        reached = session.exec(_reaching(workspace_id, platform, accounts)).all()
        if connection_id not in reached and session.exec(own.limit(1)).first() is not None:
            raise UsageError(
                f"{self.describe(platform).title} was authorised by a user who reaches none of the accounts of the "
                f"connection {found.label!r}, so nothing was changed. Sign in there as a user who reaches them, or "
                "make a new connection"
            )
        return found


def _reaching(workspace_id: str, platform: str, accounts: list[v2.Account]) -> SelectOfScalar[str]:
    """The query for the connections that have some of these accounts."""
    return (
        select(Account.connection_id)
        .where(col(Account.workspace_id) == workspace_id, col(Account.platform) == platform)
        .where(col(Account.id).in_([account.id for account in accounts]))
    )
