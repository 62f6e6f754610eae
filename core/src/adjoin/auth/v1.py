"""The `auth` contract, version 1: who vouches for people.

A provider proves who somebody is, by a password, a second factor or somebody else's word, and keeps what that takes.
Users, workspaces, roles and sessions are Adjoin's own and the same with every provider. The operator picks one by its
entry-point name (ADJOIN_AUTH).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from adjoin.contract import MaybeAsync, hookspec, payload

if TYPE_CHECKING:
    from sqlmodel import Session

    from adjoin.mail.v1 import Mail

__all__ = [
    "Auth",
    "AuthContext",
    "Credentials",
    "Description",
    "Enrollment",
    "External",
    "Factor",
    "Level",
    "LinkKind",
    "Party",
    "Proof",
    "SignUp",
    "Start",
]


class Level(StrEnum):
    """How well somebody is proven. `password` of somebody who has a second factor opens nothing but the next step."""

    PASSWORD = "password"  # noqa: S105 - no secret
    SECOND_FACTOR = "second_factor"


class LinkKind(StrEnum):
    """What a mailed link is for."""

    CONFIRM = "confirm"
    RESET = "reset"
    CHANGE_EMAIL = "change_email"


class AuthContext(Protocol):
    """What a provider may use."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...

    def read(self) -> AbstractContextManager[Session]:
        """Read the state database; the provider's own tables, and `adjoin.db.people`."""
        ...

    def write(self) -> AbstractContextManager[Session]:
        """Write to the state database, in one transaction."""
        ...

    def seal(self, data: bytes, *, purpose: str, record: str) -> bytes:
        """Encrypt something so that it opens only for this purpose and record."""
        ...

    def unseal(self, blob: bytes, *, purpose: str, record: str) -> bytes:
        """Decrypt what `seal` made. Raises SecretError."""
        ...

    async def send(self, mail: Mail) -> None:
        """Put a mail into the outbox. It leaves later, so this takes the same time for everybody."""
        ...

    def link(self, kind: LinkKind, token: str) -> str:
        """Return the address at which a mailed token is redeemed. It stands behind `#`, so that no server logs it."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """The provider's settings: ADJOIN_AUTH_<NAME>, by name in small letters."""
        ...


@payload
class Party:
    """Somebody else whose word is taken, such as a company's sign-in: OpenID Connect.

    `issuer` is the one of their proofs, where these have one of their own.
    """

    id: str
    title: str
    issuer: str = ""


@payload
class Description:
    """What a provider is and can do.

    `issuer` is unique in the world, and together with a subject names a person for good. `renew_within` says that a
    session's proof ends by itself and is to be renewed when less than this is left of it; None: it lasts as long as
    the session. `problems` says what is wrong with the settings, a sentence each, for the operator; what they spoil is
    left out of the description.
    """

    title: str
    issuer: str
    can_sign_up: bool = True
    has_passwords: bool = True
    has_second_factor: bool = True
    parties: tuple[Party, ...] = ()
    renew_within: timedelta | None = None
    problems: tuple[str, ...] = ()


@payload
class SignUp:
    """Somebody registers. `address` is the network address it comes from, for throttling."""

    email: str
    password: str = field(repr=False)
    name: str = ""
    locale: str = "en"
    address: str = ""


@payload
class Credentials:
    """Somebody signs in."""

    email: str
    password: str = field(repr=False)
    address: str = ""


@payload
class Proof:
    """Who somebody is, as far as it is proven.

    `subject` names the person for good at the provider; e-mail and name may change. `needs_second_factor` says that
    the person has one and has not shown it. `kept` is what the provider wants to get back with the next call for this
    session, at most 16 kB; it is stored sealed. `expires_at` is when the proof ends without `renew`.

    `issuer` says whose word it is where it is not the provider's own: a party's. The subject is the party's then, and
    the session names the person to the provider by both, as `ISSUER SUBJECT`. `proven_at` is when the person has
    proven it, where that is longer ago than now.
    """

    subject: str
    email: str
    email_verified: bool
    level: Level = Level.PASSWORD
    needs_second_factor: bool = False
    name: str = ""
    picture_url: str = ""
    expires_at: datetime | None = None
    kept: bytes = field(default=b"", repr=False)
    issuer: str = ""
    proven_at: datetime | None = None


@payload
class Factor:
    """A second factor that is in force."""

    id: str
    label: str
    created_at: datetime


@payload
class Enrollment:
    """A second factor that is being set up. `secret` is Base32, `uri` the otpauth:// address that apps scan."""

    id: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@payload
class Start:
    """Where to send the browser for somebody else's word. `kept` is wanted back when it returns; at most 2 kB."""

    url: str
    kept: bytes = field(repr=False)


@payload
class External:
    """The browser has returned from somebody else: the whole query of the address it was sent to."""

    party: str
    query: Mapping[str, str]
    kept: bytes = field(repr=False)
    redirect_uri: str = ""


class Auth:
    """Vouches for people.

    What is refused raises AuthError of a kind; nothing that is refused says whether an e-mail is known, in words or by
    the time it takes. Attempts are throttled per e-mail and per address, so that guessing is slow and nobody is locked
    out for good.
    """

    @hookspec(required=True, timeout=None)
    def describe(self) -> Description:
        """Say what the provider is and can do. Called inline and often: return a constant."""
        raise NotImplementedError

    @hookspec(timeout=30)
    def sign_up(self, context: AuthContext, form: SignUp) -> MaybeAsync[None]:
        """Register somebody, who is then sent a link of kind `confirm`.

        Called in the plugin's loop or thread, as all that follow, when somebody sends the form to register. Where the
        e-mail is known already its owner gets a mail that says so, and the answer is the same. One that was never
        confirmed is nobody's yet: the newer sign-up takes its place, and the older link is void. Raises AuthError of
        kind `weak_password`, `bad_email` or `throttled`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def admit(self, context: AuthContext, form: SignUp) -> MaybeAsync[Proof]:
        """Register somebody whose e-mail is proven already: by an invitation's link, or by the operator's word.

        Called when somebody redeems an invitation, or the operator makes an account. Nothing is mailed, and the e-mail
        counts as confirmed. A sign-up of the same e-mail that was never confirmed is replaced. Raises AuthError of kind
        `email_taken`, `weak_password` or `bad_email`.
        """
        raise NotImplementedError

    @hookspec(required=True, timeout=30)
    def sign_in(self, context: AuthContext, credentials: Credentials) -> MaybeAsync[Proof]:
        """Check a password. E-mails are compared trimmed, in NFC and in small letters.

        Called when somebody sends the form to sign in. Where the right password has come from an address before,
        others' attempts from elsewhere do not slow it down. Raises AuthError of kind `wrong` (unknown e-mail and wrong
        password alike), `throttled`, `disabled`, or `unconfirmed` after the right password of an e-mail that was never
        confirmed; a new link is mailed then.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def second_factor(self, context: AuthContext, subject: str, kept: bytes, code: str) -> MaybeAsync[Proof]:
        """Check a code of the second factor, or a recovery code, which is used up by that.

        Called with the code that a session still owes, and before something that matters. Each code is good once.
        Raises AuthError of kind `wrong` or `throttled`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def renew(self, context: AuthContext, subject: str, kept: bytes) -> MaybeAsync[Proof]:
        """Renew the proof of a session, one call at a time for each session.

        Called while a session is in use and its proof is about to end. Raises AuthError of kind `ended` when the
        session must end, `unavailable` when it may go on until its proof expires.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def sign_out(self, context: AuthContext, subject: str, kept: bytes) -> MaybeAsync[None]:
        """Hear that a session has ended. An exception is logged and changes nothing: the session is over.

        Called after a session has ended, whoever has ended it.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def confirm(self, context: AuthContext, kind: LinkKind, token: str) -> MaybeAsync[Proof]:
        """Redeem a mailed link of kind `confirm` or `change_email`; each is good once.

        Called when somebody sends the page that the link leads to, never by opening it. The proof has the e-mail that
        is confirmed by it. Raises AuthError of kind `bad_link`, `link_expired` or `email_taken`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def ask_reset(self, context: AuthContext, email: str, address: str) -> MaybeAsync[None]:
        """Mail a link of kind `reset` to somebody who has forgotten the password. Nothing happens for unknown e-mails.

        Called when somebody sends the form for a forgotten password. Raises AuthError of kind `throttled`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def reset(self, context: AuthContext, token: str, password: str) -> MaybeAsync[Proof]:
        """Set a new password by a mailed link. The caller ends all sessions of the person.

        Called when somebody sends the page that the link leads to, never by opening it. A second factor is still asked
        for afterwards. Raises AuthError of kind `bad_link`, `link_expired` or `weak_password`, after which the link is
        still good.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def check_password(self, context: AuthContext, subject: str, kept: bytes, password: str) -> MaybeAsync[None]:
        """Check the password of somebody who is signed in, before something that matters. Raises as `sign_in`.

        Called when somebody has to prove again to be themselves.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def change_password(
        self, context: AuthContext, subject: str, kept: bytes, current: str, new: str
    ) -> MaybeAsync[Proof]:
        """Change the password of somebody who is signed in and knows the current one.

        Called by the account pages. The caller ends the other sessions. Raises AuthError of kind `wrong`,
        `weak_password` or `throttled`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def change_email(
        self, context: AuthContext, subject: str, kept: bytes, password: str, email: str
    ) -> MaybeAsync[None]:
        """Mail a link of kind `change_email` to the new address, and a warning to the old one.

        Called by the account pages. Nothing changes before the link is redeemed. Raises AuthError of kind `wrong`,
        `bad_email` or `throttled`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def factors(self, context: AuthContext, subject: str, kept: bytes) -> MaybeAsync[list[Factor]]:
        """List the second factors that are in force, oldest first.

        Called by the account pages, and for the export of somebody's data.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def enroll(self, context: AuthContext, subject: str, kept: bytes, label: str) -> MaybeAsync[Enrollment]:
        """Begin to set up a second factor (TOTP, RFC 6238). It counts only once `activate` has seen a code of it.

        Called by the account pages, after a fresh proof.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def activate(
        self, context: AuthContext, subject: str, kept: bytes, enrollment: str, code: str
    ) -> MaybeAsync[Proof]:
        """Put a second factor into force by a code of it. The caller ends the other sessions.

        Called by the account pages, after a fresh proof. Raises AuthError of kind `wrong`, `throttled`, or `bad_link`
        for an enrollment that is unknown or too old.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def recovery_codes(self, context: AuthContext, subject: str, kept: bytes) -> MaybeAsync[list[str]]:
        """Make ten new recovery codes and let the old ones go. They are shown once and stored hashed.

        Called by the account pages, after a fresh proof.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def remove_factor(self, context: AuthContext, subject: str, kept: bytes, factor: str) -> MaybeAsync[None]:
        """Remove a second factor of somebody who has just proven to be themselves. Unknown ones are gone already.

        Called by the account pages, after a fresh proof.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def start_external(
        self, context: AuthContext, party: str, redirect_uri: str, again: bool = False
    ) -> MaybeAsync[Start]:
        """Begin to ask somebody else (OpenID Connect, code flow with PKCE and nonce).

        Called when somebody chooses a party to sign in by, or to prove again by. With `again` the person is to prove
        anew to be themselves, even if they are signed in there. Raises UnknownName, and AuthError of kind
        `unavailable`.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def finish_external(self, context: AuthContext, answer: External) -> MaybeAsync[Proof]:
        """Check somebody else's word; each answer is good once.

        Called when the browser comes back. Raises AuthError of kind `refused` where the other one says no or is not to
        be believed, `bad_link` for an answer that does not belong to this start or comes again, or `unavailable`.
        """
        raise NotImplementedError

    @hookspec(timeout=60)
    def forget(self, context: AuthContext, subject: str) -> MaybeAsync[None]:
        """Remove everything that is kept of somebody. Repeating it is harmless.

        Called after somebody has deleted their account, and again every day until it succeeds.
        """
        raise NotImplementedError
