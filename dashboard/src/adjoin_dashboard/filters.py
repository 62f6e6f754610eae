"""The filter row that pages about figures share. Every choice is in the address, so a link shows the same page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adjoin.analytics import v1
from adjoin_dashboard.addresses import Address, enter, keep
from adjoin_dashboard.choices import asked, choose_days, choose_many
from adjoin_dashboard.context import Context
from adjoin_dashboard.keys import EARLIER, LATER, moved
from adjoin_dashboard.old_links import earliest_day, link_problems, show_problems
from adjoin_dashboard.overview.accounts import account_names
from adjoin_dashboard.overview.model import COMPARISONS, AccountId, Comparison, Period, compared
from adjoin_dashboard.overview.status import Status, offered_currencies
from adjoin_dashboard.periods import CUSTOM, DEFAULT_PERIOD, PERIODS, named_period
from adjoin_dashboard.views import default_address

__all__ = ["Filters", "choose_period", "show_filters"]

T = TypeVar("T")

#: So many accounts are offered at once; more are found by typing.
_MOST_OFFERED = 50
#: Accounts that a question can name: more would not fit into an address.
_MOST_CHOSEN = 100
_COMPARE: Mapping[Comparison, v1.Compare] = {
    "Previous period": v1.Compare.PREVIOUS_PERIOD,
    "Previous year": v1.Compare.PREVIOUS_YEAR,
    "Nothing": v1.Compare.NOTHING,
}
_LAST_DAYS = "_adjoin_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the visitor asked for. `platforms` are never none: no choice means all of them.

    `accounts` are empty where all of the platforms are meant. `address` says the same as parameters of an address;
    `menu` is where the page draws what else belongs into the row.
    """

    period: Period
    comparison: Comparison
    platforms: tuple[str, ...]
    currency: str
    accounts: tuple[AccountId, ...] = ()
    where: tuple[v1.Condition, ...] = ()
    address: Address = field(default_factory=dict)
    menu: DeltaGenerator | None = None

    @property
    def compared(self) -> Period | None:
        return compared(self.period, self.comparison)

    def shows(self, account: AccountId) -> bool:
        """Say whether an account is one of those that are looked at."""
        return account in self.accounts if self.accounts else account[0] in self.platforms

    def question(
        self,
        metrics: Sequence[str],
        dimensions: Sequence[str] = (),
        *,
        where: Sequence[v1.Condition] = (),
        compare: bool = True,
        order_by: Sequence[str] = (),
        search: str = "",
        limit: int | None = None,
        offset: int = 0,
    ) -> v1.Question:
        """Return the question about what is filtered; with `where` about a part of it."""
        return v1.Question(
            since=self.period.first,
            until=self.period.last,
            metrics=tuple(metrics),
            dimensions=tuple(dimensions),
            where=(*self.where, *where),
            compare=_COMPARE[self.comparison] if compare else v1.Compare.NOTHING,
            currency=self.currency,
            order_by=tuple(order_by),
            search=search,
            limit=limit,
            offset=offset,
        )


def show_filters(
    context: Context, status: Status, *, page: str = "overview", own: Collection[str] = ()
) -> Filters | None:
    """Draw the filters; None while a date range is half chosen (a hint is shown then).

    `page` is the slug of the page and `own` are its own parameters, which are kept with it. What an old link asks for
    and is not there is said below the row.
    """
    entered = enter(page, own, lambda: default_address(context, page))
    problems = link_problems(context, status) if entered else []
    with st.container(horizontal=True, vertical_alignment="top", key="filters"):
        period = _show_period(context, status)
        usual = _usual(context.settings.comparison, COMPARISONS, COMPARISONS[0])
        comparison = st.selectbox(
            "Compare with",
            COMPARISONS,
            index=COMPARISONS.index(usual),
            key="compare",
            bind="query-params",
            width=160,
        )
        platforms = choose_many(
            "Platforms",
            status.platforms,
            context.host.platform_title,
            key="platforms",
            placeholder="All platforms",
            width=190,
        )
        accounts = _show_accounts(context, status, platforms)
        currency = _show_currency(context, status)
        menu = st.container(width="content")
    show_problems(problems, entered=entered)
    if period is None:
        st.info("Choose the last day of the date range too.", icon=":material/date_range:")
        return None
    _show_keys(context, status, period)
    chosen = tuple(_account_id(one) for one in accounts)
    by_platform = v1.Condition(dimension="platform", values=tuple(platforms))
    by_account = v1.Condition(dimension="account", values=tuple(accounts))
    address = _address(period, comparison, platforms, accounts, currency)
    keep(page, address)
    return Filters(
        period=period,
        comparison=comparison,
        platforms=tuple(platforms) or tuple(status.platforms),
        currency=currency,
        accounts=chosen,
        where=(*((by_platform,) if platforms else ()), *((by_account,) if accounts else ())),
        address=address,
        menu=menu,
    )


def _show_keys(context: Context, status: Status, period: Period) -> None:
    """Have keys lead to the days before and after."""
    with st.container(key="adjoin-keys"):
        for later, key in ((False, EARLIER), (True, LATER)):
            to = moved(period, later=later, today=context.today())
            there = to is not None and to.first >= earliest_day(context, status)
            st.button(
                "Later days" if later else "Earlier days",
                key=f"days-{'after' if later else 'before'}",
                shortcut=key,
                disabled=not there,
                on_click=choose_period,
                args=(to or period,),
            )


def choose_period(period: Period) -> None:
    """Show these days: in a callback."""
    st.session_state["period"] = CUSTOM
    st.session_state["range"] = (period.first, period.last)


def _show_period(context: Context, status: Status) -> Period | None:
    today = context.today()
    usual = _usual(context.settings.period, PERIODS[: PERIODS.index(CUSTOM)], DEFAULT_PERIOD)
    name = st.selectbox("Days", PERIODS, index=PERIODS.index(usual), key="period", bind="query-params", width=150)
    if name != CUSTOM:
        period = named_period(name, today, status.held)
        st.session_state[_LAST_DAYS] = (period.first, period.last)
        if "range" in st.query_params:
            del st.query_params["range"]
        return period
    start = st.session_state.get(_LAST_DAYS)
    if start is None:
        first = named_period(usual, today, status.held)
        start = (first.first, first.last)
    days = choose_days(
        "Date range",
        start,
        key="range",
        earliest=earliest_day(context, status),
        latest=today,
        order=context.write.date_order,
        width=250,
    )
    return Period(days[0], days[1]) if len(days) == 2 else None


def _show_accounts(context: Context, status: Status, platforms: Collection[str]) -> list[str]:
    known = [one for one in status.accounts if not platforms or one.platform in platforms]
    names = account_names(known)
    several = len({one.platform for one in known}) > 1
    titles = {
        f"{platform}/{account_id}": f"{name} ({context.host.platform_title(platform)})" if several else name
        for (platform, account_id), name in names.items()
    }
    before = st.session_state.get("accounts", asked("accounts"))
    chosen = [one for one in before if one in titles]
    if "accounts" in st.session_state and chosen != before:
        st.session_state["accounts"] = chosen  # of a platform that is not looked at any more
    label = "All accounts" if not chosen else context.write.counted(len(chosen), "account")
    with st.container(width="content", gap="xxsmall"):
        st.markdown(":small[Accounts]")
        with st.popover(label, icon=":material/folder:", key="account-menu"):
            search = ""
            if len(titles) > _MOST_OFFERED:
                search = st.text_input("Find accounts", key="account-search", placeholder="A part of the name or id")
            wanted = search.strip().casefold()
            found = [one for one in titles if wanted in titles[one].casefold() or wanted in one.casefold()]
            offered = list(dict.fromkeys([*chosen, *found[:_MOST_OFFERED]]))
            accounts = choose_many(
                "Accounts",
                offered,
                lambda one: titles.get(one, one),
                key="accounts",
                placeholder="All accounts",
                most=_MOST_CHOSEN,
                width=320,
            )
            if len(found) > _MOST_OFFERED:
                offered_of = f"{context.write.count(_MOST_OFFERED)} of {context.write.count(len(found))}"
                st.caption(f"{offered_of} accounts are offered; type to find the others.")
            elif not found:
                st.caption("No account has this in its name or id.")
    return accounts


def _show_currency(context: Context, status: Status) -> str:
    currencies = offered_currencies(status, context.settings.currency)
    if len(currencies) < 2:
        return context.currency
    return st.selectbox(
        "Currency",
        currencies,
        key="currency",
        bind="query-params",
        width=110,
        help="Amounts in other currencies are converted at each day's rate of the European Central Bank.",
    )


def _usual(wanted: str, offered: Sequence[T], otherwise: T) -> T:
    """Return what the workspace's settings say, as far as it is offered."""
    return next((one for one in offered if one == wanted), otherwise)


def _account_id(text: str) -> AccountId:
    platform, _, account_id = text.partition("/")
    return platform, account_id


def _address(
    period: Period, comparison: Comparison, platforms: Sequence[str], accounts: Sequence[str], currency: str
) -> Address:
    name = st.session_state["period"]
    found: dict[str, list[str]] = {
        "period": [name],
        "range": [str(period.first), str(period.last)] if name == CUSTOM else [],
        "compare": [comparison],
        "platforms": list(platforms),
        "accounts": list(accounts),
        "currency": [currency],
    }
    return {key: values for key, values in found.items() if values}
