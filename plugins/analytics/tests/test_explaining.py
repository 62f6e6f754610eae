"""The hook `explain`: what is asked, what is handed over, and that it adds up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from adjoin.analytics import v1
from adjoin.errors import BadInput
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics import Analyst

Explain = Callable[..., v1.Explanation]

_BEFORE, _NOW = date(2026, 3, 2), date(2026, 3, 9)


@pytest.fixture
def explain(stage: FactStage, rates: object) -> Explain:
    analyst = Analyst(rates)  # type: ignore[arg-type]

    def explained(
        metric: str, by: str = "campaign", *, most: int = 5, depth: int = 1, **more: object
    ) -> v1.Explanation:
        given = {"compare": v1.Compare.PREVIOUS_PERIOD, **more}
        question = v1.Question(
            since=_NOW,
            until=date(2026, 3, 15),
            metrics=(metric,),
            dimensions=(by,),
            **given,  # type: ignore[arg-type]
        )
        return analyst.explain(stage.context(), question, most, depth)

    return explained


def _put(stage: FactStage, campaign: str, before: tuple[int, ...], now: tuple[int, ...]) -> list[dict[str, object]]:
    """Rows of cost, clicks and conversions of a campaign in both weeks."""
    names = ("cost_micros", "clicks", "conversions")
    return [
        {"date": day, "campaign_id": campaign, **dict(zip(names, (*sums[:2], Decimal(sums[2])), strict=True))}
        for day, sums in ((_BEFORE, before), (_NOW, now))
        if sums
    ]


@pytest.fixture
def three(stage: FactStage) -> FactStage:
    rows = [
        *_put(stage, "brand", (100_000_000, 100, 10), (360_000_000, 300, 30)),
        *_put(stage, "generic", (200_000_000, 100, 10), (200_000_000, 50, 10)),
        *_put(stage, "new", (), (7_000_001, 3, 0)),
    ]
    stage.put("campaign_daily", *rows, days=(_BEFORE, date(2026, 3, 15)))
    stage.name("campaign", "brand", "Brand")
    return stage


def _adds_up(level: v1.ChangeLevel) -> None:
    for part in ("change", "volume", "mix", "rate"):
        told = [getattr(one, part) for one in level.effects]
        told += [] if level.others is None else [getattr(level.others, part)]
        assert sum(told) == getattr(level, part)
    for one in (level, *level.effects):
        assert sum(part for part in (one.volume, one.mix, one.rate) if part is not None) == one.change


def test_spend_by_clicks_and_their_price(three: FactStage, explain: Explain) -> None:
    found = explain("cost")
    assert (found.before, found.now, found.change) == (300_000_000, 567_000_001, 267_000_001)
    assert (found.volume, found.rate, found.currency) == ("clicks", "cpc", "EUR")
    assert found.compared == (_BEFORE, date(2026, 3, 8))
    (level,) = found.levels
    _adds_up(level)
    first = level.effects[0]
    assert (first.name, first.change) == ("Brand", 260_000_000)
    assert level.chosen == first.key == ("meta", "act_1", "brand")
    assert first.share == pytest.approx(Decimal("0.9738"), abs=Decimal("0.0001"))


def test_members_that_are_not_listed_are_added_up(three: FactStage, explain: Explain) -> None:
    (level,) = explain("clicks", most=1).levels
    assert level.others is not None
    assert (len(level.effects), level.others.count) == (1, 2)
    assert level.effects[0].change + level.others.change == level.change == 153


def test_a_new_member_says_so(three: FactStage, explain: Explain) -> None:
    (level,) = explain("conversions", most=9).levels
    told = {one.key[-1]: one.presence for one in level.effects}
    assert told == {"brand": v1.Presence.BOTH}  # nobody else moved
    (level,) = explain(
        "cost", most=9, currency="USD", where=(v1.Condition(dimension="campaign", values=("new",)),)
    ).levels
    assert [(one.presence, one.before) for one in level.effects] == [(v1.Presence.NEW, None)]


def test_a_ratio_adds_up_at_every_level(three: FactStage, explain: Explain) -> None:
    found = explain("cpa", "platform", depth=3)
    assert found.before == 15_000_000
    assert found.now == Decimal("14175000.025")
    assert found.change == Decimal("-824999.975")
    assert (found.volume, found.rate) == ("conversions", "cpa")
    assert [one.dimension for one in found.levels] == ["platform", "account", "campaign"]
    for level in found.levels:
        _adds_up(level)
        assert level.change == found.change
        assert level.volume == 0


def test_effects_on_a_share_are_rounded_alike(three: FactStage, explain: Explain) -> None:
    found = explain("cvr")  # 20 / 200, then 40 / 353
    assert found.now == round(Decimal(40) / 353, 12)
    assert found.change == round(Decimal(40) / 353 - Decimal("0.1"), 12)
    _adds_up(found.levels[0])


def test_the_walk_ends_where_nobody_stands_out(three: FactStage, explain: Explain) -> None:
    found = explain("cost", "account", depth=5)
    assert [one.dimension for one in found.levels] == ["account", "campaign", "ad_group"]
    last = found.levels[-1]
    assert last.parent == ("meta", "act_1", "brand")
    assert [one.key[-1] for one in last.effects] == [""]  # nothing is known below campaigns
    assert last.chosen == ()


def test_only_what_the_conditions_keep(three: FactStage, explain: Explain) -> None:
    found = explain("cost", where=(v1.Condition(dimension="campaign", values=("generic",)),))
    assert found.change == 0
    assert [one.effects for one in found.levels] == [()]


def test_a_period_without_figures_has_no_levels(stage: FactStage, explain: Explain) -> None:
    rows = _put(stage, "brand", (), (5, 1, 1))
    stage.put("campaign_daily", *rows, days=(_NOW, date(2026, 3, 15)))
    found = explain("cpa")
    assert (found.before, found.now, found.change, found.levels) == (None, 5, None, ())
    empty = explain("cost", where=(v1.Condition(dimension="campaign", values=("unknown",)),))
    assert (empty.before, empty.now, empty.levels) == (None, None, ())


def test_mixed_currencies_are_not_added(stage: FactStage, explain: Explain) -> None:
    stage.put("campaign_daily", *_put(stage, "brand", (5, 1, 1), (6, 1, 1)), days=(_BEFORE, date(2026, 3, 15)))
    stage.put(
        "campaign_daily",
        *_put(stage, "other", (5, 1, 1), (6, 1, 1)),
        account="act_2",
        currency="USD",
        days=(_BEFORE, date(2026, 3, 15)),
    )
    with pytest.raises(BadInput, match="several currencies"):
        explain("cost")
    assert explain("clicks").change == 0


def test_what_is_no_sum_divided_by_a_sum_is_refused(three: FactStage, explain: Explain) -> None:
    analyst = Analyst()
    metric = v1.CustomMetric(
        name="profit", title="Profit", unit=v1.Unit.MULTIPLE, formula="(conversions - clicks) / (clicks + conversions)"
    )
    analyst.define_metric(three.context(), metric, "system")
    with pytest.raises(BadInput, match="Profit"):
        explain("profit")
