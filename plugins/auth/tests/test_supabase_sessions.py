"""Sessions at Supabase Auth below our own: rotation, reuse, ends on either side, and times when it is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from adjoin.access.accounts import Accounts
from adjoin.access.actors import SYSTEM
from adjoin.access.context import Context
from adjoin.access.provider import Provider
from adjoin.access.recovery import drop_second_factors
from adjoin.access.sessions import Sessions
from adjoin.access.signed_in import SessionLevel
from adjoin.access.signing_in import SigningIn
from adjoin.access.users import find_user
from adjoin.auth import CONTRACT
from adjoin.auth.v1 import Credentials, External, LinkKind
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import AuthError, AuthProblem
from adjoin.kernel import Kernel
from adjoin.secrets import Keyring, Vault
from adjoin.testing.auth import totp
from adjoin_auth.supabase.proofs import unpack
from adjoin_auth.supabase.sandbox import walk

EMAIL, PASSWORD, OTHER = "ada@company.example", "garnet otter fjord 41", "violet anvil brook 88"
ASKED = Credentials(email=EMAIL, password=PASSWORD)
RENEW = "POST /token?grant_type=refresh_token"


def kind_of(asked: Any, hook: str, *args: Any) -> AuthProblem:
    with pytest.raises(AuthError) as caught:
        getattr(asked, hook)(*args)
    return caught.value.kind


def test_a_refresh_token_is_new_each_time(asked: Any) -> None:
    proof = asked.person()
    kept = {proof.kept}
    for _ in range(3):
        asked.clock.advance(3000)
        proof = asked.renew(proof.subject, proof.kept)
        kept.add(proof.kept)

    assert len({unpack(one).refresh for one in kept}) == 4


def test_an_answer_that_was_lost_is_given_again(asked: Any) -> None:
    """A token that was used is good as long as it is the one before: whoever could not save the answer asks again."""
    proof = asked.person()
    lost = asked.renew(proof.subject, proof.kept)
    asked.clock.advance(600)

    again = asked.renew(proof.subject, proof.kept)

    assert unpack(again.kept).refresh == unpack(lost.kept).refresh


def test_an_older_token_ends_the_session(asked: Any) -> None:
    proof = asked.person()
    newest = proof
    for _ in range(2):
        newest = asked.renew(newest.subject, newest.kept)

    assert kind_of(asked, "renew", proof.subject, proof.kept) is AuthProblem.ENDED
    assert kind_of(asked, "renew", proof.subject, newest.kept) is AuthProblem.ENDED, "the whole family is over"


def test_an_older_token_is_borne_with_for_a_moment_where_the_project_says_so(asked: Any) -> None:
    asked.project.switches.reuse_interval = timedelta(seconds=10)
    proof = asked.person()
    newest = proof
    for _ in range(2):
        newest = asked.renew(newest.subject, newest.kept)

    assert unpack(asked.renew(proof.subject, proof.kept).kept).refresh == unpack(newest.kept).refresh
    asked.clock.advance(11)
    assert kind_of(asked, "renew", proof.subject, proof.kept) is AuthProblem.ENDED


def test_a_token_from_before_the_second_factor_is_dead(asked: Any) -> None:
    asked.device(asked.person())
    half = asked.sign_in(ASKED)
    [factor] = next(iter(asked.project.users.values())).factors
    asked.second_factor(half.subject, half.kept, totp(factor.seed, asked.clock.now()))

    assert kind_of(asked, "renew", half.subject, half.kept) is AuthProblem.ENDED


@pytest.mark.parametrize("kept", [b"", b"\xff", b"made up", b"\x92\x01\x02"])
def test_what_was_never_kept_opens_nothing(asked: Any, kept: bytes) -> None:
    proof = asked.person()

    assert kind_of(asked, "renew", proof.subject, kept) is AuthProblem.ENDED
    assert kind_of(asked, "second_factor", proof.subject, kept, "123456") is AuthProblem.ENDED


def test_a_session_of_somebody_else_opens_nothing(asked: Any) -> None:
    ada, eve = asked.person(), asked.person("eve@company.example", OTHER)

    for hook, args in {"renew": (), "factors": (), "enroll": ("Phone",), "check_password": (OTHER,)}.items():
        assert kind_of(asked, hook, ada.subject, eve.kept, *args) is AuthProblem.ENDED, hook


def test_signing_out_ends_that_session_alone(asked: Any) -> None:
    asked.person()
    here, there = asked.sign_in(ASKED), asked.sign_in(ASKED)

    asked.sign_out(here.subject, here.kept)

    assert kind_of(asked, "renew", here.subject, here.kept) is AuthProblem.ENDED
    assert asked.renew(there.subject, there.kept).subject == here.subject


def test_signing_out_long_after_ends_the_session_as_well(asked: Any) -> None:
    proof = asked.person()
    asked.clock.advance(5 * 3600)
    before = len(asked.project.sessions)

    asked.sign_out(proof.subject, proof.kept)

    assert len(asked.project.sessions) == before - 1


class House:
    """The doors of an installation whose people are at Supabase."""

    def __init__(self, asked: Any, store: Store, clock: ManualClock) -> None:
        self.asked, self.clock = asked, clock
        self.kernel = Kernel((CONTRACT,))
        self.kernel.add("supabase", "auth", 1, asked.plugin)
        vault = Vault(Keyring([bytes(32)]))
        context = Context(
            store=store, vault=vault, clock=clock, outbox=lambda *_: None, settings=asked.context.settings
        )
        self.doors = SigningIn(
            store=store,
            vault=vault,
            clock=clock,
            sessions=Sessions(store, clock),
            provider=Provider(self.kernel, "supabase", context),
            registration="open",
        )

    def run(self, *works: Any) -> Any:
        async def all_of_them() -> Any:
            found = await asyncio.gather(*works)
            await self.doors.settle()
            return found[0] if len(found) == 1 else found

        return asyncio.run(all_of_them())

    @property
    def renewals(self) -> int:
        return self.asked.project.requests.count(RENEW)


@pytest.fixture
def house(asked: Any, sqlite_store: Store, clock: ManualClock) -> Iterator[House]:
    asked.person()
    asked.clock.advance(60)
    made = House(asked, sqlite_store, clock)
    yield made
    made.kernel.close()


def test_a_session_is_renewed_in_time_and_by_one_of_many_at_once(house: House) -> None:
    issued = house.run(house.doors.sign_in(ASKED))
    house.clock.advance(45 * 60)
    house.run(house.doors.enter(issued.token))
    assert house.renewals == 0
    house.clock.advance(10 * 60)

    entered = house.run(*(house.doors.enter(issued.token) for _ in range(8)))

    assert all(entered)
    assert house.renewals == 1


def test_while_supabase_is_gone_sessions_go_on_until_their_end(house: House) -> None:
    issued = house.run(house.doors.sign_in(ASKED))
    house.asked.project.broken = (503, "")
    house.clock.advance(55 * 60)
    assert house.run(house.doors.enter(issued.token)) is not None
    house.clock.advance(10 * 60)
    with pytest.raises(AuthError, match="cannot be reached") as caught:
        house.run(house.doors.enter(issued.token))
    assert caught.value.kind is AuthProblem.UNAVAILABLE
    house.asked.project.broken = None
    house.clock.advance(60)

    assert house.run(house.doors.enter(issued.token)) is not None


def test_a_session_that_supabase_has_ended_is_over(house: House) -> None:
    issued = house.run(house.doors.sign_in(ASKED))
    house.asked.project.sessions.clear()
    house.clock.advance(55 * 60)

    assert house.run(house.doors.enter(issued.token)) is None


def test_signing_out_everywhere_ends_all_sessions_at_supabase(house: House) -> None:
    house.asked.project.sessions.clear()
    issued = [house.run(house.doors.sign_in(ASKED)) for _ in range(3)]
    found = house.run(house.doors.enter(issued[0].token))

    assert house.run(house.doors.sign_out_everywhere(found)) == 3

    assert house.asked.project.sessions == {}


def test_a_person_sets_up_and_shows_a_second_factor(house: House) -> None:
    accounts = Accounts(house.doors)
    found = house.run(house.doors.enter(house.run(house.doors.sign_in(ASKED)).token))
    made = house.run(accounts.enroll(found, "Phone"))
    whole = house.run(accounts.activate(found, made.id, totp(made.secret, house.clock.now())))
    assert whole.session.level == SessionLevel.SECOND_FACTOR
    half = house.run(house.doors.sign_in(ASKED))
    assert half.pending
    house.clock.advance(30)

    issued = house.run(house.doors.second_factor(half.token, totp(made.secret, house.clock.now())))
    found = house.run(house.doors.enter(issued.token))
    house.clock.advance(30)
    house.run(accounts.prove_again(found, code=totp(made.secret, house.clock.now())))
    house.clock.advance(55 * 60)

    assert house.run(house.doors.enter(issued.token)) is not None, "renewed with what the last code has given"


def test_the_operator_helps_who_has_lost_the_second_factor(house: House) -> None:
    accounts = Accounts(house.doors)
    issued = house.run(house.doors.sign_in(ASKED))
    found = house.run(house.doors.enter(issued.token))
    made = house.run(accounts.enroll(found, "Phone"))
    house.run(accounts.activate(found, made.id, totp(made.secret, house.clock.now())))
    with house.doors.store.read() as session:
        user = find_user(session, EMAIL)

    assert house.run(drop_second_factors(house.doors, user, by=SYSTEM)) == 1

    assert not house.run(house.doors.sign_in(ASKED)).pending


def test_a_changed_password_goes_on_in_the_same_browser(house: House) -> None:
    issued, other = house.run(house.doors.sign_in(ASKED)), house.run(house.doors.sign_in(ASKED))
    found = house.run(house.doors.enter(issued.token))

    changed = house.run(Accounts(house.doors).change_password(found, PASSWORD, OTHER))
    house.clock.advance(55 * 60)

    assert house.run(house.doors.enter(changed.token)) is not None
    assert house.run(house.doors.enter(other.token)) is None


def test_a_changed_address_is_known_here(house: House) -> None:
    found = house.run(house.doors.enter(house.run(house.doors.sign_in(ASKED)).token))
    house.run(Accounts(house.doors).change_email(found, PASSWORD, "new@company.example"))
    link = house.asked.project.token("new@company.example", LinkKind.CHANGE_EMAIL)

    assert house.run(house.doors.confirm_email(link)) == "new@company.example"


def test_a_deleted_account_is_gone_at_supabase(house: House) -> None:
    house.run(house.doors.sign_in(Credentials(email=EMAIL, password=PASSWORD)))  # the first one owns what is there
    house.asked.person("eve@company.example", OTHER)
    issued = house.run(house.doors.sign_in(Credentials(email="eve@company.example", password=OTHER)))
    found = house.run(house.doors.enter(issued.token))

    house.run(Accounts(house.doors).delete(found))

    assert [user.email for user in house.asked.project.users.values()] == [EMAIL]


def test_who_comes_by_a_party_has_a_session_like_any_other(house: House) -> None:
    house.asked.project.at_party = {"sub": "g-7", "email": "grace@company.example", "email_verified": True}
    back = "https://adjoin.test/auth/with/google/back"
    begun = house.run(house.doors.start_external("google", back))
    answer = External(party="google", query=walk(begun.url), kept=begun.kept, redirect_uri=back)

    issued = house.run(house.doors.finish_external(answer))
    house.clock.advance(55 * 60)

    assert house.run(house.doors.enter(issued.token)) is not None
