"""The provider `local` keeps the promises of the contract, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from adjoin.db import Store
from adjoin.testing.auth import AuthConformance
from adjoin_auth.local import Local
from adjoin_auth.local.hashing import Argon2


class TestLocal(AuthConformance):
    @pytest.fixture
    def implementation(self, quick: Argon2) -> object:
        return Local(quick)


@pytest.mark.postgres
class TestLocalOnPostgres(TestLocal):
    @pytest.fixture
    def store(self, postgres_store: Store) -> Store:
        return postgres_store
