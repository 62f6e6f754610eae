"""Promises about second factors and recovery codes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import EMAIL, OTHER_PASSWORD, PASSWORD, Device, Provider, refused

__all__ = ["FactorPromises"]


class FactorPromises(Fixtures):
    """`enroll`, `activate`, `factors`, `second_factor`, `recovery_codes`, `remove_factor`."""

    def test_a_second_factor_counts_once_a_code_of_it_was_seen(self, provider: Provider) -> None:
        """`enroll` changes nothing; `activate` puts the factor into force, and `factors` lists it."""
        provider.needs(v1.Auth.enroll, v1.Auth.activate, v1.Auth.factors)
        proof = provider.person()
        made = provider.ask(v1.Auth.enroll, proof.subject, proof.kept, "Phone")

        assert made.uri.startswith("otpauth://totp/")
        assert made.secret in made.uri
        assert made.secret not in repr(made)
        assert provider.ask(v1.Auth.factors, proof.subject, proof.kept) == []
        assert not provider.sign_in().needs_second_factor

        device = Device(proof.subject, made.id, made.secret)
        active = provider.ask(v1.Auth.activate, proof.subject, proof.kept, made.id, provider.code(device))

        assert (active.level, active.needs_second_factor) == (v1.Level.SECOND_FACTOR, False)
        (listed,) = provider.ask(v1.Auth.factors, proof.subject, active.kept)
        assert listed.label == "Phone"

    def test_a_password_alone_is_not_enough_any_more(self, provider: Provider) -> None:
        """`sign_in` says that a second factor is still to be shown; `second_factor` with its code is all of it."""
        proof = provider.person()
        device = provider.device(proof)

        half = provider.sign_in()
        assert (half.level, half.needs_second_factor) == (v1.Level.PASSWORD, True)
        whole = provider.ask(v1.Auth.second_factor, half.subject, half.kept, provider.next_code(device))

        assert (whole.subject, whole.level, whole.needs_second_factor) == (
            proof.subject,
            v1.Level.SECOND_FACTOR,
            False,
        )

    def test_a_code_is_good_once(self, provider: Provider) -> None:
        """`second_factor` refuses a code that was used, also for `activate`, and any older one."""
        proof = provider.person()
        device = provider.device(proof)
        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, provider.code(device))
        older = provider.next_code(device)
        newer = provider.next_code(device)
        provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, newer)

        for used in (newer, older):
            with refused(AuthProblem.WRONG):
                provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, used)

    def test_a_code_of_the_moment_before_is_still_good(self, provider: Provider) -> None:
        """`second_factor` bears with clocks that are 30 seconds off, and not with minutes."""
        proof = provider.person()
        device = provider.device(proof)
        code = provider.next_code(device)
        provider.wait(timedelta(seconds=30))
        provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, code)

        code = provider.next_code(device)
        provider.wait(timedelta(minutes=3))
        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, code)

    @pytest.mark.parametrize("code", ["", "abc", "12345", "1234567", "١٢٣٤٥٦", "\x00", "9" * 100_000])
    def test_odd_codes_are_wrong(self, provider: Provider, code: str) -> None:
        """`second_factor` breaks on no text."""
        proof = provider.person()
        provider.device(proof)

        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, code)

    def test_nobody_has_a_factor_who_has_none(self, provider: Provider) -> None:
        """`second_factor` of somebody without one, or of nobody, is refused."""
        provider.needs(v1.Auth.second_factor)
        proof = provider.person()

        for subject in (proof.subject, "nobody"):
            with pytest.raises(AuthError):
                provider.ask(v1.Auth.second_factor, subject, proof.kept, "123456")

    def test_a_code_of_somebody_else_is_wrong(self, provider: Provider) -> None:
        """`second_factor` and `activate` know whose device it is."""
        provider.needs(v1.Auth.second_factor, v1.Auth.activate)
        ada = provider.person()
        eve = provider.person("eve@company.example", OTHER_PASSWORD)
        provider.device(ada)
        hers = provider.device(eve)
        made = provider.ask(v1.Auth.enroll, ada.subject, ada.kept, "Tablet")
        code = provider.next_code(hers)

        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.second_factor, ada.subject, ada.kept, code)
        with refused(AuthProblem.BAD_LINK, AuthProblem.WRONG):
            provider.ask(
                v1.Auth.activate,
                eve.subject,
                eve.kept,
                made.id,
                provider.code(Device(ada.subject, made.id, made.secret)),
            )

    def test_setting_up_takes_minutes_not_hours(self, provider: Provider) -> None:
        """`activate` refuses an enrollment that is unknown or old, and a code that is wrong."""
        provider.needs(v1.Auth.enroll, v1.Auth.activate)
        proof = provider.person()
        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.activate, proof.subject, proof.kept, "unknown", "123456")
        made = provider.ask(v1.Auth.enroll, proof.subject, proof.kept, "Phone")
        device = Device(proof.subject, made.id, made.secret)
        wrong = f"{(int(provider.code(device)) + 1) % 1_000_000:06d}"
        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.activate, proof.subject, proof.kept, made.id, wrong)
        provider.wait(timedelta(minutes=30))

        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.activate, proof.subject, proof.kept, made.id, provider.code(device))

    def test_there_can_be_several_factors(self, provider: Provider) -> None:
        """`second_factor` takes a code of any of them; `factors` lists the oldest first."""
        provider.needs(v1.Auth.second_factor, v1.Auth.factors)
        proof = provider.person()
        devices = [provider.device(proof, "Phone")]
        provider.wait(timedelta(minutes=1))
        devices.append(provider.device(proof, "Tablet"))

        for device in devices:
            code = provider.next_code(device)
            assert provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, code).subject == proof.subject
        listed = provider.ask(v1.Auth.factors, proof.subject, proof.kept)
        assert [factor.label for factor in listed] == ["Phone", "Tablet"]

    def test_a_factor_can_be_removed(self, provider: Provider) -> None:
        """`remove_factor` lets the password do again; what is gone or somebody else's is left alone."""
        provider.needs(v1.Auth.remove_factor, v1.Auth.factors)
        proof = provider.person()
        eve = provider.person("eve@company.example", OTHER_PASSWORD)
        device = provider.device(proof)
        (factor,) = provider.ask(v1.Auth.factors, proof.subject, proof.kept)

        provider.ask(v1.Auth.remove_factor, eve.subject, eve.kept, factor.id)
        assert provider.sign_in().needs_second_factor
        for _ in range(2):
            provider.ask(v1.Auth.remove_factor, proof.subject, proof.kept, factor.id)

        assert provider.ask(v1.Auth.factors, proof.subject, proof.kept) == []
        assert not provider.sign_in().needs_second_factor
        with pytest.raises(AuthError):
            provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, provider.next_code(device))

    def test_recovery_codes_are_good_once_each(self, provider: Provider) -> None:
        """`recovery_codes` makes ten, each of which is a `second_factor` once, however it is typed."""
        provider.needs(v1.Auth.recovery_codes)
        proof = provider.person()
        provider.device(proof)
        codes = provider.ask(v1.Auth.recovery_codes, proof.subject, proof.kept)
        assert len(set(codes)) == 10

        for code in (codes[0], f" {codes[1].upper()} "):
            passed = provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, code)
            assert passed.level is v1.Level.SECOND_FACTOR
            with refused(AuthProblem.WRONG):
                provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, code)

    def test_new_recovery_codes_take_the_place_of_the_old_ones(self, provider: Provider) -> None:
        """`recovery_codes` lets the earlier ones go."""
        provider.needs(v1.Auth.recovery_codes)
        proof = provider.person()
        provider.device(proof)
        old = provider.ask(v1.Auth.recovery_codes, proof.subject, proof.kept)
        new = provider.ask(v1.Auth.recovery_codes, proof.subject, proof.kept)

        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, old[0])
        provider.ask(v1.Auth.second_factor, proof.subject, proof.kept, new[0])

    def test_a_new_password_leaves_the_second_factor_in_force(self, provider: Provider) -> None:
        """`reset` and `change_password` prove a password, and the second factor is still asked for."""
        provider.needs(v1.Auth.ask_reset, v1.Auth.reset)
        proof = provider.person()
        provider.device(proof)
        provider.ask(v1.Auth.ask_reset, EMAIL, "")

        after = provider.ask(v1.Auth.reset, provider.link(EMAIL, v1.LinkKind.RESET), OTHER_PASSWORD)

        assert (after.level, after.needs_second_factor) == (v1.Level.PASSWORD, True)
        assert provider.sign_in(EMAIL, OTHER_PASSWORD).needs_second_factor
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, PASSWORD)
