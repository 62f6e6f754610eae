"""Microsoft Advertising keeps what every ad platform promises."""

from __future__ import annotations

import pytest

from adjoin.ads import v2
from adjoin.testing.ads import AdsConformance
from adjoin_microsoft import plugin


class TestMicrosoft(AdsConformance):
    deviations = {  # noqa: RUF012 - read only
        "test_checking_a_change_changes_nothing": pytest.mark.notyet(
            reason="changing campaigns comes in a later release"
        ),
    }

    @pytest.fixture
    def implementation(self) -> object:
        return plugin

    @pytest.fixture
    def app(self) -> v2.App:
        return v2.App(
            client_id="sandbox-app",
            client_secret="sandbox-secret",
            extra={"developer_token": "sandbox-developer_token"},
        )
