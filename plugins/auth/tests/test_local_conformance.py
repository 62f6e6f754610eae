"""The provider `local` keeps the promises of the contract, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.testing.auth import AuthConformance
from adjoin.testing.server import running
from adjoin_auth.local import Local
from adjoin_auth.local.hashing import Argon2
from adjoin_auth.testing.identity_provider import IdentityProvider


@pytest.fixture(scope="module")
def company() -> Iterator[IdentityProvider]:
    """A party that people may sign in with."""
    provider = IdentityProvider({"ada": {"sub": "1", "email": "ada@company.example", "email_verified": True}})
    with running(provider.app) as address:
        provider.issuer = address
        yield provider


class TestLocal(AuthConformance):
    @pytest.fixture
    def implementation(self, quick: Argon2, company: IdentityProvider) -> object:
        return Local(quick, settings=company.settings())

    @pytest.fixture
    def consents(self, company: IdentityProvider, clock: ManualClock) -> Callable[[str], Mapping[str, str]]:
        company.now = clock.now
        return partial(company.consents, person="ada")


@pytest.mark.postgres
class TestLocalOnPostgres(TestLocal):
    @pytest.fixture
    def store(self, postgres_store: Store) -> Store:
        return postgres_store
