"""Conditions: which accounts, which rows of facts, and which objects count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from adjoin.analytics import v1
from adjoin.errors import UnknownName
from adjoin.facts.manifest import AccountKey
from adjoin.facts.reading import Keep
from adjoin_analytics.asking.objects import AccountRow, Objects, accounts_of, column_of
from adjoin_analytics.asking.shape import Listed, own_id
from adjoin_analytics.definitions.catalogue import Catalogue
from adjoin_analytics.definitions.dimensions import OBJECTS, PERIODS, WEEKDAYS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Conditions", "days_kept", "read_conditions"]

_MOST_SHOWN = 20


@dataclass(slots=True)
class Conditions:
    """What the conditions of a question come to.

    `accounts` are those that count, `keys` the columns of facts that are needed to tell, `keep` what rows must be like,
    `listed` the tables of objects that are kept or left out, and `days` the conditions on days.
    """

    accounts: Sequence[AccountRow]
    narrowed: bool = False
    keys: set[str] = field(default_factory=set)
    keep: list[Keep] = field(default_factory=list)
    listed: dict[Listed, pa.Table] = field(default_factory=dict)
    days: list[v1.Condition] = field(default_factory=list)


def read_conditions(
    context: v1.AnalyticsContext,
    catalogue: Catalogue,
    where: Sequence[v1.Condition],
    *,
    objects: Objects,
    version: str,
) -> Conditions:
    """Sort conditions by what they are about. Raises UnknownName for a dimension, a platform or an account."""
    found = Conditions(objects.accounts(context, version))
    known = found.accounts
    for condition in where:
        catalogue.dimension(condition.dimension)
        name, of = condition.dimension, catalogue.object_of(condition.dimension)
        by_name = condition.operator in (v1.Operator.CONTAINS, v1.Operator.LACKS)
        if name in PERIODS:
            found.days.append(condition)
        elif name in ("platform", "account", "currency") or of == "account":
            _narrow(found, _account_test(context, catalogue, condition, found.accounts, of, known))
        elif name in OBJECTS and not by_name:
            found.keep.append(_keep_objects(found, condition))
        elif name in OBJECTS or of:
            _list_objects(found, condition, catalogue, context, objects, version)
        else:
            found.keys.add(name)
            values = tuple(((name, value),) for value in condition.values)
            found.keep.append(Keep(values, negate=_negates(condition), folded=True, within=by_name))
    return found


def days_kept(conditions: Sequence[v1.Condition], since: date, until: date, moved: int) -> Keep | None:
    """Return what keeps the days that the conditions let pass, None for all. `moved` is as in a comparison."""
    if not conditions:
        return None
    kept = [day for day in _days(since, until) if all(_is_kept(one, day, moved) for one in conditions)]
    return Keep(tuple((("date", day.isoformat()),) for day in kept))


def _is_kept(condition: v1.Condition, day: date, moved: int) -> bool:
    label = _label(condition.dimension, day, moved).lower()
    values = [value.strip().lower() for value in condition.values]
    if condition.operator in (v1.Operator.CONTAINS, v1.Operator.LACKS):
        hit = any(value in label for value in values)
    else:
        hit = label in values
    return hit is not _negates(condition)


def _label(period: str, day: date, moved: int) -> str:
    if period == "weekday":
        return WEEKDAYS[day.weekday()]
    day += timedelta(days=moved)
    match period:
        case "week":
            day -= timedelta(days=day.weekday())
        case "month":
            day = day.replace(day=1)
        case "quarter":
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            day = day.replace(month=1, day=1)
    return day.isoformat()


def _days(since: date, until: date) -> Iterator[date]:
    for number in range((until - since).days + 1):
        yield since + timedelta(days=number)


def _negates(condition: v1.Condition) -> bool:
    return condition.operator in (v1.Operator.IS_NOT, v1.Operator.LACKS)


def _narrow(found: Conditions, test: Callable[[AccountRow], bool]) -> None:
    found.accounts = [one for one in found.accounts if test(one)]
    found.narrowed = True


def _account_test(
    context: v1.AnalyticsContext,
    catalogue: Catalogue,
    condition: v1.Condition,
    accounts: Sequence[AccountRow],
    of: str,
    known: Sequence[AccountRow],
) -> Callable[[AccountRow], bool]:
    name, negates = condition.dimension, _negates(condition)
    by_name = condition.operator in (v1.Operator.CONTAINS, v1.Operator.LACKS)
    values = [value.lower() for value in condition.values]
    if name == "account" and not by_name:
        _check_there("account", condition.values, context, lambda one: {one.id, _path(one)}, known)
        wanted = set(condition.values)
        return lambda one: (one.id in wanted or _path(one) in wanted) is not negates
    if name == "platform" and not by_name:
        _check_there("platform", values, context, lambda one: {one.platform}, known)
    if of:
        held = _held_by_accounts(accounts, name, catalogue)
    else:
        texts = {"platform": lambda one: one.platform, "currency": lambda one: one.currency}
        text: Callable[[AccountRow], str] = texts.get(name, lambda one: one.name)
        held = {one.key: text(one) for one in accounts}

    def test(one: AccountRow) -> bool:
        here = held.get(one.key)
        if here is None:
            return negates
        hit = any(value in here.lower() for value in values) if by_name else here.lower() in values
        return hit is not negates

    return test


def _held_by_accounts(accounts: Sequence[AccountRow], name: str, catalogue: Catalogue) -> dict[AccountKey, str | None]:
    import pyarrow as pa

    table = pa.table(
        {
            "name": pa.array([one.name for one in accounts], pa.string()),
            "status": pa.array([one.status for one in accounts], pa.string()),
        }
    )
    held = column_of(table, name, catalogue).to_pylist()
    return {one.key: value for one, value in zip(accounts, held, strict=True)}


def _path(account: AccountRow) -> str:
    return f"{account.platform}/{account.id}"


def _check_there(
    kind: str,
    asked: Collection[str],
    context: v1.AnalyticsContext,
    names: Callable[[AccountRow], set[str]],
    known: Sequence[AccountRow],
) -> None:
    """Raise UnknownName for what is not there, also not among accounts that have come since the last sync."""
    if set(asked) <= {name for one in known for name in names(one)}:
        return
    there = {name for one in accounts_of(context) for name in names(one)}
    unknown = sorted(set(asked) - there)
    if not unknown:
        return
    plain = sorted(one for one in there if "/" not in one)
    more = f" and {len(plain) - _MOST_SHOWN} more" if len(plain) > _MOST_SHOWN else ""
    here = f"there are {', '.join(plain[:_MOST_SHOWN])}{more}." if plain else "nothing is connected yet."
    raise UnknownName(f"There is no {kind} {', '.join(unknown)} here; {here}")


def _keep_objects(found: Conditions, condition: v1.Condition) -> Keep:
    """Keep the rows of objects that are named by id, by platform, account and id, or by all their ids."""
    ids = OBJECTS[condition.dimension]
    own = own_id(condition.dimension)
    found.keys.add(ids[-1])
    platforms = {one.platform for one in found.accounts}
    values = []
    for value in condition.values:
        parts = value.split("/")
        if parts[0] in platforms and len(parts) == len(ids):
            values.append(tuple(zip(ids, parts, strict=True)))
        elif parts[0] in platforms and len(parts) == len(own):
            values.append(tuple(zip(own, parts, strict=True)))
        else:
            values.append(((ids[-1], value),))
    negates = _negates(condition)
    paths = [dict(value) for value in values]
    if not negates and all("account_id" in path for path in paths):  # then the other accounts need not be read
        wanted = {AccountKey(path["platform"], path["account_id"]) for path in paths}
        _narrow(found, lambda one: one.key in wanted)
    return Keep(tuple(values), negate=negates)


def _list_objects(
    found: Conditions,
    condition: v1.Condition,
    catalogue: Catalogue,
    context: v1.AnalyticsContext,
    objects: Objects,
    version: str,
) -> None:
    """List the objects whose name or attribute is like the condition, as a table that facts are held against."""
    import pyarrow as pa
    import pyarrow.compute as pc

    name = condition.dimension
    of = catalogue.object_of(name) or name
    found.keys.add(OBJECTS[of][-1])
    table = objects.of(context, of, version)
    held: Any = table.column("name").combine_chunks() if name == of else column_of(table, name, catalogue)
    hits: Any = pa.array([False] * table.num_rows, pa.bool_())
    if condition.operator in (v1.Operator.CONTAINS, v1.Operator.LACKS):
        for value in condition.values:
            hits = pc.or_(hits, pc.fill_null(pc.match_substring(held, pattern=value, ignore_case=True), False))
    else:
        values = pa.array([value.lower() for value in condition.values], pa.string())
        hits = pc.fill_null(pc.is_in(pc.utf8_lower(held), value_set=values, skip_nulls=True), False)
    listed = Listed(f"listed_{len(found.listed)}", of, _negates(condition))
    found.listed[listed] = table.filter(hits).select(list(own_id(of)))
