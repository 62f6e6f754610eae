"""Promises about signing up, and about links that prove an e-mail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import EMAIL, OTHER_PASSWORD, PASSWORD, Provider, refused

__all__ = ["RegistrationPromises"]

CONFIRM = v1.LinkKind.CONFIRM
WEAK = ("otter 41", "password1234", "aaaaaaaaaaaaaaaa", "Adjoin-2026!", "ada@company.example")
NO_EMAILS = ("", "ada", "ada@", "@company.example", "ada @company.example", "ada@company.example\nBcc: b@c.example")


class RegistrationPromises(Fixtures):
    """`sign_up`, `confirm`, `admit`."""

    def test_who_signs_up_and_confirms_can_sign_in(self, provider: Provider) -> None:
        """`sign_up` mails a link; `confirm` proves the e-mail; from then on `sign_in` lets in."""
        provider.needs(v1.Auth.sign_up, v1.Auth.confirm)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=PASSWORD, name="Ada L."))

        confirmed = provider.ask(v1.Auth.confirm, CONFIRM, provider.link(EMAIL, CONFIRM))
        signed_in = provider.ask(v1.Auth.sign_in, v1.Credentials(email=EMAIL, password=PASSWORD))

        assert confirmed.subject == signed_in.subject
        assert (signed_in.email, signed_in.email_verified, signed_in.name) == (EMAIL, True, "Ada L.")
        assert signed_in.level is v1.Level.PASSWORD
        assert not signed_in.needs_second_factor
        assert len(signed_in.kept) <= 16_384

    def test_who_has_not_confirmed_is_told_after_the_right_password_only(self, provider: Provider) -> None:
        """`sign_in` with an e-mail that was never confirmed mails a new link, and tells nobody else."""
        provider.needs(v1.Auth.sign_up)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=PASSWORD))
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, OTHER_PASSWORD)
        provider.wait(timedelta(minutes=10))

        with refused(AuthProblem.UNCONFIRMED):
            provider.sign_in(EMAIL, PASSWORD)

        assert provider.ask(v1.Auth.confirm, CONFIRM, provider.link(EMAIL, CONFIRM)).email_verified

    def test_an_e_mail_is_compared_without_its_capitals(self, provider: Provider) -> None:
        """`sign_in` finds an e-mail however it is written."""
        provider.person()

        assert provider.sign_in(f" {EMAIL.title()} ").email == EMAIL

    def test_an_e_mail_may_have_letters_beyond_ascii(self, provider: Provider) -> None:
        """`sign_in` finds an e-mail however its letters are composed."""
        provider.person("zoë.ada@company.example")

        assert provider.sign_in(" Zoe\u0308.ADA@Company.Example ").email == "zoë.ada@company.example"

    @pytest.mark.parametrize("password", WEAK)
    def test_weak_passwords_are_refused(self, provider: Provider, password: str) -> None:
        """`sign_up` refuses passwords that are short, common, or made of what is known of the person."""
        provider.needs(v1.Auth.sign_up)

        with refused(AuthProblem.WEAK_PASSWORD) as caught:
            provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=password, name="Ada"))

        assert caught.value.reasons, "the reasons say what to do better"
        assert password not in str(caught.value)
        provider.no_link(EMAIL, CONFIRM)

    @pytest.mark.parametrize("email", NO_EMAILS)
    def test_what_is_no_e_mail_is_refused(self, provider: Provider, email: str) -> None:
        """`sign_up` wants an e-mail address."""
        provider.needs(v1.Auth.sign_up)

        with refused(AuthProblem.BAD_EMAIL):
            provider.ask(v1.Auth.sign_up, v1.SignUp(email=email, password=PASSWORD))

    def test_signing_up_again_tells_nobody_and_changes_nothing(self, provider: Provider) -> None:
        """`sign_up` of a known e-mail answers as always; the account keeps its password and its name."""
        before = provider.person()
        provider.wait(timedelta(hours=1))
        confirmed = provider.link(EMAIL, CONFIRM)

        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=OTHER_PASSWORD, name="Eve"))

        assert provider.link(EMAIL, CONFIRM) == confirmed, "its owner must not get a link that confirms it"
        after = provider.sign_in(EMAIL, PASSWORD)
        assert (after.subject, after.name) == (before.subject, before.name)
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, OTHER_PASSWORD)

    def test_a_newer_sign_up_takes_the_place_of_one_that_was_never_confirmed(self, provider: Provider) -> None:
        """`sign_up` with somebody else's e-mail keeps that person out of nothing."""
        provider.needs(v1.Auth.sign_up, v1.Auth.confirm)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=OTHER_PASSWORD, name="Eve"))
        older = provider.link(EMAIL, CONFIRM)
        provider.wait(timedelta(hours=1))
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=PASSWORD, name="Ada"))

        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.confirm, CONFIRM, older)
        assert provider.ask(v1.Auth.confirm, CONFIRM, provider.link(EMAIL, CONFIRM)).name == "Ada"
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, OTHER_PASSWORD)

    def test_a_link_confirms_once(self, provider: Provider) -> None:
        """`confirm` uses its link up."""
        provider.person()

        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.confirm, CONFIRM, provider.link(EMAIL, CONFIRM))

    def test_a_link_expires(self, provider: Provider) -> None:
        """`confirm` takes no link that is a week old."""
        provider.needs(v1.Auth.sign_up, v1.Auth.confirm)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=PASSWORD))
        provider.wait(timedelta(days=7))

        with refused(AuthProblem.LINK_EXPIRED, AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.confirm, CONFIRM, provider.link(EMAIL, CONFIRM))

    @pytest.mark.parametrize("token", ["", "x", "\x00", "ä" * 5_000, "adj_v_" + "0" * 49])
    def test_a_link_that_nobody_has_mailed_is_refused(self, provider: Provider, token: str) -> None:
        """`confirm` and `reset` take what was mailed and nothing else, however odd it is."""
        provider.needs(v1.Auth.confirm, v1.Auth.reset)

        for kind in v1.LinkKind:
            with refused(AuthProblem.BAD_LINK):
                provider.ask(v1.Auth.confirm, kind, token)
        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.reset, token, PASSWORD)

    def test_a_link_is_good_for_its_own_kind_only(self, provider: Provider) -> None:
        """`confirm` takes no link of another kind, and `reset` none that confirms."""
        provider.needs(v1.Auth.sign_up, v1.Auth.confirm, v1.Auth.reset)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=PASSWORD))
        token = provider.link(EMAIL, CONFIRM)

        for kind in (v1.LinkKind.RESET, v1.LinkKind.CHANGE_EMAIL):
            with refused(AuthProblem.BAD_LINK):
                provider.ask(v1.Auth.confirm, kind, token)
        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.reset, token, OTHER_PASSWORD)
        assert provider.ask(v1.Auth.confirm, CONFIRM, token).email_verified

    def test_who_is_admitted_can_sign_in_at_once(self, provider: Provider) -> None:
        """`admit` takes the e-mail for proven, and mails nothing."""
        provider.needs(v1.Auth.admit)

        admitted = provider.ask(v1.Auth.admit, v1.SignUp(email=EMAIL, password=PASSWORD, name="Ada"))

        assert (admitted.email, admitted.email_verified) == (EMAIL, True)
        assert provider.sign_in().subject == admitted.subject
        provider.no_link(EMAIL, CONFIRM)

    def test_nobody_is_admitted_twice(self, provider: Provider) -> None:
        """`admit` says that the e-mail is taken, and leaves its account alone."""
        provider.needs(v1.Auth.admit)
        provider.ask(v1.Auth.admit, v1.SignUp(email=EMAIL, password=PASSWORD))

        with refused(AuthProblem.EMAIL_TAKEN):
            provider.ask(v1.Auth.admit, v1.SignUp(email=EMAIL.upper(), password=OTHER_PASSWORD))

        assert provider.sign_in(EMAIL, PASSWORD).email == EMAIL

    def test_who_is_admitted_is_safe_from_an_older_sign_up(self, provider: Provider) -> None:
        """`admit` replaces a sign-up that was never confirmed, with its password and its link."""
        provider.needs(v1.Auth.admit, v1.Auth.sign_up, v1.Auth.confirm)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=OTHER_PASSWORD))
        provider.ask(v1.Auth.admit, v1.SignUp(email=EMAIL, password=PASSWORD))

        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, OTHER_PASSWORD)
        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.confirm, CONFIRM, provider.link(EMAIL, CONFIRM))

    def test_weak_passwords_are_not_admitted(self, provider: Provider) -> None:
        """`admit` is as strict as `sign_up`."""
        provider.needs(v1.Auth.admit)

        with refused(AuthProblem.WEAK_PASSWORD):
            provider.ask(v1.Auth.admit, v1.SignUp(email=EMAIL, password="password1234"))  # noqa: S106
        with pytest.raises(AuthError):
            provider.sign_in(EMAIL, "password1234")
