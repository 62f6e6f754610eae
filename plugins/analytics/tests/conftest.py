"""What the tests of the package share: a workspace with facts put there by hand, and rates of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from currency_converter import CurrencyConverter

from adjoin.analytics import v1
from adjoin.currency import Rates
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics import Analyst
from adjoin_analytics.surface import plugin as surface

# 2026-03-06 is a Friday, and the last day with rates.
RATES = """Date,USD,JPY
2026-03-06,1.1,160.7
2026-03-05,1.2,150
2026-03-02,1.25,150
"""

Ask = Callable[..., v1.Answer]


@pytest.fixture(scope="session")
def rates() -> Rates:
    source = CurrencyConverter(currency_file=None, decimal=True)
    source.load_lines(RATES.splitlines())
    return Rates(source)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state database with all tables and nothing in them."""
    return FactStage.empty_database(tmp_path_factory.mktemp("empty"), surface.tables())


@pytest.fixture
def stage(tmp_path: Path, empty_database: bytes) -> Iterator[FactStage]:
    with FactStage(tmp_path, database=empty_database) as made:
        yield made


@pytest.fixture
def ask(stage: FactStage, rates: Rates) -> Ask:
    """Ask about March 2026 unless other days are given: `ask("cost", by="campaign", currency="EUR")`."""
    analyst = Analyst(rates)

    def answered(
        *metrics: str,
        by: str = "",
        since: date = date(2026, 3, 1),
        until: date = date(2026, 3, 31),
        as_of: Any = None,
        **more: Any,
    ) -> v1.Answer:
        dimensions = tuple(by.split())
        question = v1.Question(since=since, until=until, metrics=metrics, dimensions=dimensions, **more)
        return analyst.ask(stage.context(as_of=as_of), question)

    return answered
