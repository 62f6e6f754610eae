"""A store with figures that are known, the host that serves it, and pages to run without a browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import streamlit as st

from adjoin.access import workspaces
from adjoin.access.actors import SYSTEM
from adjoin.access.signed_in import SignedIn
from adjoin.clock import ManualClock
from adjoin.db.people import User
from adjoin_dashboard import session_guard
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in, visiting

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
TODAY = date(2026, 11, 21)


def known_day(cost: int, *, conversions: int = 2) -> KnownDay:
    """A day with `cost` whole units spent: 100 impressions and 2 clicks for each, returns of four times the cost."""
    return KnownDay(
        impressions=cost * 100,
        clicks=cost * 2,
        cost_micros=cost * 1_000_000,
        conversions=Decimal(conversions),
        conversion_value_micros=cost * 4_000_000,
    )


def days_back(count: int, cost: int) -> dict[date, KnownDay]:
    """The last full days, each with the same cost."""
    return {TODAY - timedelta(days=number): known_day(cost) for number in range(1, count + 1)}


@pytest.fixture(autouse=True)
def _same_main() -> Iterator[None]:
    """A page that is run stays behind as `__main__`, and processes that multiprocessing starts would run it again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    yield
    st.cache_data.clear()


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """90 days of one account: 10 EUR a day, and 20 in the last 30 days."""
    days = days_back(90, 10) | days_back(30, 20)
    return [KnownAccount(platform="meta", account_id="act_1", name="Shop [DE] $", days=days)]


@pytest.fixture
def home(tmp_path: Path, accounts: list[KnownAccount]) -> Path:
    """The home folder of a store with the accounts."""
    make_store(tmp_path, accounts, now=NOW - timedelta(hours=1)).close()
    return tmp_path


@pytest.fixture
def host(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The host of the store, as `current_host` returns it. An owner of the workspace visits the pages that are run."""
    monkeypatch.delenv("ADJOIN_DATABASE_URL", raising=False)
    monkeypatch.delenv("ADJOIN_DISABLE", raising=False)
    with (
        open_host(home, clock=ManualClock(NOW)) as opened,
        serving(opened),
        visiting(sign_in(opened.store, now=NOW).session.id),
    ):
        yield opened


@pytest.fixture
def signed_in(host: Host) -> SignedIn:
    """Who visits the pages."""
    found = host.still_in(session_guard.current_session_id())
    assert found is not None
    return found


@pytest.fixture
def page_context(host: Host, signed_in: SignedIn) -> Iterator[Context]:
    """The context of a page."""
    made = make_context(host, signed_in)
    yield made
    made.close()


@dataclass(frozen=True)
class People:
    """Members of two workspaces, who have just signed in.

    Of the default one: ada (owner), bob (admin), cy (analyst), dee (viewer). Eve owns the other one, `theirs`.
    """

    host: Host
    sessions: dict[str, str]
    ids: dict[str, str]
    theirs: str

    def context(self, name: str) -> Context:
        """What pages get when somebody visits them."""
        found = self.host.still_in(self.sessions[name])
        assert found is not None
        return make_context(self.host, found, address="192.0.2.7")

    @contextmanager
    def visit(self, name: str, *, later: timedelta = timedelta()) -> Iterator[None]:
        """Have pages that are run visited by somebody, so much later than now."""
        assert isinstance(self.host.clock, ManualClock)
        self.host.clock.advance(later.total_seconds())
        with visiting(self.sessions[name], address="192.0.2.7"):
            yield


@pytest.fixture
def people(host: Host) -> People:
    """People with roles, in two workspaces."""
    with host.store.write() as session:
        eve = User(email="eve@example.com", name="Eve", email_verified_at=NOW, created_at=NOW)
        session.add(eve)
        session.flush()
        theirs = workspaces.create(session, name="Theirs", owner_id=eve.id, by=SYSTEM, now=NOW).id
    roles = {"ada": "owner", "bob": "admin", "cy": "analyst", "dee": "viewer"}
    found = {
        name: sign_in(host.store, now=NOW, email=f"{name}@example.com", role=role).session
        for name, role in roles.items()
    }
    found["eve"] = sign_in(host.store, now=NOW, email="eve@example.com", role="owner", workspace_id=theirs).session
    return People(
        host,
        {name: one.id for name, one in found.items()},
        {name: one.user_id for name, one in found.items()},
        theirs,
    )
