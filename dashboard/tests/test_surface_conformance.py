"""The product's own pages obey the contract that third parties' pages obey."""

from __future__ import annotations

import pytest

from adjoin.testing.surface import SurfaceConformance
from adjoin_dashboard import plugin


class TestSurface(SurfaceConformance):
    """The dashboard's plugin."""

    @pytest.fixture
    def implementation(self) -> object:
        """What the entry point names."""
        return plugin
