"""Signed tokens and the keys of their issuers: which key counts, and when keys are asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from adjoin.clock import ManualClock
from adjoin_auth.asking import NoAnswer
from adjoin_auth.jwks import BadToken, KeySet, Signed, verified

CLAIMS = {"sub": "1"}


def published(key: Any, algorithm: str, **more: Any) -> dict[str, Any]:
    """A key as its issuer publishes it."""
    return {**json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key())), **more}


class Issuer:
    """Publishes keys, or gives no answer."""

    def __init__(self, clock: ManualClock, *keys: Mapping[str, Any]) -> None:
        self.clock, self.answer = clock, {"keys": list(keys)}
        self.asked, self.down = 0, False
        self.keys = KeySet(self._fetch)

    async def _fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.down:
            raise NoAnswer("the issuer is down")
        return self.answer

    def verify(self, token: str, **more: Any) -> Signed:
        return asyncio.run(verified(token, self.keys, now=self.clock.now(), **more))

    def why_not(self, token: str, **more: Any) -> str:
        with pytest.raises(BadToken) as caught:
            self.verify(token, **more)
        return str(caught.value)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def other() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer(key: Any, clock: ManualClock) -> Issuer:
    return Issuer(clock, published(key, "ES256", kid="a"))


def signed(key: Any, algorithm: str = "ES256", **headers: Any) -> str:
    return jwt.encode(CLAIMS, key, algorithm=algorithm, headers=headers or None)


def test_a_good_one_says_what_it_says(issuer: Issuer, key: Any) -> None:
    assert issuer.verify(signed(key, kid="a")) == Signed("ES256", CLAIMS)
    assert issuer.verify(signed(key)) == Signed("ES256", CLAIMS)


def test_edwards_curves_are_fine(clock: ManualClock) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert Issuer(clock, published(key, "EdDSA")).verify(signed(key, "EdDSA")).algorithm == "EdDSA"


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"alg": "ES384"}, {"kty": "RSA"}, {"crv": "P-384"}, {"kid": "b"}, {"x": "AAAA"}, {"x": None}],
)
def test_a_key_of_another_kind_does_not_count(clock: ManualClock, key: Any, change: dict[str, Any]) -> None:
    issuer = Issuer(clock, {**published(key, "ES256", kid="a"), **change})
    assert "does not publish" in issuer.why_not(signed(key, kid="a"))


def test_a_short_rsa_key_does_not_count(clock: ManualClock) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = signed(short, "RS256")
    assert "does not publish" in Issuer(clock, published(short, "RS256")).why_not(token)


def test_a_private_key_is_none(clock: ManualClock, key: Any) -> None:
    """What should not be published is not used; the public part is."""
    private = {**published(key, "ES256"), "d": "AAAA"}
    assert Issuer(clock, private, {"kty": "oct", "k": "AAAA"}).verify(signed(key)).claims == CLAIMS


def test_without_a_name_one_key_has_to_fit(clock: ManualClock, key: Any, other: Any) -> None:
    issuer = Issuer(clock, published(key, "ES256", kid="a"), published(other, "ES256", kid="b"))
    assert issuer.verify(signed(key, kid="a")).claims == CLAIMS
    assert "which of the issuer's keys" in issuer.why_not(signed(key))


@pytest.mark.parametrize("name", [["a"], 1, {"a": 1}])
def test_a_name_that_is_no_text(issuer: Issuer, key: Any, name: object) -> None:
    parts = signed(key, kid="a").split(".")
    header = json.dumps({"alg": "ES256", "kid": name}).encode()
    assert issuer.why_not(".".join([jwt.utils.base64url_encode(header).decode(), *parts[1:]]))


@pytest.mark.parametrize("headers", [{"crit": ["exp"]}, {"b64": False}])
def test_what_is_demanded_but_not_known_is_refused(issuer: Issuer, key: Any, headers: dict[str, Any]) -> None:
    parts = signed(key, kid="a").split(".")
    header = json.dumps({"alg": "ES256", "kid": "a", **headers}).encode()
    assert issuer.why_not(".".join([jwt.utils.base64url_encode(header).decode(), *parts[1:]]))


@pytest.mark.parametrize("payload", [b"[]", b"null", b"{", b"[" * 10_000, b"\xff"])
def test_what_is_no_object_says_nothing(issuer: Issuer, key: Any, payload: bytes) -> None:
    token = jwt.PyJWS().encode(payload, key, algorithm="ES256", headers={"kid": "a"})
    assert "the token holds no JSON" in issuer.why_not(token)


def test_only_what_the_issuer_uses_is_allowed(issuer: Issuer, key: Any) -> None:
    assert "'ES256', which is not allowed" in issuer.why_not(signed(key), algorithms={"RS256"})


@pytest.mark.parametrize("answer", [{}, {"keys": {}}, {"keys": None}])
def test_no_list_of_keys_is_no_answer(issuer: Issuer, key: Any, answer: dict[str, Any]) -> None:
    issuer.answer = answer
    with pytest.raises(NoAnswer, match="no list of keys"):
        issuer.verify(signed(key))


class TestAsking:
    def test_keys_are_kept_for_a_while(self, issuer: Issuer, key: Any, clock: ManualClock) -> None:
        for asked, minutes in ((1, 0), (1, 14), (2, 1)):
            clock.advance(minutes * 60)
            issuer.verify(signed(key, kid="a"))
            assert issuer.asked == asked

    def test_a_new_one_is_asked_for_and_not_too_often(self, issuer: Issuer, other: Any, clock: ManualClock) -> None:
        token = signed(other, kid="b")
        issuer.why_not(token)
        clock.advance(29)
        issuer.why_not(token)
        assert issuer.asked == 1
        issuer.answer = {"keys": [published(other, "ES256", kid="b")]}
        clock.advance(1)
        assert issuer.verify(token).claims == CLAIMS
        assert issuer.asked == 2

    def test_one_that_is_taken_back_is_good_no_more(self, issuer: Issuer, key: Any, clock: ManualClock) -> None:
        issuer.verify(signed(key, kid="a"))
        issuer.answer = {"keys": []}
        clock.advance(timedelta(minutes=15).total_seconds())
        assert "does not publish" in issuer.why_not(signed(key, kid="a"))

    def test_an_issuer_that_is_down_is_believed_for_a_day(self, issuer: Issuer, key: Any, clock: ManualClock) -> None:
        issuer.verify(signed(key, kid="a"))
        issuer.down = True
        clock.advance(timedelta(hours=23).total_seconds())
        assert issuer.verify(signed(key, kid="a")).claims == CLAIMS
        issuer.verify(signed(key, kid="a"))
        assert issuer.asked == 2, "it is not asked with each token"
        clock.advance(timedelta(hours=1).total_seconds())
        with pytest.raises(NoAnswer, match="down"):
            issuer.verify(signed(key, kid="a"))
