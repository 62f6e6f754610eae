"""Members and invitations, whatever is done in whatever order: always an owner, and no link works twice."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import Session, select

from adjoin.access import invitations, members, users
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.invitations import InvitationMail
from adjoin.access.permissions import Permission, may, outranks
from adjoin.db import Store
from adjoin.db.people import AuditEntry, Invitation, Member, Role, User
from adjoin.errors import AdjoinError, AuthError
from adjoin.testing.stores import initialise
from adjoin.tokens import hash_token

NAMES = ("ada", "bob", "cy", "dan")
NAME = st.sampled_from(NAMES)
MANAGER = st.sampled_from(("ada", *NAMES))
ROLE = st.sampled_from(Role)
WORKSPACE = "default"


class MembersAndInvitations(RuleBasedStateMachine):
    """Does what people may try, and compares with a model of a few lines: who is what, and which links are good."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(f"sqlite:///{Path(self.folder.name) / 'adjoin.db'}", check_schema=False)
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        initialise(self.store, now=self.now)
        self.roles: dict[str, Role] = {}
        self.disabled: set[str] = set()
        self.good: dict[str, str] = {}  # the token that is good, by invitation
        self.all_tokens: list[tuple[str, str]] = []
        self.accepted: dict[str, int] = {}

    @initialize()
    def begin(self) -> None:
        with self.store.write() as session:
            for name in NAMES:
                email = f"{name}@example.com"
                session.add(User(id=name, email=email, email_verified_at=self.now, created_at=self.now))
            session.flush()
            members.add(session, WORKSPACE, "ada", Role.OWNER, by=SYSTEM, now=self.now)
        self.roles["ada"] = Role.OWNER

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def attempt(self, change, *args, by: str, **options):
        """Return what came of it, or None where it was refused."""
        try:
            with self.store.write() as session:
                return change(session, *args, by=Actor.user(by), now=self.now, **options)
        except AdjoinError:
            return None

    def manages(self, name: str, role: Role) -> bool:
        """Whether somebody may decide about a role."""
        own = self.roles.get(name)
        usable = own is not None and name not in self.disabled
        return usable and may(own, Permission.MANAGE_MEMBERS) and not outranks(role, own)

    @rule(by=NAME, name=NAME, role=ROLE)
    def change_role(self, by: str, name: str, role: Role) -> None:
        if self.attempt(members.change_role, WORKSPACE, name, role, by=by) is not None:
            assert self.manages(by, role)
            assert self.manages(by, self.roles[name])
            self.roles[name] = role
            self.good = self.still_good()

    @rule(by=NAME, name=NAME)
    def remove(self, by: str, name: str) -> None:
        before = self.roles.get(name)
        self.attempt(members.remove, WORKSPACE, name, by=by)
        if self.stored().keys() != self.roles.keys():
            assert before is not None
            assert self.manages(by, before)
            del self.roles[name]
            self.good = self.still_good()

    @rule(name=NAME)
    def leave(self, name: str) -> None:
        self.attempt(members.leave, WORKSPACE, name, by=name)
        if self.stored().keys() != self.roles.keys():
            del self.roles[name]
            self.good = self.still_good()

    @rule(by=NAME, name=NAME)
    def transfer(self, by: str, name: str) -> None:
        if self.attempt(members.transfer, WORKSPACE, name, by=by) is not None:
            assert self.roles[by] is Role.OWNER
            self.roles[by], self.roles[name] = Role.ADMIN, Role.OWNER
            self.good = self.still_good()

    @rule(by=MANAGER, name=NAME, role=ROLE)
    def invite(self, by: str, name: str, role: Role) -> None:
        sent: list[InvitationMail] = []

        def send(_: Session, mail: InvitationMail) -> None:
            sent.append(mail)

        made = self.attempt(invitations.invite, WORKSPACE, f"{name}@example.com", role, by=by, send=send)
        assert (made is not None) is bool(sent)
        if made is not None:
            assert self.manages(by, role)
            assert name not in self.roles
            self.good[made.id] = sent[0].token
            self.all_tokens.append((made.id, sent[0].token))

    @precondition(lambda self: self.all_tokens)
    @rule(by=NAME, data=st.data())
    def resend(self, by: str, data: st.DataObject) -> None:
        invitation_id, _ = data.draw(st.sampled_from(self.all_tokens))
        sent: list[InvitationMail] = []

        def send(_: Session, mail: InvitationMail) -> None:
            sent.append(mail)

        if self.attempt(invitations.resend, WORKSPACE, invitation_id, by=by, send=send) is not None:
            assert invitation_id not in self.accepted
            self.good[invitation_id] = sent[0].token
            self.all_tokens.append((invitation_id, sent[0].token))

    @precondition(lambda self: self.good)
    @rule(by=NAME, data=st.data())
    def revoke(self, by: str, data: st.DataObject) -> None:
        invitation_id = data.draw(st.sampled_from(sorted(self.good)))
        if self.attempt(invitations.revoke, WORKSPACE, invitation_id, by=by) is not None:
            del self.good[invitation_id]

    @precondition(lambda self: self.all_tokens)
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        """Any link there ever was, by anybody: it works if it is good and theirs, and they can sign in."""
        invitation_id, token = data.draw(st.sampled_from(self.all_tokens))
        with self.store.read() as session:
            row = session.get_one(Invitation, (WORKSPACE, invitation_id))
        by = data.draw(st.sampled_from([row.email.partition("@")[0]] * len(NAMES) + list(NAMES)))
        due = (
            self.good.get(invitation_id) == token
            and row.email == f"{by}@example.com"
            and self.now < row.expires_at
            and by not in self.disabled
        )
        try:
            with self.store.write() as session:
                joined = invitations.accept(session, token, by=Actor.user(by), now=self.now)
        except AuthError:
            assert not due
            return
        assert due
        self.roles.setdefault(by, row.role)
        assert joined.role is self.roles[by]
        self.accepted[invitation_id] = self.accepted.get(invitation_id, 0) + 1
        del self.good[invitation_id]

    @rule(name=NAME)
    def switch(self, name: str) -> None:
        change = users.enable if name in self.disabled else users.disable
        assert self.attempt(change, name, by="ada") is not None
        self.disabled ^= {name}

    @rule(hours=st.sampled_from([1, 24, 24 * 8]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        assert self.stored() == self.roles

    @invariant()
    def there_is_an_owner_and_nobody_without_a_role(self) -> None:
        if self.roles:
            found = self.stored()
            assert Role.OWNER in found.values()
            assert all(role in set(Role) for role in found.values())

    @invariant()
    def no_invitation_is_accepted_twice_or_accepted_and_revoked(self) -> None:
        assert all(count == 1 for count in self.accepted.values())
        with self.store.read() as session:
            rows = session.exec(select(Invitation)).all()
            told = session.exec(select(AuditEntry).where(AuditEntry.action == "invitation.accepted")).all()
        assert not any(one.accepted_at and one.revoked_at for one in rows)
        assert {one.id for one in rows if one.accepted_at} == set(self.accepted)
        assert sorted(one.object_id for one in told) == sorted(self.accepted)

    def stored(self) -> dict[str, Role]:
        with self.store.read() as session:
            return {one.user_id: one.role for one in session.exec(select(Member))}

    def still_good(self) -> dict[str, str]:
        """The good links without those that went with who had sent them; such a one is revoked, and not accepted."""
        with self.store.read() as session:
            rows = {one.id: one for one in session.exec(select(Invitation))}
        left = {}
        for invitation_id, token in self.good.items():
            row = rows[invitation_id]
            sender = self.roles.get(row.invited_by)
            if row.revoked_at is None:
                assert sender is not None
                assert not outranks(row.role, sender)
                assert row.token_hash == hash_token(token)
                left[invitation_id] = token
        return left


TestMembersAndInvitations = MembersAndInvitations.TestCase
TestMembersAndInvitations.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
