"""The `ads` contract, version 2: what an ad platform offers, read as a stream of batches.

Money is integer micros of the account's currency, a day is a date in the account's time zone, an instant is aware UTC.
Ids are strings, exactly as the platform writes them. A value the platform does not give is null, never zero.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from adjoin.contract import MaybeAsync, hookspec, payload
from adjoin.errors import ErrorKind

if TYPE_CHECKING:
    import pyarrow as pa

    from adjoin.testing.world import World

__all__ = [
    "Account",
    "AccountStatus",
    "Ad",
    "AdGroup",
    "Ads",
    "App",
    "AppField",
    "AsgiApp",
    "Auth",
    "Batch",
    "Campaign",
    "Change",
    "ChangeResult",
    "Client",
    "CodeGrant",
    "Consent",
    "CreativeLimit",
    "Credential",
    "DateWindow",
    "Description",
    "Entity",
    "EntityBatch",
    "FactBatch",
    "Fault",
    "FieldChange",
    "Hint",
    "Keyword",
    "LookBack",
    "ManagerLinks",
    "RateLimit",
    "ReadRequest",
    "Reply",
    "ReplyStream",
    "Status",
    "Stream",
    "Verdict",
]

T = TypeVar("T")

#: An ASGI application, as Starlette's `Starlette` or any other framework makes it.
AsgiApp: TypeAlias = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


# --- what a platform is ---------------------------------------------------------------------------------------------


@payload
class AppField:
    """A value that the operator's registration with the platform carries beside id and secret.

    `name` is how the plugin asks for it (`app.extra[name]`) and how the operator sets it
    (`ADJOIN_<PLATFORM>_<NAME>`); `secret` values are never shown.
    """

    name: str
    label: str
    secret: bool = False
    required: bool = True


@payload
class Auth:
    """How a connection is authorised.

    `oauth` goes through the hooks consent_url, redeem and renew; `token` takes a pasted access token and needs no hook.
    A platform may offer both. `pkce` says whether the platform understands code challenges (S256).
    """

    methods: tuple[Literal["oauth", "token"], ...] = ("oauth",)
    pkce: bool = False
    app_fields: tuple[AppField, ...] = ()
    warn_before: timedelta = timedelta(days=7)


@payload
class LookBack:
    """How far back a platform may restate: the last `days` days are read again when `every` has passed."""

    days: int
    every: timedelta = timedelta(0)


@payload
class Stream:
    """Something a platform offers for reading: a list of entities or a dataset.

    `yields` names datasets that arrive in the same answers (conversions by action inside the ad rows, say), so that
    they cost no second call. `max_window_days` bounds one request; `retention_days` is how far back the platform
    answers at all. A list of entities that is `incremental` can be asked for what has changed since an instant
    (`ReadRequest.updated_since`).
    """

    name: str
    kind: Literal["entities", "facts"]
    yields: tuple[str, ...] = ()
    look_back: tuple[LookBack, ...] = (LookBack(days=28),)
    retention_days: int | None = None
    max_window_days: int = 31
    incremental: bool = False


@payload
class RateLimit:
    """A bucket that paces requests: `burst` at once, then `per_second`. `scope` says who shares it."""

    scope: Literal["app", "credential", "account"]
    per_second: float
    burst: int = 1


@payload
class ManagerLinks:
    """Where the platform's own manager shows an account, a campaign, an ad group or an ad; "" where it has no page.

    Each is an https address with `{account}`, `{campaign}`, `{ad_group}` and `{ad}` for ids, which are percent-encoded
    when they are filled in; it may name the ids of its own level and of those around it, and none in the host. An
    object without an address of its own is linked by the next one around it. Connections to anything but `base_url` (a
    sandbox) get no links.
    """

    account: str = ""
    campaign: str = ""
    ad_group: str = ""
    ad: str = ""


@payload
class Description:
    """What a platform is and can do. Constant for one release of the plugin.

    `levels` are the platform's own words for campaign, ad group and ad. `known_gaps` explains, per pair
    `"fine<coarse"` of datasets, why the finer one may hold less than the coarser one on this platform. `limits` pace
    requests before the platform has to refuse. `hosts` are the platform's other addresses (`https://host`) that may get
    the connection's token, where it has one per service. `read_timeout` is how long it may think before the next byte.
    `manager` says where people find their objects in the platform's own pages.
    """

    title: str
    base_url: str
    api_version: str
    auth: Auth
    streams: tuple[Stream, ...]
    levels: tuple[str, str, str] = ("campaign", "ad group", "ad")
    limits: tuple[RateLimit, ...] = ()
    max_concurrency: int = 4
    attribution_note: str = ""
    conversions_note: str = ""
    known_gaps: Mapping[str, str] = field(default_factory=dict)
    docs_url: str = ""
    hosts: tuple[str, ...] = ()
    read_timeout: timedelta = timedelta(seconds=60)
    manager: ManagerLinks | None = None

    def stream(self, name: str) -> Stream:
        """Return one stream; KeyError if the platform does not offer it."""
        for stream in self.streams:
            if stream.name == name:
                return stream
        raise KeyError(name)


# --- authorisation --------------------------------------------------------------------------------------------------


@payload
class App:
    """The operator's registration with the platform. Never logged."""

    client_id: str = ""
    client_secret: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"App(client_id={self.client_id!r}, client_secret=<hidden>, extra=<{len(self.extra)} hidden>)"


@payload
class Consent:
    """What a consent page needs: where to come back to, the state to echo, and a PKCE challenge where understood."""

    redirect_uri: str
    state: str
    code_challenge: str = ""

    def __repr__(self) -> str:
        return f"Consent(redirect_uri={self.redirect_uri!r}, state=<hidden>)"


@payload
class CodeGrant:
    """What came back from the consent page, to be exchanged for a credential."""

    code: str
    redirect_uri: str
    code_verifier: str = ""

    def __repr__(self) -> str:
        return f"CodeGrant(code=<hidden>, redirect_uri={self.redirect_uri!r})"


@payload
class Credential:
    """What authorises requests. Stored encrypted, handed to the plugin only to renew it.

    `expires_at` is None where the platform gave no expiry. `can_renew` is False where only a person can renew it (no
    refresh token).
    """

    access_token: str
    expires_at: datetime | None = None
    refresh_token: str = ""
    refresh_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    can_renew: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Credential(<hidden>, expires_at={self.expires_at!r}, scopes={self.scopes!r})"


# --- requests -------------------------------------------------------------------------------------------------------


@payload
class Reply:
    """A complete answer of the platform, after transport decoding. `url` has its secrets removed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    method: str = "GET"
    url: str = ""

    def json(self) -> Any:
        """Decode the body; a PlatformError of kind `retry` if it is not JSON (a cut or garbled answer)."""
        import msgspec

        from adjoin.errors import PlatformError

        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PlatformError(
                f"{self.method} {self.url} answered {self.status} with {len(self.body)} bytes "
                f"that are not JSON: {error}",
                kind=ErrorKind.RETRY,
                code="garbled",
            ) from error


@payload
class Fault:
    """What a refusal means: the kind decides what happens next, the message is shown to people."""

    kind: ErrorKind
    message: str
    code: str = ""
    request_id: str = ""
    retry_after: timedelta | None = None


@payload
class Hint:
    """What the platform says of its limits: how full a bucket is (0 to 1), or how long to stay away."""

    scope: Literal["app", "credential", "account"]
    used: float = 0.0
    wait: timedelta | None = None
    account: str = ""


@payload
class Verdict:
    """What an answer means: a fault or none, and hints for the rate limiter. `warning` reaches the operator."""

    fault: Fault | None = None
    hints: tuple[Hint, ...] = ()
    warning: str = ""


class ReplyStream(Protocol):
    """An answer that is read while it arrives."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body piece by piece. A cut connection raises PlatformError(kind=retry)."""
        ...


class Client(Protocol):
    """What a plugin reaches its platform with: authorised, paced, retried, logged and redacted.

    It belongs to one connection. Faults that may be repeated are repeated inside; what is left is raised as
    PlatformError.
    """

    @property
    def app(self) -> App: ...

    @property
    def base_url(self) -> str: ...

    def now(self) -> datetime:
        """The time, aware UTC. Use it rather than the system clock."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, as while polling a report. Raises CancelledError when the run is cancelled."""
        ...

    async def access_token(self) -> str:
        """The access token, for platforms that want more than the Authorization header. Never log it."""
        ...

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        account: str = "",
        repeatable: bool | None = None,
        authorised: bool = True,
        cost: int = 1,
    ) -> Reply:
        """Send a request and return the good answer.

        `url` is a path below the base URL, or an absolute URL on the same host (a `next` link) or on one of the
        description's `hosts`. A query inside it is sent byte for byte, so it must be encoded. `account` names the rate
        bucket. `repeatable` says whether sending it twice is harmless; without it, GET and HEAD are, others are not.
        `authorised=False` sends no token, as at a token endpoint or for a signed download; it may go to any https
        address. Raises PlatformError.
        """
        ...

    def stream(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        account: str = "",
        authorised: bool = True,
        cost: int = 1,
    ) -> AbstractAsyncContextManager[ReplyStream]:
        """Send a repeatable request and read the answer while it arrives. A refusal raises before the first chunk."""
        ...

    async def parse(self, function: Callable[[bytes], T], data: bytes) -> T:
        """Run `function(data)` in a thread, so that a long parse does not stop the loop."""
        ...


# --- reading --------------------------------------------------------------------------------------------------------


class AccountStatus(StrEnum):
    """Whether an account can be read and spends. `closed` and `disabled` ones are reported, not silently skipped."""

    ACTIVE = "active"
    LIMITED = "limited"
    DISABLED = "disabled"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@payload
class Account:
    """An ad account. `currency` is ISO 4217, `time_zone` an IANA name; both count as immutable.

    `readable` is False for accounts that hold no results (a manager account) or that the platform does not let be read.
    `extra` may hold `path_id`: the id as the platform's addresses want it, where that differs (Meta: `act_123`).
    """

    id: str
    name: str
    currency: str
    time_zone: str
    status: AccountStatus = AccountStatus.ACTIVE
    native_status: str = ""
    readable: bool = True
    parent_id: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


class Status(StrEnum):
    """The canonical state of a campaign, ad group or ad; the platform's own word is kept beside it."""

    ACTIVE = "active"
    PAUSED = "paused"
    PENDING = "pending"
    ENDED = "ended"
    ARCHIVED = "archived"
    REMOVED = "removed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@payload
class Campaign:
    """A campaign. Budgets are micros of the account's currency, per day or for the whole life.

    `objective` and `channel` are canonical words (`adjoin.ads.words`), None where the platform has no such notion.
    """

    id: str
    account_id: str
    name: str
    status: Status
    native_status: str
    objective: str | None = None
    channel: str | None = None
    daily_budget_micros: int | None = None
    lifetime_budget_micros: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    updated_at: datetime | None = None


@payload
class AdGroup:
    """An ad group (Meta: ad set; LinkedIn: campaign)."""

    id: str
    account_id: str
    campaign_id: str
    name: str
    status: Status
    native_status: str
    daily_budget_micros: int | None = None
    lifetime_budget_micros: int | None = None
    bid_micros: int | None = None
    updated_at: datetime | None = None


@payload
class Ad:
    """An ad (LinkedIn: creative).

    `format` is what kind of ad it is, for people to read: "Responsive search ad". `thumbnail_url` is a small picture of
    it; the server fetches it, and it may expire where each read brings a fresh one.
    """

    id: str
    account_id: str
    campaign_id: str
    ad_group_id: str
    name: str
    status: Status
    native_status: str
    landing_url: str | None = None
    thumbnail_url: str | None = None
    updated_at: datetime | None = None
    format: str | None = None


@payload
class Keyword:
    """A keyword that an ad group bids on; `name` is its text. Negative keywords are none of these."""

    id: str
    account_id: str
    campaign_id: str
    ad_group_id: str
    name: str
    match_type: Literal["exact", "phrase", "broad", "unknown"]
    status: Status
    native_status: str
    bid_micros: int | None = None
    updated_at: datetime | None = None


Entity: TypeAlias = Campaign | AdGroup | Ad | Keyword


@payload
class DateWindow:
    """Days of the account's time zone, both ends included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    def __str__(self) -> str:
        return f"{self.since} to {self.until}"


@payload
class ReadRequest:
    """One slice: a stream of an account, for facts with a window of days.

    `updated_since` asks an incremental stream for the entities that have changed since then, the removed ones with
    their last state; where the platform does not remember that far back, the plugin reads all of them.
    """

    stream: str
    account: Account
    window: DateWindow | None = None
    updated_since: datetime | None = None


@payload
class EntityBatch:
    """Some entities of the stream that was asked for."""

    entities: tuple[Entity, ...]


@payload
class FactBatch:
    """Some rows of a dataset, in exactly the schema that `adjoin.ads.datasets.arrow_schema(dataset)` publishes."""

    dataset: str
    rows: pa.RecordBatch


Batch: TypeAlias = EntityBatch | FactBatch


# --- changing -------------------------------------------------------------------------------------------------------


@payload
class FieldChange:
    """One field of a platform object: what it was when the change was proposed, and what it should be. Both are
    JSON."""

    name: str
    before: str | None
    after: str


@payload
class Change:
    """A change to one live object. The same `key` means the same change: applying it twice must have the effect of
    once.

    `validate_only` asks the platform to check and to write nothing.
    """

    key: str
    account: Account
    operation: Literal["create", "update", "remove"]
    kind: Literal["campaign", "ad_group", "ad"]
    object_id: str | None
    fields: tuple[FieldChange, ...]
    validate_only: bool = False


@payload
class ChangeResult:
    """What became of a change. `uncertain` means that it may have happened (no answer came): read back before
    repeating."""

    state: Literal["applied", "valid", "refused", "uncertain"]
    object_id: str | None = None
    message: str = ""
    request_id: str = ""


@payload
class CreativeLimit:
    """What a placement accepts: a text of at most `max_characters`, or an image of at least this size and this
    ratio."""

    placement: str
    element: str
    max_characters: int | None = None
    min_width: int | None = None
    min_height: int | None = None
    ratio: str | None = None
    max_bytes: int | None = None


class Ads:
    """What an ad platform offers.

    Every hook may leave out arguments that it does not need. A hook with a deadline runs in a loop or thread of the
    plugin's own, so nothing it does holds up another plugin; it may be a plain or an `async def` function (`read` is an
    async generator). A hook that is called inline is a plain function.
    """

    @hookspec(required=True, timeout=None)
    def describe(self) -> Description:
        """State what the platform is and can do.

        Called often and inline, so it must only state: no network, no file. The answer is constant for one release
        of the plugin. An exception makes the platform unusable and is shown as the plugin's error.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def consent_url(self, app: App, consent: Consent, base_url: str) -> str:
        """Build the address of the platform's consent page.

        Called inline when a person connects. `base_url` is the API base of the connection, which differs from the
        description's for a sandbox: derive the dialog's host from it. Needed where `auth.methods` has `oauth`.
        """
        raise NotImplementedError

    @hookspec(timeout=60)
    def redeem(self, grant: CodeGrant, client: Client) -> MaybeAsync[Credential]:
        """Exchange what came back from the consent page for a credential, the longest-lived that the platform gives.

        Called once per connect, in the plugin's loop; `client` has no token yet, so send with `authorised=False`. A
        code works once: never repeat. Raises PlatformError with the platform's reason. The deadline is 60 seconds.
        """
        raise NotImplementedError

    @hookspec(timeout=60)
    def renew(self, credential: Credential, client: Client) -> MaybeAsync[Credential]:
        """Renew a credential before or after its expiry.

        Called by one worker at a time for a connection; the answer is stored before it is used, as refresh tokens may
        rotate. Raise PlatformError(kind=reconnect) when a person must connect again. The deadline is 60 seconds.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def inspect(self, reply: Reply) -> Verdict:
        """Say what an answer means, from the platform's own codes.

        Called inline for each answer, also those with status 200, before anyone else sees it; it must be quick and
        must not raise. For an answer that is read as a stream it is called only when the status is not 2xx. Without
        this hook the status decides: 429 waits, 401 renews, 403 skips the account, 5xx is repeated, other 4xx are
        our bug.
        """
        raise NotImplementedError

    @hookspec(required=True, timeout=300)
    def accounts(self, client: Client) -> MaybeAsync[list[Account]]:
        """List all ad accounts that the connection reaches, the disabled and the manager ones too.

        Called at connect time and at the start of each sync run, in the plugin's loop. An empty list means that the
        authorisation reaches no account. Raises PlatformError. The deadline is 300 seconds.
        """
        raise NotImplementedError

    @hookspec(required=True, timeout=600, stream=True)
    def read(self, request: ReadRequest, client: Client) -> AsyncIterator[Batch]:
        """Read one slice and yield it in batches, each as soon as it is there.

        Called once per slice of a sync run, for several slices at once, in the plugin's loop. It is an async generator;
        one batch at most is worked on while the last is being stored, so memory stays bounded. Facts cover exactly the
        window and no row is yielded twice; reading again gives the same rows unless the platform has restated them.
        Nothing is committed before the generator ends normally. Raise PlatformError of kind `split` for a window that
        the platform calls too large. When the run is cancelled the generator is closed. The deadline of 600 seconds
        counts for each batch.
        """
        raise NotImplementedError

    @hookspec(timeout=120)
    def apply(self, change: Change, client: Client) -> MaybeAsync[ChangeResult]:
        """Apply one approved change, or with `validate_only` let the platform check it.

        Called in the plugin's loop, never twice at once for one account. The same key must not create twice: look a
        created object up before creating it again. The platform's refusal is a result and not an exception. The
        deadline is 120 seconds; no answer by then counts as uncertain.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def spec_limits(self) -> tuple[CreativeLimit, ...]:
        """State the text lengths and image sizes that the platform's placements accept.

        Called inline and cached; no network. An empty tuple says that there are no limits.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def sandbox(self, world: World) -> AsgiApp:
        """Return a local stand-in of the platform's API, speaking its real wire format on the given world.

        Called once per sandbox process. Import what it needs inside the function: production never calls it.
        """
        raise NotImplementedError
