"""Promises about what goes on with a session, and about forgetting people."""

from __future__ import annotations

import pytest

from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import EMAIL, OTHER_PASSWORD, PASSWORD, Provider, refused

__all__ = ["SessionPromises"]


class SessionPromises(Fixtures):
    """`renew`, `sign_out`, `forget`."""

    def test_a_proof_that_ends_can_be_renewed(self, provider: Provider) -> None:
        """`renew` gives a proof of the same person that lasts longer, time after time."""
        provider.needs(v1.Auth.renew)
        proof = provider.person()
        within = provider.describe().renew_within
        assert within is not None, "describe() says when to renew"

        for _ in range(3):
            assert proof.expires_at is not None
            provider.wait(within)
            renewed = provider.ask(v1.Auth.renew, proof.subject, proof.kept)
            assert renewed.subject == proof.subject
            assert renewed.expires_at is not None
            assert renewed.expires_at > proof.expires_at
            proof = renewed

    def test_a_proof_without_an_end_needs_no_renewal(self, provider: Provider) -> None:
        """`renew` is there where proofs end."""
        proof = provider.person()

        assert (proof.expires_at is not None) == provider.implements(v1.Auth.renew)

    def test_hearing_of_the_end_twice_is_harmless(self, provider: Provider) -> None:
        """`sign_out` may be repeated, and the person can come back."""
        provider.needs(v1.Auth.sign_out)
        proof = provider.person()

        for _ in range(2):
            provider.ask(v1.Auth.sign_out, proof.subject, proof.kept)

        assert provider.sign_in().subject == proof.subject

    def test_who_is_forgotten_is_unknown(self, provider: Provider) -> None:
        """`forget` removes all of somebody, and nobody else; the e-mail is free again."""
        provider.needs(v1.Auth.forget)
        proof = provider.person()
        other = provider.person("eve@company.example", OTHER_PASSWORD)
        if provider.implements(v1.Auth.enroll):
            provider.device(proof)

        for _ in range(2):
            provider.ask(v1.Auth.forget, proof.subject)

        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, PASSWORD)
        with pytest.raises(AuthError):
            provider.ask(v1.Auth.check_password, proof.subject, proof.kept, PASSWORD)
        assert provider.sign_in("eve@company.example", OTHER_PASSWORD).subject == other.subject
        again = provider.person()
        assert again.subject != proof.subject
        assert not again.needs_second_factor
