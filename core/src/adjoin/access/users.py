"""People: their e-mail addresses and profiles, and who is switched off.

The functions take a session of `store.write()` and belong to its transaction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access import audit
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.db.people import ApiToken, Member, User
from adjoin.db.people import Session as SignedIn
from adjoin.errors import BadInput, UnknownName
from adjoin.writing import DateFormat, NumberFormat

__all__ = [
    "LONGEST_EMAIL",
    "Profile",
    "all_users",
    "change_profile",
    "disable",
    "enable",
    "find_user",
    "normal_email",
    "profile_of",
]

#: In characters, and in bytes of UTF-8 (RFC 5321 with its erratum 1690).
LONGEST_EMAIL = 254
_LONGEST_URL = 2000
_LOCALE = re.compile(r"([a-zA-Z]{2,3})(?:[-_]([a-zA-Z]{4}))?(?:[-_]([a-zA-Z]{2}|[0-9]{3}))?")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a user says of themselves. `time_zone` is an IANA name; empty is the one of what is looked at."""

    name: str = ""
    picture_url: str = ""
    locale: str = "en"
    time_zone: str = ""
    number_format: str = ""
    date_format: str = ""

    def checked(self) -> Profile:
        """Return it as it is stored. Raises BadInput for the first value that cannot be used."""
        return Profile(
            name=clean_name(self.name, "your name", may_be_empty=True),
            picture_url=_picture(self.picture_url),
            locale=_locale(self.locale),
            time_zone=_zone(self.time_zone),
            number_format=_one_of(NumberFormat, self.number_format, "number format"),
            date_format=_one_of(DateFormat, self.date_format, "date format"),
        )


def normal_email(text: str) -> str:
    """Return an e-mail address as it is stored and compared: trimmed, NFC, lower case, its domain in Unicode.

    Raises BadInput for what is no address. Whether it can be reached is not asked; a mail with a link tells.
    """
    from email_validator import EmailNotValidError, validate_email

    trimmed = text.strip()
    if len(trimmed) > LONGEST_EMAIL:
        raise BadInput(f"an e-mail address has at most {LONGEST_EMAIL} characters, not {len(trimmed):,}")
    try:
        found = trimmed
        for _ in range(2):  # lower case may be written in another way than the capital it comes from
            found = validate_email(found, check_deliverability=False, strict=True).normalized
            found = unicodedata.normalize("NFC", found.lower())
    except EmailNotValidError as error:
        shown = "".join(sign if sign.isprintable() else "?" for sign in trimmed)
        raise BadInput(f"{shown!r} is not an e-mail address: {error}") from None
    if len(found.encode()) > LONGEST_EMAIL:
        raise BadInput(f"an e-mail address has at most {LONGEST_EMAIL} bytes, not {len(found.encode()):,}")
    return found


def find_user(session: Session, email_or_id: str) -> User:
    """Return a user that is not deleted, by e-mail address or id. Raises UnknownName, or BadInput for the address."""
    named = normal_email(email_or_id) if "@" in email_or_id else None
    query = select(User).where(
        col(User.id) == email_or_id if named is None else col(User.email) == named, col(User.deleted_at).is_(None)
    )
    found = session.exec(query).one_or_none()
    if found is None:
        raise UnknownName(f"there is no user {email_or_id[:LONGEST_EMAIL]!r}; `adjoin users list` names all")
    return found


def all_users(session: Session, *, after: str = "", limit: int = _AT_ONCE) -> Sequence[tuple[User, int]]:
    """Return users that are not deleted by e-mail address, from the one after `after` on, with their workspaces."""
    workspaces = (
        select(sa.func.count())
        .select_from(Member)
        .where(col(Member.user_id) == col(User.id))
        .correlate(User)
        .scalar_subquery()
    )
    query = (
        select(User, workspaces)
        .where(col(User.deleted_at).is_(None), col(User.email) > after)
        .order_by(col(User.email))
        .limit(limit)
    )
    return session.exec(query).all()


def profile_of(user: User) -> Profile:
    """Return a user's profile."""
    return Profile(
        name=user.name,
        picture_url=user.picture_url,
        locale=user.locale,
        time_zone=user.time_zone,
        number_format=user.number_format,
        date_format=user.date_format,
    )


def change_profile(session: Session, user_id: str, profile: Profile, *, by: Actor, now: datetime) -> User:
    """Set a user's profile. Raises BadInput for a value that cannot be used, and UnknownName.

    The audit log of their workspaces is told which parts have changed, not what they are: it is kept for longer than
    a person may want to be known.
    """
    wanted = profile.checked()
    user = _locked(session, user_id)
    before = profile_of(user)
    changed = [name for name in Profile.__slots__ if getattr(before, name) != getattr(wanted, name)]
    for name in changed:
        setattr(user, name, getattr(wanted, name))
    if changed:
        session.add(user)
        _note(session, user, "user.profile_changed", {"changed": changed}, by=by, now=now)
    return user


def disable(session: Session, user_id: str, *, by: Actor, now: datetime) -> User:
    """Switch an account off: all its sessions and API tokens end at once, and it cannot sign in. For the operator.

    Memberships stay for when it is switched on again. Raises UnknownName.
    """
    user = _locked(session, user_id)
    if user.disabled_at is None:
        user.disabled_at = now
        session.add(user)
        session.flush()
        connection = session.connection()
        connection.execute(sa.delete(SignedIn).where(col(SignedIn.user_id) == user.id))
        connection.execute(
            sa.update(ApiToken)
            .where(col(ApiToken.user_id) == user.id, col(ApiToken.revoked_at).is_(None))
            .values(revoked_at=now)
        )
        _note(session, user, "user.disabled", None, by=by, now=now)
    return user


def enable(session: Session, user_id: str, *, by: Actor, now: datetime) -> User:
    """Switch an account on again; its old sessions and API tokens stay ended. For the operator. Raises UnknownName."""
    user = _locked(session, user_id)
    if user.disabled_at is not None:
        user.disabled_at = None
        session.add(user)
        _note(session, user, "user.enabled", None, by=by, now=now)
    return user


def _locked(session: Session, user_id: str) -> User:
    query = select(User).where(col(User.id) == user_id, col(User.deleted_at).is_(None))
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.exec(query).one_or_none()
    if found is None:
        raise UnknownName(f"there is no user {user_id[:80]!r}")
    return found


def _note(
    session: Session, user: User, action: str, after: dict[str, list[str]] | None, *, by: Actor, now: datetime
) -> None:
    audit.record_everywhere(
        session,
        user_id=user.id,
        action=action,
        actor=by.name,
        object_kind="user",
        object_id=user.id,
        after=after,
        address=by.address,
        now=now,
    )


def _picture(text: str) -> str:
    """Return the URL of a picture: https, as pages must not load anything over a line that others can read."""
    from adjoin.outgoing.errors import OutgoingError
    from adjoin.outgoing.urls import read_url

    url = text.strip()
    if not url:
        return ""
    if len(url) > _LONGEST_URL:
        raise BadInput(f"the address of a picture has at most {_LONGEST_URL:,} characters, not {len(url):,}")
    try:
        read = read_url(url)
    except OutgoingError as error:
        raise BadInput(f"the address of the picture cannot be used: {error}") from None
    if read.scheme != "https":
        raise BadInput("the address of a picture must begin with https://")
    return str(read)


def _locale(text: str) -> str:
    found = _LOCALE.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"{text[:40]!r} is not a locale; write a language such as en, or with its country de-AT")
    language, script, country = found.groups()
    parts = (language.lower(), script and script.title(), country and country.upper())
    return "-".join(part for part in parts if part)


def _zone(text: str) -> str:
    zone = text.strip()
    if zone and zone not in available_timezones():
        raise BadInput(f"{zone[:60]!r} is not a time zone; write one such as Europe/Berlin, or none")
    return zone


def _one_of(kind: type[NumberFormat] | type[DateFormat], text: str, what: str) -> str:
    if text not in set(kind):
        raise BadInput(f"{text[:40]!r} is not a {what}; choose one of {', '.join(one for one in kind if one)}, or none")
    return str(text)
