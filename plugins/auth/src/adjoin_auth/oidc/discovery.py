"""What a party says of itself: its discovery document (OpenID Connect Discovery 1.0), kept for an hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adjoin_auth.asking import Bounds, NoAnswer, ask
from adjoin_auth.jwks import ALGORITHMS, KeySet
from adjoin_auth.oidc.settings import PartySettings, is_good_address

__all__ = ["Discovered", "Discovery"]

_LASTING = timedelta(hours=1)
_PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """Where a party is asked, and how. `says_issuer`: its answers to the browser name it (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    algorithms: frozenset[str]
    client_auth: frozenset[str]
    says_issuer: bool
    jwks_uri: str
    keys: KeySet = field(repr=False)
    found_at: datetime


class Discovery:
    """Finds parties, and remembers what they said. Safe from any thread."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._found: dict[str, Discovered] = {}

    async def find(self, party: PartySettings, now: datetime) -> Discovered:
        """Return what a party says of itself. Raises NoAnswer, also for what cannot be used."""
        known = self._found.get(party.issuer)
        if known is not None and now - known.found_at < _LASTING:
            return known
        answer = await ask("GET", party.issuer.rstrip("/") + _PATH, bounds=self.bounds)
        if answer.status != 200:
            raise NoAnswer(f"{answer.host} answers with status {answer.status} to the request for {_PATH}")
        found = self._read(party, answer.object(), known, now)
        self._found[party.issuer] = found
        return found

    def _read(
        self, party: PartySettings, document: Mapping[str, Any], known: Discovered | None, now: datetime
    ) -> Discovered:
        if document.get("issuer") != party.issuer:
            raise NoAnswer(
                f"the issuer calls itself {_shown(document.get('issuer'))}, the setting is {party.issuer!r}; they must "
                "be the same, to the last slash"
            )
        keys_at = _address(document, "jwks_uri", party)
        says = document.get("id_token_signing_alg_values_supported")
        algorithms = frozenset(ALGORITHMS).intersection(_words(says)) if says is not None else frozenset({"RS256"})
        if not algorithms:
            raise NoAnswer("the issuer signs with no algorithm that is known here")
        methods = document.get("token_endpoint_auth_methods_supported")
        return Discovered(
            authorization_endpoint=_address(document, "authorization_endpoint", party),
            token_endpoint=_address(document, "token_endpoint", party),
            userinfo_endpoint=_address(document, "userinfo_endpoint", party, required=False),
            algorithms=algorithms,
            client_auth=frozenset(_words(methods)) if methods is not None else frozenset({"client_secret_basic"}),
            says_issuer=document.get("authorization_response_iss_parameter_supported") is True,
            jwks_uri=keys_at,
            keys=known.keys if known is not None and known.jwks_uri == keys_at else self._keys(keys_at),
            found_at=now,
        )

    def _keys(self, address: str) -> KeySet:
        async def fetch() -> Mapping[str, Any]:
            answer = await ask("GET", address, bounds=self.bounds)
            if answer.status != 200:
                raise NoAnswer(f"{answer.host} answers with status {answer.status} to the request for its keys")
            return answer.object()

        return KeySet(fetch)


def _address(document: Mapping[str, Any], name: str, party: PartySettings, *, required: bool = True) -> str:
    value = document.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not is_good_address(value, here=party.issuer.startswith("http://")):
        raise NoAnswer(f"the issuer's {name} is no https:// address")
    return value


def _words(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _shown(value: object) -> str:
    return repr(value[:200]) if isinstance(value, str) else "nothing"
