"""Promises about guessing: it is slow, and it locks nobody out for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import EMAIL, OTHER_PASSWORD, PASSWORD, Provider, refused

__all__ = ["ThrottlingPromises"]

#: By then whoever guesses must have been slowed down.
_GUESSES = 200
HOME, AWAY = "203.0.113.7", "198.51.100.9"


class ThrottlingPromises(Fixtures):
    """`sign_in`, `second_factor`, `ask_reset` and `check_password` under somebody who tries and tries."""

    def test_guessing_one_password_is_slowed_down(self, provider: Provider) -> None:
        """`sign_in` says after some attempts when the next one counts, and then lets the right password in."""
        provider.person()

        wait = _throttled(lambda n: provider.sign_in(EMAIL, f"{OTHER_PASSWORD} {n}", address=AWAY))
        with refused(AuthProblem.THROTTLED):
            provider.sign_in(EMAIL, PASSWORD, address=AWAY)
        provider.wait(wait)

        assert wait <= timedelta(minutes=15), "whoever guesses must not lock the owner out for long"
        assert provider.sign_in(EMAIL, PASSWORD, address=AWAY).email == EMAIL

    def test_guessing_from_many_addresses_is_slowed_down(self, provider: Provider) -> None:
        """`sign_in` counts attempts per e-mail, whatever address they come from."""
        provider.person()

        _throttled(lambda n: provider.sign_in(EMAIL, f"{OTHER_PASSWORD} {n}", address=f"198.51.{n // 250}.{n % 250}"))

    def test_guessing_for_many_people_is_slowed_down(self, provider: Provider) -> None:
        """`sign_in` counts attempts per address, whatever e-mail they are for."""
        _throttled(lambda n: provider.sign_in(f"somebody.{n}@company.example", PASSWORD, address=AWAY))

    def test_an_unknown_e_mail_is_slowed_down_alike(self, provider: Provider) -> None:
        """`sign_in` refuses an unknown e-mail after as many attempts as a known one, in the same words."""
        provider.person()
        told = []
        for email in (EMAIL, "nobody@company.example"):
            refusals = []
            for n in range(12):
                with refused(AuthProblem.WRONG, AuthProblem.THROTTLED) as caught:
                    provider.ask(v1.Auth.sign_in, v1.Credentials(email=email, password=f"{OTHER_PASSWORD} {n}"))
                refusals.append((caught.value.kind, str(caught.value), caught.value.retry_after))
            told.append(refusals)

        assert told[0] == told[1]

    def test_the_owner_gets_in_from_a_known_address_while_somebody_guesses(self, provider: Provider) -> None:
        """`sign_in` from an address that the right password came from before is not slowed down by others."""
        provider.person()
        provider.sign_in(EMAIL, PASSWORD, address=HOME)
        _throttled(lambda n: provider.sign_in(EMAIL, f"{OTHER_PASSWORD} {n}", address=AWAY))

        assert provider.sign_in(EMAIL, PASSWORD, address=HOME).email == EMAIL
        with refused(AuthProblem.THROTTLED):
            provider.sign_in(EMAIL, PASSWORD, address=AWAY)

    def test_a_known_address_may_not_guess_for_ever(self, provider: Provider) -> None:
        """`sign_in` slows a known address down as well."""
        provider.person()
        provider.sign_in(EMAIL, PASSWORD, address=HOME)

        _throttled(lambda n: provider.sign_in(EMAIL, f"{OTHER_PASSWORD} {n}", address=HOME))

    def test_the_right_password_is_never_slowed_down(self, provider: Provider) -> None:
        """`sign_in` counts what was wrong."""
        provider.person()

        for _ in range(30):
            provider.sign_in(EMAIL, PASSWORD, address=HOME)

    def test_guessing_codes_is_slowed_down(self, provider: Provider) -> None:
        """`second_factor` lets nobody try all codes, and the owner in after the wait."""
        proof = provider.person()
        device = provider.device(proof)

        def guess(n: int) -> None:
            wrong = f"{(int(provider.code(device)) + 1000 + n) % 1_000_000:06d}"
            provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, wrong)

        provider.wait(_throttled(guess))
        passed = provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, provider.next_code(device))

        assert passed.level is v1.Level.SECOND_FACTOR

    def test_nobody_is_flooded_with_mails(self, provider: Provider) -> None:
        """`ask_reset` and `sign_up` mail one address a few times, and unknown ones are told the same."""
        provider.needs(v1.Auth.ask_reset)
        provider.person()

        _throttled(lambda n: provider.ask(v1.Auth.ask_reset, EMAIL, f"198.51.100.{n}"))
        _throttled(lambda n: provider.ask(v1.Auth.ask_reset, "nobody@company.example", f"198.51.100.{n}"))

    def test_checking_a_password_is_slowed_down(self, provider: Provider) -> None:
        """`check_password` is no way around, and does not slow down who signs in."""
        provider.needs(v1.Auth.check_password)
        proof = provider.person()

        _throttled(lambda n: provider.ask(v1.Auth.check_password, proof.subject, proof.kept, f"{OTHER_PASSWORD} {n}"))

        assert provider.sign_in(EMAIL, PASSWORD).subject == proof.subject


def _throttled(attempt: Callable[[int], object]) -> timedelta:
    """Try until told to wait; return how long."""
    for n in range(_GUESSES):
        try:
            attempt(n)
        except AuthError as error:
            refusal = error
            if refusal.kind is AuthProblem.THROTTLED:
                break
    else:
        raise AssertionError(f"{_GUESSES} attempts were not slowed down")
    assert refusal.retry_after is not None, "say when the next attempt counts"
    assert refusal.retry_after > timedelta(0)
    return refusal.retry_after
