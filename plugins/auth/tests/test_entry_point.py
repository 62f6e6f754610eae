"""What is installed: the provider and its tables, and what may read its metadata."""

from __future__ import annotations

from typing import Any

import pytest

from adjoin.contracts import CONTRACTS
from adjoin.db.sealed import sealed_columns
from adjoin.kernel import Kernel
from adjoin.testing.surface import SurfaceConformance
from adjoin_auth import surface
from adjoin_auth.local.tables import SecondFactor
from adjoin_auth.supabase.tables import RedeemedLink


def test_the_providers_are_found_by_their_names() -> None:
    kernel = Kernel.load(CONTRACTS, strict=True)

    assert {"local", "supabase"} <= set(kernel.plugins("auth"))
    assert "auth" in kernel.plugins("surface")
    kernel.close()


@pytest.mark.parametrize(("table", "name"), [(SecondFactor, "seed"), (RedeemedLink, "kept")])
def test_changing_the_key_finds_what_is_sealed(table: Any, name: str) -> None:
    column = table.__table__.columns[name]

    assert any(found.column is column for found in sealed_columns())


class TestTables(SurfaceConformance):
    """The migrations make what the models say."""

    @pytest.fixture
    def implementation(self) -> object:
        return surface.plugin
