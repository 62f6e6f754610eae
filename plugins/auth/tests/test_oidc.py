"""Signing in by somebody else's word: what is believed, what is not, and what a party that is down or bad costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog

from adjoin.auth.v1 import External, Proof, Start
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import AuthError, AuthProblem, UnknownName
from adjoin.testing.auth import RecordingContext
from adjoin.testing.server import running
from adjoin_auth.asking import Bounds
from adjoin_auth.local.parties import PartyDesk
from adjoin_auth.testing.identity_provider import Fault, IdentityProvider

BACK = "https://adjoin.test/auth/with/company/back"
ADA = {"sub": "24400320", "email": "ada@company.example", "email_verified": True, "name": "Ada L."}
EVE = {"sub": "99", "email": "eve@company.example", "email_verified": True}


@pytest.fixture(scope="module")
def served() -> Iterator[IdentityProvider]:
    provider = IdentityProvider({"ada": ADA, "eve": EVE})
    with running(provider.app) as address:
        provider.issuer = address
        yield provider
        provider.go_on.set()


@pytest.fixture
def company(served: IdentityProvider, clock: ManualClock) -> IdentityProvider:
    """A company's sign-in that does what it should."""
    served.people = {"ada": dict(ADA), "eve": dict(EVE)}
    served.now, served.wrong, served.secret = clock.now, Fault(), "of the client"
    served.auth_methods = ["client_secret_basic", "client_secret_post"]
    served.id_token_has = {"email", "email_verified", "name", "auth_time"}
    served.requests.clear()
    if served.algorithm != "RS256":
        served.algorithm = "RS256"
        served.rotate()
    return served


class Door:
    """Where the party's word arrives."""

    def __init__(self, company: IdentityProvider, context: RecordingContext, bounds: Bounds | None = None) -> None:
        self.company, self.context = company, context
        self.desk = PartyDesk(company.settings(title="The Company"), bounds)

    def start(self, *, again: bool = False) -> Start:
        return asyncio.run(self.desk.start(self.context, "company", BACK, again=again))

    def finish(self, start: Start, query: dict[str, str], *, back: str = BACK) -> Proof:
        answer = External(party="company", query=query, kept=start.kept, redirect_uri=back)
        return asyncio.run(self.desk.finish(self.context, answer))

    def sign_in(self, person: str = "ada", *, again: bool = False) -> Proof:
        start = self.start(again=again)
        return self.finish(start, self.company.consents(start.url, person))

    def refused(self, kind: AuthProblem, person: str = "ada", *, again: bool = False) -> list[dict[str, Any]]:
        """Try to sign in and be refused; return what the log says."""
        with structlog.testing.capture_logs() as logs, pytest.raises(AuthError) as caught:
            self.sign_in(person, again=again)
        assert caught.value.kind is kind, str(caught.value)
        return [dict(entry) for entry in logs]


@pytest.fixture
def party_context(sqlite_store: Store, clock: ManualClock) -> RecordingContext:
    return RecordingContext(sqlite_store, clock)


@pytest.fixture
def door(company: IdentityProvider, party_context: RecordingContext) -> Door:
    return Door(company, party_context)


class TestTheWay:
    def test_a_person_is_proven(self, door: Door) -> None:
        assert door.sign_in() == Proof(
            issuer=door.company.issuer,
            subject="24400320",
            email="ada@company.example",
            email_verified=True,
            name="Ada L.",
        )

    def test_the_browser_is_sent_away_with_all_that_protects_the_code(self, door: Door) -> None:
        start = door.start()
        query = {name: value for name, [value] in parse_qs(urlsplit(start.url).query).items()}
        assert start.url.startswith(f"{door.company.issuer}/authorize?")
        assert query["scope"] == "openid email profile"
        assert query["redirect_uri"] == BACK
        assert query["code_challenge_method"] == "S256"
        assert len(query["state"]) == len(query["nonce"]) == len(query["code_challenge"]) == 43
        assert "max_age" not in query
        assert query["code_challenge"].encode() not in start.kept, "only the verifier is kept"

    @pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"]])
    def test_the_client_proves_itself_as_the_party_wants_it(self, door: Door, methods: list[str]) -> None:
        door.company.auth_methods = methods
        assert door.sign_in().subject == "24400320"

    def test_a_secret_of_any_signs_arrives(self, company: IdentityProvider, party_context: RecordingContext) -> None:
        company.secret = "a:b %/ö+c"
        assert Door(company, party_context).sign_in().subject == "24400320"

    def test_a_public_client_needs_no_secret(self, company: IdentityProvider, party_context: RecordingContext) -> None:
        company.secret, company.auth_methods = "", ["none"]
        assert Door(company, party_context).sign_in().subject == "24400320"

    def test_other_algorithms_are_fine(self, door: Door) -> None:
        door.company.algorithm = "ES256"
        door.company.rotate()
        assert door.sign_in().subject == "24400320"

    def test_keys_and_addresses_are_asked_for_once(self, door: Door) -> None:
        door.sign_in()
        door.sign_in("eve")
        assert door.company.requests == ["discovery", "token", "jwks", "token"]

    def test_a_new_key_is_found(self, door: Door, clock: ManualClock) -> None:
        door.sign_in()
        clock.advance(31)
        door.company.rotate()
        assert door.sign_in().subject == "24400320"

    def test_several_audiences_need_the_one_that_asked(self, door: Door) -> None:
        door.company.lie(claims={"aud": ["adjoin", "another"], "azp": "adjoin"})
        assert door.sign_in().subject == "24400320"

    def test_an_unknown_party_is_said(self, door: Door) -> None:
        with pytest.raises(UnknownName, match="'nobody'"):
            asyncio.run(door.desk.start(door.context, "nobody", BACK, again=False))


class TestBadTokens:
    """Each of them would let somebody in as Ada."""

    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            ({"claims": {"nonce": "another"}}, "nonce"),
            ({"claims": {"nonce": None}}, "nonce"),
            ({"claims": {"nonce": 1}}, "nonce"),
            ({"claims": {"iss": "https://evil.example"}}, "another issuer"),
            ({"claims": {"iss": None}}, "another issuer"),
            ({"claims": {"aud": "another"}}, "another application"),
            ({"claims": {"aud": ["another"]}}, "another application"),
            ({"claims": {"aud": {"adjoin": 1}}}, "another application"),
            ({"claims": {"aud": None}}, "another application"),
            ({"claims": {"aud": ["adjoin", "another"]}}, "several applications"),
            ({"claims": {"azp": "another"}}, "another application asked"),
            ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "another access token"),
            ({"claims": {"at_hash": None, "exp": None}}, "exp is no time"),
            ({"claims": {"exp": True}}, "exp is no time"),
            ({"claims": {"exp": 1e300}}, "exp is no time"),
            ({"claims": {"iat": "yesterday"}}, "iat is no time"),
            ({"claims": {"sub": ""}}, "names nobody"),
            ({"claims": {"sub": 24400320}}, "names nobody"),
            ({"claims": {"sub": "x" * 256}}, "names nobody"),
            ({"algorithm": "none"}, "'none', which is not allowed"),
            ({"algorithm": "HS256"}, "'HS256', which is not allowed"),
            ({"foreign_key": True}, "signature is wrong"),
            ({"kid": "another"}, "does not publish"),
            ({"answer": {"id_token": None}}, "no id_token"),
            ({"answer": {"id_token": "a.b"}}, "malformed"),
            ({"answer": {"id_token": "é.b.c"}}, "no id_token"),
            ({"answer": {"id_token": "x" * 40_000}}, "longer than"),
        ],
    )
    def test_it_is_not_believed_and_the_log_says_why(self, door: Door, fault: dict[str, Any], why: str) -> None:
        door.company.wrong = Fault(**fault)
        [entry] = door.refused(AuthProblem.REFUSED)
        assert why in entry["why"]
        assert "24400320" not in str(entry)

    def test_without_a_name_the_one_key_there_is_counts(self, door: Door) -> None:
        door.company.lie(kid="")
        assert door.sign_in().subject == "24400320"

    def test_made_up_keys_cost_the_party_nothing(self, door: Door) -> None:
        door.sign_in()
        door.company.requests.clear()
        door.company.lie(kid="another")
        for _ in range(3):
            door.refused(AuthProblem.REFUSED)
        assert door.company.requests.count("jwks") == 0

    def test_what_the_discovery_does_not_list_is_not_allowed(self, door: Door) -> None:
        door.company.lie(document={"id_token_signing_alg_values_supported": ["ES256", "HS256", "none"]})
        [entry] = door.refused(AuthProblem.REFUSED)
        assert "'RS256', which is not allowed" in entry["why"]

    @pytest.mark.parametrize("algorithms", [["none"], ["HS256"], [], "RS256"])
    def test_a_party_that_signs_with_nothing_good_is_not_asked(self, door: Door, algorithms: object) -> None:
        door.company.lie(document={"id_token_signing_alg_values_supported": algorithms})
        door.refused(AuthProblem.UNAVAILABLE)

    @pytest.mark.parametrize(("ahead", "fine"), [(119, True), (121, False), (-419, True), (-421, False)])
    def test_clocks_may_be_two_minutes_apart(self, door: Door, clock: ManualClock, ahead: int, fine: bool) -> None:
        """The party's clock is ahead, or behind by the five minutes of the token besides."""
        door.company.now = lambda: clock.now() + timedelta(seconds=ahead)
        if fine:
            assert door.sign_in().subject == "24400320"
        else:
            [entry] = door.refused(AuthProblem.REFUSED)
            assert "clocks" in entry["why"]

    def test_a_token_that_is_not_good_yet_waits(self, door: Door, clock: ManualClock) -> None:
        door.company.lie(claims={"nbf": int(clock.now().timestamp()) + 121})
        [entry] = door.refused(AuthProblem.REFUSED)
        assert "not good yet" in entry["why"]


class TestTheWayBack:
    def test_an_answer_is_good_once(self, door: Door) -> None:
        start = door.start()
        query = door.company.consents(start.url, "ada")
        door.finish(start, query)
        again = door.company.consents(start.url, "ada")  # even with a new code
        self.is_not_ours(door, start, again)

    def test_another_browser_has_not_begun_it(self, door: Door) -> None:
        mine, theirs = door.start(), door.start()
        self.is_not_ours(door, mine, door.company.consents(theirs.url, "eve"))

    def test_it_takes_ten_minutes_at_most(self, door: Door, clock: ManualClock) -> None:
        start = door.start()
        clock.advance(600)
        self.is_not_ours(door, start, door.company.consents(start.url, "ada"))

    @pytest.mark.parametrize("kept", [b"", b"{}", b"[]", b"null", b'{"party": "company"}', b"\xff"])
    def test_what_was_kept_must_be_ours(self, door: Door, kept: bytes) -> None:
        start = door.start()
        self.is_not_ours(door, Start(url=start.url, kept=kept), door.company.consents(start.url, "ada"))

    def test_another_way_back_is_not_ours(self, door: Door) -> None:
        start = door.start()
        query = door.company.consents(start.url, "ada")
        with pytest.raises(AuthError) as caught:
            door.finish(start, query, back="https://adjoin.test/auth/with/other/back")
        assert caught.value.kind is AuthProblem.BAD_LINK

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("access_denied", AuthProblem.REFUSED),
            ("login_required", AuthProblem.REFUSED),
            ("unauthorized_client", AuthProblem.REFUSED),
            ("<script>", AuthProblem.REFUSED),
            ("server_error", AuthProblem.UNAVAILABLE),
            ("temporarily_unavailable", AuthProblem.UNAVAILABLE),
        ],
    )
    def test_what_the_party_refuses_is_said(self, door: Door, error: str, kind: AuthProblem) -> None:
        start = door.start()
        state = door.company.consents(start.url, "ada")["state"]
        with pytest.raises(AuthError, match="The Company") as caught:
            door.finish(start, {"error": error, "error_description": "secret reasons", "state": state})
        assert caught.value.kind is kind
        assert "secret reasons" not in str(caught.value)

    @pytest.mark.parametrize("change", [{"code": ""}, {"code": "x" * 5_000}])
    def test_a_code_that_cannot_be_one_is_not_sent_on(self, door: Door, change: dict[str, str]) -> None:
        start = door.start()
        with pytest.raises(AuthError) as caught:
            door.finish(start, {**door.company.consents(start.url, "ada"), **change})
        assert caught.value.kind is AuthProblem.REFUSED
        assert "token" not in door.company.requests

    def test_a_code_that_was_used_is_refused(self, door: Door) -> None:
        start = door.start()
        with pytest.raises(AuthError) as caught:
            door.finish(start, {**door.company.consents(start.url, "ada"), "code": "made up"})
        assert caught.value.kind is AuthProblem.BAD_LINK

    def test_the_answer_of_another_party_is_refused(self, door: Door) -> None:
        """Its code would be handed to the wrong one (RFC 9207)."""
        start = door.start()
        query = {**door.company.consents(start.url, "ada"), "iss": "https://evil.example"}
        with pytest.raises(AuthError) as caught:
            door.finish(start, query)
        assert caught.value.kind is AuthProblem.REFUSED
        assert "token" not in door.company.requests

    def test_who_names_the_issuer_must_do_it(self, door: Door) -> None:
        door.company.lie(document={"authorization_response_iss_parameter_supported": True})
        door.refused(AuthProblem.REFUSED)
        start = door.start()
        query = {**door.company.consents(start.url, "ada"), "iss": door.company.issuer}
        assert door.finish(start, query).subject == "24400320"

    @staticmethod
    def is_not_ours(door: Door, start: Start, query: dict[str, str]) -> None:
        before = list(door.company.requests)
        with pytest.raises(AuthError) as caught:
            door.finish(start, query)
        assert caught.value.kind is AuthProblem.BAD_LINK
        assert door.company.requests == before, "the party was asked"


class TestEmail:
    def test_what_the_token_leaves_out_the_profile_says(self, door: Door) -> None:
        door.company.id_token_has = set()
        proof = door.sign_in()
        assert (proof.email, proof.email_verified, proof.name) == ("ada@company.example", True, "Ada L.")

    def test_a_profile_of_somebody_else_is_not_believed(self, door: Door) -> None:
        door.company.id_token_has = set()
        door.company.lie(userinfo={"sub": "1"})
        [entry] = door.refused(AuthProblem.REFUSED)
        assert entry["why"] == "the profile is of somebody else"

    def test_a_profile_does_not_confirm_another_address(self, door: Door) -> None:
        door.company.lie(claims={"email": "eve@company.example", "email_verified": False})
        proof = door.sign_in()
        assert (proof.email, proof.email_verified) == ("eve@company.example", False)

    @pytest.mark.parametrize("said", [None, False, "false", 1, "yes", ["true"]])
    def test_what_is_not_said_to_be_confirmed_is_not(self, door: Door, said: object) -> None:
        door.company.people["ada"]["email_verified"] = said
        assert not door.sign_in().email_verified

    def test_no_address_at_all_is_not_confirmed(self, door: Door) -> None:
        del door.company.people["ada"]["email"]
        proof = door.sign_in()
        assert (proof.email, proof.email_verified) == ("", False)


class TestAgain:
    def test_a_fresh_proof_is_asked_for(self, door: Door, clock: ManualClock) -> None:
        query = parse_qs(urlsplit(door.start(again=True).url).query)
        assert query["max_age"] == ["0"]
        door.company.people["ada"]["auth_time"] = int(clock.now().timestamp())
        proof = door.sign_in(again=True)
        assert proof.proven_at == clock.now().replace(microsecond=0)

    @pytest.mark.parametrize("ago", [None, 121])
    def test_an_old_one_does_not_count(self, door: Door, clock: ManualClock, ago: int | None) -> None:
        if ago is not None:
            door.company.people["ada"]["auth_time"] = int(clock.now().timestamp()) - ago
        door.refused(AuthProblem.REFUSED, again=True)


class TestPartiesThatAreBad:
    @pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks", "userinfo"])
    @pytest.mark.parametrize("how", ["status", "huge", "slow"])
    def test_they_are_unavailable_and_the_log_says_why(
        self, company: IdentityProvider, party_context: RecordingContext, endpoint: str, how: str
    ) -> None:
        door = Door(company, party_context, Bounds(total=timedelta(seconds=0.3)) if how == "slow" else None)
        company.id_token_has = set()
        company.wrong = Fault(**{how: {endpoint: 503} if how == "status" else endpoint})
        company.go_on.clear()
        try:
            [entry] = door.refused(AuthProblem.UNAVAILABLE)
        finally:
            company.go_on.set()
        assert {"status": "503", "huge": "more than", "slow": "within 0.3 seconds"}[how] in entry["why"]

    @pytest.mark.parametrize(
        ("document", "why"),
        [
            ({"issuer": "https://company.example"}, "calls itself 'https://company.example'"),
            ({"issuer": None}, "calls itself nothing"),
            ({"token_endpoint": "http://company.example/token"}, "token_endpoint is no https"),
            ({"token_endpoint": "file:///etc/passwd"}, "token_endpoint is no https"),
            ({"jwks_uri": None}, "jwks_uri is no https"),
            ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint is no https"),
            ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "neither by `basic` nor by `post`"),
        ],
    )
    def test_a_discovery_that_is_off_is_not_used(self, door: Door, document: dict[str, Any], why: str) -> None:
        door.company.lie(document=document)
        [entry] = door.refused(AuthProblem.UNAVAILABLE)
        assert why in entry["why"]

    def test_a_slash_too_many_is_another_issuer(
        self, company: IdentityProvider, party_context: RecordingContext
    ) -> None:
        desk = PartyDesk({**company.settings(), "oidc_company_issuer": f"{company.issuer}/"})
        with pytest.raises(AuthError) as caught:
            asyncio.run(desk.start(party_context, "company", BACK, again=False))
        assert caught.value.kind is AuthProblem.UNAVAILABLE

    def test_a_wrong_secret_is_the_operators_matter(self, door: Door) -> None:
        door.company.secret = "another"
        [entry] = door.refused(AuthProblem.UNAVAILABLE)
        assert "invalid_client" in entry["why"]
        assert "of the client" not in str(entry)

    def test_nobody_there(self, party_context: RecordingContext) -> None:
        desk = PartyDesk({"oidc_gone_issuer": "http://127.0.0.1:9", "oidc_gone_client_id": "x"})
        with pytest.raises(AuthError) as caught:
            asyncio.run(desk.start(party_context, "gone", BACK, again=False))
        assert caught.value.kind is AuthProblem.UNAVAILABLE

    def test_a_proxy_of_the_environment_is_not_asked(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert door.sign_in().subject == "24400320"
