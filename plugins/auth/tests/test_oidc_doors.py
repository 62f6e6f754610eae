"""Whom a party's word lets in, through the doors of an installation: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from adjoin.access import invitations
from adjoin.access.accounts import Accounts
from adjoin.access.actors import SYSTEM
from adjoin.access.doors import open_doors
from adjoin.access.sessions import Issued
from adjoin.access.signed_in import SignedIn
from adjoin.access.signing_in import SigningIn
from adjoin.auth import CONTRACT, v1
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Identity, Invitation, Member, Role, Session, User
from adjoin.errors import AuthError, AuthProblem, StaleProof, UnknownName
from adjoin.kernel import Kernel
from adjoin.secrets import Keyring, Vault
from adjoin.settings import Settings
from adjoin.testing.auth import totp
from adjoin.testing.server import running
from adjoin_auth.local import Local
from adjoin_auth.local.hashing import Argon2
from adjoin_auth.local.tables import Account
from adjoin_auth.testing.identity_provider import IdentityProvider

BACK = "https://adjoin.test/auth/with/company/back"
PASSWORD = "garnet otter fjord 41"
ADA = {"sub": "1", "email": "ada@company.example", "email_verified": True, "name": "Ada L."}


@pytest.fixture(scope="module")
def served() -> Iterator[IdentityProvider]:
    provider = IdentityProvider({})
    with running(provider.app) as address:
        provider.issuer = address
        yield provider


class House:
    """An installation that takes passwords and the company's word."""

    def __init__(self, store: Store, company: IdentityProvider, clock: ManualClock, quick: Argon2, home: Path) -> None:
        self.store, self.company, self.clock, self.home = store, company, clock, home
        company.people = {"ada": dict(ADA)}
        company.now = clock.now
        self.kernel = Kernel([CONTRACT])
        self.local = Local(quick, settings=company.settings(title="The Company"))
        self.kernel.add("local", "auth", 1, self.local)
        self.doors = self.opened("open")

    def opened(self, registration: str) -> SigningIn:
        settings = Settings(home=self.home, registration=registration, _env_file=None)  # type: ignore[call-arg,arg-type]
        vault = Vault(Keyring([b"k" * 32]))
        self.doors = open_doors(
            store=self.store, kernel=self.kernel, vault=vault, clock=self.clock, settings=settings, environ={}
        )
        self.accounts = Accounts(self.doors)
        return self.doors

    def run(self, work: Any) -> Any:
        async def whole() -> Any:
            try:
                return await work
            finally:
                await self.doors.settle()

        return asyncio.run(whole())

    def answer(self, person: str = "ada", *, again: bool = False) -> v1.External:
        start = self.run(self.doors.start_external("company", BACK, again=again))
        query = self.company.consents(start.url, person)
        return v1.External(party="company", query=query, kept=start.kept, redirect_uri=BACK)

    def comes(self, person: str = "ada") -> SignedIn:
        """Sign in by the company, and enter."""
        issued: Issued = self.run(self.doors.finish_external(self.answer(person)))
        assert not issued.pending
        return self.enter(issued)

    def enter(self, issued: Issued) -> SignedIn:
        found: SignedIn | None = self.run(self.doors.enter(issued.token))
        assert found is not None
        return found

    def has_password(self, email: str = "ada@company.example") -> SignedIn:
        """Somebody with a password, signed in by it."""
        form = v1.SignUp(email=email, password=PASSWORD, name="Ada")
        self.run(self.doors.provider.ask(self.local.admit(self.doors.provider.context, form)))
        return self.by_password(email)

    def by_password(self, email: str = "ada@company.example") -> SignedIn:
        return self.enter(self.run(self.doors.sign_in(v1.Credentials(email=email, password=PASSWORD))))

    def refused(self, work: Any) -> AuthProblem:
        with pytest.raises(AuthError) as caught:
            self.run(work)
        return caught.value.kind

    def is_refused(self, person: str = "ada") -> AuthProblem:
        return self.refused(self.doors.finish_external(self.answer(person)))

    def rows(self, model: Any) -> list[Any]:
        with self.store.read() as session:
            return list(session.exec(select(model)))


@pytest.fixture
def house(store: Store, served: IdentityProvider, clock: ManualClock, quick: Argon2, tmp_path: Path) -> Iterator[House]:
    with store.write() as session:
        for model in (Session, Member, Invitation, Identity, User):
            session.connection().execute(sa.delete(model))
    made = House(store, served, clock, quick, tmp_path)
    yield made
    made.kernel.close()


class TestWhoIsLetIn:
    def test_somebody_new_and_again(self, house: House) -> None:
        first, second = house.comes(), house.comes()
        assert first.user_id == second.user_id
        assert first.subject == f"{house.company.issuer} 1"
        assert (first.email, first.name) == ("ada@company.example", "Ada L.")
        [identity] = house.rows(Identity)
        assert (identity.issuer, identity.subject) == (house.company.issuer, "1")

    def test_closed_is_closed(self, house: House) -> None:
        house.opened("closed")
        assert house.is_refused() is AuthProblem.REFUSED
        assert house.rows(User) == []

    def test_by_invitation_it_takes_one(self, house: House) -> None:
        house.opened("invitation")
        assert house.is_refused() is AuthProblem.REFUSED
        with house.store.write() as session:
            invitations.invite(
                session,
                DEFAULT_WORKSPACE,
                "ada@company.example",
                Role.VIEWER,
                by=SYSTEM,
                send=lambda *_: None,
                now=house.clock.now(),
            )
        assert house.comes().email == "ada@company.example"

    @pytest.mark.parametrize("verified", [False, None])
    def test_an_address_that_nobody_vouches_for_makes_nobody(self, house: House, verified: bool | None) -> None:
        house.company.people["ada"]["email_verified"] = verified
        assert house.is_refused() is AuthProblem.UNCONFIRMED
        assert house.rows(User) == []

    def test_nor_does_it_join_anybody(self, house: House) -> None:
        house.has_password()
        house.company.people["ada"]["email_verified"] = False
        assert house.is_refused() is AuthProblem.UNCONFIRMED
        assert len(house.rows(Identity)) == 1

    def test_a_confirmed_one_joins_who_is_there(self, house: House) -> None:
        ada = house.has_password()
        assert house.comes().user_id == ada.user_id
        assert house.by_password().user_id == ada.user_id

    def test_not_where_the_account_has_a_second_factor(self, house: House) -> None:
        """A mailbox at the company is less than they asked for; signed in, they may add it themselves."""
        ada = self.with_second_factor(house)
        assert house.is_refused() is AuthProblem.EMAIL_TAKEN
        house.run(house.doors.link_external(ada, house.answer()))
        assert house.comes().user_id == ada.user_id

    def test_a_subject_of_theirs_is_none_of_ours(self, house: House) -> None:
        """A party that names people as we do gets nobody's account, password or second factor."""
        ada = house.has_password()
        house.company.people["eve"] = {"sub": ada.subject, "email": "eve@company.example", "email_verified": True}
        eve = house.comes("eve")
        assert eve.user_id != ada.user_id
        assert house.refused(house.accounts.prove_again(eve, password=PASSWORD)) is AuthProblem.REFUSED
        house.run(house.accounts.delete(eve))
        assert [account.id for account in house.rows(Account)] == [ada.subject]

    def test_another_person_with_the_address_of_before_is_not_let_in(self, house: House) -> None:
        house.comes()
        house.company.people["ada"]["sub"] = "2"
        assert house.is_refused() is AuthProblem.EMAIL_TAKEN

    def test_an_address_that_changed_there_is_followed(self, house: House) -> None:
        before = house.comes()
        house.company.people["ada"]["email"] = "Ada.Lovelace@company.example"
        after = house.comes()
        assert (after.user_id, after.email) == (before.user_id, "ada.lovelace@company.example")

    def test_unless_it_is_somebody_elses(self, house: House) -> None:
        house.has_password("eve@company.example")
        before = house.comes()
        house.company.people["ada"]["email"] = "eve@company.example"
        after = house.comes()
        assert (after.user_id, after.email) == (before.user_id, "ada@company.example")

    def test_who_is_switched_off_stays_out(self, house: House) -> None:
        ada = house.comes()
        with house.store.write() as session:
            session.get_one(User, ada.user_id).disabled_at = house.clock.now()
        assert house.is_refused() is AuthProblem.DISABLED

    def test_an_answer_makes_one_session(self, house: House) -> None:
        answer = house.answer()
        house.run(house.doors.finish_external(answer))
        assert house.refused(house.doors.finish_external(answer)) is AuthProblem.BAD_LINK

    def test_a_party_that_is_taken_away_is_unknown(self, house: House) -> None:
        with pytest.raises(UnknownName, match="'other'"):
            house.run(house.doors.start_external("other", BACK))

    @staticmethod
    def with_second_factor(house: House) -> SignedIn:
        ada = house.has_password()
        made = house.run(house.accounts.enroll(ada, "Phone"))
        code = totp(made.secret, house.clock.now())
        return house.enter(house.run(house.accounts.activate(ada, made.id, code)))


class TestLinking:
    def test_a_sign_in_is_added(self, house: House) -> None:
        ada = house.has_password("ada@home.example")
        house.company.people["ada"]["email_verified"] = False
        house.run(house.doors.link_external(ada, house.answer()))
        assert house.comes().user_id == ada.user_id

    def test_the_address_stays_the_one_of_before(self, house: House) -> None:
        """Of several ways in one leads: the password's, else the first one."""
        ada = house.has_password("ada@home.example")
        house.run(house.doors.link_external(ada, house.answer()))
        assert house.comes().email == "ada@home.example"

    def test_but_not_one_of_somebody_else(self, house: House) -> None:
        house.comes()
        eve = house.has_password("eve@company.example")
        assert house.refused(house.doors.link_external(eve, house.answer())) is AuthProblem.EMAIL_TAKEN


class TestAccounts:
    def test_what_the_company_keeps_is_changed_there(self, house: House) -> None:
        ada, accounts = house.comes(), house.accounts
        for work in (
            accounts.prove_again(ada, password=PASSWORD),
            accounts.change_password(ada, PASSWORD, "violet anvil brook 88"),
            accounts.change_email(ada, PASSWORD, "ada@home.example"),
            accounts.enroll(ada, "Phone"),
            accounts.recovery_codes(ada),
            accounts.remove_factor(ada, "f1"),
        ):
            with pytest.raises(AuthError, match="You have signed in with The Company") as caught:
                house.run(work)
            assert caught.value.kind is AuthProblem.REFUSED
        assert house.run(accounts.factors(ada)) == []

    def test_a_fresh_proof_comes_from_there(self, house: House) -> None:
        ada = house.comes()
        house.clock.advance(timedelta(minutes=16).total_seconds())
        with pytest.raises(StaleProof):
            house.run(house.accounts.export(ada))
        house.company.people["ada"]["auth_time"] = int(house.clock.now().timestamp())
        house.run(house.doors.prove_external(ada, house.answer(again=True)))
        again = house.doors.sessions.find_by_id(ada.session_id)
        assert again is not None
        assert json.loads(house.run(house.accounts.export(again)))["user"]["email"] == "ada@company.example"

    def test_but_not_from_somebody_else(self, house: House) -> None:
        ada = house.comes()
        house.company.people["eve"] = {
            "sub": "2",
            "email": "eve@company.example",
            "email_verified": True,
            "auth_time": int(house.clock.now().timestamp()),
        }
        house.comes("eve")
        assert house.refused(house.doors.prove_external(ada, house.answer("eve", again=True))) is AuthProblem.WRONG

    def test_who_has_a_second_factor_shows_that_one(self, house: House) -> None:
        ada = TestWhoIsLetIn.with_second_factor(house)
        house.run(house.doors.link_external(ada, house.answer()))
        with pytest.raises(StaleProof, match="second factor"):
            house.run(house.doors.prove_external(ada, house.answer()))

    def test_a_sign_in_there_of_this_morning_is_no_fresh_proof(self, house: House) -> None:
        house.company.people["ada"]["auth_time"] = int(house.clock.now().timestamp()) - 4 * 3600
        ada = house.comes()
        with pytest.raises(StaleProof):
            house.run(house.accounts.export(ada))

    def test_a_deleted_account_leaves_no_identity(self, house: House) -> None:
        boss = house.has_password("boss@company.example")
        ada = house.comes()
        house.run(house.accounts.delete(ada))
        assert [one.user_id for one in house.rows(Identity)] == [boss.user_id]
        assert house.comes().user_id != ada.user_id
