"""Guessing passwords over HTTP: it is slowed down, tells nothing about who is known, and locks nobody out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

import pytest

from adjoin.clock import ManualClock
from adjoin_auth.local import plugin as provider
from adjoin_auth.local.throttle import SIGN_IN_ADDRESS, SIGN_IN_EMAIL

from .served import Answer, Served, served
from .two_workspaces import NOW, PASSWORD, QUICK, Tenant, plant

WRONG = "violet anvil brook 88"
FORM = "f" * 43
HOME, ELSEWHERE, ATTACKER = "192.0.2.10", "198.51.100.20", "203.0.113.66"


@dataclass
class Door:
    """The sign-in page, from outside."""

    server: Served
    clock: ManualClock
    victim: Tenant
    _spoofed: Iterator[int] = field(default_factory=count)

    @property
    def email(self) -> str:
        return f"{self.victim.word}@example.com"

    def sign_in(
        self, password: str, *, email: str = "", address: str = ATTACKER, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send the form as a browser does that has it."""
        return self.server.ask(
            "POST",
            "/auth/sign-in",
            form={"csrf": FORM, "email": email or self.email, "password": password},
            cookies={"adjoin_form": FORM},
            address=address,
            headers=headers,
        )

    def spoofed(self) -> dict[str, str]:
        """Headers that name another address each time."""
        number = next(self._spoofed)
        names = (
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "client-ip",
            "x-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
        )
        return {name: f"{'for=' if name == 'forwarded' else ''}10.1.{number}.1" for name in names}


@pytest.fixture
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home = tmp_path_factory.mktemp("home")
    victim, _ = plant(home)
    clock = ManualClock(NOW)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL", "ADJOIN_PROXIES"):
            patch.delenv(name, raising=False)
        patch.setitem(vars(provider), "_hasher", QUICK)
        if getattr(request, "param", ""):
            patch.setenv("ADJOIN_PROXIES", request.param)
        with served(home, clock=clock) as server:
            yield Door(server, clock, victim)


def test_who_guesses_has_to_wait_and_the_owner_has_not(door: Door) -> None:
    """Few guesses for an e-mail, whatever a client says of its address; the owner comes in where they did before."""
    assert door.sign_in(PASSWORD, address=HOME).status == 303

    answers = [door.sign_in(WRONG, headers=door.spoofed()) for _ in range(SIGN_IN_EMAIL.burst + 3)]
    assert [one.status for one in answers] == [401] * SIGN_IN_EMAIL.burst + [429] * 3
    assert 0 < int(answers[-1].header("retry-after")) <= SIGN_IN_EMAIL.interval.total_seconds()
    assert door.sign_in(WRONG, address=ELSEWHERE).status == 429, "another address does not help either"
    assert door.sign_in(PASSWORD).status == 429, "nor does the right password: nobody learns that it is"

    assert door.sign_in(PASSWORD, address=HOME).status == 303
    door.clock.advance(SIGN_IN_EMAIL.interval.total_seconds())
    assert door.sign_in(PASSWORD, address=ELSEWHERE).status == 303, "nobody is locked out for good"


def test_one_address_has_few_guesses_for_all_e_mails_together(door: Door) -> None:
    """Nor do addresses help that it only claims to have."""
    answers = [
        door.sign_in(WRONG, email=f"nobody{number}@example.com", headers=door.spoofed())
        for number in range(SIGN_IN_ADDRESS.burst + 2)
    ]
    assert [one.status for one in answers] == [401] * SIGN_IN_ADDRESS.burst + [429] * 2
    assert door.sign_in(PASSWORD, address=HOME).status == 303


def test_forms_of_one_address_are_counted_whatever_they_say(door: Door) -> None:
    """Before anything is read of them, by the gate; other addresses go on."""
    answers = [door.sign_in("", headers=door.spoofed()) for _ in range(31)]
    assert {one.status for one in answers[:30]} == {400}
    assert answers[30].status == 429
    assert int(answers[30].header("retry-after")) > 0
    assert door.sign_in(PASSWORD, address=HOME).status == 303


@pytest.mark.parametrize("door", ["10.0.0.0/8"], indirect=True)
def test_behind_a_proxy_the_address_is_what_the_proxy_saw(door: Door) -> None:
    """What a client writes before it counts for nothing, and one client does not use up the attempts of another."""
    guesses = [
        door.sign_in("", address="10.0.0.2", headers={"x-forwarded-for": f"192.0.2.{number}, {ATTACKER}"})
        for number in range(31)
    ]
    assert guesses[-1].status == 429
    home = {"x-forwarded-for": HOME}
    assert door.sign_in(PASSWORD, address="10.0.0.2", headers=home).status == 303
    stranger = {"x-forwarded-for": "10.0.0.3"}
    assert door.sign_in("", address=ATTACKER, headers=stranger).status == 429, "who is no proxy has no say"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/auth/sign-in", {"password": WRONG}),
        ("/auth/forgot", {}),
        ("/auth/register", {"new_password": WRONG, "name": "Ada"}),
    ],
)
def test_answers_do_not_tell_who_is_known(door: Door, path: str, fields: dict[str, str]) -> None:
    """They are the same to the letter, but for the e-mail that they repeat."""

    def answer(email: str) -> tuple[int, str, list[tuple[str, str]]]:
        found = door.server.ask(
            "POST",
            path,
            form={"csrf": FORM, "email": email, **fields},
            cookies={"adjoin_form": FORM},
            address=next(addresses),
        )
        headers = [(name, value) for name, value in found.headers if name != "content-length"]
        return found.status, re.sub(r"\w+@example\.com", "", found.text), headers

    addresses = iter([HOME, ELSEWHERE])
    assert answer(door.email) == answer("nobody@example.com")
