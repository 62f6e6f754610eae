"""Every figure on every page equals a computation by hand from the truth of the world.

Pages are found by the menu: one with figures has its checks here, one without says why it needs none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from html import unescape
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from adjoin.clock import ManualClock
from adjoin.writing import Writer
from adjoin_dashboard.asking import place_of
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.navigation import collect
from adjoin_dashboard.testing import sign_in, visiting

from .figures_by_hand import (
    MISSING,
    Figures,
    Hand,
    Setting,
    Words,
    cards,
    drawn,
    exactly,
    near,
    plain_cells,
    shown_cells,
    words_of,
)
from .whole_advertiser import TODAY, Bank, Synced

TITLES = {
    "google": "Google Ads",
    "linkedin": "LinkedIn Ads",
    "meta": "Meta Ads",
    "microsoft": "Microsoft Advertising",
}
KPIS = ("Spend", "Conversions", "CPA", "ROAS", "CTR")
YESTERDAY = TODAY - timedelta(days=1)
GOOGLE_USD, META_JPY = ("google", "3673928279"), ("meta", "432774526151845499")

WEEK = Setting(
    name="a week beside the one before",
    since=TODAY - timedelta(days=7),
    until=YESTERDAY,
    before=(TODAY - timedelta(days=14), TODAY - timedelta(days=8)),
    currency="EUR",
    address={"period": "Last 7 days"},
)
PLATFORMS_IN_USD = Setting(
    name="two platforms in USD, beside nothing",
    since=date(2026, 4, 1),
    until=TODAY,
    before=None,
    currency="USD",
    platforms=("linkedin", "meta"),
    address={
        "range": ["2026-04-01", str(TODAY)],
        "compare": "Nothing",
        "platforms": ["linkedin", "meta"],
        "currency": "USD",
    },
)
ACCOUNTS_IN_JPY = Setting(
    name="two accounts of two currencies in JPY, over Easter",
    since=date(2026, 4, 3),
    until=date(2026, 4, 8),
    before=(date(2026, 3, 28), date(2026, 4, 2)),
    currency="JPY",
    accounts=(GOOGLE_USD, META_JPY),
    address={
        "range": ["2026-04-03", "2026-04-08"],
        "accounts": ["/".join(GOOGLE_USD), "/".join(META_JPY)],
        "currency": "JPY",
    },
)
A_YEAR_BEFORE = Setting(
    name="one account, beside a year that was never synced",
    since=date(2026, 3, 23),
    until=YESTERDAY,
    before=None,
    currency="EUR",
    accounts=(META_JPY,),
    address={"range": ["2026-03-23", str(YESTERDAY)], "compare": "Previous year", "accounts": "/".join(META_JPY)},
)
SETTINGS = (WEEK, PLATFORMS_IN_USD, ACCOUNTS_IN_JPY, A_YEAR_BEFORE)

#: The test that compares a page's figures, by the page's path.
CHECKED = {
    "overview": "TestOverview",
    "campaigns": "TestCampaigns",
    "pacing": "TestPacing",
    "insights": "TestInsights",
    "platforms": "TestPlatforms",
    "creatives": "TestCreatives",
}
#: Pages that show no figure of an advertiser's results, and what they show.
WITHOUT_FIGURES = {
    "alerts": "rules as they were typed, and events; the figures in them are what a rule was checked against",
    "reports": "schedules; what a report says in its preview is compared in the tests of the page",
    "health": "days that were read and rows that came, which the tests of the page count",
    "connections": "accounts and credentials",
    "runs": "runs, rows and requests, which the tests of the page count",
    "members": "people",
    "api-keys": "keys",
    "audit": "what was done",
    "workspace": "a name",
    "metrics": "definitions of metrics, which the tests of the page compare",
    "settings": "choices",
    "plugins": "what is installed",
}


def draw(path: str) -> None:
    """A page of the menu, as a script of its own."""
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.navigation import collect
    from adjoin_dashboard.session_guard import current_visitor

    visitor = current_visitor()
    assert visitor is not None
    context = make_context(current_host(), visitor)
    placed = next(one for one in collect(context.host.kernel, context.role).pages if one.path == path)
    placed.page.render(context)
    context.close()


def look(path: str, **address: str | list[str]) -> AppTest:
    page = AppTest.from_function(draw, default_timeout=120, args=(path,))
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert not page.error, page.error[0].value
    return page


@pytest.fixture(scope="module")
def hand(synced_everywhere: Synced) -> Hand:
    return Hand(synced=synced_everywhere, bank=Bank())


@pytest.fixture(scope="module")
def host(synced_everywhere: Synced) -> Iterator[Host]:
    now = synced_everywhere.world.now
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL"):
            patch.delenv(name, raising=False)
        with (
            open_host(synced_everywhere.home, clock=ManualClock(now)) as opened,
            serving(opened),
            visiting(sign_in(opened.store, now=now).session.id),
        ):
            yield opened
    st.cache_data.clear()


def account_name(hand: Hand, key: tuple[str, ...]) -> str:
    return hand.synced.world.on(key[0]).account(key[1]).name


def check_cards(page: AppTest, names: Sequence[str], now: Figures, before: Figures | None, words: Words) -> None:
    """Compare the headline numbers and their changes; without a comparison they have none."""
    found = cards(page)
    assert list(found) == list(names)
    for name in names:
        compact = name in ("Spend", "Conversion value") or (
            names is not KPIS and name in ("CPA", "CPC", "Impressions", "Clicks", "Conversions")
        )
        expected = words.card(name, now[name], compact=compact)
        delta = "" if before is None else words.delta(name, now[name], before[name])
        assert found[name] == (expected, delta), name


def check_column(cells: Sequence[Mapping[str, str]], plain: Sequence[Mapping[str, Any]], told: str, name: str,
                 values: Sequence[Fraction | None], words: Words) -> None:  # fmt: skip
    """Compare a column of a table, as it is read and as it is sorted."""
    assert [row[told] for row in cells] == words.cells(name, values), name
    for row, value in zip(plain, values, strict=True):
        exact = words.unit(name, value)
        assert (row[told] is None) == (exact is None), (name, row)
        assert exact is None or near(row[told], exact), (name, row)


class TestOverview:
    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
    def test_cards_tables_trends_and_the_chart(self, host: Host, hand: Hand, setting: Setting) -> None:
        """Each number of each card, line and day."""
        page = look("overview", **setting.address)
        words = Words(write=Writer(), currency=setting.currency)
        compared = setting.address.get("compare") != "Nothing"
        whole, before = hand.whole(setting), hand.whole(setting, before=True) if compared else None
        check_cards(page, KPIS, whole, before, words)
        self.check_trends(page, hand, setting)
        for keys, label in ((("platform",), "Platform"), (("platform", "account_id"), "Account")):
            self.check_table(page, hand, setting, keys, label, words)
        self.check_chart(page, hand, setting)
        note = "CPA, ROAS and CTR are sums divided by sums"
        assert note in words_of(page)

    def check_trends(self, page: AppTest, hand: Hand, setting: Setting) -> None:
        """The small drawings on the cards: a point for each day on which there is something."""
        by_day = hand.figures(setting, "account_daily", ("date",))
        for card in page.metric:
            values = [by_day[str(day),][card.label] for day in setting.days if (str(day),) in by_day]
            expected = [
                exactly(one / 10**6 if card.label in ("Spend", "CPA") else one) for one in values if one is not None
            ]
            found = list(card.proto.chart_data)
            # A day's amount is that of its platforms, each of them rounded to a micro when it was converted.
            assert found == pytest.approx([float(one) for one in expected], rel=1e-9, abs=4e-6), card.label

    def check_table(
        self, page: AppTest, hand: Hand, setting: Setting, keys: tuple[str, ...], label: str, words: Words
    ) -> None:
        figures = hand.figures(setting, "account_daily", keys)
        earlier = hand.figures(setting, "account_daily", keys, before=True)
        order = sorted(figures, key=lambda key: (-(figures[key]["Spend"] or 0), key))
        cells, plain = shown_cells(page, label, "Trend"), plain_cells(page, label, "Trend")
        if label == "Account":
            assert [row["Account"] for row in plain] == [account_name(hand, key) for key in order]
            if len({key[0] for key in order}) > 1:
                assert [row["Platform"] for row in plain] == [TITLES[key[0]] for key in order]
        else:
            cells = shown_cells(page, "Platform", "Trend")
            assert [row["Platform"] for row in plain] == [TITLES[key[0]] for key in order]
        for name in KPIS:
            check_column(cells, plain, name, name, [figures[key][name] for key in order], words)
        for row, told, key in zip(plain, cells, order, strict=True):
            now, before = figures[key]["Spend"], earlier.get(key, {}).get("Spend")
            change = None if now is None or not before else exactly((now - before) / before * 100)
            assert told["Change"] == (MISSING if change is None else Writer().signed(change, 1, "%"))
            assert (row["Change"] is None) if change is None else near(row["Change"], change)
            assert list(map(float, row["Trend"])) == self.trend(hand, setting, key), key

    def trend(self, hand: Hand, setting: Setting, key: tuple[str, ...]) -> list[float]:
        """Spend by day: of an account in its own currency, of a platform in the chosen one; 0 where nothing was."""
        spent = dict.fromkeys(setting.days, Fraction(0))
        if len(key) == 1:
            for (_, day), one in hand.figures(setting, "account_daily", ("platform", "date")).items():
                if _ == key[0]:
                    spent[date.fromisoformat(day)] += one["Spend"] or 0
        else:
            for row in hand.truth("account_daily"):
                if (row["platform"], row["account_id"]) == key and row["date"] in spent:
                    spent[row["date"]] += row["cost_micros"]
        return [float(exactly(one / 10**6)) for one in spent.values()]

    def check_chart(self, page: AppTest, hand: Hand, setting: Setting) -> None:
        """What is drawn and what its tooltips say, of each platform on each day."""
        points = drawn(page, "spend")
        assert [row["Day"] for row in points] == [str(day) for day in setting.days]
        platforms = {key[0] for key in hand.figures(setting, "account_daily", ("platform",))}
        trends = {one: self.trend(hand, setting, (one,)) for one in platforms}
        largest = max(value for one in trends.values() for value in one)
        for platform, trend in trends.items():
            title = TITLES[platform]
            axis = next(name for name in points[0] if name.startswith(f"{title}, "))
            size = {"k": 10**3, "M": 10**6, "u": 1}[axis.removeprefix(f"{title}, ")[0]]
            assert [row[axis] for row in points] == pytest.approx([value / size for value in trend], rel=1e-12)
            digits = 0 if setting.currency == "JPY" or largest >= 100 else 2
            sign = {"EUR": "€", "USD": "$", "JPY": "¥"}[setting.currency]
            written = [f"{sign}{Writer().number(Decimal(repr(value)), digits)}" for value in trend]
            assert [row[title] for row in points] == written

    @pytest.mark.parametrize(
        ("setting", "by", "metric"),
        [
            (WEEK, "platform", "Spend"),
            (WEEK, "account", "Conversions"),
            (WEEK, "platform", "CPA"),
            (ACCOUNTS_IN_JPY, "campaign", "Spend"),
        ],
        ids=lambda one: one.name if isinstance(one, Setting) else one,
    )
    def test_what_made_the_change(self, host: Host, hand: Hand, setting: Setting, by: str, metric: str) -> None:
        """Before and now of each member, and effects that add up to the whole change."""
        why = {"Spend": "", "Conversions": "conversions", "CPA": "cpa"}[metric]
        page = look("overview", **setting.address, by=by, why=why)
        keys = {"platform": ("platform",), "account": ("platform", "account_id")}.get(
            by, ("platform", "account_id", "campaign_id")
        )
        dataset = "campaign_daily" if by == "campaign" else "account_daily"
        now = hand.figures(setting, dataset, keys)
        before = hand.figures(setting, dataset, keys, before=True)
        whole = (
            hand.together(setting, dataset, keys)[metric],
            hand.together(setting, dataset, keys, before=True)[metric],
        )
        assert whole[0] is not None
        assert whole[1] is not None
        change = whole[0] - whole[1]
        words = Words(write=Writer(), currency=setting.currency)
        lines = plain_cells(page, "Part")
        label = by.capitalize()
        *members, last = lines
        assert last[label] == "All together"
        told = words_of(page).replace("\\", "")
        way = "rose" if change > 0 else "fell"
        value = words.card(metric, abs(change), compact=True).replace("\\", "")
        both = [words.card(metric, one, compact=True).replace("\\", "") for one in (whole[1], whole[0])]
        relative = words.delta(metric, whole[0], whole[1])
        assert f"**{metric} {way} by {value}**, {relative}: from {both[0]} to {both[1]}" in told
        named = {self.called(hand, key): key for key in {*now, *before}}
        assert len(named) == len({*now, *before})
        listed = []
        for line in lines:
            parts = [line[name] for name in line if str(name).startswith("by ") and line[name] is not None]
            assert not parts or line["Change"] == pytest.approx(sum(parts), rel=1e-9, abs=1e-9), line
            share = float(exactly(change if metric in ("Conversions", "ROAS") else change / 10**6))
            assert line["Part"] == pytest.approx(line["Change"] / share * 100)
            if "other" in line[label] and line["Now"] is None:
                continue
            key = named.get(line[label].removesuffix(" (new)").removesuffix(" (ended)"), ())
            assert key or line is last, line
            listed.append(key)
            one, other = (now.get(key, {}), before.get(key, {})) if key else (None, None)
            for name, figures, all_of_it in (("Now", one, whole[0]), ("Before", other, whole[1])):
                exact = words.unit(metric, all_of_it if figures is None else figures.get(metric))
                if exact is None and metric != "CPA":
                    exact = Decimal(0)  # nothing was spent there then
                assert (line[name] or 0.0) == pytest.approx(float(exact or 0), rel=1e-12), (line, name)
            if metric != "CPA" and key:
                moved = (now.get(key, {}).get(metric) or 0) - (before.get(key, {}).get(metric) or 0)
                exact = words.unit(metric, Fraction(moved))
                assert exact is not None
                assert line["Change"] == pytest.approx(float(exact), rel=1e-12)
        together = sum(line["Change"] for line in members)
        exact = words.unit(metric, change)
        assert exact is not None
        assert together == pytest.approx(float(exact), rel=1e-9)
        assert last["Change"] == pytest.approx(float(exact), rel=1e-12)
        assert len(listed) >= min(len(named), 3)

    def called(self, hand: Hand, key: tuple[str, ...]) -> str:
        if len(key) == 1:
            return TITLES[key[0]]
        if len(key) == 2:
            return f"{account_name(hand, key)} ({TITLES[key[0]]})"
        known = hand.synced.world.on(key[0]).find(key[-1])
        return str(getattr(known, "name", key[-1]))


#: What is listed on a level of the page Campaigns: the dataset, its keys, and how its objects are called.
LEVELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Campaigns": ("campaign_daily", ("campaign_id",)),
    "Ad groups": ("ad_group_daily", ("campaign_id", "ad_group_id")),
    "Ads": ("ad_daily", ("campaign_id", "ad_group_id", "ad_id")),
    "Keywords": ("keyword_daily", ("campaign_id", "ad_group_id", "keyword_id")),
    "Search terms": ("search_term_daily", ("search_term",)),
}
COLUMNS = {
    "cost": "Spend",
    "impressions": "Impressions",
    "clicks": "Clicks",
    "ctr": "CTR",
    "conversions": "Conversions",
    "cpa": "CPA",
    "roas": "ROAS",
}


class TestCampaigns:
    @pytest.mark.parametrize(
        ("setting", "level"),
        [
            (WEEK, "Campaigns"),
            (PLATFORMS_IN_USD, "Ad groups"),
            (ACCOUNTS_IN_JPY, "Ads"),
            (ACCOUNTS_IN_JPY, "Keywords"),
            (WEEK, "Search terms"),
        ],
        ids=lambda one: one.name if isinstance(one, Setting) else one,
    )
    def test_each_level(self, host: Host, hand: Hand, setting: Setting, level: str) -> None:
        """The cards, each line with its changes, what the lines come to, and the days of the chart."""
        page = look("campaigns", **setting.address, level=level, changes="true")
        self.check(page, hand, setting, level, lambda row: True)

    def test_inside_a_campaign_and_further_in(self, host: Host, hand: Hand) -> None:
        """Down to the ad, which has no table."""
        top = max(
            hand.figures(WEEK, "ad_daily", ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id")).items(),
            key=lambda one: one[1]["Spend"] or 0,
        )[0]
        for depth, level in ((3, "Ad groups"), (4, "Ads"), (5, "")):
            inside = top[:depth]
            names = ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id")[:depth]
            address = {"at": "/".join(inside), **({"level": level, "changes": "true"} if level else {})}
            page = look("campaigns", **WEEK.address, **address)
            dataset = ("campaign_daily", "ad_group_daily", "ad_daily")[depth - 3]
            self.check(
                page,
                hand,
                WEEK,
                level,
                lambda row, names=names, inside=inside: all(
                    row[name] == value for name, value in zip(names, inside, strict=True)
                ),
                dataset=dataset,
            )

    def check(
        self, page: AppTest, hand: Hand, setting: Setting, level: str, where: Any, dataset: str = "account_daily"
    ) -> None:
        words = Words(write=Writer(), currency=setting.currency)
        compared = setting.address.get("compare") != "Nothing"
        whole = hand.whole(setting, dataset, where=where)
        earlier = hand.whole(setting, dataset, where=where, before=True) if compared else None
        check_cards(page, list(COLUMNS.values()), whole, earlier, words)
        points = drawn(page, "campaign-chart")
        for span, column in ((False, "Spend (axis)"), (True, None)):
            if span and not compared:
                continue
            by_day = hand.figures(setting, dataset, ("date",), where=where, before=span)
            first = setting.before[0] if span and setting.before else setting.since
            days = [str(first + timedelta(days=number)) for number in range(len(setting.days))]
            name = column or next(one for one in points[0] if one.endswith("(axis)") and one != "Spend (axis)")
            found = [row[name] for row in points]
            expected = [by_day[day,]["Spend"] if (day,) in by_day else None for day in days]
            assert [one is None for one in found] == [one is None for one in expected]
            there = [(one, float(two / 10**6)) for one, two in zip(found, expected, strict=True) if two]
            assert there
            size = round(there[0][1] / there[0][0])
            assert size in (1, 10**3, 10**6)
            assert [one for one, _ in there] == pytest.approx([two / size for _, two in there], rel=1e-12)
        if level:
            self.check_lines(page, hand, setting, level, where)
        else:
            assert not page.dataframe

    def check_lines(self, page: AppTest, hand: Hand, setting: Setting, level: str, where: Any) -> None:
        words = Words(write=Writer(), currency=setting.currency)
        dataset, own = LEVELS[level]
        keys = own if level == "Search terms" else ("platform", "account_id", *own)
        now = hand.figures(setting, dataset, keys, where=where)
        before = hand.figures(setting, dataset, keys, where=where, before=True)
        together = words.card("Spend", hand.whole(setting, dataset, where=where)["Spend"], compact=False)
        compared = setting.address.get("compare") != "Nothing"
        listed = {*now, *before} if compared else set(now)
        noun = level[:-1].lower() if len(listed) == 1 else level.lower()
        assert f"{len(listed)} {noun} · Spend together {together}" in words_of(page)
        order = sorted(listed, key=lambda key: -self.spent(now.get(key, {})))
        label = level[:-1]
        plain, cells = plain_cells(page, label), shown_cells(page, label)
        assert len(plain) == min(25, len(order))
        spent = [row["cost"] for row in plain]
        top = [words.unit("Spend", now.get(key, {}).get("Spend")) for key in order][: len(plain)]
        assert [one is None for one in spent] == [one is None for one in top]
        assert all(near(one, two) for one, two in zip(spent, top, strict=True) if two is not None)
        left = list(order)
        rows = []
        for row in plain:
            key = next((one for one in left if self.is_line(hand, row, label, one, now.get(one))), None)
            assert key is not None, row
            left.remove(key)
            rows.append(key)
        for name, title in COLUMNS.items():
            values = [self.micros(title, now.get(key, {}).get(title)) for key in rows]
            check_column(cells, plain, name, title, values, words)
            if compared:
                changes = [
                    self.change(title, value, self.micros(title, before.get(key, {}).get(title)))
                    for key, value in zip(rows, values, strict=True)
                ]
                for row, told, change in zip(plain, cells, changes, strict=True):
                    found, shown = row[f"{name}.change"], told[f"{name}.change"]
                    assert (found is None) is (change is None), (title, row)
                    if change is None:
                        assert shown == MISSING
                        continue
                    assert found == pytest.approx(float(change), rel=1e-9, abs=1e-12)
                    unit = "\N{NARROW NO-BREAK SPACE}pp" if title == "CTR" else "%"
                    assert shown == Writer().signed(change, 2 if title == "CTR" else 1, unit)
        self.check_trends(hand, setting, dataset, keys, where, plain, rows)

    def check_trends(
        self,
        hand: Hand,
        setting: Setting,
        dataset: str,
        keys: tuple[str, ...],
        where: Any,
        plain: Sequence[Mapping[str, Any]],
        rows: Sequence[tuple[str, ...]],
    ) -> None:
        """Each line's own days, those on which there was something."""
        by_day = hand.figures(setting, dataset, (*keys, "date"), where=where)
        for row, key in zip(plain, rows, strict=True):
            values = [by_day[*key, str(day)]["Spend"] for day in setting.days if (*key, str(day)) in by_day]
            expected = [float(one / 10**6) for one in values if one is not None]
            assert list(map(float, row["Trend"])) == pytest.approx(expected, rel=1e-12)

    def is_line(
        self, hand: Hand, row: Mapping[str, Any], label: str, key: tuple[str, ...], figures: Figures | None
    ) -> bool:
        """Say whether a line is about an object, which is called by its id where its name is not known."""
        if label == "Search term":
            return row[label] == key[0]
        known = hand.synced.world.on(key[0]).find(key[-1])
        names = {key[-1], *(getattr(known, name, None) for name in ("text", "name", "headline"))}
        if row[label] not in names or ("Platform" in row and row["Platform"] != TITLES[key[0]]):
            return False
        if "Account" in row and not row["Account"].startswith(account_name(hand, key)):
            return False
        spend = None if figures is None else figures["Spend"]
        clicks = None if figures is None else figures["Clicks"]
        same = (
            row["cost"] is None
            if spend is None
            else row["cost"] is not None and near(row["cost"], exactly(spend / 10**6))
        )
        return same and (row["clicks"] if clicks is not None else None) == clicks

    def micros(self, title: str, value: Fraction | None) -> Fraction | None:
        """An amount for each is told in whole micros, half to even."""
        return Fraction(round(value)) if title == "CPA" and value is not None else value

    def spent(self, figures: Figures) -> Fraction:
        """What a line is sorted by: what has not spent comes after what has spent nothing."""
        found = figures.get("Spend")
        return Fraction(-1) if found is None else found

    def change(self, title: str, now: Fraction | None, before: Fraction | None) -> Decimal | None:
        if now is None or before is None:
            return None
        if title == "CTR":
            return exactly((now - before) * 100)
        return None if before == 0 else exactly((now - before) / before * 100)


class TestPacing:
    def test_what_was_spent_and_how_much_of_the_budget(self, host: Host, hand: Hand) -> None:
        """Of each account and campaign, on the days that are over, in its own currency."""
        budgets = {GOOGLE_USD: 12_345_670_000, META_JPY: 900_000_000_000}
        for key, micros in budgets.items():
            self.set_budget(host, key, micros)
        page = look("pacing")
        first = TODAY.replace(day=1)

        def spent(dataset: str, keys: tuple[str, ...]) -> dict[tuple[str, ...], tuple[int, str]]:
            found: dict[tuple[str, ...], tuple[int, str]] = {}
            for row in hand.truth(dataset):
                if first <= row["date"] <= YESTERDAY:
                    key = tuple(row[name] for name in keys)
                    found[key] = (found.get(key, (0, ""))[0] + row["cost_micros"], row["currency"])
            return found

        accounts = spent("account_daily", ("platform", "account_id"))
        names = {(account_name(hand, key), TITLES[key[0]]): key for key in accounts}
        lines = plain_cells(page, "Account", "Spent")
        assert {(row["Account"], row["Platform"]) for row in lines} >= set(names)
        for row in lines:
            key = names.get((row["Account"], row["Platform"]))
            micros = accounts[key][0] if key is not None else 0
            assert near(row["Spent"], Decimal(micros).scaleb(-6)), row
            budget = budgets.get(key) if key is not None else None
            assert (row["Budget"] is None) is (budget is None)
            if budget is not None:
                assert near(row["Budget"], Decimal(budget).scaleb(-6))
                assert row["Part spent"] == pytest.approx(micros / budget * 100)
                assert row["Of budget"] == pytest.approx(row["Expected"] / row["Budget"] * 100, rel=1e-3)
        campaigns = spent("campaign_daily", ("platform", "account_id", "campaign_id"))
        found = sorted(row["Spent"] for row in plain_cells(page, "Campaign", "Spent"))
        assert found == pytest.approx(sorted(micros / 10**6 for micros, _ in campaigns.values()), rel=1e-12)
        for currency in ("EUR", "USD"):
            total = sum(micros for micros, of in accounts.values() if of == currency)
            expected = Writer().money(total, currency, compact=True).replace("$", r"\$")
            assert cards(page)[f"Spent ({currency})"][0] == expected
        assert cards(page)["Budgets (USD)"][0] == Writer().money(12_345_670_000, "USD", compact=True).replace(
            "$", r"\$"
        )

    def set_budget(self, host: Host, key: tuple[str, str], micros: int) -> None:
        from adjoin.analytics import asking

        context = opened(host)
        asking.set_budget(host.kernel, place_of(context), key, TODAY.replace(day=1), micros, by=context.actor.name)
        context.close()


def opened(host: Host) -> Context:
    from adjoin_dashboard import session_guard

    found = host.still_in(session_guard.current_session_id())
    assert found is not None
    return make_context(host, found)


class TestInsights:
    def test_what_big_changes_were_made_of(self, host: Host, hand: Hand) -> None:
        """What was at stake, before and now, the change, and its part of the whole one, on each card of that kind."""
        page = look("insights", **WEEK.address, kinds="changes")
        told = [str(one.value).replace("\\", "") for one in page.markdown]
        found = [(told[at - 1], line) for at, line in enumerate(told) if ":gray[Before]" in line]
        assert len(found) == len(page.subheader) > 0
        keys = ("platform", "account_id", "campaign_id")
        now = hand.figures(WEEK, "campaign_daily", keys)
        before = hand.figures(WEEK, "campaign_daily", keys, before=True)
        both = [hand.together(WEEK, "campaign_daily", keys, before=earlier) for earlier in (False, True)]
        whole = self.change(*both)
        expected = set()
        for key in now.keys() & before.keys():
            campaign = hand.synced.world.on(key[0]).find(key[2])
            path = f"{TITLES[key[0]]} › {account_name(hand, key)} › {getattr(campaign, 'name', key[2])}"
            expected.add((path, self.line(now[key], before[key], whole)))
        assert set(found) <= expected

    def change(self, now: Mapping[str, Fraction | None], before: Mapping[str, Fraction | None]) -> Fraction:
        return (now["Spend"] or Fraction(0)) - (before["Spend"] or Fraction(0))

    def line(self, now: Figures, before: Figures, whole: Fraction) -> str:
        words = Words(write=Writer(), currency=WEEK.currency)
        change = self.change(now, before)
        one, other = (words.card("Spend", figures["Spend"], compact=False) for figures in (now, before))
        told = {
            "Before": other,
            "Now": f"{one} ({words.delta('Spend', now['Spend'], before['Spend'])})",
            "Part of the change": Writer().percent(exactly(change / whole), 0),
        }
        stake = f"**{words.card('Spend', abs(change), compact=True)}** :gray[changed]"
        return " · ".join([stake, *(f":gray[{title}] **{value}**" for title, value in told.items())])


class TestPlatforms:
    @pytest.mark.parametrize("setting", [WEEK, PLATFORMS_IN_USD, ACCOUNTS_IN_JPY], ids=lambda one: one.name)
    def test_side_by_side_and_their_shares(self, host: Host, hand: Hand, setting: Setting) -> None:
        """Each metric of each platform and of all, with its change, and the shares of each day."""
        page = look("platforms", **setting.address)
        words = Words(write=Writer(), currency=setting.currency)
        compared = setting.address.get("compare") != "Nothing"
        rows = plain_cells(page, "Metric", "All")
        now = hand.figures(setting, "account_daily", ("platform",))
        before = hand.figures(setting, "account_daily", ("platform",), before=True)
        columns = {TITLES[platform]: (now[platform,], before.get((platform,), {})) for (platform,) in now}
        columns["All"] = (hand.whole(setting), hand.whole(setting, before=True))
        assert len(rows) > 8
        for row in rows:
            name = row["Metric"]
            for title, (one, other) in columns.items():
                value = one[name]
                assert row[title] == words.card(name, value, compact=False).replace("\\", ""), (name, title)
                if compared:
                    assert row[f"± {title}"] == words.delta(name, value, other.get(name)), (name, title)
        by_day = hand.figures(setting, "account_daily", ("platform", "date"))
        for point, day in zip(drawn(page, "mix"), setting.days, strict=True):
            spent = {platform: by_day.get((platform, str(day)), {}).get("Spend") or 0 for (platform,) in now}
            for platform, value in spent.items():
                share = Fraction(value) / sum(spent.values())
                assert point[f"{TITLES[platform]} (share)"] == pytest.approx(float(share * 100), rel=1e-12)
                amount = words.card("Spend", Fraction(value), compact=False).replace("\\", "")
                assert point[TITLES[platform]] == f"{Writer().percent(exactly(share), 1)} ({amount})"

    def test_conversions_by_action(self, host: Host, hand: Hand) -> None:
        """Each platform's actions, as it counts them."""
        page = look("platforms", **WEEK.address, counting="Conversions by action")
        rows = plain_cells(page, "Platform", "Action")
        counted: dict[tuple[str, str], Decimal] = {}
        for row in hand.truth("conversion_daily"):
            if WEEK.keeps(row, (WEEK.since, WEEK.until)):
                key = (TITLES[row["platform"]], row["action"])
                counted[key] = counted.get(key, Decimal(0)) + row["conversions"]
        found = {(row["Platform"], row["Action"]): row["conversions"] for row in rows if row["conversions"] is not None}
        assert found == {key: float(value) for key, value in counted.items()}


class TestCreatives:
    def test_each_card(self, host: Host, hand: Hand) -> None:
        """The figures of each ad with their changes, the dearest first."""
        page = look("creatives", **WEEK.address)
        words = Words(write=Writer(), currency=WEEK.currency)
        keys = ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id")
        now = hand.figures(WEEK, "ad_daily", keys)
        before = hand.figures(WEEK, "ad_daily", keys, before=True)
        order = sorted({*now, *before}, key=lambda key: -(now.get(key, {}).get("Spend") or Fraction(-1)))
        assert f"1–24 of {len(order)} ads" in words_of(page)
        drawn_ones = [str(one.proto.body) for one in page.get("html") if "repeat(2" in str(one.proto.body)]
        assert len(drawn_ones) == 24
        names = ("Spend", "Impressions", "CTR", "Conversions", "CPA", "ROAS")
        for body, key in zip(drawn_ones, order, strict=False):
            parts = [unescape(part).strip() for part in re.findall(r">([^<>]+)<", body) if part.strip()]
            expected = []
            for name in names:
                one, other = now[key][name], before.get(key, {}).get(name)
                expected += [name, words.card(name, one, compact=False)]
                told = words.delta(name, one, other)
                expected += [told] if told != MISSING else []
            assert parts == expected, key


class TestPages:
    def test_every_page_is_checked_or_says_why_not(self, host: Host) -> None:
        """A page that is added needs its figures compared here, or a reason for having none."""
        there = {one.path for one in collect(host.kernel, "owner").pages}
        assert there == CHECKED.keys() | WITHOUT_FIGURES.keys()
        assert not CHECKED.keys() & WITHOUT_FIGURES.keys()
        assert {globals()[name].__name__ for name in CHECKED.values()} == set(CHECKED.values())

    @pytest.mark.parametrize("path", sorted(WITHOUT_FIGURES))
    def test_what_is_said_to_have_no_figures_has_none(self, host: Host, path: str) -> None:
        """No headline of a metric, and no column of one."""
        page = look(path)
        titles = {"Spend", "Impressions", "Clicks", "CTR", "Conversions", "CPA", "CPC", "ROAS", "Conversion value"}
        assert not titles & {one.label for one in page.metric}
        assert not titles & {str(name) for one in page.dataframe for name in one.value.columns}
