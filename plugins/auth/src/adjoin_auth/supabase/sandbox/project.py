"""The project that the stand-in is: its switches, who is in it, and the rules of sessions."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adjoin.access.context import LINK_PATHS
from adjoin.auth.v1 import LinkKind
from adjoin.clock import Clock
from adjoin_auth.supabase.sandbox.errors import Refusal
from adjoin_auth.supabase.sandbox.limits import LIMITS, Limit, Limits
from adjoin_auth.supabase.sandbox.people import Flow, Link, Mail, RefreshToken, Session, User, instant, password_hash
from adjoin_auth.supabase.sandbox.signing import Keyring
from adjoin_auth.supabase.templates import TEMPLATES

__all__ = ["Project", "Switches"]

_EMAIL = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+")
_LONGEST_PASSWORD = 72


@dataclass
class Switches:
    """What an operator can set at Supabase."""

    site_url: str = "https://adjoin.test"
    redirects: tuple[str, ...] = ("https://adjoin.test/**",)
    autoconfirm: bool = False
    disable_signup: bool = False
    secure_email_change: bool = False
    secure_password_change: bool = False
    parties: tuple[str, ...] = ("google",)
    shortest_password: int = 6
    pwned: frozenset[str] = frozenset()
    token_life: timedelta = timedelta(hours=1)
    link_life: timedelta = timedelta(hours=24)
    reuse_interval: timedelta = timedelta(0)
    mail_pause: timedelta = timedelta(seconds=60)
    factor_life: timedelta = timedelta(seconds=300)
    most_factors: int = 10
    limits: Mapping[str, Limit] = field(default_factory=lambda: dict(LIMITS))
    templates: Mapping[str, str] = field(default_factory=lambda: dict(TEMPLATES))


class Project:
    """Users, sessions, links and mails, as the server keeps them. Everything is asked in one thread."""

    def __init__(self, clock: Clock, switches: Switches | None = None) -> None:
        self.clock = clock
        self.switches = switches or Switches()
        self.url = ""
        self.key = "sb_publishable_stand-in-0001"
        self.secret_key = f"sb_secret_{secrets.token_hex(16)}"
        self.keys = Keyring()
        self.limits = Limits(self.switches.limits)
        self.users: dict[str, User] = {}
        self.sessions: dict[str, Session] = {}
        self.links: dict[str, Link] = {}
        self.flows: dict[str, Flow] = {}
        self.mails: list[Mail] = []
        #: What was asked, and the addresses that were forwarded with it.
        self.requests: list[str] = []
        self.forwarded: list[str] = []
        self.keys_asked = 0
        #: Answer everything with this instead: a status and a code.
        self.broken: tuple[int, str] | None = None
        #: Who the party says that the browser is of; None: it says no.
        self.at_party: dict[str, Any] | None = None

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def auth_url(self) -> str:
        return f"{self.url}/auth/v1"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a provider that asks this project."""
        return {
            "supabase_url": self.url,
            "supabase_key": self.key,
            "supabase_secret_key": self.secret_key,
            "supabase_parties": ",".join(self.switches.parties),
        }

    # Users

    def by_email(self, email: str) -> User | None:
        return next((user for user in self.users.values() if user.email == email), None)

    def checked_email(self, email: object) -> str:
        if not isinstance(email, str) or len(email) > 255 or not _EMAIL.fullmatch(email):
            raise Refusal(400, "validation_failed", "Unable to validate email address: invalid format")
        return email.lower()

    def checked_password(self, password: object) -> str:
        if not isinstance(password, str) or not password:
            raise Refusal(400, "validation_failed", "Signup requires a valid password")
        if len(password.encode()) > _LONGEST_PASSWORD:
            raise Refusal(400, "validation_failed", "Password cannot be longer than 72 characters")
        reasons = ["length"] if len(password) < self.switches.shortest_password else []
        reasons += ["pwned"] if password in self.switches.pwned else []
        if reasons:
            raise Refusal(
                422,
                "weak_password",
                "Password is known to be weak and easy to guess, please choose a different one.",
                weak_password={"reasons": reasons},
            )
        return password

    def set_password(self, user: User, password: str, *, keep: str = "") -> None:
        """Set it, void all links, and end all sessions but one."""
        user.password = password_hash(password)
        self.void_links(user)
        self.end(user, lambda session: session.id != keep)

    def user_json(self, user: User) -> dict[str, Any]:
        identities = [
            {
                "identity_id": one.id,
                "id": one.subject,
                "user_id": user.id,
                "identity_data": one.data,
                "provider": one.provider,
                "created_at": instant(one.created_at),
                "updated_at": instant(one.created_at),
                "last_sign_in_at": instant(one.created_at),
            }
            for one in user.identities
        ]
        factors = [
            {
                "id": one.id,
                "factor_type": one.kind,
                "status": "verified" if one.verified else "unverified",
                "friendly_name": one.label,
                "created_at": instant(one.created_at),
                "updated_at": instant(one.created_at),
            }
            for one in user.factors
        ]
        names = [one.provider for one in user.identities] or ["email"]
        return {
            "id": user.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": user.email,
            "phone": "",
            "email_confirmed_at": instant(user.email_confirmed_at),
            "confirmed_at": instant(user.email_confirmed_at),
            "confirmation_sent_at": instant(user.sent_at.get("confirmation")),
            "recovery_sent_at": instant(user.sent_at.get("recovery")),
            "last_sign_in_at": instant(user.last_sign_in_at),
            "app_metadata": {"provider": names[0], "providers": names},
            "user_metadata": dict(user.metadata),
            "identities": identities,
            "created_at": instant(user.created_at),
            "updated_at": instant(user.created_at),
            "is_anonymous": False,
            **({"factors": factors} if factors else {}),
            **({"new_email": user.new_email} if user.new_email else {}),
            **({"banned_until": instant(user.banned_until)} if user.banned_until else {}),
        }

    def is_banned(self, user: User) -> bool:
        return user.banned_until is not None and user.banned_until > self.now

    # Sessions

    def sign_in(self, user: User, method: str) -> Session:
        session = Session(user.id, self.now, [{"method": method, "timestamp": int(self.now.timestamp())}])
        session.tokens.append(RefreshToken(None, self.now))
        self.sessions[session.id] = session
        user.last_sign_in_at = self.now
        return session

    def session_json(self, session: Session, **more: Any) -> dict[str, Any]:
        """The session with a new access token and the refresh token that is active."""
        user = self.users[session.user_id]
        life = int(self.switches.token_life.total_seconds())
        ends = int(self.now.timestamp()) + life
        active = session.active
        assert active is not None
        claims = {
            "iss": self.auth_url,
            "sub": user.id,
            "aud": "authenticated",
            "exp": ends,
            "iat": int(self.now.timestamp()),
            "email": user.email,
            "phone": "",
            "role": "authenticated",
            "aal": "aal2" if session.second_factor else "aal1",
            "amr": session.methods,
            "session_id": session.id,
            "is_anonymous": False,
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": dict(user.metadata),
        }
        return {
            "access_token": self.keys.sign(claims),
            "token_type": "bearer",
            "expires_in": life,
            "expires_at": ends,
            "refresh_token": active.token,
            "user": self.user_json(user),
            **more,
        }

    def refresh(self, token: str) -> Session:
        """Exchange a refresh token; one that was used is tolerated as the parent of the active one, or for a moment."""
        session = next((one for one in self.sessions.values() if one.find(token)), None)
        found = session.find(token) if session else None
        if session is None or found is None:
            raise Refusal(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        if self.is_banned(self.users[session.user_id]):
            raise Refusal(400, "user_banned", "Invalid Refresh Token: User Banned")
        if found.revoked:
            active = session.active
            recent = self.now < found.updated_at + self.switches.reuse_interval
            if active is not None and (active.parent == token or recent):
                return session
            for one in session.tokens:
                one.revoked = True
            raise Refusal(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        found.revoked, found.updated_at = True, self.now
        session.tokens.append(RefreshToken(token, self.now))
        return session

    def raise_level(self, session: Session, factor: str) -> None:
        """Make it a session of two factors. Refresh tokens from before are dead on purpose; lower sessions end."""
        session.second_factor, session.by_factor = True, factor
        session.methods.insert(0, {"method": "totp", "timestamp": int(self.now.timestamp())})
        for one in session.tokens:
            one.revoked = True
        session.tokens.append(RefreshToken(None, self.now))
        user = self.users[session.user_id]
        self.end(user, lambda other: other.id != session.id and not other.second_factor)

    def end(self, user: User, which: Any) -> None:
        mine = [one for one in self.sessions.values() if one.user_id == user.id]
        for session in mine:
            if which(session):
                del self.sessions[session.id]

    def bearer(self, header: str) -> tuple[User, Session]:
        """Say whose an access token is."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token or token.startswith("sb_"):
            raise Refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
        claims = self.keys.read(token)
        if claims is None or claims["exp"] <= self.now.timestamp():
            raise Refusal(403, "bad_jwt", "invalid JWT: unable to parse or verify signature, token is expired")
        user = self.users.get(claims["sub"])
        if user is None:
            raise Refusal(403, "user_not_found", "User from sub claim in JWT does not exist")
        if self.is_banned(user):
            raise Refusal(403, "user_banned", "User is banned")
        session = self.sessions.get(claims["session_id"])
        if session is None:
            raise Refusal(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        return user, session

    # Links and mails

    def mail(self, user: User, template: str, kind: str, *, to: str = "") -> None:
        """Mail a link, in place of the one of its kind, as the project's template says."""
        address = to or user.email
        otp = f"{secrets.randbelow(1_000_000):06d}"
        token_hash = hashlib.sha224(f"{address}{otp}{secrets.token_hex(8)}".encode()).hexdigest()
        self.void_links(user, kind)
        self.links[token_hash] = Link(user.id, kind, self.now)
        user.sent_at[template] = self.now
        known = {"SiteURL": self.switches.site_url, "TokenHash": token_hash, "Token": otp, "Email": user.email}
        html = re.sub(r"\{\{ \.(\w+) \}\}", lambda found: known[found[1]], self.switches.templates[template])
        self.mails.append(Mail(address, template, html))

    def token(self, email: str, kind: LinkKind) -> str | None:
        """Return the token of the newest link of a kind that was mailed to somebody; None if there was none."""
        wanted = re.compile(re.escape(f"{self.switches.site_url}{LINK_PATHS[kind]}#") + r"([0-9a-f]+)")
        found = (wanted.search(mail.html) for mail in reversed(self.mails) if mail.to == email)
        return next((one[1] for one in found if one), None)

    def check_pause(self, user: User, template: str) -> None:
        last = user.sent_at.get(template)
        if last is not None and self.now < last + self.switches.mail_pause:
            left = int((last + self.switches.mail_pause - self.now).total_seconds()) + 1
            message = f"For security purposes, you can only request this after {left} seconds."
            raise Refusal(429, "over_email_send_rate_limit", message)

    def void_links(self, user: User, *kinds: str) -> None:
        for token, link in list(self.links.items()):
            if link.user_id == user.id and (not kinds or link.kind in kinds):
                del self.links[token]

    def redeem(self, token: str, kinds: tuple[str, ...]) -> tuple[User, Link]:
        link = self.links.get(token)
        if link is None or link.kind not in kinds or self.now > link.sent_at + self.switches.link_life:
            raise Refusal(403, "otp_expired", "Email link is invalid or has expired")
        user = self.users[link.user_id]
        if self.is_banned(user):
            raise Refusal(403, "user_banned", "User is banned")
        del self.links[token]
        return user, link

    def delete(self, user: User) -> None:
        self.end(user, lambda _: True)
        self.void_links(user)
        del self.users[user.id]
