"""The entry point module."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from adjoin_meta import plugin


def test_is_installed_under_its_contract_version():
    (found,) = entry_points(group="adjoin.ads.v2", name="meta")
    assert found.load() is plugin


def test_loads_nothing_heavy():
    heavy = "pyarrow msgspec starlette numpy httpx aiohttp"
    script = f"import sys, adjoin_meta; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_describes_streams_that_reach_back_37_months_with_a_day_to_spare():
    described = plugin.describe()
    assert described.api_version == "v26.0"
    assert described.levels == ("campaign", "ad set", "ad")
    ad_daily = described.stream("ad_daily")
    assert ad_daily.yields == ("conversion_daily",)
    assert [tier.days for tier in ad_daily.look_back] == [3, 28]
    assert ad_daily.retention_days == 1122


def test_states_limits_for_texts_and_images():
    limits = plugin.spec_limits()
    assert any(limit.element == "headline" and limit.max_characters == 27 for limit in limits)
    assert all(limit.max_bytes == 31_457_280 for limit in limits if limit.element == "image")
