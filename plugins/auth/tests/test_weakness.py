"""Which passwords are refused, and why."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.local import common_passwords
from adjoin_auth.local.common_passwords import is_common
from adjoin_auth.local.weakness import strong_password

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def judge(password: str) -> tuple[str, ...]:
    try:
        strong_password(password, email="anna.schmidt@firma.example", name="Anna Schmidt", now=NOW)
    except AuthError as error:
        return error.reasons if error.kind is AuthProblem.WEAK_PASSWORD else (str(error.kind),)
    return ()


@pytest.mark.parametrize(
    ("password", "reasons"),
    [
        ("", ("short",)),
        ("kX9#vQ2$wa!", ("short",)),
        ("x" * 1025, ("long",)),
        ("\ud800" * 12, ("long",)),
        ("Password1234", ("common",)),
        ("Sommer-2026!", ("common",)),
        ("WINTER2027!!", ("common",)),
        ("Sommer2026!!!", ("guessable",)),
        ("winter2026winter", ("guessable",)),
        ("aaaaaaaaaaaaaaaa", ("guessable",)),
        ("qwertzuiop12345", ("guessable",)),
        ("annaschmidt1990", ("guessable",)),
        ("anna.schmidt@firma", ("guessable",)),
        ("firma-schmidt-2026", ("guessable",)),
        ("adjoin-adjoin-1", ("guessable",)),
        ("kX9#vQ2$wa!z", ()),
        ("correct horse battery", ()),
        ("heizung garten kohl 7", ()),
        ("тестпароль12", ()),
    ],
)
def test_a_password_is_judged(password: str, reasons: tuple[str, ...]) -> None:
    assert judge(password) == reasons


def test_the_refusal_does_not_show_the_password() -> None:
    with pytest.raises(AuthError) as caught:
        strong_password("annaschmidt1990", email="a@b.example", name="", now=NOW)

    assert "annaschmidt1990" not in str(caught.value)


def test_what_is_known_of_one_person_does_not_count_against_another() -> None:
    password = "zwentendorf-2031x"
    with pytest.raises(AuthError):
        strong_password(password, email="z@b.example", name="Zwentendorf 2031x", now=NOW)

    assert strong_password(password, email="z@b.example", name="", now=NOW) == password.encode()


def test_a_password_that_is_costly_to_judge_is_judged_in_a_moment() -> None:
    """Signs that may stand for letters multiply: without a bound this one takes minutes of a processor."""
    before = time.process_time()

    judge("4@8({[<3692&#!1/|0$5+7%2" * 40)

    assert time.process_time() - before < 2


def test_the_list_of_common_passwords_is_current() -> None:
    assert (
        Path(common_passwords.__file__).with_name("common_passwords.sha1").read_bytes() == common_passwords.render()
    ), "write it anew: python -m adjoin_auth.local.common_passwords"


@pytest.mark.parametrize("password", ["password1", "QWERTYUIOP", "herbst2026", "Willkommen@2027!", "iloveyou1"])
def test_common_passwords_are_found_whatever_their_capitals(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", ["", "garnet otter fjord 41", "\x00", "zzzzzzzzzzzzzzzzzzzzq"])
def test_others_are_not(password: str) -> None:
    assert not is_common(password)
