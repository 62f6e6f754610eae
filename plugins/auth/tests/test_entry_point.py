"""What is installed: the provider and its tables, and what may read its metadata."""

from __future__ import annotations

import pytest

from adjoin.contracts import CONTRACTS
from adjoin.db.sealed import sealed_columns
from adjoin.kernel import Kernel
from adjoin.testing.surface import SurfaceConformance
from adjoin_auth import surface
from adjoin_auth.local.tables import SecondFactor


def test_the_provider_is_found_by_its_name() -> None:
    kernel = Kernel.load(CONTRACTS, strict=True)

    assert "local" in kernel.plugins("auth")
    assert "auth" in kernel.plugins("surface")
    kernel.close()


def test_changing_the_key_finds_the_seeds() -> None:
    column = SecondFactor.__table__.columns["seed"]  # type: ignore[attr-defined]

    assert any(found.column is column for found in sealed_columns())


class TestTables(SurfaceConformance):
    """The migrations make what the models say."""

    @pytest.fixture
    def implementation(self) -> object:
        return surface.plugin
