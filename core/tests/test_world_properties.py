"""What holds in any world, on any platform, whatever is changed and whenever it is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import Status
from adjoin.testing.world import Presence, World

TODAY = date(2026, 3, 27)  # two days before Berlin's clocks change
METRICS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")

worlds = st.builds(
    World.generate,
    seed=st.integers(0, 10**6),
    today=st.just(TODAY),
    scale=st.sampled_from([0.01, 0.05]),
    days=st.integers(3, 12),
    fractional=st.booleans(),
)
#: What is done to the world, each with a number that chooses the object.
steps = st.lists(
    st.tuples(st.sampled_from(["pause", "resume", "remove", "move", "keyword", "wait"]), st.integers(0, 10**6)),
    max_size=8,
)


def act(world: World, presence: Presence, step: str, number: int) -> None:
    """Do one thing to the world, where there is something to do it to."""
    if step == "wait":
        world.set_now(world.now + timedelta(hours=number % 40))
        return
    if step == "keyword":
        if presence.keywords():
            known = presence.keywords()[number % len(presence.keywords())]
            presence.update(replace(known, status=(Status.ACTIVE, Status.PAUSED)[number % 2]))
        return
    group = presence.ad_groups()[number % len(presence.ad_groups())]
    if step == "move":
        own = next(known for known in presence.campaigns() if known.id == group.campaign_id)
        goals = [known for known in presence.campaigns(group.account_id) if known.channel == own.channel]
        presence.update(replace(group, campaign_id=goals[number % len(goals)].id))
        return
    status = {"pause": Status.PAUSED, "resume": Status.ACTIVE, "remove": Status.REMOVED}[step]
    presence.update(replace(group, status=status))


def sums(table: pa.Table, keys: list[str]) -> dict[tuple[object, ...], list[object]]:
    """Add up a table by some of its keys."""
    grouped = table.group_by(keys).aggregate([(metric, "sum") for metric in METRICS])
    return {
        tuple(row[key] for key in keys): [row[f"{metric}_sum"] for metric in METRICS] for row in grouped.to_pylist()
    }


def tables(presence: Presence) -> dict[str, pa.Table]:
    return {dataset: presence.truth(dataset) for dataset in presence.datasets}


@settings(max_examples=40, deadline=None)
@given(world=worlds, platform=st.sampled_from(["google", "linkedin", "meta", "microsoft"]), done=steps)
def test_the_grains_agree(world, platform, done) -> None:
    """Whatever was changed: keys come once and in order, coarser grains add finer ones up, searches stay below."""
    presence = world.on(platform)
    for step, number in done:
        act(world, presence, step, number)
    found = tables(presence)

    for dataset, table in found.items():
        names = ("date", "account_id", *DATASETS[dataset].keys)
        keys = [tuple(row[name] or "" for name in names) for row in table.select(names).to_pylist()]
        assert keys == sorted(set(keys)), dataset
    without = pa.array([known.id for known in presence.campaigns() if known.kind == "no_ads"], pa.string())
    campaigns = found["campaign_daily"]
    with_ads = campaigns.filter(pc.invert(pc.is_in(campaigns["campaign_id"], without)))
    of_campaign, of_group = ["date", "account_id", "campaign_id"], ["date", "campaign_id", "ad_group_id"]
    assert sums(campaigns, ["date", "account_id"]) == sums(found["account_daily"], ["date", "account_id"])
    assert sums(found["ad_group_daily"], of_campaign) == sums(with_ads, of_campaign)
    assert sums(found["ad_daily"], of_group) == sums(found["ad_group_daily"], of_group)
    for dataset in ("keyword_daily", "search_term_daily"):
        if dataset in found:
            whole = sums(found["ad_group_daily"], of_group)
            for key, parts in sums(found[dataset], of_group).items():
                assert all(part <= most for part, most in zip(parts, whole[key], strict=True))


@settings(max_examples=25, deadline=None)
@given(world=worlds, platform=st.sampled_from(["google", "linkedin", "meta", "microsoft"]), done=steps)
def test_the_past_stays(world, platform, done) -> None:
    """What was seen at a moment is what is seen of that moment later, whatever was done since."""
    presence = world.on(platform)
    then, before = world.now, tables(presence)
    for step, number in done:
        act(world, presence, step, number)

    for dataset, table in before.items():
        assert presence.truth(dataset, as_of=then).equals(table), dataset


@settings(max_examples=25, deadline=None)
@given(world=worlds, platform=st.sampled_from(["google", "linkedin"]), number=st.integers(0, 10**6))
def test_moving_an_ad_group_takes_nothing_from_its_account(world, platform, number) -> None:
    presence = world.on(platform)
    later = datetime(2026, 4, 20, 12, tzinfo=UTC)
    before = presence.truth("ad_daily", as_of=later).drop_columns("campaign_id")
    group = presence.ad_groups()[number % len(presence.ad_groups())]
    own = next(known for known in presence.campaigns() if known.id == group.campaign_id)
    goal = presence.create_campaign(account_id=group.account_id, name="Neu", status=own.status, channel=own.channel)

    presence.update(replace(group, campaign_id=goal.id))

    after = presence.truth("ad_daily", as_of=later).drop_columns("campaign_id")
    order = [("date", "ascending"), ("account_id", "ascending"), ("ad_id", "ascending")]
    assert after.sort_by(order).equals(before.sort_by(order))
