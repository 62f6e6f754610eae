"""Which parties the operator has set up: ADJOIN_AUTH_OIDC_<NAME>_{ISSUER,CLIENT_ID,CLIENT_SECRET,TITLE,SCOPES}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from adjoin.auth.v1 import Party

__all__ = ["Parties", "PartySettings", "is_good_address", "read_parties"]

_PREFIX = "oidc_"
_PARTS = ("client_secret", "client_id", "issuer", "title", "scopes")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_]{0,38}[a-z0-9])?")
_SCOPES = "openid email profile"
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_HERE = ("127.0.0.1", "::1", "localhost")
_LONGEST_TITLE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySettings:
    """One party. Without a secret the client is a public one, and PKCE alone protects the code."""

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]

    @property
    def party(self) -> Party:
        return Party(id=self.name, title=self.title, issuer=self.issuer)


@dataclass(frozen=True, slots=True)
class Parties:
    """The parties that can be asked, by name, and what is wrong with the others, a sentence each."""

    by_name: Mapping[str, PartySettings]
    problems: tuple[str, ...]

    @property
    def described(self) -> tuple[Party, ...]:
        return tuple(one.party for one in self.by_name.values())


def read_parties(settings: Mapping[str, str]) -> Parties:
    """Read the provider's settings, sorted by name. A party that is set up wrongly is left out and told of."""
    given: dict[str, dict[str, str]] = {}
    problems = []
    for setting, value in sorted(settings.items()):
        if not setting.startswith(_PREFIX):
            continue
        name, part = _split(setting.removeprefix(_PREFIX))
        if not part:
            problems.append(f"{_variable(setting)} is not known; its end is one of {_ends()}.")
        elif not _NAME.fullmatch(name):
            problems.append(f"{_variable(setting)}: a name is 1 to 40 of A-Z, 0-9 and _, no _ at its ends.")
        else:
            given.setdefault(name, {})[part] = value.strip()
    found: dict[str, PartySettings] = {}
    for name, values in given.items():
        wrong = list(_problems(name, values))
        taken = next((one.name for one in found.values() if one.issuer == values.get("issuer")), None)
        if taken is not None:
            wrong.append(f"{_of(name, 'issuer')} is the one of {taken.upper()} as well; an issuer is set up once.")
        problems += wrong
        if not wrong:
            found[name] = PartySettings(
                name=name,
                title=values.get("title") or name.replace("_", " ").title(),
                issuer=values["issuer"],
                client_id=values["client_id"],
                client_secret=values.get("client_secret", ""),
                scopes=tuple(dict.fromkeys(["openid", *(values.get("scopes") or _SCOPES).split()])),
            )
    return Parties(found, tuple(problems))


def is_good_address(url: str, *, here: bool) -> bool:
    """Whether secrets may be sent to an address: https, or with `here` plain http to this machine, for trying out."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        return False
    if not url.isascii() or not url.isprintable() or " " in url or parts.username is not None or parts.fragment:
        return False
    if parts.scheme == "http":
        return here and parts.hostname in _HERE
    return parts.scheme == "https" and bool(parts.hostname)


def _problems(name: str, values: Mapping[str, str]) -> list[str]:
    found = [
        f"{_of(name, part)} is missing; it is needed for the sign-in with {name.upper()}."
        for part in ("issuer", "client_id")
        if not values.get(part)
    ]
    issuer = values.get("issuer", "")
    if issuer and (not is_good_address(issuer, here=True) or urlsplit(issuer).query):
        found.append(
            f"{_of(name, 'issuer')} must be an https:// address without a query, written exactly as the provider "
            "writes it in its discovery document."
        )
    if not values.get("client_id", "x").isprintable() or not values.get("client_secret", "x").isprintable():
        found.append(f"{_of(name, 'client_id')} or its secret holds signs that do not belong there.")
    if len(values.get("title", "")) > _LONGEST_TITLE or not values.get("title", "x").isprintable():
        found.append(f"{_of(name, 'title')} is longer than {_LONGEST_TITLE} signs, or holds some that cannot be shown.")
    if not all(_SCOPE.fullmatch(scope) for scope in values.get("scopes", "").split()):
        found.append(f"{_of(name, 'scopes')} must be words with spaces between them, such as {_SCOPES!r}.")
    return found


def _split(rest: str) -> tuple[str, str]:
    for part in _PARTS:
        if rest.endswith(f"_{part}"):
            return rest.removesuffix(f"_{part}"), part
    return rest, ""


def _of(name: str, part: str) -> str:
    return _variable(f"{_PREFIX}{name}_{part}")


def _variable(setting: str) -> str:
    shown = "".join(sign for sign in setting.upper() if sign.isprintable())[:80]
    return f"ADJOIN_AUTH_{shown}"


def _ends() -> str:
    return ", ".join(f"_{part.upper()}" for part in sorted(_PARTS))
