"""Every metric by every dimension equals sums that are made by hand from the truth of the world."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from adjoin.analytics import v1
from adjoin.currency import Rates, ecb_rates
from adjoin.testing.fact_stage import FactStage
from adjoin.testing.world import World
from adjoin_analytics import Analyst
from adjoin_analytics.definitions.dimensions import ATTRIBUTES, BUILT_IN, OBJECTS, WEEKDAYS
from adjoin_analytics.definitions.metrics import built_in_metrics

PLATFORMS = ("google", "linkedin", "meta", "microsoft")
#: Weekends, the turn of a quarter, and two holidays of the bank: Good Friday and Easter Monday.
SINCE, UNTIL = date(2026, 3, 22), date(2026, 4, 12)
SUMS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros", "video_views")
METRICS = tuple(one.name for one in built_in_metrics({}))
MONEY = {"cost", "conversion_value", "cpc", "cpm", "cpa", "aov"}

#: The dataset whose rows a dimension is added up from.
FINEST = {
    "keyword": "keyword_daily",
    "keyword_status": "keyword_daily",
    "match_type": "keyword_daily",
    "search_term": "search_term_daily",
    "ad": "ad_daily",
    "ad_status": "ad_daily",
    "ad_group": "ad_group_daily",
    "ad_group_status": "ad_group_daily",
    **dict.fromkeys(("campaign", "campaign_status", "objective", "channel"), "campaign_daily"),
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """The truth of the world as rows, what is known of its objects, and the same in a workspace."""

    stage: FactStage
    truth: Mapping[str, list[Row]]
    known: Mapping[tuple[str, str], Row]

    def ask(self, question: v1.Question) -> v1.Answer:
        return Analyst().ask(self.stage.context(), question)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Facts and objects as the world has them, put into a workspace."""
    world = World.generate(seed=7, today=UNTIL + timedelta(days=1), scale=0.02, days=24, fractional=True)
    truth: dict[str, list[Row]] = defaultdict(list)
    known: dict[tuple[str, str], Row] = {}
    with FactStage(tmp_path_factory.mktemp("truth"), now=world.now) as stage:
        for platform in PLATFORMS:
            presence = world.on(platform)
            for account in presence.accounts:
                place = {"account": account.id, "platform": platform}
                stage.account(
                    account.id,
                    platform=platform,
                    currency=account.currency,
                    name=account.name,
                    time_zone=account.time_zone,
                )
                known["account", account.id] = {"name": account.name, "status": "active"}
                for kind, objects in (
                    ("campaign", presence.campaigns(account.id)),
                    ("ad_group", presence.ad_groups(account.id)),
                    ("ad", presence.ads(account.id)),
                    ("keyword", presence.keywords(account.id)),
                ):
                    for one in objects:
                        detail = {
                            name: str(value)
                            for name in ("objective", "channel", "match_type")
                            if (value := getattr(one, name, None)) is not None
                        }
                        name = one.text if kind == "keyword" else one.name
                        known[kind, one.id] = {"name": name, "status": str(one.status), **detail}
                    stage.name_all(kind, [(one.id, known[kind, one.id]) for one in objects], **place)
                for dataset in presence.datasets:
                    table = presence.truth(dataset, account_id=account.id, since=SINCE, until=UNTIL)
                    if table.num_rows:
                        stage.commit(dataset, table, currency=account.currency, **place, days=(SINCE, UNTIL))
                    extra = {"platform": platform, "currency": account.currency}
                    truth[dataset] += [row | extra for row in table.to_pylist()]
        yield Scene(stage, truth, known)


def key_of(row: Row, dimension: str, known: Mapping[tuple[str, str], Row]) -> tuple[Any, ...]:
    """What a row has in the columns of a dimension, but for the name."""
    day: date = row["date"]
    if dimension in OBJECTS:
        return tuple(row[name] for name in OBJECTS[dimension])
    if dimension in ATTRIBUTES:
        attribute = ATTRIBUTES[dimension]
        about = known.get((attribute.of, row[f"{attribute.of}_id"]), {})
        return (about.get(attribute.source),)
    match dimension:
        case "day":
            return (day,)
        case "week":
            return (day - timedelta(days=day.weekday()),)
        case "month":
            return (day.replace(day=1),)
        case "quarter":
            return (date(day.year, 3 * ((day.month - 1) // 3) + 1, 1),)
        case "year":
            return (date(day.year, 1, 1),)
        case "weekday":
            return (WEEKDAYS[day.weekday()],)
    return (row[dimension],)


def total(values: Iterable[Any]) -> Any:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def summed(rows: Iterable[Row], target: str | None, rates: Rates) -> Row:
    """Add up rows: amounts by day and currency, rounded half to even when they are converted."""
    rows = list(rows)
    found: Row = {name: total(row.get(name) for row in rows) for name in SUMS}
    for name in ("cost_micros", "conversion_value_micros"):
        parts: dict[tuple[date, str], list[Any]] = defaultdict(list)
        for row in rows:
            parts[row["date"], row["currency"]].append(row.get(name))
        if target is None:
            found[name] = None if len({currency for _, currency in parts}) > 1 else found[name]
            continue
        added = {key: total(values) for key, values in parts.items()}
        found[name] = total(
            None if amount is None else round(Fraction(amount) * rates.exchange(currency, target, day).factor)
            for (day, currency), amount in added.items()
        )
    return found


def metrics_of(sums: Row) -> Row:
    """All metrics from sums, written out by hand."""

    def over(above: Any, below: Any) -> Fraction | None:
        return None if above is None or not below else Fraction(above) / Fraction(below)

    def ratio(above: str, below: str) -> float | None:
        found = over(sums[above], sums[below])
        return None if found is None else float(found)

    def amount(above: str, below: str, times: int = 1) -> int | None:
        found = over(sums[above], sums[below])
        return None if found is None else round(found * times)

    return {
        "cost": sums["cost_micros"],
        "impressions": sums["impressions"],
        "clicks": sums["clicks"],
        "conversions": sums["conversions"],
        "conversion_value": sums["conversion_value_micros"],
        "video_views": sums["video_views"],
        "ctr": ratio("clicks", "impressions"),
        "cpc": amount("cost_micros", "clicks"),
        "cpm": amount("cost_micros", "impressions", 1000),
        "cvr": ratio("conversions", "clicks"),
        "cpa": amount("cost_micros", "conversions"),
        "roas": ratio("conversion_value_micros", "cost_micros"),
        "aov": amount("conversion_value_micros", "conversions"),
        "vtr": ratio("video_views", "impressions"),
    }


def check(scene: Scene, rows: Iterable[Row], dimensions: tuple[str, ...], currency: str | None) -> v1.Answer:
    """Ask for all metrics, and compare each row and the totals with sums made by hand."""
    rates, rows = ecb_rates(), list(rows)
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(part for one in dimensions for part in key_of(row, one, scene.known))].append(row)
    question = v1.Question(since=SINCE, until=UNTIL, metrics=METRICS, dimensions=dimensions, currency=currency)
    answer = scene.ask(question)
    columns = [name for one in BUILT_IN if one.name in dimensions for name in one.columns]
    names = [name for name in dict.fromkeys(columns) if name not in OBJECTS]
    assert answer.rows.num_rows == answer.total_rows == len(groups)
    order = [name for one in dimensions for name in (OBJECTS.get(one) or (one,))]
    for row in answer.rows.to_pylist():
        key = tuple(row[name] for name in order)
        expected = metrics_of(summed(groups.pop(key), currency, rates))
        assert {name: row[name] for name in METRICS} == expected, (key, names)
        for kind in set(dimensions) & set(OBJECTS):
            known = scene.known.get((kind, row[OBJECTS[kind][-1]]), {"name": None})
            assert row[kind] == known["name"]
    assert not groups
    assert dict(answer.totals) == metrics_of(summed(rows, currency, rates))
    return answer


@pytest.mark.parametrize("dimension", [one.name for one in BUILT_IN if one.name != "action"])
def test_every_metric_by_each_dimension(scene: Scene, dimension: str) -> None:
    """In the accounts' own currencies for one half of the dimensions, converted for the other."""
    currency = (
        "EUR" if dimension in ("account", "campaign", "ad", "objective", "week", "platform", "currency") else None
    )
    check(scene, scene.truth[FINEST.get(dimension, "account_daily")], (dimension,), currency)


@pytest.mark.parametrize(
    ("dimensions", "currency"),
    [
        ((), None),
        ((), "USD"),
        (("platform", "day"), "JPY"),
        (("channel", "month"), "EUR"),
        (("campaign", "campaign_status", "weekday"), None),
        (("ad_group", "search_term"), "EUR"),
    ],
)
def test_every_metric_by_several(scene: Scene, dimensions: tuple[str, ...], currency: str | None) -> None:
    finest = "search_term_daily" if "search_term" in dimensions else "account_daily"
    if {"campaign", "channel"} & set(dimensions):
        finest = "campaign_daily"
    check(scene, scene.truth[finest], dimensions, currency)


@pytest.mark.parametrize("dimensions", [("action",), ("platform", "action"), ("ad_group", "action")])
def test_conversions_by_action(scene: Scene, dimensions: tuple[str, ...]) -> None:
    """Those that a platform does not break down so far are in a row of their own."""
    rows = scene.truth["conversion_daily"]
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(part for one in dimensions for part in key_of(row, one, scene.known))].append(row)
    wanted = ("conversions", "conversion_value", "aov")
    answer = scene.ask(v1.Question(since=SINCE, until=UNTIL, metrics=wanted, dimensions=dimensions, currency="EUR"))
    order = [name for one in dimensions for name in (OBJECTS.get(one) or (one,))]
    found = {
        tuple(row[name] for name in order): {name: row[name] for name in wanted} for row in answer.rows.to_pylist()
    }
    expected = {
        key: {name: metrics_of(summed(group, "EUR", ecb_rates()))[name] for name in wanted}
        for key, group in groups.items()
    }
    assert found == expected


Predicate = Callable[[Row], bool]


def condition(dimension: str, *values: str, operator: v1.Operator = v1.Operator.IS) -> v1.Condition:
    return v1.Condition(dimension=dimension, values=values, operator=operator)


def test_conditions_keep_what_they_say(scene: Scene) -> None:
    """Each condition against the same rows chosen by hand."""
    rows, known = scene.truth["campaign_daily"], scene.known
    some = rows[0]
    text = known["campaign", some["campaign_id"]]["name"][2:5]
    path = f"{some['platform']}/{some['account_id']}/{some['campaign_id']}"

    def named(row: Row) -> str:
        return str(known["campaign", row["campaign_id"]]["name"]).lower()

    cases: list[tuple[v1.Condition, Predicate]] = [
        (condition("platform", "Google", "meta"), lambda row: row["platform"] in ("google", "meta")),
        (condition("campaign", some["campaign_id"]), lambda row: row["campaign_id"] == some["campaign_id"]),
        (condition("campaign", path), lambda row: row["campaign_id"] == some["campaign_id"]),
        (
            condition("campaign", some["campaign_id"], operator=v1.Operator.IS_NOT),
            lambda row: row["campaign_id"] != some["campaign_id"],
        ),
        (condition("campaign", text, operator=v1.Operator.CONTAINS), lambda row: text.lower() in named(row)),
        (condition("campaign", text, operator=v1.Operator.LACKS), lambda row: text.lower() not in named(row)),
        (
            condition("account", some["account_id"], operator=v1.Operator.IS_NOT),
            lambda row: row["account_id"] != some["account_id"],
        ),
        (
            condition("channel", "SEARCH"),
            lambda row: known["campaign", row["campaign_id"]].get("channel") == "search",
        ),
        (
            condition("objective", "sales", operator=v1.Operator.IS_NOT),
            lambda row: known["campaign", row["campaign_id"]].get("objective") != "sales",
        ),
        (condition("currency", some["currency"].lower()), lambda row: row["currency"] == some["currency"]),
        (condition("weekday", "Saturday", "sunday"), lambda row: row["date"].weekday() > 4),
        (condition("week", "2026-03-30"), lambda row: date(2026, 3, 30) <= row["date"] <= date(2026, 4, 5)),
        (condition("day", "2026-04", operator=v1.Operator.CONTAINS), lambda row: row["date"].month == 4),
    ]
    for where, keeps in cases:
        question = v1.Question(
            since=SINCE,
            until=UNTIL,
            metrics=("clicks", "cost"),
            dimensions=("campaign",),
            where=(where,),
            currency="EUR",
        )
        answer = scene.ask(question)
        expected = summed(filter(keeps, rows), "EUR", ecb_rates())
        assert answer.totals == {"clicks": expected["clicks"], "cost": expected["cost_micros"]}, where
        assert answer.rows.num_rows == len({row["campaign_id"] for row in rows if keeps(row)}), where


def test_a_comparison_has_both_sides(scene: Scene) -> None:
    """Each row beside the one of the days before, and the totals of both."""
    rows, middle = scene.truth["campaign_daily"], date(2026, 4, 6)
    question = v1.Question(
        since=middle,
        until=UNTIL,
        metrics=("cost", "conversions"),
        dimensions=("platform", "day"),
        compare=v1.Compare.PREVIOUS_PERIOD,
        currency="EUR",
    )
    answer = scene.ask(question)
    assert answer.compared == (date(2026, 3, 30), date(2026, 4, 5))

    def side(since: date, until: date, moved: int) -> dict[tuple[Any, ...], Row]:
        groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in rows:
            if since <= row["date"] <= until:
                groups[row["platform"], row["date"] + timedelta(days=moved)].append(row)
        return {key: summed(group, "EUR", ecb_rates()) for key, group in groups.items()}

    now, before = side(middle, UNTIL, 0), side(date(2026, 3, 30), date(2026, 4, 5), 7)
    empty: Row = dict.fromkeys(SUMS)
    found = {(row["platform"], row["day"]): row for row in answer.rows.to_pylist()}
    assert found.keys() == now.keys() | before.keys()
    for key, row in found.items():
        assert row["cost"] == now.get(key, empty)["cost_micros"]
        assert row["cost.before"] == before.get(key, empty)["cost_micros"]
        assert row["conversions.before"] == before.get(key, empty)["conversions"]
    earlier = summed((row for row in rows if date(2026, 3, 30) <= row["date"] < middle), "EUR", ecb_rates())
    assert answer.before == {"cost": earlier["cost_micros"], "conversions": _plain(earlier["conversions"])}


def _plain(value: Decimal) -> Decimal | int:
    return int(value) if value == int(value) else value
