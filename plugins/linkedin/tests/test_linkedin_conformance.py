"""LinkedIn keeps what every ad platform promises."""

from __future__ import annotations

import pytest

from adjoin.testing.ads import AdsConformance
from adjoin_linkedin import plugin


class TestLinkedIn(AdsConformance):
    deviations = {  # noqa: RUF012 - read only
        "test_checking_a_change_changes_nothing": pytest.mark.notyet(
            reason="changing campaigns comes in a later release"
        ),
    }

    @pytest.fixture
    def implementation(self) -> object:
        return plugin

    @pytest.fixture
    def good_body(self) -> bytes:
        return b'{"elements":[],"metadata":{}}'
