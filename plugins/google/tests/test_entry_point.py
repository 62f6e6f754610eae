"""The entry point module, and what the plugin says of itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from adjoin.ads.v2 import App
from adjoin.errors import PlatformError
from adjoin_google import plugin
from adjoin_google.version import api_version


def test_is_installed_under_its_contract_version():
    (found,) = entry_points(group="adjoin.ads.v2", name="google")
    assert found.load() is plugin


def test_loads_nothing_heavy():
    heavy = "pyarrow msgspec starlette numpy httpx aiohttp"
    script = f"import sys, adjoin_google; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_describes_what_it_offers():
    described = plugin.describe()
    assert described.api_version == "v26"
    assert described.auth.pkce
    assert [stream.name for stream in described.streams if stream.incremental] == [
        "campaigns",
        "ad_groups",
        "ads",
        "keywords",
    ]
    daily = described.stream("campaign_daily")
    assert [(tier.days, tier.every.days) for tier in daily.look_back] == [(3, 0), (30, 1), (90, 7)]
    assert daily.retention_days == 1122
    assert "Performance Max" in described.known_gaps["ad_group_daily<campaign_daily"]
    fields = {each.name: each for each in described.auth.app_fields}
    assert not any(each.required for each in fields.values())
    assert fields["developer_token"].secret


def test_states_limits_for_texts_and_images():
    limits = {(limit.placement, limit.element, limit.max_characters) for limit in plugin.spec_limits()}
    assert {
        ("responsive_search", "headline", 30),
        ("responsive_search", "description", 90),
        ("responsive_search", "path", 15),
    } <= limits


def test_the_version_is_a_setting():
    assert api_version(App()) == "v26"
    assert api_version(App(extra={"api_version": "v27"})) == "v27"


@pytest.mark.parametrize("version", ["26", "v26.1", "v26/../x", "latest"])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(PlatformError, match="must look like v26"):
        api_version(App(extra={"api_version": version}))
