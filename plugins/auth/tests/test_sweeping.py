"""What is over is let go of; what is not stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from adjoin.auth.v1 import Credentials, LinkKind, SignUp
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import AuthError, AuthProblem
from adjoin.testing.auth import RecordingContext, totp
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.factors import activate, enroll, recovery_codes
from adjoin_auth.local.passwords import ask_reset
from adjoin_auth.local.registering import admit, confirm, sign_up
from adjoin_auth.local.signing_in import sign_in
from adjoin_auth.local.sweeping import forget, sweep
from adjoin_auth.local.tables import Account, Base, Bucket, KnownAddress, Link, RecoveryCode, SecondFactor

EMAIL, PASSWORD = "ada@company.example", "garnet otter fjord 41"


def count(store: Store, model: type[SQLModel]) -> int:
    with store.read() as session:
        return int(session.connection().execute(sa.select(sa.func.count()).select_from(model)).scalar_one())


@pytest.fixture
def subject(desk: Desk) -> str:
    return admit(desk, SignUp(email=EMAIL, password=PASSWORD)).subject


def test_everything_of_somebody_is_forgotten(desk: Desk, store: Store, subject: str, clock: ManualClock) -> None:
    sign_in(desk, Credentials(email=EMAIL, password=PASSWORD, address="203.0.113.7"))
    ask_reset(desk, EMAIL, "")
    made = enroll(desk, subject, "Phone")
    activate(desk, subject, made.id, totp(made.secret, clock.now()))
    recovery_codes(desk, subject)
    tables = (Account, Link, SecondFactor, RecoveryCode, KnownAddress)
    assert all(count(store, model) for model in tables)

    forget(desk, subject)

    assert [count(store, model) for model in tables] == [0] * 5


def test_a_sign_up_that_nobody_confirms_goes(desk: Desk, store: Store, subject: str, clock: ManualClock) -> None:
    sign_up(desk, SignUp(email="eve@company.example", password=PASSWORD))
    clock.advance(timedelta(days=29).total_seconds())
    sweep(desk)
    assert count(store, Account) == 2
    clock.advance(timedelta(days=2).total_seconds())
    sweep(desk)

    assert count(store, Account) == 1


def test_an_expired_link_is_told_apart_for_a_month(
    desk: Desk, auth_context: RecordingContext, clock: ManualClock, store: Store
) -> None:
    sign_up(desk, SignUp(email=EMAIL, password=PASSWORD))
    token = desk.mails[0].text.split(auth_context.link(LinkKind.CONFIRM, ""))[1].split()[0]
    clock.advance(timedelta(days=2).total_seconds())
    sweep(desk)
    with pytest.raises(AuthError) as caught:
        confirm(desk, LinkKind.CONFIRM, token)
    assert caught.value.kind is AuthProblem.LINK_EXPIRED
    clock.advance(timedelta(days=31).total_seconds())
    sweep(desk)

    assert count(store, Link) == 0


def test_enrollments_that_were_never_finished_go(desk: Desk, store: Store, subject: str, clock: ManualClock) -> None:
    enroll(desk, subject, "Phone")
    clock.advance(601)
    sweep(desk)

    assert count(store, SecondFactor) == 0


def test_addresses_are_remembered_for_a_while_and_not_endlessly_many(
    desk: Desk, store: Store, subject: str, clock: ManualClock
) -> None:
    for number in range(25):
        clock.advance(60)
        sign_in(desk, Credentials(email=EMAIL, password=PASSWORD, address=f"203.0.113.{number}"))
    assert count(store, KnownAddress) == 20
    clock.advance(timedelta(days=91).total_seconds())
    sweep(desk)

    assert count(store, KnownAddress) == 0


def test_the_tables_are_swept_once_a_minute(desk: Desk, store: Store, clock: ManualClock) -> None:
    """However many come, and in how many processes."""
    with store.write() as session:
        session.add(Bucket(name_hash=b"old", full_at=0.0))
    sweep(desk)
    assert count(store, Bucket) == 1, "the sweep's own"
    with store.write() as session:
        session.add(Bucket(name_hash=b"old", full_at=0.0))
    sweep(desk)
    assert count(store, Bucket) == 2
    clock.advance(61)
    sweep(desk)

    assert count(store, Bucket) == 1


def test_nothing_secret_is_stored_in_the_clear(
    desk: Desk, store: Store, subject: str, clock: ManualClock, auth_context: RecordingContext
) -> None:
    made = enroll(desk, subject, "Phone")
    activate(desk, subject, made.id, totp(made.secret, clock.now()))
    codes = recovery_codes(desk, subject)
    ask_reset(desk, EMAIL, "203.0.113.7")
    sign_in(desk, Credentials(email=EMAIL, password=PASSWORD, address="203.0.113.7"))
    place = auth_context.link(LinkKind.RESET, "")
    token = next(mail.text.split(place)[1].split()[0] for mail in desk.mails if place in mail.text)
    secrets = [PASSWORD, made.secret, token, "203.0.113.7", *codes, *(code.replace("-", "") for code in codes)]

    with store.read() as session:
        stored = b"|".join(
            value if isinstance(value, bytes) else str(value).encode()
            for table in Base.metadata.sorted_tables
            for row in session.connection().execute(sa.select(table))
            for value in row
        )

    assert EMAIL.encode() in stored
    assert [secret for secret in secrets if secret.encode() in stored] == []
