"""What an auth provider may use of Adjoin."""

from __future__ import annotations

import asyncio

import pytest
from sqlmodel import Session, select

from adjoin.access.context import DEFAULT_BASE_URL, Context, auth_settings
from adjoin.auth.v1 import AuthContext, LinkKind
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.people import OutgoingMail, User
from adjoin.errors import SecretError
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault

CLOCK = ManualClock()
VAULT = Vault(Keyring([b"k" * 32]))


def context(store: Store, **more: str) -> Context:
    def outbox(session: Session, mail: Mail) -> None:
        blob = VAULT.seal(mail.text.encode(), workspace="", purpose="mail", record="m1")
        session.add(OutgoingMail(id="m1", kind=mail.kind, message=blob, created_at=CLOCK.now()))

    return Context(store=store, vault=VAULT, clock=CLOCK, outbox=outbox, **more)


def test_what_is_sealed_opens_only_for_its_purpose_and_record(sqlite_store: Store) -> None:
    made: AuthContext = context(sqlite_store)
    blob = made.seal(b"seed", purpose="second factor", record="u1")
    assert b"seed" not in blob
    assert made.unseal(blob, purpose="second factor", record="u1") == b"seed"
    for purpose, record in (("second factor", "u2"), ("session", "u1")):
        with pytest.raises(SecretError):
            made.unseal(blob, purpose=purpose, record=record)
    with pytest.raises(SecretError):
        VAULT.open(blob, workspace="default", purpose="second factor", record="u1")


def test_it_reads_and_writes_the_store(store: Store) -> None:
    made = context(store)
    with made.write() as session:
        session.add(User(id="ada", email="ada@example.com", created_at=made.now()))
    with made.read() as session:
        assert session.get_one(User, "ada").created_at == CLOCK.now()


def test_a_mail_goes_to_the_outbox(store: Store) -> None:
    mail = Mail(to="ada@example.com", subject="Hello", text="a link", kind="auth.confirm")
    asyncio.run(context(store).send(mail))
    with store.read() as session:
        row = session.exec(select(OutgoingMail)).one()
    assert row.kind == "auth.confirm"
    assert b"a link" not in (row.message or b"")


@pytest.mark.parametrize("base_url", ["https://ads.example.com", "https://ads.example.com/"])
def test_the_token_of_a_link_stands_where_no_server_logs_it(sqlite_store: Store, base_url: str) -> None:
    made = context(sqlite_store, base_url=base_url)
    assert made.link(LinkKind.RESET, "adj_r_x") == "https://ads.example.com/auth/reset#adj_r_x"
    assert made.link(LinkKind.CHANGE_EMAIL, "a b&c#d") == "https://ads.example.com/auth/change-email#a%20b%26c%23d"
    assert context(sqlite_store).link(LinkKind.CONFIRM, "t") == f"{DEFAULT_BASE_URL}/auth/confirm#t"


def test_its_settings_are_the_variables_with_its_prefix() -> None:
    environ = {"ADJOIN_AUTH": "supabase", "ADJOIN_AUTH_URL": "https://x", "ADJOIN_AUTH_EMPTY": "", "ADJOIN_KEY": "k"}
    assert dict(auth_settings(environ)) == {"url": "https://x"}


def test_settings_are_not_shown(sqlite_store: Store) -> None:
    made = Context(
        store=sqlite_store, vault=VAULT, clock=CLOCK, outbox=lambda *_: None, settings={"secret_key": "s3cr3t"}
    )
    assert made.settings["secret_key"] == "s3cr3t"
    assert "s3cr3t" not in repr(made)
