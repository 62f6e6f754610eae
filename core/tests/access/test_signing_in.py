"""Signing in: from a provider's proof to a user and a session, the second factor between them, and the ways out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from adjoin.access.accounts import Accounts
from adjoin.access.admission import Registration
from adjoin.access.context import Context
from adjoin.access.doors import open_doors
from adjoin.access.kept import LONGEST, Kept, open_kept
from adjoin.access.provider import Provider
from adjoin.access.sessions import Issued, Sessions
from adjoin.access.signed_in import SessionLevel, SignedIn
from adjoin.access.signing_in import SigningIn
from adjoin.auth import CONTRACT, v1
from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import AuditEntry, Identity, Member, OutgoingMail, Role, Session, User
from adjoin.errors import AuthError, AuthProblem, SecretError, StaleProof, StateError, UnknownName, WrongResult
from adjoin.kernel import Kernel
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault
from adjoin.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = "right password"
CODE = "123456"
COMPANY = "https://company.example"


def refused(kind: AuthProblem) -> AuthError:
    return AuthError(f"refused: {kind}", kind=kind)


class FakeAuth(v1.Auth):
    """Knows people by their e-mail address; the subject is its first part."""

    def __init__(self) -> None:
        self.people: dict[str, v1.Proof] = {}
        self.with_factor: set[str] = set()
        self.renew_within: timedelta | None = None
        self.renews = 0
        self.down = False
        self.ended = False
        self.signed_out: list[tuple[str, bytes]] = []
        self.forgotten: list[str] = []
        self.forms: list[v1.SignUp] = []
        self.expires_at: datetime | None = None

    def knows(self, email: str, *, subject: str = "", verified: bool = True) -> None:
        subject = subject or email.partition("@")[0]
        self.people[email] = v1.Proof(subject=subject, email=email, email_verified=verified, kept=b"kept 0")

    def proof(self, subject: str, **changes: Any) -> v1.Proof:
        [found] = [one for one in self.people.values() if one.subject == subject]
        return replace(found, expires_at=self.expires_at, **changes)

    @hookimpl
    def describe(self) -> v1.Description:
        return v1.Description(
            title="Fake",
            issuer="https://fake.example",
            parties=(v1.Party(id="company", title="Company", issuer=COMPANY),),
            renew_within=self.renew_within,
        )

    @hookimpl
    def sign_up(self, context: v1.AuthContext, form: v1.SignUp) -> None:
        self.forms.append(form)

    @hookimpl
    def admit(self, context: v1.AuthContext, form: v1.SignUp) -> v1.Proof:
        self.knows(form.email)
        return self.proof(form.email.partition("@")[0])

    @hookimpl
    async def sign_in(self, context: v1.AuthContext, credentials: v1.Credentials) -> v1.Proof:
        if self.down:
            raise RuntimeError("connection refused by 10.0.0.1")
        if credentials.password != GOOD or credentials.email not in self.people:
            raise refused(AuthProblem.WRONG)
        subject = self.people[credentials.email].subject
        return self.proof(subject, needs_second_factor=subject in self.with_factor)

    @hookimpl
    def second_factor(self, context: v1.AuthContext, subject: str, kept: bytes, code: str) -> v1.Proof:
        if code != CODE or not kept:
            raise refused(AuthProblem.WRONG)
        return self.proof(subject, level=v1.Level.SECOND_FACTOR)

    @hookimpl
    async def renew(self, context: v1.AuthContext, subject: str, kept: bytes) -> v1.Proof:
        if self.down:
            raise refused(AuthProblem.UNAVAILABLE)
        if self.ended:
            raise refused(AuthProblem.ENDED)
        self.renews += 1
        assert kept == b"kept %d" % (self.renews - 1), "what was kept last comes back"
        await asyncio.sleep(0)
        self.expires_at = context.now() + timedelta(hours=1)
        return self.proof(subject, kept=b"kept %d" % self.renews)

    @hookimpl
    def sign_out(self, context: v1.AuthContext, subject: str, kept: bytes) -> None:
        self.signed_out.append((subject, kept))
        raise RuntimeError("changes nothing")

    @hookimpl
    def confirm(self, context: v1.AuthContext, kind: v1.LinkKind, token: str) -> v1.Proof:
        if token == "used":
            raise refused(AuthProblem.BAD_LINK)
        if kind is v1.LinkKind.CHANGE_EMAIL:
            return self.proof(token, email=f"new-{token}@example.com")
        return self.proof(token)

    @hookimpl
    def reset(self, context: v1.AuthContext, token: str, password: str) -> v1.Proof:
        return self.proof(token, needs_second_factor=token in self.with_factor)

    @hookimpl
    def check_password(self, context: v1.AuthContext, subject: str, kept: bytes, password: str) -> None:
        if password != GOOD:
            raise refused(AuthProblem.WRONG)

    @hookimpl
    def change_password(self, context: v1.AuthContext, subject: str, kept: bytes, current: str, new: str) -> v1.Proof:
        if current != GOOD:
            raise refused(AuthProblem.WRONG)
        return self.proof(subject, kept=b"after the change")

    @hookimpl
    def activate(self, context: v1.AuthContext, subject: str, kept: bytes, enrollment: str, code: str) -> v1.Proof:
        self.with_factor.add(subject)
        return self.proof(subject, level=v1.Level.SECOND_FACTOR)

    @hookimpl
    def factors(self, context: v1.AuthContext, subject: str, kept: bytes) -> list[v1.Factor]:
        return [v1.Factor(id="f1", label="Phone", created_at=NOW)] if subject in self.with_factor else []

    @hookimpl
    def finish_external(self, context: v1.AuthContext, answer: v1.External) -> v1.Proof:
        changes = {name: value for name, value in answer.query.items() if name != "subject"}
        return self.proof(answer.query["subject"], **changes)

    @hookimpl
    def forget(self, context: v1.AuthContext, subject: str) -> None:
        if self.down:
            raise RuntimeError("not now")
        self.forgotten.append(subject)


class House:
    """An installation with its doors, run step by step."""

    def __init__(self, people: Any, registration: Registration = "open") -> None:
        self.people, self.store = people, people.store
        self.clock = ManualClock(NOW)
        self.auth = FakeAuth()
        self.kernel = Kernel([CONTRACT])
        self.kernel.add("fake", "auth", 1, self.auth)
        self.vault = Vault(Keyring([b"k" * 32]))
        self.sessions = Sessions(self.store, self.clock)
        self.doors = self.opened(registration)
        self.accounts = Accounts(self.doors)

    def opened(self, registration: Registration, sessions: Sessions | None = None) -> SigningIn:
        context = Context(store=self.store, vault=self.vault, clock=self.clock, outbox=lambda *_: None)
        return SigningIn(
            store=self.store,
            vault=self.vault,
            clock=self.clock,
            sessions=sessions or self.sessions,
            provider=Provider(self.kernel, "fake", context),
            registration=registration,
        )

    def run(self, work: Any) -> Any:
        async def whole() -> Any:
            try:
                return await work
            finally:
                await self.doors.settle()

        return asyncio.run(whole())

    def sign_in(self, name: str, password: str = GOOD) -> Issued:
        form = v1.Credentials(email=f"{name}@example.com", password=password, address="192.0.2.1")
        issued: Issued = self.run(self.doors.sign_in(form, agent="curl/8"))
        return issued

    def enter(self, token: str) -> SignedIn | None:
        found: SignedIn | None = self.run(self.doors.enter(token))
        return found

    def comes(self, name: str) -> SignedIn:
        """Sign in and enter."""
        found = self.enter(self.sign_in(name).token)
        assert found is not None
        return found

    def waits(self, **span: float) -> None:
        self.clock.advance(timedelta(**span).total_seconds())

    def rows(self, model: Any) -> list[Any]:
        with self.store.read() as database:
            return list(database.exec(select(model)))

    def actions(self) -> list[str]:
        return sorted(entry.action for entry in self.rows(AuditEntry))


@pytest.fixture
def house(people: Any) -> Iterator[House]:
    made = House(people)
    yield made
    made.kernel.close()


def problem(house: House, work: Any) -> AuthProblem:
    with pytest.raises(AuthError) as caught:
        house.run(work)
    return caught.value.kind


class TestWhoIsLetIn:
    def test_somebody_new_and_again(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        first, second = house.comes("ada"), house.comes("ada")
        assert first.user_id == second.user_id
        [user] = house.rows(User)
        assert (user.email, user.email_verified_at, user.last_sign_in_at) == ("ada@example.com", NOW, NOW)
        assert [one.issuer for one in house.rows(Identity)] == ["https://fake.example"]

    def test_the_first_of_all_owns_what_is_there(self, house: House) -> None:
        for name in ("ada", "bob"):
            house.auth.knows(f"{name}@example.com")
        ada, bob = house.comes("ada"), house.comes("bob")
        assert (ada.workspace_id, ada.role) == (DEFAULT_WORKSPACE, Role.OWNER)
        assert (bob.workspace_id, bob.role) == (None, None)
        assert house.actions() == ["member.added", "session.signed_in"]

    def test_nobody_hears_who_is_known(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        for name, password in (("ada", "wrong"), ("nobody", GOOD)):
            form = v1.Credentials(email=f"{name}@example.com", password=password)
            assert problem(house, house.doors.sign_in(form)) is AuthProblem.WRONG
        assert house.rows(Session) == []

    def test_an_unconfirmed_address_takes_nobody_over(self, house: House) -> None:
        house.people.user("ada")
        house.auth.knows("ada@example.com", verified=False)
        form = v1.Credentials(email="ada@example.com", password=GOOD)
        assert problem(house, house.doors.sign_in(form)) is AuthProblem.UNCONFIRMED
        assert house.rows(Identity) == house.rows(Session) == []

    def test_a_confirmed_one_joins_who_has_no_other_way_in(self, house: House) -> None:
        house.people.user("ada", verified=False)
        house.auth.knows("ada@example.com")
        assert house.comes("ada").user_id == "ada"
        assert house.rows(User)[0].email_verified_at == NOW

    def test_an_address_that_has_passed_on_takes_nobody_over(self, house: House) -> None:
        """The same issuer knows somebody else by it now."""
        house.auth.knows("ada@example.com")
        house.comes("ada")
        house.auth.knows("ada@example.com", subject="another")
        form = v1.Credentials(email="ada@example.com", password=GOOD)
        assert problem(house, house.doors.sign_in(form)) is AuthProblem.EMAIL_TAKEN
        assert len(house.rows(Identity)) == 1

    def test_who_is_signed_in_may_join_it(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        house.auth.knows("other@example.com", subject="another")
        found = house.comes("ada")
        answer = v1.External(party="acme", query={"subject": "another"}, kept=b"")
        house.run(house.doors.link_external(found, answer))
        issued = house.run(house.doors.finish_external(answer))
        assert issued.session.user_id == found.user_id
        house.auth.knows("bob@example.com")
        bob = house.comes("bob")
        assert problem(house, house.doors.link_external(bob, answer)) is AuthProblem.EMAIL_TAKEN

    @pytest.mark.parametrize(("field", "kind"), [("disabled_at", "disabled"), ("deleted_at", "wrong")])
    def test_who_is_switched_off_stays_out(self, house: House, field: str, kind: str) -> None:
        house.auth.knows("ada@example.com")
        user = house.comes("ada").user_id
        with house.store.write() as database:
            setattr(database.get_one(User, user), field, NOW)
        form = v1.Credentials(email="ada@example.com", password=GOOD)
        assert problem(house, house.doors.sign_in(form)) == kind

    def test_an_address_that_changed_at_the_provider_is_followed(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        user = house.comes("ada").user_id
        house.auth.people = {}
        house.auth.knows("lovelace@example.com", subject="ada")
        assert house.comes("lovelace").user_id == user
        assert house.rows(User)[0].email == "lovelace@example.com"

    def test_a_provider_that_fails_says_nothing_of_itself(self, house: House) -> None:
        house.auth.down = True
        form = v1.Credentials(email="ada@example.com", password=GOOD)
        with pytest.raises(AuthError, match="does not work at the moment") as caught:
            house.run(house.doors.sign_in(form))
        assert caught.value.kind is AuthProblem.UNAVAILABLE
        assert "10.0.0.1" not in str(caught.value)

    def test_what_is_kept_has_a_bound_and_is_sealed(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        house.sign_in("ada")
        [row] = house.rows(Session)
        assert b"kept 0" not in row.kept
        assert open_kept(house.vault, row.kept, session_id=row.id) == Kept(own=b"kept 0")
        with pytest.raises(SecretError):
            open_kept(house.vault, row.kept, session_id="another")
        house.auth.people["ada@example.com"] = replace(house.auth.proof("ada"), kept=b"x" * (LONGEST + 1))
        with pytest.raises(WrongResult, match="are the most"):
            house.sign_in("ada")


class TestParties:
    """Somebody else's word: the subject is theirs, the user and the session are ours."""

    @staticmethod
    def word(subject: str = "ada", **changes: Any) -> v1.External:
        return v1.External(party="company", query={"subject": subject, "issuer": COMPANY, **changes}, kept=b"")

    def comes(self, house: House, subject: str = "ada", **changes: Any) -> SignedIn:
        issued: Issued = house.run(house.doors.finish_external(self.word(subject, **changes)))
        found = house.enter(issued.token)
        assert found is not None
        return found

    def test_a_subject_of_theirs_is_none_of_the_providers(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        ada = house.comes("ada")
        house.auth.people["ada@example.com"] = replace(house.auth.people["ada@example.com"], email="eve@example.com")
        eve = self.comes(house)
        assert (ada.subject, eve.subject) == ("ada", f"{COMPANY} ada")
        assert eve.user_id != ada.user_id

    def test_an_unknown_party_is_not_asked(self, house: House) -> None:
        with pytest.raises(UnknownName, match="'nobody'"):
            house.run(house.doors.start_external("nobody", "https://adjoin.test/back"))

    def test_who_has_a_second_factor_is_not_joined_by_an_address(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        ada = house.comes("ada")
        house.auth.with_factor.add("ada")
        assert problem(house, house.doors.finish_external(self.word())) is AuthProblem.EMAIL_TAKEN
        house.run(house.doors.link_external(ada, self.word()))
        assert self.comes(house).user_id == ada.user_id

    def test_a_proof_of_this_morning_is_not_fresh(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        found = self.comes(house, proven_at=NOW - timedelta(hours=3))
        assert found.proven_at == NOW - timedelta(hours=3)
        with pytest.raises(StaleProof):
            house.run(house.accounts.export(found))
        assert self.comes(house, proven_at=NOW + timedelta(hours=3)).proven_at == NOW

    def test_a_new_word_makes_it_fresh(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        house.auth.knows("eve@example.com")
        found = self.comes(house)
        self.comes(house, "eve")
        house.waits(minutes=16)
        assert problem(house, house.doors.prove_external(found, self.word("eve"))) is AuthProblem.WRONG
        with pytest.raises(StaleProof):
            house.run(house.doors.prove_external(found, self.word(proven_at=NOW)))
        house.run(house.doors.prove_external(found, self.word()))
        again = house.sessions.find_by_id(found.session_id)
        assert again is not None
        assert again.proven_at == house.clock.now()

    def test_one_of_several_addresses_leads(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        ada = house.comes("ada")
        house.run(house.doors.link_external(ada, self.word(email="ada@company.example")))
        assert self.comes(house, email="ada@company.example").email == "ada@example.com"

    def test_the_first_one_where_the_provider_knows_nobody(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        found = self.comes(house)
        house.waits(minutes=1)
        house.run(house.doors.link_external(found, self.word(issuer="https://other.example")))
        assert self.comes(house, issuer="https://other.example", email="a@other.example").email == "ada@example.com"
        assert self.comes(house, email="ada@company.example").email == "ada@company.example"

    def test_a_deleted_account_leaves_nothing_of_them(self, house: House) -> None:
        house.auth.knows("boss@example.com")
        house.auth.knows("ada@example.com")
        house.comes("boss")
        house.run(house.accounts.delete(self.comes(house)))
        assert [one.subject for one in house.rows(Identity)] == ["boss"]
        assert house.auth.forgotten == [], "nothing of them is kept at the provider"


class TestRegistration:
    def form(self, name: str = "bob") -> v1.SignUp:
        return v1.SignUp(email=f"{name}@example.com", password=GOOD)

    def test_closed_is_closed(self, house: House) -> None:
        doors = house.opened("closed")
        assert problem(house, doors.sign_up(self.form())) is AuthProblem.REFUSED
        house.auth.knows("bob@example.com")
        credentials = v1.Credentials(email="bob@example.com", password=GOOD)
        assert problem(house, doors.sign_in(credentials)) is AuthProblem.REFUSED
        assert house.rows(User) == house.auth.forms == []

    def test_by_invitation_it_takes_the_link_and_the_address(self, house: House) -> None:
        workspace = house.people.workspace(ada=Role.OWNER)
        house.people.invite(workspace, "bob")
        doors = house.opened("invitation")
        for form, token in ((self.form(), ""), (self.form(), "adj_i_x"), (self.form("eve"), house.people.token)):
            assert problem(house, doors.sign_up(form, invitation=token)) is AuthProblem.REFUSED
        house.run(doors.sign_up(self.form(), invitation=house.people.token))
        assert [one.email for one in house.auth.forms] == ["bob@example.com"]
        house.auth.knows("bob@example.com")
        house.auth.knows("eve@example.com")
        assert house.run(doors.confirm("bob")).session.workspace_id is None
        assert problem(house, doors.confirm("eve")) is AuthProblem.REFUSED
        assert problem(house, doors.confirm("used")) is AuthProblem.BAD_LINK

    def test_who_holds_an_invitation_is_in_at_once(self, house: House) -> None:
        workspace = house.people.workspace(ada=Role.OWNER)
        house.people.invite(workspace, "bob", Role.ANALYST)
        token = house.people.token
        for doors, form in ((house.doors, self.form("eve")), (house.opened("closed"), self.form())):
            assert problem(house, doors.join(form, token)) is AuthProblem.REFUSED
        found = house.enter(house.run(house.opened("invitation").join(self.form(), token)).token)
        assert found is not None
        assert (found.email, found.workspace_id, found.role) == ("bob@example.com", workspace, Role.ANALYST)
        assert problem(house, house.doors.join(self.form(), token)) is AuthProblem.REFUSED, "it is good once"

    def test_a_new_address_counts_once_its_link_is_redeemed(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        house.comes("ada")
        assert house.run(house.doors.confirm_email("ada")) == "new-ada@example.com"
        house.auth.knows("bob@example.com")
        house.comes("bob")
        house.people.user("new-bob")
        assert problem(house, house.doors.confirm_email("bob")) is AuthProblem.EMAIL_TAKEN


class TestSecondFactor:
    @pytest.fixture
    def pending(self, house: House) -> Issued:
        house.auth.knows("ada@example.com")
        house.auth.with_factor.add("ada")
        return house.sign_in("ada")

    def test_the_password_alone_opens_nothing(self, house: House, pending: Issued) -> None:
        assert pending.pending
        assert house.enter(pending.token) is None
        assert "session.signed_in" not in house.actions()

    def test_the_code_makes_another_session(self, house: House, pending: Issued) -> None:
        issued = house.run(house.doors.second_factor(pending.token, CODE))
        found = house.enter(issued.token)
        assert found is not None
        assert found.level is SessionLevel.SECOND_FACTOR
        assert issued.token != pending.token
        assert [one.id for one in house.rows(Session)] == [issued.session.id]
        assert problem(house, house.doors.second_factor(pending.token, CODE)) is AuthProblem.ENDED

    def test_a_wrong_one_leaves_the_step_open_for_its_time(self, house: House, pending: Issued) -> None:
        assert problem(house, house.doors.second_factor(pending.token, "000000")) is AuthProblem.WRONG
        house.waits(minutes=10)
        assert problem(house, house.doors.second_factor(pending.token, CODE)) is AuthProblem.ENDED

    def test_who_is_in_does_not_step_up_by_it(self, house: House) -> None:
        house.auth.knows("bob@example.com")
        token = house.sign_in("bob").token
        assert problem(house, house.doors.second_factor(token, CODE)) is AuthProblem.ENDED

    def test_after_a_reset_it_is_still_asked_for(self, house: House, pending: Issued) -> None:
        old = house.run(house.doors.second_factor(pending.token, CODE))
        new = house.run(house.doors.reset("ada", "a new password"))
        assert new.pending
        assert house.enter(old.token) is None
        assert house.enter(new.token) is None


class TestGoing:
    def test_here_and_the_provider_hears_of_it(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        here, there = house.sign_in("ada"), house.sign_in("ada")
        house.run(house.doors.sign_out(here.token))
        assert house.enter(here.token) is None
        assert house.enter(there.token) is not None
        assert house.auth.signed_out == [("ada", b"kept 0")]
        house.run(house.doors.sign_out("nonsense"))

    def test_everywhere_and_everywhere_else(self, house: House) -> None:
        house.auth.knows("ada@example.com")
        house.auth.knows("bob@example.com")
        bob = house.sign_in("bob")
        tokens = [house.sign_in("ada").token for _ in range(3)]
        found = house.enter(tokens[0])
        assert found is not None
        assert house.run(house.doors.sign_out_everywhere(found, here=False)) == 2
        assert house.enter(tokens[0]) is not None
        assert house.run(house.doors.sign_out_everywhere(found)) == 1
        assert [house.enter(one) for one in tokens] == [None, None, None]
        assert house.enter(bob.token) is not None
        with pytest.raises(UnknownName, match="you have no session"):
            house.run(house.doors.end_session(found, bob.session.id))


class TestRenewal:
    @pytest.fixture
    def token(self, house: House) -> str:
        house.auth.knows("ada@example.com")
        house.auth.renew_within = timedelta(minutes=10)
        house.auth.expires_at = NOW + timedelta(hours=1)
        return house.sign_in("ada").token

    def test_it_is_renewed_in_time_and_once(self, house: House, token: str) -> None:
        """By several requests, of two processes."""
        other = house.opened("open", Sessions(house.store, house.clock))
        house.waits(minutes=55)

        async def many() -> list[SignedIn | None]:
            asked = [doors.enter(token) for doors in (house.doors, other) * 3]
            found = await asyncio.gather(*asked)
            await other.settle()
            return found

        assert all(house.run(many()))
        assert house.auth.renews == 1
        house.waits(minutes=55)
        assert house.enter(token) is not None
        assert house.auth.renews == 2

    def test_while_it_cannot_be_it_goes_on_until_its_end(self, house: House, token: str) -> None:
        house.auth.down = True
        house.waits(minutes=55)
        assert house.enter(token) is not None
        house.waits(minutes=6)
        with pytest.raises(AuthError, match="you stay signed in") as caught:
            house.enter(token)
        assert caught.value.kind is AuthProblem.UNAVAILABLE
        house.auth.down = False
        with pytest.raises(AuthError):
            house.enter(token)  # it is not asked all the time
        house.waits(seconds=15)
        assert house.enter(token) is not None

    def test_what_the_provider_ends_is_over(self, house: House, token: str) -> None:
        house.auth.ended = True
        house.waits(minutes=55)
        assert house.enter(token) is None
        assert house.rows(Session) == []
        assert "session.ended_by_provider" in house.actions()

    def test_what_cannot_be_read_is_over(self, house: House, token: str) -> None:
        house.doors._renewal._vault = Vault(Keyring([b"x" * 32]))
        assert house.enter(token) is None
        assert house.rows(Session) == []


class TestAccounts:
    @pytest.fixture
    def ada(self, house: House) -> SignedIn:
        house.auth.knows("ada@example.com")
        return house.comes("ada")

    def test_a_new_password_ends_all_other_sessions(self, house: House, ada: SignedIn) -> None:
        other = house.sign_in("ada")
        assert problem(house, house.accounts.change_password(ada, "wrong", "new")) is AuthProblem.WRONG
        issued = house.run(house.accounts.change_password(ada, GOOD, "new"))
        assert house.enter(other.token) is None
        found = house.enter(issued.token)
        assert found is not None
        assert (found.user_id, found.workspace_id) == (ada.user_id, ada.workspace_id)
        assert house.run(house.doors.kept(found)) == b"after the change"
        assert problem(house, house.doors.kept(ada)) is AuthProblem.ENDED
        assert "user.password_changed" in house.actions()

    def test_what_matters_takes_a_fresh_proof(self, house: House, ada: SignedIn) -> None:
        house.waits(minutes=16)
        for work in (house.accounts.export, house.accounts.delete, house.accounts.recovery_codes):
            with pytest.raises(StaleProof, match="prove again"):
                house.run(work(ada))
        assert problem(house, house.accounts.prove_again(ada, password="wrong")) is AuthProblem.WRONG
        house.run(house.accounts.prove_again(ada, password=GOOD))
        found = house.sessions.find_by_id(ada.session_id)
        assert found is not None
        house.run(house.accounts.export(found))

    def test_a_second_factor_that_is_set_up_ends_the_other_sessions(self, house: House, ada: SignedIn) -> None:
        other = house.sign_in("ada")
        issued = house.run(house.accounts.activate(ada, "e1", CODE))
        found = house.enter(issued.token)
        assert found is not None
        assert found.level is SessionLevel.SECOND_FACTOR
        assert house.enter(other.token) is None
        assert problem(house, house.accounts.prove_again(found, password=GOOD)) is AuthProblem.WRONG
        house.run(house.accounts.prove_again(found, code=CODE))

    def test_all_that_is_kept_is_handed_out_but_no_secret(self, house: House, ada: SignedIn) -> None:
        token = house.sign_in("ada").token
        text = house.run(house.accounts.export(ada))
        found = json.loads(text)
        assert found["user"]["email"] == "ada@example.com"
        assert [one["role"] for one in found["members"]] == ["owner"]
        assert len(found["sessions"]) == 2
        assert [one["subject"] for one in found["identities"]] == ["ada"]
        assert {one["action"] for one in found["audit"]} == {"session.signed_in"}
        assert not {"token_hash", "previous_hash", "kept"} & set(found["sessions"][0])
        assert not any(half in text for half in token.split("."))

    def test_the_only_owner_hears_what_to_do(self, house: House, ada: SignedIn) -> None:
        with pytest.raises(StateError, match=r"only owner of Default\. Make another member an owner"):
            house.run(house.accounts.delete(ada))
        assert house.enter(house.sign_in("ada").token) is not None

    def test_an_account_goes_with_all_that_is_personal(self, house: House, ada: SignedIn) -> None:
        house.people.user("bob")
        with house.store.write() as database:
            database.add(Member(workspace_id=DEFAULT_WORKSPACE, user_id="bob", role=Role.OWNER, created_at=NOW))
        house.auth.down = True
        house.run(house.accounts.delete(ada))
        assert house.rows(Session) == []
        assert [one.user_id for one in house.rows(Member)] == ["bob"]
        [gone] = [one for one in house.rows(User) if one.id == ada.user_id]
        assert (gone.email, gone.name, gone.deleted_at) == (f"deleted-{ada.user_id}", "", NOW)
        assert {"user.deleted", "member.left"} <= set(house.actions())
        house.auth.down = False
        assert house.auth.forgotten == []
        assert house.run(house.accounts.forget_deleted()) == 1
        assert house.auth.forgotten == ["ada"]
        assert house.rows(Identity) == []
        house.auth.knows("ada@example.com")
        assert house.comes("ada").user_id != ada.user_id, "the address is free again"


def test_an_address_that_is_none_is_refused(house: House) -> None:
    house.auth.knows("not an address")
    form = v1.Credentials(email="not an address", password=GOOD)
    assert problem(house, house.doors.sign_in(form)) is AuthProblem.BAD_EMAIL


def test_the_doors_of_an_installation_are_those_of_its_settings(house: House) -> None:
    made = open_doors(
        store=house.store,
        kernel=house.kernel,
        vault=house.vault,
        clock=house.clock,
        settings=Settings(auth="fake", registration="closed", base_url="https://ads.example.com", session_days=3),
        environ={"ADJOIN_AUTH_REGION": "eu"},
    )
    assert made.provider.description.title == "Fake"
    assert made.sessions.rules.lifetime == timedelta(days=3)
    assert problem(house, made.sign_up(v1.SignUp(email="ada@example.com", password=GOOD))) is AuthProblem.REFUSED
    context = made.provider.context
    assert dict(context.settings) == {"region": "eu"}
    house.run(context.send(Mail(to="ada@example.com", subject="Hello", text="a link", kind="auth.confirm")))
    [row] = house.rows(OutgoingMail)
    assert b"a link" in house.vault.open(row.message, workspace="", purpose="mail", record=row.id)
