"""What is special about people at Supabase Auth: made-up users, links in two steps, passwords, codes and parties."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog
from sqlmodel import select

from adjoin.auth.v1 import Credentials, External, Level, LinkKind, SignUp
from adjoin.errors import AuthError, AuthProblem, BadInput
from adjoin.testing.auth import totp
from adjoin_auth.supabase.calls import Tokens
from adjoin_auth.supabase.proofs import unpack
from adjoin_auth.supabase.sandbox import Switches, walk
from adjoin_auth.supabase.tables import RedeemedLink

EMAIL, PASSWORD, OTHER = "ada@company.example", "garnet otter fjord 41", "violet anvil brook 88"
ASKED = Credentials(email=EMAIL, password=PASSWORD)
BACK = "https://adjoin.test/auth/with/google/back"
GRACE = {"sub": "g-7", "email": "Grace@Company.example", "email_verified": True, "name": "Grace H."}


def kind_of(asked: Any, hook: str, *args: Any) -> AuthProblem:
    """How a call is refused."""
    with pytest.raises(AuthError) as caught:
        getattr(asked, hook)(*args)
    return caught.value.kind


# Registering


def test_a_made_up_user_is_nobody_and_the_owner_hears_of_it(asked: Any) -> None:
    asked.person()
    asked.clock.advance(3600)
    mails = len(asked.project.mails)

    asked.sign_up(SignUp(email=EMAIL, password=OTHER))

    assert len(asked.project.users) == 1
    assert len(asked.project.mails) == mails, "Supabase mails nothing then"
    assert [mail.kind for mail in asked.context.to(EMAIL)] == ["auth.known"]


def test_an_older_sign_up_leaves_nothing_behind(asked: Any) -> None:
    asked.sign_up(SignUp(email=EMAIL, password=OTHER, name="Eve"))
    [older] = asked.project.users
    asked.sign_up(SignUp(email=EMAIL, password=PASSWORD, name="Ada"))

    [newer] = asked.project.users.values()
    assert newer.id != older
    assert newer.metadata["full_name"] == "Ada"


def test_only_the_whole_address_is_looked_for(asked: Any) -> None:
    """The server's filter finds parts of addresses, and names."""
    asked.sign_up(SignUp(email="x" + EMAIL, password=OTHER, name=f"about {EMAIL}"))

    asked.sign_up(SignUp(email=EMAIL, password=PASSWORD))

    assert {user.email for user in asked.project.users.values()} == {EMAIL, "x" + EMAIL}


def test_a_project_that_confirms_by_itself_registers_nobody(asked: Any) -> None:
    asked.project.switches.autoconfirm = True

    with structlog.testing.capture_logs() as logged:
        assert kind_of(asked, "sign_up", SignUp(email=EMAIL, password=PASSWORD)) is AuthProblem.UNAVAILABLE

    assert asked.project.users == {}
    assert "Confirm email" in str(logged)


def test_where_e_mails_confirm_themselves_they_prove_nothing(asked: Any) -> None:
    asked.project.switches.autoconfirm = True

    admitted = asked.admit(SignUp(email=EMAIL, password=PASSWORD))

    assert admitted.email_verified, "an invitation has proven it"
    assert not asked.sign_in(ASKED).email_verified


def test_a_password_that_bcrypt_would_cut_is_refused(asked: Any) -> None:
    long = "garnet otter fjord 41 " * 4

    assert kind_of(asked, "sign_up", SignUp(email=EMAIL, password=long)) is AuthProblem.WEAK_PASSWORD
    asked.person()
    assert kind_of(asked, "sign_in", replace(ASKED, password=long)) is AuthProblem.WRONG


def test_an_address_that_supabase_does_not_take_is_refused_here(asked: Any) -> None:
    form = SignUp(email="zoë@company.example", password=PASSWORD)

    assert kind_of(asked, "sign_up", form) is AuthProblem.BAD_EMAIL
    assert kind_of(asked, "admit", form) is AuthProblem.BAD_EMAIL


def test_closed_registration_at_supabase_is_told(asked: Any) -> None:
    asked.project.switches.disable_signup = True

    assert kind_of(asked, "sign_up", SignUp(email=EMAIL, password=PASSWORD)) is AuthProblem.REFUSED


# Signing in


def test_who_is_banned_is_not_told_apart_before_the_password_is_looked_at(asked: Any) -> None:
    proof = asked.person()
    asked.project.users[proof.subject].banned_until = asked.clock.now() + timedelta(days=1)

    assert kind_of(asked, "sign_in", replace(ASKED, password=OTHER)) is AuthProblem.WRONG
    assert kind_of(asked, "sign_in", ASKED) is AuthProblem.WRONG
    assert kind_of(asked, "renew", proof.subject, proof.kept) is AuthProblem.DISABLED
    assert kind_of(asked, "factors", proof.subject, proof.kept) is AuthProblem.DISABLED


def test_the_browsers_address_is_forwarded(asked: Any) -> None:
    asked.person()
    asked.project.forwarded.clear()

    asked.sign_in(replace(ASKED, address="203.0.113.7"))

    assert asked.project.forwarded[0] == "203.0.113.7"


def test_proxies_of_the_environment_are_not_used(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert asked.person().email == EMAIL


def test_each_call_has_a_client_of_its_own(asked: Any) -> None:
    call = asked.plugin._call(asked.context)

    async def both() -> None:
        async with call.member(Tokens("ada", "r")) as ada, call.member(Tokens("eve", "r")) as eve, call.guest() as no:
            assert (await ada.get_session()).access_token == "ada"
            assert (await eve.get_session()).access_token == "eve"
            assert await no.get_session() is None
            assert "ada" not in str(ada._headers) + str(eve._headers) + str(no._headers)

    asyncio.run(both())


# Links


def test_a_link_for_a_password_stays_good_while_supabase_fails(asked: Any) -> None:
    asked.person()
    asked.ask_reset(EMAIL, "")
    link = asked.project.token(EMAIL, LinkKind.RESET)
    asked.project.switches.shortest_password = 40
    assert kind_of(asked, "reset", link, OTHER) is AuthProblem.WEAK_PASSWORD
    asked.project.broken = (503, "")
    assert kind_of(asked, "reset", link, OTHER) is AuthProblem.UNAVAILABLE
    asked.project.broken, asked.project.switches = None, Switches()

    assert asked.reset(link, OTHER).email == EMAIL

    assert kind_of(asked, "reset", link, PASSWORD) is AuthProblem.BAD_LINK
    with asked.context.read() as session:
        assert session.exec(select(RedeemedLink)).all() == [], "nothing is kept of it"


def test_a_link_that_is_used_up_opens_nothing_after_another_change_of_the_password(asked: Any) -> None:
    proof = asked.person()
    asked.ask_reset(EMAIL, "")
    link = asked.project.token(EMAIL, LinkKind.RESET)
    assert kind_of(asked, "reset", link, "password1234") is AuthProblem.WEAK_PASSWORD
    asked.change_password(proof.subject, proof.kept, PASSWORD, OTHER)

    assert kind_of(asked, "reset", link, "copper lantern mist 63") is AuthProblem.BAD_LINK


def test_the_password_one_has_already_is_no_new_one(asked: Any) -> None:
    proof = asked.person()

    with pytest.raises(AuthError) as caught:
        asked.change_password(proof.subject, proof.kept, PASSWORD, PASSWORD)

    assert (caught.value.kind, caught.value.reasons) == (AuthProblem.WEAK_PASSWORD, ("same",))


def test_where_both_addresses_confirm_a_change_it_takes_two_steps(asked: Any) -> None:
    asked.project.switches.secure_email_change = True
    proof = asked.person()
    asked.change_email(proof.subject, proof.kept, PASSWORD, "new@company.example")
    new = asked.project.token("new@company.example", LinkKind.CHANGE_EMAIL)
    old = asked.project.token(EMAIL, LinkKind.CHANGE_EMAIL)

    assert kind_of(asked, "confirm", LinkKind.CHANGE_EMAIL, new) is AuthProblem.UNCONFIRMED
    changed = asked.confirm(LinkKind.CHANGE_EMAIL, old)

    assert (changed.subject, changed.email) == (proof.subject, "new@company.example")


def test_confirming_an_address_leaves_no_session_behind(asked: Any) -> None:
    proof = asked.person()
    before = len(asked.project.sessions)
    asked.change_email(proof.subject, proof.kept, PASSWORD, "new@company.example")

    changed = asked.confirm(LinkKind.CHANGE_EMAIL, asked.project.token("new@company.example", LinkKind.CHANGE_EMAIL))

    assert len(asked.project.sessions) == before
    assert changed.kept == b""
    assert [mail.kind for mail in asked.context.to(EMAIL)] == ["auth.changing_email"], "the old address is warned"


def test_the_owner_of_an_address_hears_that_somebody_wants_it(asked: Any) -> None:
    asked.person("eve@company.example", OTHER)
    proof = asked.person()
    asked.clock.advance(3600)
    proof = asked.renew(proof.subject, proof.kept)

    asked.change_email(proof.subject, proof.kept, PASSWORD, "eve@company.example")

    assert asked.project.token("eve@company.example", LinkKind.CHANGE_EMAIL) is None
    assert [mail.kind for mail in asked.context.to("eve@company.example")] == ["auth.known"]


def test_checking_a_password_leaves_no_session_behind(asked: Any) -> None:
    proof = asked.person()
    before = len(asked.project.sessions)

    asked.check_password(proof.subject, proof.kept, PASSWORD)

    assert len(asked.project.sessions) == before


# Second factors


def test_a_new_password_by_a_link_goes_through_the_operators_key_where_there_is_a_second_factor(asked: Any) -> None:
    asked.device(asked.person())
    asked.ask_reset(EMAIL, "")

    proof = asked.reset(asked.project.token(EMAIL, LinkKind.RESET), OTHER)

    assert (proof.level, proof.needs_second_factor) == (Level.PASSWORD, True)
    assert any(request.startswith("PUT /admin/users/") for request in asked.project.requests)
    assert len(asked.project.sessions) == 1, "all others are over at Supabase, too"


def test_who_has_a_second_factor_changes_the_password_in_a_session_of_two_factors(asked: Any) -> None:
    first = asked.person()
    secret = asked.device(first)
    half = asked.sign_in(ASKED)
    assert kind_of(asked, "change_password", half.subject, half.kept, PASSWORD, OTHER) is AuthProblem.ENDED
    whole = asked.second_factor(half.subject, half.kept, totp(secret, asked.clock.now()))

    changed = asked.change_password(whole.subject, whole.kept, PASSWORD, OTHER)

    assert changed.level is Level.SECOND_FACTOR
    assert unpack(changed.kept) == unpack(whole.kept)


def test_a_second_factor_is_not_removed_by_a_password_alone(asked: Any) -> None:
    proof = asked.person()
    asked.device(proof)
    half = asked.sign_in(ASKED)
    [factor] = asked.factors(half.subject, half.kept)

    assert kind_of(asked, "remove_factor", half.subject, half.kept, factor.id) is AuthProblem.ENDED
    assert asked.sign_in(ASKED).needs_second_factor


def test_the_operator_removes_a_factor_without_a_session(asked: Any) -> None:
    proof = asked.person()
    asked.device(proof)
    [factor] = asked.factors(proof.subject, b"")

    for _ in range(2):
        asked.remove_factor(proof.subject, b"", factor.id)

    assert not asked.sign_in(ASKED).needs_second_factor
    assert asked.factors(proof.subject, b"") == []
    assert asked.factors("00000000-0000-4000-8000-000000000000", b"") == []


def test_a_factor_that_cannot_be_asked_for_still_keeps_the_door_shut(asked: Any) -> None:
    proof = asked.person()
    asked.device(proof)
    asked.project.users[proof.subject].factors[0].kind = "phone"

    half = asked.sign_in(ASKED)

    assert half.needs_second_factor
    assert asked.factors(half.subject, half.kept) == []
    assert kind_of(asked, "second_factor", half.subject, half.kept, "123456") is AuthProblem.WRONG


def test_a_code_that_supabase_would_take_again_is_used_up_here(asked: Any) -> None:
    proof = asked.person()
    secret = asked.device(proof)
    code = totp(secret, asked.clock.now())
    asked.second_factor(proof.subject, proof.kept, code)
    asked.clock.advance(30)
    attempts = len(asked.project.requests)

    assert kind_of(asked, "second_factor", proof.subject, proof.kept, code) is AuthProblem.WRONG
    assert not [one for one in asked.project.requests[attempts:] if "verify" in one], "Supabase was not even asked"
    asked.second_factor(proof.subject, proof.kept, totp(secret, asked.clock.now()))


def test_names_of_factors_are_made_different(asked: Any) -> None:
    proof = asked.person()
    for _ in range(2):
        asked.device(proof, "Phone")
        asked.clock.advance(60)

    assert [factor.label for factor in asked.factors(proof.subject, proof.kept)] == ["Phone", "Phone 2"]


def test_an_enrollment_that_was_left_makes_room_for_the_next(asked: Any) -> None:
    proof = asked.person()
    for _ in range(12):
        made = asked.enroll(proof.subject, proof.kept, "Phone")

    asked.activate(proof.subject, proof.kept, made.id, totp(made.secret, asked.clock.now()))

    assert len(asked.project.users[proof.subject].factors) == 1


def test_there_are_ten_factors_at_most(asked: Any) -> None:
    proof = asked.person()
    for _ in range(10):
        asked.device(proof)
        asked.clock.advance(150)

    with pytest.raises(BadInput, match="10 second factors"):
        asked.enroll(proof.subject, proof.kept, "One more")


# Parties


def start(asked: Any) -> Any:
    return asked.start_external("google", BACK)


def finished(asked: Any, begun: Any, query: Any, party: str = "google") -> Any:
    return asked.finish_external(External(party=party, query=query, kept=begun.kept, redirect_uri=BACK))


def refusal_of(asked: Any, begun: Any, query: Any, party: str = "google") -> AuthProblem:
    answer = External(party=party, query=query, kept=begun.kept, redirect_uri=BACK)
    return kind_of(asked, "finish_external", answer)


def test_somebody_comes_by_a_party(asked: Any) -> None:
    asked.project.at_party = GRACE
    begun = start(asked)

    proof = finished(asked, begun, walk(begun.url))

    assert (proof.email, proof.email_verified, proof.name) == ("grace@company.example", True, "Grace H.")
    assert proof.issuer == "", "it is Supabase that vouches for them"
    assert b"party-token" not in proof.kept, "what the party gave is not ours to keep"
    assert asked.renew(proof.subject, proof.kept).subject == proof.subject


def test_a_party_and_a_password_lead_to_one_person(asked: Any) -> None:
    before = asked.person("grace@company.example")
    asked.project.at_party = GRACE
    begun = start(asked)

    assert finished(asked, begun, walk(begun.url)).subject == before.subject


def test_a_code_is_worth_nothing_to_another_browser(asked: Any) -> None:
    asked.project.at_party = GRACE
    mine, theirs = start(asked), start(asked)

    assert refusal_of(asked, mine, walk(theirs.url)) is AuthProblem.BAD_LINK


def test_an_answer_that_comes_late_or_twice_is_refused(asked: Any) -> None:
    asked.project.at_party = GRACE
    begun = start(asked)
    query = walk(begun.url)
    finished(asked, begun, query)
    assert refusal_of(asked, begun, query) is AuthProblem.BAD_LINK
    late = start(asked)
    query = walk(late.url)
    asked.clock.advance(301)

    assert refusal_of(asked, late, query) is AuthProblem.LINK_EXPIRED


@pytest.mark.parametrize(
    ("person", "kind"),
    [(None, AuthProblem.REFUSED), ({**GRACE, "email_verified": False}, AuthProblem.UNCONFIRMED)],
)
def test_a_party_may_say_no(asked: Any, person: Any, kind: AuthProblem) -> None:
    asked.project.at_party = person
    begun = start(asked)

    assert refusal_of(asked, begun, walk(begun.url)) is kind
    assert asked.project.users == {}


@pytest.mark.parametrize("kept", [b"", b"x", msgspec.msgpack.encode({"party": "google"})])
def test_a_start_that_is_not_ours_is_refused(asked: Any, kept: bytes) -> None:
    answer = External(party="google", query={"code": "x"}, kept=kept, redirect_uri=BACK)

    assert kind_of(asked, "finish_external", answer) is AuthProblem.BAD_LINK


def test_an_answer_for_another_party_is_refused(asked: Any) -> None:
    asked.project.at_party = GRACE
    begun = start(asked)

    assert refusal_of(asked, begun, walk(begun.url), party="azure") is AuthProblem.BAD_LINK


def test_who_is_to_prove_it_again_is_asked_to_by_the_party(asked: Any) -> None:
    assert "prompt=login" in asked.start_external("google", BACK, True).url
    assert "prompt" not in start(asked).url


# Forgetting


@pytest.mark.parametrize("subject", ["", "nobody", "../users", "00000000-0000-4000-8000-000000000000"])
def test_forgetting_nobody_is_harmless(asked: Any, subject: str) -> None:
    proof = asked.person()

    asked.forget(subject)

    assert list(asked.project.users) == [proof.subject]
