"""Promises about passwords that are forgotten, checked and changed, and about changing the e-mail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import EMAIL, OTHER_PASSWORD, PASSWORD, Provider, refused

__all__ = ["PasswordPromises"]

RESET = v1.LinkKind.RESET
CHANGE = v1.LinkKind.CHANGE_EMAIL
NEW_EMAIL = "countess@company.example"
THIRD_PASSWORD = "copper lantern mist 63"  # noqa: S105 - nobody's


class PasswordPromises(Fixtures):
    """`sign_in`, `ask_reset`, `reset`, `check_password`, `change_password`, `change_email`."""

    def test_a_wrong_password_and_an_unknown_e_mail_are_told_alike(self, provider: Provider) -> None:
        """`sign_in` refuses both in the same words."""
        provider.person()

        told = set()
        for email, password in ((EMAIL, OTHER_PASSWORD), ("nobody@company.example", PASSWORD), ("no e-mail", PASSWORD)):
            with refused(AuthProblem.WRONG) as caught:
                provider.ask(v1.Auth.sign_in, v1.Credentials(email=email, password=password))
            told.add((str(caught.value), caught.value.reasons, caught.value.retry_after))

        assert len(told) == 1

    @pytest.mark.parametrize("password", ["", "\x00", "\ud800", "x" * 100_000, PASSWORD + " ", PASSWORD.upper()])
    def test_odd_passwords_are_wrong_and_nothing_else(self, provider: Provider, password: str) -> None:
        """`sign_in` breaks on no text."""
        provider.person()

        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, password)

    def test_a_password_fits_however_its_letters_are_composed(self, provider: Provider) -> None:
        """`sign_in` compares passwords as people see them, whichever keyboard they come from."""
        provider.person(password="größe fünf ﬁsch quarz")  # noqa: S106

        assert provider.sign_in(EMAIL, "gro\u0308ße fu\u0308nf fisch quarz").email == EMAIL

    def test_secrets_are_not_shown(self, provider: Provider) -> None:
        """`sign_in` and the others keep passwords out of what may be logged."""
        form = v1.SignUp(email=EMAIL, password=PASSWORD)
        credentials = v1.Credentials(email=EMAIL, password=PASSWORD)

        assert PASSWORD not in repr(form) + repr(credentials)
        with pytest.raises(AuthError) as caught:
            provider.ask(v1.Auth.sign_in, credentials)
        assert PASSWORD not in str(caught.value)

    def test_who_has_forgotten_the_password_sets_a_new_one(self, provider: Provider) -> None:
        """`ask_reset` mails a link; `reset` sets the password with it, once."""
        provider.needs(v1.Auth.ask_reset, v1.Auth.reset)
        before = provider.person()
        provider.ask(v1.Auth.ask_reset, EMAIL.upper(), "")

        proof = provider.ask(v1.Auth.reset, provider.link(EMAIL, RESET), OTHER_PASSWORD)

        assert (proof.subject, proof.email) == (before.subject, EMAIL)
        assert provider.sign_in(EMAIL, OTHER_PASSWORD).subject == before.subject
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, PASSWORD)
        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.reset, provider.link(EMAIL, RESET), THIRD_PASSWORD)

    def test_asking_for_an_unknown_e_mail_is_answered_alike(self, provider: Provider) -> None:
        """`ask_reset` says nothing about who is known, and mails nobody else."""
        provider.needs(v1.Auth.ask_reset)

        provider.ask(v1.Auth.ask_reset, "nobody@company.example", "")
        provider.ask(v1.Auth.ask_reset, "no e-mail", "")

        provider.no_link("nobody@company.example", RESET)

    def test_a_weak_password_does_not_use_a_link_up(self, provider: Provider) -> None:
        """`reset` takes the same link again with a better password."""
        provider.needs(v1.Auth.ask_reset, v1.Auth.reset)
        provider.person()
        provider.ask(v1.Auth.ask_reset, EMAIL, "")
        token = provider.link(EMAIL, RESET)

        with refused(AuthProblem.WEAK_PASSWORD):
            provider.ask(v1.Auth.reset, token, "password1234")

        assert provider.ask(v1.Auth.reset, token, OTHER_PASSWORD).email == EMAIL

    def test_a_newer_link_takes_the_place_of_an_older_one(self, provider: Provider) -> None:
        """`ask_reset` makes the link before it void."""
        provider.needs(v1.Auth.ask_reset, v1.Auth.reset)
        provider.person()
        provider.ask(v1.Auth.ask_reset, EMAIL, "")
        older = provider.link(EMAIL, RESET)
        provider.wait(timedelta(minutes=10))
        provider.ask(v1.Auth.ask_reset, EMAIL, "")

        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.reset, older, OTHER_PASSWORD)
        assert provider.ask(v1.Auth.reset, provider.link(EMAIL, RESET), OTHER_PASSWORD).email == EMAIL

    def test_a_link_for_a_password_expires(self, provider: Provider) -> None:
        """`reset` takes no link that is two days old."""
        provider.needs(v1.Auth.ask_reset, v1.Auth.reset)
        provider.person()
        provider.ask(v1.Auth.ask_reset, EMAIL, "")
        provider.wait(timedelta(days=2))

        with refused(AuthProblem.LINK_EXPIRED, AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.reset, provider.link(EMAIL, RESET), OTHER_PASSWORD)

    def test_who_never_confirmed_can_still_set_a_password(self, provider: Provider) -> None:
        """`reset` proves the e-mail, too: its link was mailed there."""
        provider.needs(v1.Auth.sign_up, v1.Auth.ask_reset, v1.Auth.reset)
        provider.ask(v1.Auth.sign_up, v1.SignUp(email=EMAIL, password=PASSWORD))
        provider.wait(timedelta(minutes=10))
        provider.ask(v1.Auth.ask_reset, EMAIL, "")

        provider.ask(v1.Auth.reset, provider.link(EMAIL, RESET), OTHER_PASSWORD)

        assert provider.sign_in(EMAIL, OTHER_PASSWORD).email_verified
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, PASSWORD)

    def test_the_password_of_who_is_signed_in_is_checked(self, provider: Provider) -> None:
        """`check_password` lets the right one pass and no other."""
        provider.needs(v1.Auth.check_password)
        proof = provider.person()

        provider.ask(v1.Auth.check_password, proof.subject, proof.kept, PASSWORD)
        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.check_password, proof.subject, proof.kept, OTHER_PASSWORD)
        with refused(AuthProblem.WRONG, AuthProblem.ENDED):
            provider.ask(v1.Auth.check_password, "somebody else", proof.kept, PASSWORD)

    def test_a_password_is_changed_by_who_knows_it(self, provider: Provider) -> None:
        """`change_password` wants the current one, and a new one that is strong."""
        provider.needs(v1.Auth.change_password)
        proof = provider.person()

        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.change_password, proof.subject, proof.kept, OTHER_PASSWORD, THIRD_PASSWORD)
        with refused(AuthProblem.WEAK_PASSWORD):
            provider.ask(v1.Auth.change_password, proof.subject, proof.kept, PASSWORD, "password1234")
        changed = provider.ask(v1.Auth.change_password, proof.subject, proof.kept, PASSWORD, OTHER_PASSWORD)

        assert changed.subject == proof.subject
        assert provider.sign_in(EMAIL, OTHER_PASSWORD).subject == proof.subject
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL, PASSWORD)

    def test_a_changed_password_makes_links_void(self, provider: Provider) -> None:
        """`change_password` shuts out whoever has an older mail with a link."""
        provider.needs(v1.Auth.change_password, v1.Auth.ask_reset, v1.Auth.reset)
        proof = provider.person()
        provider.ask(v1.Auth.ask_reset, EMAIL, "")
        provider.ask(v1.Auth.change_password, proof.subject, proof.kept, PASSWORD, OTHER_PASSWORD)

        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.reset, provider.link(EMAIL, RESET), THIRD_PASSWORD)

    def test_an_e_mail_changes_once_the_new_one_is_proven(self, provider: Provider) -> None:
        """`change_email` mails a link to the new address; `confirm` with it makes the change."""
        provider.needs(v1.Auth.change_email, v1.Auth.confirm)
        proof = provider.person()
        with refused(AuthProblem.WRONG):
            provider.ask(v1.Auth.change_email, proof.subject, proof.kept, OTHER_PASSWORD, NEW_EMAIL)
        with refused(AuthProblem.BAD_EMAIL):
            provider.ask(v1.Auth.change_email, proof.subject, proof.kept, PASSWORD, "no e-mail")
        provider.no_link(NEW_EMAIL, CHANGE)

        provider.ask(v1.Auth.change_email, proof.subject, proof.kept, PASSWORD, NEW_EMAIL)
        assert provider.sign_in(EMAIL).email == EMAIL, "nothing changes before the link is redeemed"
        changed = provider.ask(v1.Auth.confirm, CHANGE, provider.link(NEW_EMAIL, CHANGE))

        assert (changed.subject, changed.email, changed.email_verified) == (proof.subject, NEW_EMAIL, True)
        assert provider.sign_in(NEW_EMAIL).subject == proof.subject
        with refused(AuthProblem.WRONG):
            provider.sign_in(EMAIL)
        with refused(AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.confirm, CHANGE, provider.link(NEW_EMAIL, CHANGE))

    def test_nobody_takes_over_the_e_mail_of_somebody_else(self, provider: Provider) -> None:
        """`change_email` to a known address is answered as always, and its owner keeps it."""
        provider.needs(v1.Auth.change_email, v1.Auth.confirm)
        other = provider.person(NEW_EMAIL, OTHER_PASSWORD)
        proof = provider.person()
        provider.wait(timedelta(minutes=10))

        provider.ask(v1.Auth.change_email, proof.subject, proof.kept, PASSWORD, NEW_EMAIL)
        if provider.mails(NEW_EMAIL, CHANGE):
            with refused(AuthProblem.EMAIL_TAKEN):
                provider.ask(v1.Auth.confirm, CHANGE, provider.link(NEW_EMAIL, CHANGE))

        assert provider.sign_in(NEW_EMAIL, OTHER_PASSWORD).subject == other.subject
        assert provider.sign_in(EMAIL, PASSWORD).subject == proof.subject

    def test_an_e_mail_that_is_taken_meanwhile_stays_with_its_owner(self, provider: Provider) -> None:
        """`confirm` says that an e-mail is taken, to who owns it, where somebody was quicker."""
        provider.needs(v1.Auth.change_email, v1.Auth.confirm)
        proof = provider.person()
        provider.ask(v1.Auth.change_email, proof.subject, proof.kept, PASSWORD, NEW_EMAIL)
        link = provider.link(NEW_EMAIL, CHANGE)
        provider.wait(timedelta(minutes=10))
        other = provider.person(NEW_EMAIL, OTHER_PASSWORD)

        with refused(AuthProblem.EMAIL_TAKEN):
            provider.ask(v1.Auth.confirm, CHANGE, link)

        assert provider.sign_in(NEW_EMAIL, OTHER_PASSWORD).subject == other.subject
        assert provider.sign_in(EMAIL, PASSWORD).subject == proof.subject
