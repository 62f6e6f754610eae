"""Lives of accounts in any order of steps: what the provider says is what a model of it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from adjoin.auth.v1 import Credentials, Level, LinkKind, Proof, SignUp
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth import RecordingContext, totp
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.factors import activate, enroll, factors, recovery_codes, remove_factor, second_factor
from adjoin_auth.local.hashing import Hasher
from adjoin_auth.local.links import LIFETIMES
from adjoin_auth.local.passwords import ask_reset, change_email, change_password, reset
from adjoin_auth.local.registering import confirm, sign_up
from adjoin_auth.local.signing_in import sign_in
from adjoin_auth.local.sweeping import forget
from adjoin_auth.local.tables import Base

EMAILS = ("ada@company.example", "eve@company.example")
PASSWORDS = ("garnet otter fjord 41", "violet anvil brook 88")
WRONG, UNCONFIRMED = AuthProblem.WRONG, AuthProblem.UNCONFIRMED

emails = st.sampled_from(EMAILS)
passwords = st.sampled_from(PASSWORDS)


@dataclass
class Known:
    """What the model knows of an account."""

    password: str
    subject: str = ""
    confirmed: bool = False
    links: dict[LinkKind, tuple[str, datetime, str]] = field(default_factory=dict)  # token, made at, e-mail
    secrets: dict[str, str] = field(default_factory=dict)  # factor: secret
    recovery: list[str] = field(default_factory=list)


def outcome(step: Callable[[], Proof]) -> tuple[Proof | None, AuthProblem | None]:
    """What a step came to: a proof, or why it was refused."""
    try:
        return step(), None
    except AuthError as error:
        return None, error.kind


class Lives(RuleBasedStateMachine):
    """Two e-mails, two passwords. Between two steps enough time passes that nobody is throttled."""

    def __init__(self, store: Store, hasher: Hasher, clock: ManualClock) -> None:
        super().__init__()
        with store.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.connection().execute(sa.delete(table))
        self.clock = clock
        self.context = RecordingContext(store, clock)
        self.hasher = hasher
        self.known: dict[str, Known] = {}
        self.used: list[tuple[LinkKind, str]] = []

    @property
    def desk(self) -> Desk:
        self.clock.advance(301)
        return Desk(self.context, self.hasher)

    def mailed(self, desk: Desk, email: str, kind: LinkKind) -> None:
        """Note the link that a step has mailed for the account of `email`."""
        place = self.context.link(kind, "")
        (mail,) = [mail for mail in desk.mails if place in mail.text]
        token = mail.text.split(place)[1].split()[0]
        account = self.known[email]
        if kind in account.links:
            self.over(kind, account.links[kind][0])
        account.links[kind] = (token, desk.now, mail.to)

    def void(self, account: Known) -> None:
        for kind, (token, _, _) in account.links.items():
            self.over(kind, token)
        account.links.clear()

    def over(self, kind: LinkKind, token: str) -> None:
        """A link that must not be good any more."""
        self.used.append((kind, token))
        self.use_old_link(kind, token)

    def use_old_link(self, kind: LinkKind, token: str) -> None:
        desk = Desk(self.context, self.hasher)
        by_reset, by_link = partial(reset, desk, token, PASSWORDS[0]), partial(confirm, desk, kind, token)
        _, refusal = outcome(by_reset if kind is LinkKind.RESET else by_link)
        assert refusal is AuthProblem.BAD_LINK

    @rule(email=emails, password=passwords)
    def sign_up(self, email: str, password: str) -> None:
        desk = self.desk
        sign_up(desk, SignUp(email=email, password=password))
        account = self.known.get(email)
        if account is not None and account.confirmed:
            assert [mail.kind for mail in desk.mails] == ["auth.known"]
            return
        if account is None:
            account = self.known[email] = Known(password)
        account.password = password
        self.mailed(desk, email, LinkKind.CONFIRM)

    @initialize(password=passwords)
    def begin(self, password: str) -> None:
        self.join(EMAILS[0], password)

    @rule(email=emails, password=passwords)
    def join(self, email: str, password: str) -> None:
        """Sign up and confirm, in one step: most of a life comes after it."""
        self.sign_up(email, password)
        self._redeem(email, LinkKind.CONFIRM)

    @rule(email=emails, password=passwords)
    def sign_in(self, email: str, password: str) -> None:
        desk, account = self.desk, self.known.get(email)
        expected = WRONG if account is None or account.password != password else None
        if account is not None and expected is None and not account.confirmed:
            expected = UNCONFIRMED
        proof, refusal = outcome(lambda: sign_in(desk, Credentials(email=email, password=password)))
        assert refusal is expected
        if refusal is UNCONFIRMED:
            self.mailed(desk, email, LinkKind.CONFIRM)
        if proof is None or account is None:
            return
        assert proof.subject == account.subject
        assert proof.needs_second_factor == bool(account.secrets)

    @rule(email=emails)
    def confirm(self, email: str) -> None:
        self._redeem(email, LinkKind.CONFIRM)

    @rule(email=emails)
    def confirm_new_email(self, email: str) -> None:
        self._redeem(email, LinkKind.CHANGE_EMAIL)

    def _redeem(self, email: str, kind: LinkKind) -> None:
        account = self.known.get(email)
        if account is None or kind not in account.links:
            return
        desk = self.desk
        token, made, proves = account.links[kind]
        other = self.known.get(proves)
        expected = None
        if made + LIFETIMES[kind] <= desk.now:
            expected = AuthProblem.LINK_EXPIRED
        elif other is not None and other is not account and other.confirmed:
            expected = AuthProblem.EMAIL_TAKEN
        proof, refusal = outcome(lambda: confirm(desk, kind, token))
        assert refusal is expected
        if proof is None:
            return
        assert (proof.email, proof.email_verified) == (proves, True)
        assert account.subject in ("", proof.subject)
        account.subject, account.confirmed = proof.subject, True
        self.over(kind, token)
        del account.links[kind]
        if proves != email:
            if other is not None:
                self.void(other)
            self.void(account)
            self.known[proves] = self.known.pop(email)

    @rule(email=emails)
    def ask_reset(self, email: str) -> None:
        desk = self.desk
        ask_reset(desk, email, "")
        if email in self.known:
            self.mailed(desk, email, LinkKind.RESET)
        else:
            assert desk.mails == []

    @rule(email=emails, password=passwords)
    def reset(self, email: str, password: str) -> None:
        account = self.known.get(email)
        if account is None or LinkKind.RESET not in account.links:
            return
        desk = self.desk
        token, made, _ = account.links[LinkKind.RESET]
        expired = made + LIFETIMES[LinkKind.RESET] <= desk.now
        proof, refusal = outcome(lambda: reset(desk, token, password))
        assert refusal is (AuthProblem.LINK_EXPIRED if expired else None)
        if proof is None:
            return
        assert proof.needs_second_factor == bool(account.secrets)
        account.password, account.confirmed, account.subject = password, True, proof.subject
        self.void(account)

    @rule()
    def use_old_links(self) -> None:
        for kind, token in self.used:
            self.use_old_link(kind, token)

    @rule(email=emails, right=st.booleans(), new=passwords)
    def change_password(self, email: str, right: bool, new: str) -> None:
        account = self._confirmed(email)
        if account is None:
            return
        current = account.password if right else "not the password"
        proof, refusal = outcome(lambda: change_password(self.desk, account.subject, current, new))
        assert refusal is (None if right else WRONG)
        if proof is None:
            return
        account.password = new
        self.void(account)

    @rule(email=emails, new=emails)
    def change_email(self, email: str, new: str) -> None:
        account = self._confirmed(email)
        if account is None or new == email:
            return
        desk = self.desk
        change_email(desk, account.subject, account.password, new)
        self.mailed(desk, email, LinkKind.CHANGE_EMAIL)

    @rule(email=emails)
    def add_factor(self, email: str) -> None:
        account = self._confirmed(email)
        if account is None or len(account.secrets) >= 3:
            return
        made = enroll(self.desk, account.subject, "Phone")
        desk = Desk(self.context, self.hasher)
        activate(desk, account.subject, made.id, totp(made.secret, desk.now))
        account.secrets[made.id] = made.secret

    @rule(email=emails, data=st.data())
    def show_factor(self, email: str, data: st.DataObject) -> None:
        account = self._confirmed(email)
        if account is None or not account.secrets:
            return
        desk = self.desk
        code = totp(data.draw(st.sampled_from(sorted(account.secrets.values()))), desk.now)
        assert second_factor(desk, account.subject, code).level is Level.SECOND_FACTOR
        with pytest.raises(AuthError):
            second_factor(desk, account.subject, code)

    @rule(email=emails)
    def make_recovery_codes(self, email: str) -> None:
        account = self._confirmed(email)
        if account is not None and account.secrets:
            account.recovery = recovery_codes(self.desk, account.subject)

    @rule(email=emails)
    def use_recovery_code(self, email: str) -> None:
        account = self._confirmed(email)
        if account is None or not account.recovery:
            return
        code = account.recovery.pop()
        assert second_factor(self.desk, account.subject, code).subject == account.subject
        with pytest.raises(AuthError):
            second_factor(self.desk, account.subject, code)

    @rule(email=emails)
    def remove_factor(self, email: str) -> None:
        account = self._confirmed(email)
        if account is None or not account.secrets:
            return
        gone, _ = account.secrets.popitem()
        remove_factor(self.desk, account.subject, gone)
        if not account.secrets:
            account.recovery = []
        assert {factor.id for factor in factors(self.desk, account.subject)} == set(account.secrets)

    @rule(email=emails)
    def forget(self, email: str) -> None:
        account = self._confirmed(email)
        if account is not None:
            forget(self.desk, account.subject)
            self.void(self.known.pop(email))

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.clock.advance(timedelta(hours=hours).total_seconds())

    def _confirmed(self, email: str) -> Known | None:
        account = self.known.get(email)
        return account if account is not None and account.confirmed else None


def test_every_life_is_what_the_model_says(store: Store, hasher: Hasher, clock: ManualClock) -> None:
    few = settings(max_examples=10, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(lambda: Lives(store, hasher, clock), settings=few)  # type: ignore[no-untyped-call]
