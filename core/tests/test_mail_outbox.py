"""The outbox: sealed with what it is about, sent once by one of several processes, tried again, and given up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from adjoin import mail
from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.db import Store
from adjoin.db.people import OutgoingMail
from adjoin.errors import BadInput, MailError, PluginTimeout, UnknownName
from adjoin.kernel import Kernel
from adjoin.mail.health import check_mail
from adjoin.mail.outbox import GIVE_UP, LEASE, Sent, is_due, put, send_due, sender
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault, new_key
from adjoin.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARY = "canary-77aa"
MAIL = Mail(to="someone@example.com", subject="Hello", text=f"https://x/#{CANARY}", kind="auth.confirm")


@dataclass
class House:
    """A store, its vault, and the process that sends."""

    store: Store
    vault: Vault = field(default_factory=lambda: Vault(Keyring([new_key()])))
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    sent: list[Mail] = field(default_factory=list)

    def put(self, one: Mail = MAIL) -> str:
        with self.store.write() as session:
            return put(session, self.vault, one, now=self.clock.now())

    def run(self, send: Callable[[Mail], None] | None = None) -> Sent:
        return send_due(self.store, self.vault, send or self.sent.append, clock=self.clock)

    @property
    def row(self) -> OutgoingMail:
        with self.store.read() as session:
            return session.exec(select(OutgoingMail)).one()


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def refuse(*, may_pass: bool) -> Callable[[Mail], None]:
    def send(_: Mail) -> None:
        raise MailError("the mail server refuses the recipient (451)", may_pass=may_pass)

    return send


def test_a_mail_is_sealed_until_it_is_sent_and_erased_then(house: House) -> None:
    made = house.put()
    assert house.row.message is not None
    assert CANARY.encode() not in house.row.message
    assert house.row.kind == "auth.confirm"

    assert house.run() == Sent(sent=1)

    (arrived,) = house.sent
    assert (arrived.to, arrived.text, arrived.key) == (MAIL.to, MAIL.text, made)
    row = house.row
    assert (row.sent_at, row.next_at, row.message, row.last_error, row.tries) == (NOW, None, None, None, 1)
    assert house.run() == Sent()


def test_a_key_of_the_callers_own_stays(house: House) -> None:
    house.put(Mail(to="a@b.example", subject="s", text="t", kind="k", key="mine", headers={"X-A": "b"}))
    house.run()
    assert (house.sent[0].key, dict(house.sent[0].headers)) == ("mine", {"X-A": "b"})


def test_a_mail_leaves_only_with_what_it_is_about(house: House) -> None:
    """What is undone sends nothing."""

    def fails(session: Session) -> None:
        put(session, house.vault, MAIL, now=NOW)
        raise ValueError

    with pytest.raises(ValueError), house.store.write() as session:  # noqa: PT011 - ours
        fails(session)
    assert not is_due(house.store, now=NOW)


def test_a_mail_that_cannot_be_is_refused_at_once(house: House) -> None:
    with pytest.raises(BadInput, match="the subject is not one line of text") as refused:
        house.put(Mail(to="a@b.example", subject=f"a\r\nBcc: {CANARY}@c.example", text="t", kind="k"))
    assert CANARY not in str(refused.value)
    assert not is_due(house.store, now=NOW)


def test_what_may_pass_is_tried_again_ever_more_rarely_for_a_day(house: House) -> None:
    house.put()
    waits = []
    while True:
        result = house.run(refuse(may_pass=True))
        if result.given_up:
            break
        assert result == Sent(again=1)
        next_at = house.row.next_at
        assert next_at is not None
        assert house.run(refuse(may_pass=True)) == Sent()
        waits.append(next_at - house.clock.now())
        house.clock.advance(waits[-1].total_seconds())
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert max(waits) == timedelta(hours=1)
    assert GIVE_UP - timedelta(hours=1) <= house.clock.now() - NOW <= GIVE_UP
    row = house.row
    assert (row.next_at, row.sent_at, row.message) == (None, None, None)
    assert row.last_error == "the mail server refuses the recipient (451)"
    assert house.run() == Sent()


def test_what_does_not_pass_is_given_up_at_once(house: House) -> None:
    house.put()
    assert house.run(refuse(may_pass=False)) == Sent(given_up=1)
    assert house.row.message is None


@pytest.mark.parametrize("error", [PluginTimeout("no answer", plugin="smtp"), UnknownName("no such mailer")])
def test_a_mailer_that_hangs_or_is_missing_may_be_there_next_time(house: House, error: Exception) -> None:
    def send(_: Mail) -> None:
        raise error

    house.put()
    assert house.run(send) == Sent(again=1)
    house.clock.advance(30)
    assert house.run() == Sent(sent=1)


def test_without_the_key_the_mail_waits(house: House) -> None:
    house.put()
    right, house.vault = house.vault, Vault(Keyring([new_key()]))
    assert house.run() == Sent(again=1)
    house.vault = right
    house.clock.advance(30)
    assert house.run() == Sent(sent=1)


def test_one_bad_mail_holds_up_no_other(house: House) -> None:
    house.put(Mail(to="bad@b.example", subject="s", text="t", kind="k"))
    house.put()

    def send(one: Mail) -> None:
        if one.to.startswith("bad"):
            raise MailError("refused", may_pass=True)
        house.sent.append(one)

    assert house.run(send) == Sent(sent=1, again=1)
    assert [one.to for one in house.sent] == [MAIL.to]


def test_a_process_that_dies_leaves_its_mail_to_others(house: House) -> None:
    """After the lease, and with the same key."""

    class Killed(BaseException):
        pass

    def send(_: Mail) -> None:
        raise Killed

    made = house.put()
    with pytest.raises(Killed):
        house.run(send)
    house.clock.advance(LEASE.total_seconds() - 1)
    assert house.run() == Sent()
    house.clock.advance(1)
    assert house.run() == Sent(sent=1)
    assert house.sent[0].key == made


def test_two_processes_send_each_mail_once(house: House) -> None:
    """Also when the first one is still busy with a mail while the second one looks."""
    expected = {house.put() for _ in range(6)}
    first_has_one, second_is_done = threading.Event(), threading.Event()
    sent: list[str] = []

    def slow(one: Mail) -> None:
        first_has_one.set()
        assert second_is_done.wait(30)
        sent.append(one.key)

    first = threading.Thread(target=house.run, args=[slow])
    first.start()
    assert first_has_one.wait(30)
    other = house.run(lambda one: sent.append(one.key))
    second_is_done.set()
    first.join()
    assert other == Sent(sent=5)
    assert sorted(sent) == sorted(expected)


def test_a_late_failure_does_not_take_a_mail_from_who_has_it_now(house: House) -> None:
    """A process that comes back after its lease changes nothing any more, unless it did send."""
    house.put()

    def outlives_its_lease(_: Mail) -> None:
        house.clock.advance(LEASE.total_seconds())
        assert house.run() == Sent(sent=1)
        raise MailError("broke off", may_pass=False)

    house.run(outlives_its_lease)
    assert house.row.sent_at == house.clock.now()
    assert house.row.last_error is None


def test_old_rows_go(house: House) -> None:
    house.put()
    house.run()
    house.clock.advance(timedelta(days=31).total_seconds())
    house.put()
    house.run()
    assert house.row.created_at == house.clock.now()


def test_nothing_of_a_mail_gets_into_logs(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.put()
    house.run(refuse(may_pass=True))
    house.clock.advance(30)
    house.run()
    said = capsys.readouterr()
    assert "auth.confirm" in said.out
    for secret in (CANARY, "someone@example.com", "Hello"):
        assert secret not in said.out + said.err


class Post:
    def __init__(self) -> None:
        self.sent: list[Mail] = []

    @hookimpl
    def send(self, mail: Mail) -> None:
        self.sent.append(mail)


def test_the_chosen_mailer_sends(sqlite_store: Store) -> None:
    house, post = House(sqlite_store), Post()
    kernel = Kernel([mail.CONTRACT])
    kernel.add("post", "mail", 1, post)
    house.put()
    assert house.run(sender(kernel, "pigeon")) == Sent(again=1)
    assert "there is no mail plugin 'pigeon'" in str(house.row.last_error)
    house.clock.advance(30)
    assert house.run(sender(kernel, "post")) == Sent(sent=1)
    assert post.sent[0].subject == "Hello"
    kernel.close()


class Clumsy:
    @hookimpl
    def send(self, mail: Mail) -> None:
        raise ValueError(f"cannot send {mail.text} to {mail.to}")


def test_what_a_mailer_raises_by_mistake_is_not_told(sqlite_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """It may quote the mail."""
    house = House(sqlite_store)
    kernel = Kernel([mail.CONTRACT])
    kernel.add("clumsy", "mail", 1, Clumsy())
    house.put()
    assert house.run(sender(kernel, "clumsy")) == Sent(again=1)
    assert house.row.last_error == "the mailer 'clumsy' failed with ValueError"
    assert CANARY not in capsys.readouterr().out
    kernel.close()


class TestHealth:
    @pytest.fixture
    def kernel(self) -> Iterator[Kernel]:
        kernel = Kernel([mail.CONTRACT])
        for name in ("smtp", "file", "post"):
            kernel.add(name, "mail", 1, Post())
        yield kernel
        kernel.close()

    def look(self, house: House, kernel: Kernel, **settings: str) -> dict[str, str]:
        found = check_mail(house.store, kernel, Settings(**settings), now=house.clock.now())  # type: ignore[arg-type]
        return {f"{one.check} {one.state}": one.detail for one in found}

    def test_all_is_well(self, house: House, kernel: Kernel) -> None:
        house.put()
        assert list(self.look(house, kernel)) == ["mailer ok"]

    def test_mails_that_wait(self, house: House, kernel: Kernel) -> None:
        house.put()
        house.clock.advance(660)
        assert "1 mail waits for up to" in self.look(house, kernel)["outbox attention"]
        assert "nobody has tried" in self.look(house, kernel)["outbox attention"]
        house.run(refuse(may_pass=True))
        assert "refuses the recipient (451)" in self.look(house, kernel)["outbox attention"]

    def test_mails_given_up(self, house: House, kernel: Kernel) -> None:
        house.put()
        house.run(refuse(may_pass=False))
        assert "1; the last one (auth.confirm): the mail server" in self.look(house, kernel)["outbox attention"]
        house.clock.advance(timedelta(days=8).total_seconds())
        assert list(self.look(house, kernel)) == ["mailer ok"]

    def test_settings_that_cannot_be(self, house: House, kernel: Kernel) -> None:
        assert "there is no mailer 'pigeon'" in self.look(house, kernel, mailer="pigeon")["mailer failed"]
        assert "ADJOIN_SMTP_URL must name" in self.look(house, kernel, mailer="smtp")["mailer failed"]
        url = f"smtp://u:{CANARY}@mail.example.com"
        assert "ADJOIN_MAIL_FROM" in self.look(house, kernel, mailer="smtp", smtp_url=url)["mailer failed"]
        good = self.look(house, kernel, mailer="smtp", smtp_url=url, mail_from="A <a@example.com>")
        assert good == {"mailer ok": "smtp: mail.example.com:587, from a@example.com"}
