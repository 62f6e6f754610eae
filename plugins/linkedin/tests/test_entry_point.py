"""The entry point module."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from adjoin.ads.datasets import DATASETS
from adjoin_linkedin import plugin
from adjoin_linkedin.facts import QUERIES


def test_is_installed_under_its_contract_version():
    (found,) = entry_points(group="adjoin.ads.v2", name="linkedin")
    assert found.load() is plugin


def test_loads_nothing_heavy():
    heavy = "pyarrow msgspec starlette numpy httpx aiohttp"
    script = f"import sys, adjoin_linkedin; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_describes_what_linkedin_offers():
    described = plugin.describe()
    assert described.api_version == "202610"
    assert described.levels == ("campaign group", "campaign", "creative")
    facts = [stream for stream in described.streams if stream.kind == "facts"]
    assert [stream.name for stream in facts] == list(QUERIES)
    assert {stream.name for stream in facts} <= set(DATASETS)
    assert all([tier.days for tier in stream.look_back] == [3, 30, 90] for stream in facts)
    assert all(stream.retention_days == 3650 for stream in facts)


def test_no_question_asks_for_more_fields_or_pivots_than_linkedin_answers():
    for queries in QUERIES.values():
        for query in queries:
            assert len(query.metrics) + 2 <= 20
            assert 1 <= len(query.pivots) <= 3


def test_states_limits_for_texts_and_images():
    limits = plugin.spec_limits()
    assert any(limit.element == "headline" and limit.max_characters == 70 for limit in limits)
    assert len({(limit.placement, limit.element, limit.ratio) for limit in limits}) == len(limits)
