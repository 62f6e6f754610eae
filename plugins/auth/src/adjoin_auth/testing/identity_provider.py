"""A stand-in of an OpenID Connect provider: what a company's sign-in answers, and what a bad one could.

    people = IdentityProvider({"ada": {"sub": "1", "email": "ada@company.example", "email_verified": True}})
    with running(people.app) as issuer:  # from adjoin.testing.server
        people.issuer = issuer

It is strict where a good one is: codes are good once, for one client, address and PKCE verifier. `wrong` makes it lie.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

__all__ = ["Fault", "IdentityProvider"]

_LIFETIME = 300  # seconds, of an ID token
_WAITS = 60.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How it lies. `claims` replace those of the ID token, None takes one away; the others say what they do."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = ""  #: another one than the key's: `none`, `HS256`
    kid: str | None = None  #: another name of the key in the token; "" for none
    foreign_key: bool = False  #: signed by somebody else's key, under the right name
    userinfo: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)  #: replaces parts of the discovery document
    answer: Mapping[str, Any] = field(default_factory=dict)  #: replaces parts of the token endpoint's answer
    status: Mapping[str, int] = field(default_factory=dict)  #: by endpoint: `token`, `jwks`, `userinfo`, `discovery`
    huge: str = ""  #: the endpoint that answers without an end
    slow: str = ""  #: the endpoint that answers when `go_on` is set, at last


@dataclass(frozen=True, kw_only=True)
class _Code:
    person: str
    query: Mapping[str, str]


class IdentityProvider:
    """People by name, with what is said of them. `secret` empty: a public client."""

    def __init__(
        self,
        people: Mapping[str, Mapping[str, Any]],
        *,
        client_id: str = "adjoin",
        secret: str = "of the client",  # noqa: S107 - of nobody
        algorithm: str = "RS256",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.people = {name: dict(said) for name, said in people.items()}
        self.client_id, self.secret, self.algorithm = client_id, secret, algorithm
        self.issuer = ""
        self.now = now
        self.wrong = Fault()
        self.go_on = threading.Event()
        self.requests: list[str] = []
        self.auth_methods = ["client_secret_basic", "client_secret_post"] if secret else ["none"]
        self.id_token_has = {"email", "email_verified", "name", "auth_time"}
        self._keys: dict[str, Any] = {}
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, str] = {}
        self._foreign = self._new_key()
        self.rotate()
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
            ]
        )

    def rotate(self) -> str:
        """Sign with a new key from now on, and publish it alone; return its name."""
        self.kid = f"key-{secrets.token_hex(4)}"
        self._keys = {self.kid: self._new_key()}
        return self.kid

    def settings(self, name: str = "company", **more: str) -> dict[str, str]:
        """Return what Adjoin has to be told of it, as the settings of a provider."""
        parts = {"issuer": self.issuer, "client_id": self.client_id, "client_secret": self.secret, **more}
        return {f"oidc_{name}_{part}": value for part, value in parts.items() if value}

    def consents(self, url: str, person: str) -> dict[str, str]:
        """Do what somebody does on its page at `url`; return the query with which their browser comes back."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["response_type"] == "code"
        assert query["client_id"] == self.client_id
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = _Code(person=person, query=query)
        return {"code": code, "state": query["state"]}

    # What it answers

    def document(self) -> dict[str, Any]:
        """Return the discovery document."""
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "token_endpoint_auth_methods_supported": self.auth_methods,
        }
        return _replaced(said, self.wrong.document)

    def id_token(self, person: str, query: Mapping[str, str], access_token: str) -> str:
        """Return the token that says who somebody is, with the faults of the moment."""
        at = int(self.now().timestamp())
        said = {name: value for name, value in self.people[person].items() if name in self.id_token_has}
        half = hashlib.new("sha256", access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "sub": self.people[person]["sub"],
            "aud": self.client_id,
            "iat": at,
            "exp": at + _LIFETIME,
            "nonce": query.get("nonce"),
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **said,
        }
        claims = _replaced(claims, self.wrong.claims)
        kid = self.kid if self.wrong.kid is None else self.wrong.kid
        headers = {"typ": "JWT", **({"kid": kid} if kid else {})}
        key = self._foreign if self.wrong.foreign_key else self._keys[self.kid]
        if self.wrong.algorithm == "HS256":
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            return _by_hand({**headers, "alg": "HS256"}, claims, public)
        if self.wrong.algorithm == "none":
            return _by_hand({**headers, "alg": "none"}, claims, b"")
        return jwt.encode(claims, key, algorithm=self.algorithm, headers=headers)

    async def _discovery(self, request: Request) -> Response:
        return await self._said("discovery", self.document())

    async def _jwks(self, request: Request) -> Response:
        made = jwt.get_algorithm_by_name(self.algorithm)
        keys = [
            {**json.loads(made.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": self.algorithm}
            for kid, key in self._keys.items()
        ]
        return await self._said("jwks", {"keys": keys})

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        back = query["redirect_uri"]
        person = query.pop("as", "")
        if person in self.people:
            return RedirectResponse(f"{back}?{urlencode(self.consents(str(request.url), person))}", status_code=303)
        if person:
            said = {"error": "access_denied", "state": query["state"]}
            return RedirectResponse(f"{back}?{urlencode(said)}", status_code=303)
        rows = "".join(
            f'<li><a href="?{html.escape(urlencode({**query, "as": name}))}">{html.escape(label)}</a></li>'
            for name, label in [*((one, f"Sign in as {one}") for one in self.people), ("-", "Cancel")]
        )
        return HTMLResponse(f"<!doctype html><title>Company sign-in</title><h1>Company sign-in</h1><ul>{rows}</ul>")

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in parse_qsl((await request.body()).decode())}
        if not self._is_our_client(request, form):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        found = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            found is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != found.query["redirect_uri"]
            or base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != found.query["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        access_token = secrets.token_urlsafe(24)
        self._access[access_token] = found.person
        said = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": _LIFETIME,
            "id_token": self.id_token(found.person, found.query, access_token),
        }
        return await self._said("token", _replaced(said, self.wrong.answer))

    async def _userinfo(self, request: Request) -> Response:
        person = self._access.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if person is None:
            return JSONResponse({"error": "invalid_token"}, status_code=401)
        return await self._said("userinfo", _replaced(self.people[person], self.wrong.userinfo))

    async def _said(self, endpoint: str, said: Mapping[str, Any]) -> Response:
        self.requests.append(endpoint)
        if self.wrong.slow == endpoint:
            from starlette.concurrency import run_in_threadpool

            await run_in_threadpool(self.go_on.wait, _WAITS)
        if self.wrong.huge == endpoint:
            said = {**said, "padding": "x" * 2_000_000}
        return JSONResponse(dict(said), status_code=self.wrong.status.get(endpoint, 200))

    def _is_our_client(self, request: Request, form: Mapping[str, str]) -> bool:
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        if basic and "client_secret_basic" in self.auth_methods:
            name, _, secret = base64.b64decode(basic).decode().partition(":")
            return (unquote(name), unquote(secret)) == (self.client_id, self.secret)
        if "client_secret_basic" in self.auth_methods and "client_secret_post" not in self.auth_methods:
            return False
        return form.get("client_id") == self.client_id and form.get("client_secret", "") == self.secret

    def lie(self, **faults: Any) -> None:
        """Have these faults besides those that there are."""
        self.wrong = replace(self.wrong, **faults)

    def _new_key(self) -> Any:
        if self.algorithm.startswith("ES"):
            return ec.generate_private_key(ec.SECP256R1())
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _replaced(said: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**said, **by}.items() if value is not None}


def _by_hand(headers: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    parts = [json.dumps(part).encode() for part in (headers, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    tag = hmac.new(secret, signed, "sha256").digest() if secret else b""
    return f"{signed.decode()}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"
