"""Reports: spend and results by platform, account, campaign, ad group, ad, keyword, search term or day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from sqlmodel import select

from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import DateWindow
from adjoin.currency import Rates, ecb_rates
from adjoin.db.models import Account, Entity, EntityKind
from adjoin.errors import BadInput, UnknownName
from adjoin.facts._conversion import converted, rate_notes
from adjoin.facts._measures import SUMMED, count, measures, merge
from adjoin.facts.query import AccountKey, FactQuery

if TYPE_CHECKING:
    import ibis.expr.types as ir  # type: ignore[import-untyped]
    import pyarrow as pa

__all__ = ["By", "Comparison", "Report", "Row", "check_names", "compare", "daily", "report"]

By: TypeAlias = Literal["total", "platform", "account", "campaign", "ad_group", "ad", "keyword", "search_term", "day"]

#: One line of a report. The keys of its dimension (platform, account_id, account_name, campaign_id, ... or date), then
#: impressions, clicks, ctr, conversions (int, or Decimal when not whole), conversions_by_action, currency, cost_micros,
#: conversion_value_micros, cpa_micros, roas. Null where nothing gives it. `by_currency` only where there are several.
Row: TypeAlias = dict[str, Any]

_LEVELS = ("campaign_id", "ad_group_id", "ad_id", "keyword_id", "search_term")
_PARTIAL = {
    "keyword": "Not all results have a keyword",
    "search_term": "Platforms keep rare search terms to themselves",
}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "total": (),
    "platform": ("platform",),
    "account": ("platform", "account_id"),
    "campaign": ("platform", "account_id", "campaign_id"),
    "ad_group": ("platform", "account_id", "campaign_id", "ad_group_id"),
    "ad": ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id"),
    "keyword": ("platform", "account_id", "campaign_id", "ad_group_id", "keyword_id"),
    "search_term": ("platform", "account_id", "campaign_id", "ad_group_id", "search_term"),
    "day": ("date",),
}
_Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows ordered by their keys, and totals with the same measures. `notes` are sentences for the reader.

    `as_of` is the instant whose figures these are, None for now.
    """

    since: date
    until: date
    by: str
    currency: str | None
    rows: Sequence[Row]
    totals: Row
    notes: Sequence[str] = field(default=())
    as_of: datetime | None = None

    def to_json(self) -> bytes:
        """Encode as JSON: dates as text, fractional conversions as exact decimal numbers."""
        import msgspec

        return msgspec.json.Encoder(decimal_format="number").encode(
            {
                "since": self.since,
                "until": self.until,
                "by": self.by,
                "as_of": self.as_of,
                "rows": self.rows,
                "totals": self.totals,
                "notes": self.notes,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The totals of two windows."""

    current: Report
    previous: Report


def report(
    query: FactQuery,
    *,
    since: date,
    until: date,
    by: By,
    platforms: Collection[str] | None = None,
    accounts: Collection[str] | None = None,
    campaign_ids: Collection[str] | None = None,
    currency: str | None = None,
    rates: Rates | None = None,
) -> Report:
    """Report the days from `since` to `until`, both included, of all or of the named platforms, accounts and campaigns.

    Each account is answered from its coarsest dataset that can. Without `currency`, amounts in different ones
    are not added: they are null, and given per currency under `by_currency`. With it, each day is converted at its
    rate of the European Central Bank (`rates` for others): the sum of a day and a currency is rounded half to even
    to whole micros, once for each row and once for the totals, which are therefore the same for every `by`.
    A query with `as_of` gives the figures of that instant; names and rates are those known today.

    Raises UnknownName for a platform or account that is not there, BadInput for days the wrong way round, a currency
    without rates or an instant whose files are no longer kept, StoreDamaged for a broken file.
    """
    if by not in get_args(By):
        raise BadInput(f"A report can be by {', '.join(get_args(By))}, not by {by!r}.")
    selection = _Selection(query, since, until, platforms, accounts, campaign_ids)
    return selection.report(by, _KEYS[by], currency=currency, rates=rates)


def daily(
    query: FactQuery,
    *,
    since: date,
    until: date,
    platforms: Collection[str] | None = None,
    accounts: Collection[str] | None = None,
    campaign_ids: Collection[str] | None = None,
    currency: str | None = None,
    rates: Rates | None = None,
) -> Report:
    """Report each platform's days: rows with platform and date, for charts. A day without results has no row."""
    selection = _Selection(query, since, until, platforms, accounts, campaign_ids)
    return selection.report("platform and day", ("platform", "date"), currency=currency, rates=rates)


def compare(
    query: FactQuery,
    *,
    current: DateWindow,
    previous: DateWindow,
    platforms: Collection[str] | None = None,
    accounts: Collection[str] | None = None,
    campaign_ids: Collection[str] | None = None,
    currency: str | None = None,
    rates: Rates | None = None,
) -> Comparison:
    """Report the totals of two windows with the same filters."""

    def total(window: DateWindow) -> Report:
        return report(
            query,
            since=window.since,
            until=window.until,
            by="total",
            platforms=platforms,
            accounts=accounts,
            campaign_ids=campaign_ids,
            currency=currency,
            rates=rates,
        )

    return Comparison(current=total(current), previous=total(previous))


def check_names(
    query: FactQuery, *, platforms: Collection[str] | None, accounts: Collection[str] | None
) -> dict[AccountKey, str]:
    """Return the names of all accounts. Raises UnknownName for a platform or an account that is not there."""
    with query.store.read() as session:
        found = session.exec(
            select(Account.platform, Account.id, Account.name).where(Account.workspace_id == query.workspace_id)
        ).all()
    known = {AccountKey(platform, account_id): name for platform, account_id, name in found}
    for kind, asked, there in (
        ("platform", platforms, {key.platform for key in known}),
        ("account", accounts, {key.account_id for key in known}),
    ):
        unknown = sorted(set(asked or ()) - there)
        if unknown:
            raise UnknownName(
                f"There is no {kind} {', '.join(unknown)} here; "
                + (f"there are {', '.join(sorted(there))}." if there else "nothing is connected yet.")
            )
    return known


@dataclass(frozen=True, slots=True)
class _Selection:
    """What a report is about."""

    query: FactQuery
    since: date
    until: date
    platforms: Collection[str] | None
    accounts: Collection[str] | None
    campaign_ids: Collection[str] | None

    def report(self, by: str, keys: tuple[str, ...], *, currency: str | None, rates: Rates | None) -> Report:
        known = check_names(self.query, platforms=self.platforms, accounts=self.accounts)
        daily_sums = self._sums(keys, per_day=currency is not None)
        actions = self._actions(keys)
        notes: list[str] = []
        if currency is None:
            groups = _by_key(daily_sums, keys)
            total = _per_currency(groups.values())
        else:
            rates = rates or ecb_rates()
            currency = rates.known(currency)
            groups = _in_one(daily_sums, keys, currency, rates)
            total = _in_one(daily_sums, (), currency, rates).get((), {})
            notes += rate_notes(daily_sums, target=currency, rates=rates)
        if len(total) > 1:
            notes.append(
                f"Amounts are in {', '.join(sorted(total))} and were not added; name a currency to convert them."
            )
        if by in _PARTIAL:
            notes.append(f"{_PARTIAL[by]}, so these are less than the campaigns' results.")
        names = _Names(self.query, known, keys)
        rows = [
            names.of(key) | measures(sums) | {"conversions_by_action": actions.get(key, {})}
            for key, sums in sorted(groups.items(), key=lambda item: item[0])
        ]
        totals = measures(total) | {"conversions_by_action": _added(actions.values())}
        return Report(
            since=self.since,
            until=self.until,
            by=by,
            currency=currency,
            rows=rows,
            totals=totals,
            notes=notes,
            as_of=self.query.as_of,
        )

    def _sums(self, keys: tuple[str, ...], *, per_day: bool) -> pa.Table:
        """Return the sums of each key and currency, and of each day where asked."""
        import ibis

        grain = tuple(dict.fromkeys((*keys, *(("date",) if per_day else ()), "currency")))
        needed = {key for key in keys if key in _LEVELS} | ({"campaign_id"} if self.campaign_ids is not None else set())
        chosen = self.query.coarsest(
            needed, self.since, self.until, platforms=self.platforms, accounts=self.accounts
        ) or {next(name for name, one in DATASETS.items() if needed <= set(one.keys)): []}
        parts = [self._filtered(dataset, accounts).select(*grain, *SUMMED) for dataset, accounts in chosen.items()]
        everything = ibis.union(*parts) if len(parts) > 1 else parts[0]
        return self.query.run(
            everything.group_by(*grain).aggregate(**{name: everything[name].sum() for name in SUMMED})
        )

    def _actions(self, keys: tuple[str, ...]) -> dict[_Key, dict[str, Any]]:
        """Return the conversions of each key by action."""
        if not set(keys) <= {"platform", "account_id", "date", *DATASETS["conversion_daily"].keys}:
            return {}
        rows = self._filtered("conversion_daily", self.accounts)
        for key in keys:
            rows = rows.filter(rows[key].notnull())
        sums = rows.group_by(*keys, "action").aggregate(conversions=rows.conversions.sum())
        found: dict[_Key, dict[str, Any]] = defaultdict(dict)
        for row in self.query.run(sums.order_by("action")).to_pylist():
            found[tuple(row[key] for key in keys)][row["action"]] = count(row["conversions"])
        return dict(found)

    def _filtered(self, dataset: str, accounts: Collection[str | AccountKey] | None) -> ir.Table:
        rows = self.query.table(dataset, self.since, self.until, platforms=self.platforms, accounts=accounts)
        if self.campaign_ids is not None:
            rows = rows.filter(rows.campaign_id.isin(list(self.campaign_ids)))
        return rows


class _Names:
    """The names beside the ids of a row."""

    def __init__(self, query: FactQuery, accounts: Mapping[AccountKey, str], keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._accounts = accounts
        self._entities: dict[_Key, str] = {}
        for kind in (EntityKind(key.removesuffix("_id")) for key in keys if key.endswith("_id") and key in _LEVELS):
            with query.store.read() as session:
                found = session.exec(
                    select(Entity.platform, Entity.account_id, Entity.id, Entity.name).where(
                        Entity.workspace_id == query.workspace_id, Entity.kind == kind
                    )
                ).all()
            self._entities |= {(platform, account, kind, id_): name for platform, account, id_, name in found}

    def of(self, key: _Key) -> Row:
        row: Row = {}
        for name, value in zip(self._keys, key, strict=True):
            row[name] = value
            if name == "account_id":
                row["account_name"] = self._accounts.get(AccountKey(row["platform"], value))
            elif name.endswith("_id") and name in _LEVELS:
                kind = EntityKind(name.removesuffix("_id"))
                entity = (row["platform"], row["account_id"], kind, value)
                row[f"{kind}_name"] = self._entities.get(entity)
        return row


def _by_key(sums: pa.Table, keys: tuple[str, ...]) -> dict[_Key, dict[str, Row]]:
    groups: dict[_Key, dict[str, Row]] = defaultdict(dict)
    for row in sums.to_pylist():
        groups[tuple(row[key] for key in keys)][row["currency"]] = row
    return groups


def _in_one(daily_sums: pa.Table, keys: tuple[str, ...], currency: str, rates: Rates) -> dict[_Key, dict[str, Row]]:
    if not daily_sums.num_rows:
        return {}
    sums = converted(daily_sums, keys=keys, target=currency, rates=rates)
    return {tuple(row[key] for key in keys): {currency: row} for row in sums.to_pylist()}


def _per_currency(groups: Iterable[Mapping[str, Row]]) -> dict[str, Row]:
    found: dict[str, list[Row]] = defaultdict(list)
    for group in groups:
        for currency, sums in group.items():
            found[currency].append(sums)
    return {currency: merge(sums) for currency, sums in found.items()}


def _added(actions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for one in actions:
        for action, value in one.items():
            if value is not None:
                total[action] = total.get(action, 0) + value
    return {action: count(Decimal(value)) for action, value in sorted(total.items())}
