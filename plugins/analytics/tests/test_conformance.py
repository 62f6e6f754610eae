"""The plugin keeps what the contract promises."""

from __future__ import annotations

import pytest

from adjoin.testing.analytics import AnalyticsConformance
from adjoin.testing.surface import SurfaceConformance
from adjoin_analytics import Analyst
from adjoin_analytics.surface import plugin as surface


class TestAnalytics(AnalyticsConformance):
    @pytest.fixture
    def implementation(self) -> object:
        return Analyst()


class TestSurface(SurfaceConformance):
    @pytest.fixture
    def implementation(self) -> object:
        return surface
