"""Tokens of Supabase Auth are believed by signature, issuer, audience and times; keys are kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import structlog

from adjoin.auth.v1 import Credentials
from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.supabase.calls import Tokens
from adjoin_auth.supabase.proofs import claims_of, unpack

EMAIL, PASSWORD = "ada@company.example", "garnet otter fjord 41"
ASKED = Credentials(email=EMAIL, password=PASSWORD)


def test_the_keys_are_fetched_once_for_many_tokens(asked: Any) -> None:
    asked.person()
    for _ in range(3):
        asked.sign_in(ASKED)

    assert asked.project.keys_asked == 1


def test_a_new_key_is_fetched_when_its_first_token_comes(asked: Any) -> None:
    asked.person()
    asked.project.keys.rotate()
    asked.clock.advance(60)

    asked.sign_in(ASKED)
    asked.sign_in(ASKED)

    assert asked.project.keys_asked == 2


def test_made_up_keys_are_not_fetched_time_and_again(asked: Any) -> None:
    proof = asked.person()
    asked.clock.advance(60)
    token = forged(asked, proof, lambda claims: claims, kid="made-up")

    for _ in range(5):
        with pytest.raises(AuthError):
            believed(asked, token)

    assert asked.project.keys_asked == 2


def test_rsa_keys_do_as_well(asked: Any) -> None:
    asked.project.keys.rotate("RS256")

    assert asked.person().email == EMAIL


def test_a_project_with_a_shared_secret_is_asked_about_its_tokens(asked: Any) -> None:
    asked.project.keys.rotate("HS256", revoke=True)

    proof = asked.person()

    assert proof.email == EMAIL
    assert asked.project.requests[-1] == "GET /user"
    assert asked.project.keys_asked == 0, "a shared secret is not among the keys"


def test_a_token_that_is_signed_with_any_secret_is_not_believed(asked: Any) -> None:
    proof = asked.person()
    claims = jwt.decode(unpack(proof.kept).access, options={"verify_signature": False})
    token = jwt.encode(claims, "whatever it is, it has thirty-two bytes", algorithm="HS256", headers={"kid": "x"})

    with pytest.raises(AuthError):
        believed(asked, token)


def test_a_token_without_a_signature_is_not_believed(asked: Any) -> None:
    proof = asked.person()
    claims = jwt.decode(unpack(proof.kept).access, options={"verify_signature": False})

    with pytest.raises(AuthError):
        believed(asked, jwt.encode(claims, None, algorithm="none"))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJFUzI1NiJ9..", "ä.ö.ü"])
def test_what_is_no_token_is_not_believed(asked: Any, token: str) -> None:
    with pytest.raises(AuthError) as caught:
        believed(asked, token)

    assert caught.value.kind is AuthProblem.UNAVAILABLE


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"iss": "https://elsewhere.supabase.co/auth/v1"}, "ADJOIN_AUTH_SUPABASE_ISSUER"),
        ({"aud": "anon"}, "not for 'authenticated'"),
        ({"aud": None}, "not for 'authenticated'"),
        ({"role": "service_role"}, "role"),
        ({"sub": ""}, "whose it is"),
        ({"exp": "soon"}, "when it ends"),
        ({"exp": True}, "when it ends"),
        ({"exp": 1_767_225_500}, "has ended already"),
        ({"iat": 1_767_225_700}, "of the future"),
        ({"nbf": 1_767_225_700}, "of the future"),
    ],
)
def test_a_token_that_says_something_else_is_not_believed(asked: Any, change: dict[str, Any], problem: str) -> None:
    proof = asked.person()
    token = forged(asked, proof, lambda claims: {**claims, **change})

    with structlog.testing.capture_logs() as logged, pytest.raises(AuthError) as caught:
        believed(asked, token)

    assert caught.value.kind is AuthProblem.UNAVAILABLE
    assert problem in str(logged)
    assert token not in str(logged)


@pytest.mark.parametrize("change", [{"exp": 1_767_225_590}, {"iat": 1_767_225_650}, {"aud": ["authenticated", "x"]}])
def test_clocks_may_be_a_little_off(asked: Any, change: dict[str, Any]) -> None:
    proof = asked.person()

    assert believed(asked, forged(asked, proof, lambda claims: {**claims, **change})).subject == proof.subject


def test_another_issuer_can_be_set(asked: Any, sqlite_store: Any, clock: Any) -> None:
    asked.person()
    other = type(asked)(asked.project, sqlite_store, clock, supabase_issuer="https://id.company.example/auth/v1")

    assert other.plugin.describe().issuer == "https://id.company.example/auth/v1"
    with pytest.raises(AuthError):
        other.sign_in(ASKED)


def test_a_session_with_the_token_of_somebody_else_is_not_believed(asked: Any) -> None:
    ada, eve = asked.person(), asked.person("eve@company.example")
    eves = unpack(eve.kept).access

    def mixed(session: Any, **more: Any) -> dict[str, Any]:
        return {**whole(session, **more), "access_token": eves}

    whole = asked.project.session_json
    asked.project.session_json = mixed

    with pytest.raises(AuthError) as caught:
        asked.sign_in(ASKED)

    assert caught.value.kind is AuthProblem.UNAVAILABLE
    assert ada.subject != eve.subject


def forged(asked: Any, proof: Any, change: Callable[[dict[str, Any]], dict[str, Any]], kid: str = "") -> str:
    """A token of the project's own key that says something else."""
    keys = asked.project.keys
    algorithm, key = keys._keys[keys.current]
    claims = jwt.decode(unpack(proof.kept).access, options={"verify_signature": False})
    return jwt.encode(change(claims), key, algorithm=algorithm, headers={"kid": kid or keys.current})


def believed(asked: Any, token: str) -> Any:
    return asyncio.run(claims_of(asked.plugin._call(asked.context), Tokens(token, "")))
