"""The entry point module, and what the plugin says of itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from adjoin.ads.datasets import DATASETS
from adjoin_microsoft import plugin


def test_is_installed_under_its_contract_version():
    (found,) = entry_points(group="adjoin.ads.v2", name="microsoft")
    assert found.load() is plugin


def test_loads_nothing_heavy():
    heavy = "pyarrow msgspec starlette numpy httpx aiohttp"
    script = f"import sys, adjoin_microsoft; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_offers_all_datasets_and_lists_of_changes():
    described = plugin.describe()
    assert {stream.name for stream in described.streams if stream.kind == "facts"} == set(DATASETS)
    entities = [stream for stream in described.streams if stream.kind == "entities"]
    assert [stream.name for stream in entities] == ["campaigns", "ad_groups", "ads", "keywords"]
    assert all(stream.incremental for stream in entities)


def test_reaches_back_36_months_and_reads_conversions_again_for_as_long_as_they_arrive():
    stream = plugin.describe().stream("ad_daily")
    assert stream.retention_days == 1093
    assert [tier.days for tier in stream.look_back] == [3, 35, 92]


def test_the_developer_token_is_required_and_secret():
    (token, tenant) = plugin.describe().auth.app_fields
    assert (token.name, token.secret, token.required) == ("developer_token", True, True)
    assert (tenant.name, tenant.required) == ("tenant", False)


def test_states_limits_for_texts_and_images():
    limits = plugin.spec_limits()
    assert any(limit.element == "headline" and limit.max_characters == 30 for limit in limits)
    assert all(limit.max_bytes == 5_242_880 for limit in limits if limit.element == "image")
