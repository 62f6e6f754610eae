"""The sandbox's analytics: the world's truth in LinkedIn's terms, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import count

import httpx
import pyarrow.compute as pc
import pytest

from adjoin.testing.world import World
from adjoin_linkedin.sandbox import Limits
from adjoin_linkedin.sandbox.amounts import amount_text, cost_text
from adjoin_linkedin.sandbox.analytics import Meter
from adjoin_linkedin.sandbox.errors import Refusal

#: Plain HTTP needs no certificates, whose loading takes longer than a request.
_get = partial(httpx.get, verify=False)
_post = partial(httpx.post, verify=False)

TODAY = date(2026, 11, 22)
_RANGE = "dateRange=(start:(year:2026,month:10,day:1),end:(year:2026,month:11,day:22))"
_FIELDS = (
    "dateRange,pivotValues,impressions,clicks,costInLocalCurrency,externalWebsiteConversions,oneClickLeads,"
    "conversionValueInLocalCurrency,videoViews"
)
_PIVOTS = {
    "account_daily": ("ACCOUNT",),
    "campaign_daily": ("CAMPAIGN_GROUP",),
    "ad_group_daily": ("CAMPAIGN_GROUP", "CAMPAIGN"),
    "ad_daily": ("CAMPAIGN_GROUP", "CAMPAIGN", "CREATIVE"),
}


def asker(sandbox):
    def ask(query, **headers):
        sent = {
            "Authorization": f"Bearer {sandbox.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-Restli-Protocol-Version": "2.0.0",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        shown = {name: value for name, value in sent.items() if value is not None}
        return _get(f"{sandbox.url}/rest/adAnalytics?{query}", headers=shown)

    return ask


@pytest.fixture
def ask(sandbox):
    return asker(sandbox)


@pytest.fixture
def account(sandbox):
    return next(each for each in sandbox.world.on("linkedin").accounts if each.currency == "EUR")


@pytest.fixture
def facet(account):
    return f"accounts=List(urn%3Ali%3AsponsoredAccount%3A{account.id})"


def elements(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["elements"]


def micros(text):
    return int(Decimal(text) * 1_000_000)


def day(node):
    return date(node["year"], node["month"], node["day"])


def by_key(found):
    """Elements as facts: day and bare ids, then what the datasets hold."""
    rows = {
        (day(each["dateRange"]["start"]), *(urn.rpartition(":")[2] for urn in each["pivotValues"])): (
            each["impressions"],
            each["clicks"],
            micros(each["costInLocalCurrency"]),
            each["externalWebsiteConversions"] + each["oneClickLeads"],
            micros(each["conversionValueInLocalCurrency"]),
            each["videoViews"],
        )
        for each in found
    }
    assert len(rows) == len(found)
    return rows


def truth_by_key(presence, dataset, account_id, since, until):
    table = presence.truth(dataset, account_id=account_id, since=since, until=until)
    keys = [name for name in ("campaign_id", "ad_group_id", "ad_id") if name in table.column_names] or ["account_id"]
    return {
        (row["date"], *(row[key] for key in keys)): (
            row["impressions"],
            row["clicks"],
            row["cost_micros"],
            row["conversions"],
            row["conversion_value_micros"],
            row["video_views"] or 0,
        )
        for row in table.to_pylist()
    }


class TestTruth:
    """Every number is the world's."""

    @pytest.mark.parametrize("dataset", list(_PIVOTS))
    @pytest.mark.parametrize("today", [TODAY, date(2026, 12, 20)])
    def test_daily_results_are_the_truth_at_every_level(self, ask, sandbox, dataset, today):
        sandbox.world.set_today(today)
        presence = sandbox.world.on("linkedin")
        for account in presence.accounts:
            found = ask(
                f"q=statistics&pivots=List({','.join(_PIVOTS[dataset])})&timeGranularity=DAILY&{_RANGE}"
                f"&accounts=List(urn%3Ali%3AsponsoredAccount%3A{account.id})&fields={_FIELDS}"
            )
            known = truth_by_key(presence, dataset, account.id, date(2026, 10, 1), TODAY)
            assert by_key(elements(found)) == known

    def test_conversions_by_name_and_leads_make_up_the_conversions_by_action(self, ask, sandbox, facet, account):
        presence = sandbox.world.on("linkedin")
        ask_for = f"timeGranularity=DAILY&{_RANGE}&{facet}&fields=dateRange,pivotValues"
        named = elements(
            ask(
                f"q=statistics&pivots=List(CAMPAIGN_GROUP,CAMPAIGN,CONVERSION)&{ask_for},externalWebsiteConversions,"
                "conversionValueInLocalCurrency"
            )
        )
        leads = elements(ask(f"q=statistics&pivots=List(CAMPAIGN_GROUP,CAMPAIGN)&{ask_for},oneClickLeads"))
        urn = f"urn%3Ali%3AsponsoredAccount%3A{account.id}"
        headers = {
            "Authorization": f"Bearer {sandbox.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-Restli-Protocol-Version": "2.0.0",
        }
        listed = _get(f"{sandbox.url}/rest/conversions?q=account&account={urn}", headers=headers).json()
        actions = {
            str(each["id"]): {"PURCHASE": "purchases", "SIGN_UP": "registrations"}[each["type"]]
            for each in listed["elements"]
        }
        found = {}
        for each in named:
            group, campaign, conversion = (value.rpartition(":")[2] for value in each["pivotValues"])
            key = (day(each["dateRange"]["start"]), group, campaign, actions[conversion])
            found[key] = (each["externalWebsiteConversions"], micros(each["conversionValueInLocalCurrency"]))
        for each in leads:
            group, campaign = (value.rpartition(":")[2] for value in each["pivotValues"])
            found[(day(each["dateRange"]["start"]), group, campaign, "leads")] = (each["oneClickLeads"], 0)
        table = presence.truth("conversion_daily", account_id=account.id, since=date(2026, 10, 1), until=TODAY)
        assert found == {
            (row["date"], row["campaign_id"], row["ad_group_id"], row["action"]): (
                row["conversions"],
                row["conversion_value_micros"],
            )
            for row in table.to_pylist()
        }

    def test_leads_of_creatives_add_up_to_those_of_their_campaigns(self, sandbox, ask):
        presence = sandbox.world.on("linkedin")
        facet = ",".join(f"urn%3Ali%3AsponsoredAccount%3A{each.id}" for each in presence.accounts)
        query = f"timeGranularity=ALL&{_RANGE}&accounts=List({facet})&fields=pivotValues,oneClickLeads"
        whole = {each["pivotValues"][0]: each["oneClickLeads"] for each in
                 elements(ask(f"q=analytics&pivot=CAMPAIGN&{query}"))}  # fmt: skip
        parts = {}
        for each in elements(ask(f"q=statistics&pivots=List(CAMPAIGN,CREATIVE)&{query}")):
            parts[each["pivotValues"][0]] = parts.get(each["pivotValues"][0], 0) + each["oneClickLeads"]
        assert whole
        assert parts == whole

    def test_facets_choose_and_are_joined(self, ask, sandbox, account, facet):
        presence = sandbox.world.on("linkedin")
        query = f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}&fields=pivotValues,impressions"
        table = presence.truth("ad_daily", account_id=account.id, since=date(2026, 10, 1), until=TODAY)
        row = table.slice(0, 1).to_pylist()[0]
        for name, kind, column in (
            ("campaignGroups", "sponsoredCampaignGroup", "campaign_id"),
            ("campaigns", "sponsoredCampaign", "ad_group_id"),
            ("creatives", "sponsoredCreative", "ad_id"),
        ):
            found = elements(ask(f"{query}&{facet}&{name}=List(urn%3Ali%3A{kind}%3A{row[column]})"))
            mine = table.filter(pc.and_(pc.equal(table[column], row[column]), pc.greater(table["impressions"], 0)))
            assert sum(each["impressions"] for each in found) == pc.sum(mine["impressions"]).as_py()
            assert len(found) == mine.num_rows > 0

    def test_accounts_that_are_unknown_have_no_results(self, ask):
        query = f"q=analytics&pivot=ACCOUNT&timeGranularity=DAILY&{_RANGE}"
        assert elements(ask(f"{query}&accounts=List(urn%3Ali%3AsponsoredAccount%3A5)")) == []

    def test_a_campaign_that_moves_takes_only_later_results_along(self, serve):
        world = World.generate(seed=4, today=date(2026, 11, 10), scale=0.1, days=60)
        presence = world.on("linkedin")
        account_id = presence.accounts[0].id
        live = presence.truth("ad_group_daily", account_id=account_id, since=date(2026, 11, 10))
        moving = presence.find(live["ad_group_id"][0].as_py())
        target = next(each for each in presence.campaigns(account_id) if each.id != moving.campaign_id)
        presence.update(replace(moving, campaign_id=target.id))
        world.set_today(date(2026, 11, 20))
        with serve(world) as sandbox:
            found = asker(sandbox)(
                f"q=statistics&pivots=List(CAMPAIGN_GROUP,CAMPAIGN)&timeGranularity=DAILY&{_RANGE}"
                f"&accounts=List(urn%3Ali%3AsponsoredAccount%3A{account_id})&fields={_FIELDS}"
            )
            known = truth_by_key(presence, "ad_group_daily", account_id, date(2026, 10, 1), date(2026, 11, 22))
        assert by_key(elements(found)) == known
        assert {key[1] for key in known if key[2] == moving.id} == {moving.campaign_id, target.id}

    def test_parts_of_conversions_in_a_file_are_left_out(self, serve, tmp_path):
        path = tmp_path / "results.csv"
        path.write_text(
            "date,campaign_id,ad_group_id,ad_id,impressions,clicks,cost,purchases,leads,visits\n"
            "2026-11-01,1,2,3,100,5,1.25,2.5,1,3\n"
        )
        world = World.from_csv(path, today=TODAY)
        account = world.on("linkedin").accounts[0]
        facet = f"accounts=List(urn%3Ali%3AsponsoredAccount%3A{account.id})"
        with serve(world) as sandbox:
            for pivot in ("CREATIVE", "CAMPAIGN"):
                (row,) = elements(
                    asker(sandbox)(
                        f"q=analytics&pivot={pivot}&timeGranularity=DAILY&{_RANGE}&{facet}"
                        "&fields=costInLocalCurrency,externalWebsiteConversions,oneClickLeads"
                    )
                )
                assert row == {"costInLocalCurrency": "1.25", "externalWebsiteConversions": 5, "oneClickLeads": 1}


class TestElements:
    """The form of the answer."""

    def test_exactly_the_fields_that_were_asked_for(self, ask, facet):
        query = f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}&{facet}"
        (first, *_) = elements(ask(f"{query}&fields=costInLocalCurrency,landingPageClicks,costInUsd"))
        assert list(first) == ["costInLocalCurrency", "landingPageClicks", "costInUsd"]
        assert isinstance(first["costInLocalCurrency"], str)
        assert isinstance(first["landingPageClicks"], int)

    def test_without_fields_a_few_come(self, ask, facet):
        query = f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}&{facet}"
        answer = ask(query)
        assert set(elements(answer)[0]) == {"dateRange", "pivotValues", "impressions", "clicks"}
        assert answer.json()["paging"] == {"start": 0, "count": 10, "links": []}

    def test_a_row_is_there_only_if_something_asked_for_happened(self, ask, facet):
        query = f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}&{facet}"
        clicked = elements(ask(f"{query}&fields=dateRange,pivotValues,clicks"))
        active = elements(ask(f"{query}&fields=dateRange,pivotValues"))
        assert all(each["clicks"] for each in clicked)
        assert 0 < len(clicked) < len(active)

    def test_money_has_five_decimals_at_most(self, ask, facet):
        query = f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}&{facet}&fields=costInLocalCurrency"
        decimals = {len(each["costInLocalCurrency"].partition(".")[2]) for each in elements(ask(query))}
        assert max(decimals) == 5
        assert min(decimals) >= 1

    def test_the_end_may_be_left_open_until_today(self, ask, facet):
        start = "dateRange=(start:(year:2026,month:11,day:15))"
        found = elements(ask(f"q=analytics&pivot=ACCOUNT&timeGranularity=DAILY&{start}&{facet}"))
        assert [day(each["dateRange"]["end"]) for each in found][-1] == TODAY
        (whole,) = elements(ask(f"q=analytics&pivot=ACCOUNT&timeGranularity=ALL&{start}&{facet}"))
        assert (day(whole["dateRange"]["start"]), day(whole["dateRange"]["end"])) == (date(2026, 11, 15), TODAY)
        assert whole["impressions"] == sum(each["impressions"] for each in found)

    def test_months_and_years_add_up(self, ask, facet):
        query = f"q=analytics&pivot=ACCOUNT&{_RANGE}&{facet}&fields=dateRange,impressions"
        daily = elements(ask(f"{query}&timeGranularity=DAILY"))
        monthly = elements(ask(f"{query}&timeGranularity=MONTHLY"))
        (yearly,) = elements(ask(f"{query}&timeGranularity=YEARLY"))
        spans = [(day(each["dateRange"]["start"]), day(each["dateRange"]["end"])) for each in monthly]
        assert spans == [(date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 11, 1), TODAY)]
        total = sum(each["impressions"] for each in daily)
        assert sum(each["impressions"] for each in monthly) == yearly["impressions"] == total

    def test_all_widens_what_is_long_ago_to_whole_months(self, ask, facet):
        old = "dateRange=(start:(year:2026,month:2,day:10),end:(year:2026,month:11,day:20))"
        (whole,) = elements(ask(f"q=analytics&pivot=ACCOUNT&timeGranularity=ALL&{old}&{facet}"))
        assert (day(whole["dateRange"]["start"]), day(whole["dateRange"]["end"])) == (
            date(2026, 2, 1),
            date(2026, 11, 20),
        )

    def test_rows_can_be_sorted_by_cost(self, ask, facet):
        query = f"q=analytics&pivot=CAMPAIGN&timeGranularity=ALL&{_RANGE}&{facet}&fields=costInLocalCurrency"
        found = elements(ask(f"{query}&sortBy=(field:COST_IN_LOCAL_CURRENCY,order:DESCENDING)"))
        costs = [Decimal(each["costInLocalCurrency"]) for each in found]
        assert costs == sorted(costs, reverse=True)

    def test_the_old_protocol_and_wrapped_values_ask_the_same(self, ask, facet, account):
        plain = f"q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&{_RANGE}&{facet}&fields={_FIELDS}"
        wrapped = plain.replace("CAMPAIGN", "(value:CAMPAIGN)").replace("DAILY", "(value:DAILY)")
        old = (
            "q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&dateRange.start.year=2026&dateRange.start.month=10"
            "&dateRange.start.day=1&dateRange.end.year=2026&dateRange.end.month=11&dateRange.end.day=22"
            f"&accounts[0]=urn:li:sponsoredAccount:{account.id}&fields={_FIELDS}&start=0&count=10000"
        )
        found = elements(ask(plain))
        assert found
        assert elements(ask(wrapped)) == found
        assert elements(ask(old, X_Restli_Protocol_Version=None)) == found

    def test_pivots_that_the_world_knows_nothing_of_are_empty(self, ask, facet):
        assert elements(ask(f"q=analytics&pivot=MEMBER_INDUSTRY&timeGranularity=ALL&{_RANGE}&{facet}")) == []

    def test_the_old_protocol_may_be_tunnelled_too(self, sandbox, ask, facet):
        """As a connector does that asks for one campaign after the other, in chunks of 18 fields."""
        rows = elements(ask(f"q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&{_RANGE}&{facet}"))
        campaign = rows[0]["pivotValues"][0]
        body = (
            "q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&dateRange.start.year=2026&dateRange.start.month=10"
            "&dateRange.start.day=1&dateRange.end.year=2026&dateRange.end.month=11&dateRange.end.day=22"
            f"&campaigns[0]={campaign}&fields=impressions,clicks,dateRange,pivotValues&count=10000&start=0"
        )
        headers = {
            "Authorization": f"Bearer {sandbox.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-HTTP-Method-Override": "GET",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        found = elements(_post(f"{sandbox.url}/rest/adAnalytics", content=body, headers=headers))
        assert {each["pivotValues"][0] for each in found} == {campaign}
        assert len(found) == len([each for each in rows if each["pivotValues"] == [campaign]])

    def test_a_long_query_may_come_as_the_body_of_a_post(self, sandbox, ask, facet):
        query = f"q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&{_RANGE}&{facet}"
        headers = {
            "Authorization": f"Bearer {sandbox.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-Restli-Protocol-Version": "2.0.0",
            "X-HTTP-Method-Override": "GET",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        found = _post(f"{sandbox.url}/rest/adAnalytics", content=query, headers=headers)
        assert elements(found) == elements(ask(query))
        before = sandbox.world.faults.requests()["linkedin"]["facts"]
        _post(f"{sandbox.url}/rest/adAnalytics", content=query, headers=headers)
        assert sandbox.world.faults.requests()["linkedin"]["facts"] == before + 1


class TestRefusals:
    """What the API does not answer."""

    @pytest.mark.parametrize(
        ("change", "path", "code"),
        [
            (("pivot=ACCOUNT", "pivot=PLANET"), "pivot", "PARAM_INVALID"),
            (("&timeGranularity=DAILY", ""), "timeGranularity", "PARAM_MISSING"),
            (("DAILY", "HOURLY"), "timeGranularity", "PARAM_INVALID"),
            (("month:10", "month:13"), "dateRange/start", "PARAM_INVALID"),
            (("day:22", "day:22,hour:1"), "dateRange/end/hour", "PARAM_INVALID"),
            (("year:2026,month:11", "year:2025,month:11"), "dateRange", "PARAM_INVALID"),
            (("sponsoredAccount", "sponsoredCampaign"), "accounts", "PARAM_INVALID"),
            (("q=analytics", "q=nonsense"), "q", "PARAM_INVALID"),
            (("q=analytics", "q=statistics"), "pivot", "QUERY_PARAM_NOT_ALLOWED"),
            (("fields=impressions", "fields=impressions,pivotValue"), "fields", "FIELD_INVALID"),
            (("%3A", ":"), "accounts", "PARAM_INVALID"),
            (("%3A", "%253A"), "accounts", "PARAM_INVALID"),
            (("(start", "%28start"), "dateRange", "PARAM_INVALID"),
        ],
    )
    def test_mistakes_are_refused_with_the_place_of_the_input(self, ask, facet, change, path, code):
        query = f"q=analytics&pivot=ACCOUNT&timeGranularity=DAILY&{_RANGE}&{facet}&fields=impressions"
        assert ask(query).status_code == 200
        answer = ask(query.replace(*change))
        assert answer.status_code == 400
        wrong = answer.json()["errorDetails"]["inputErrors"][0]
        assert (wrong["input"]["inputPath"]["fieldPath"], wrong["code"]) == (path, code)

    def test_a_facet_is_needed(self, ask):
        answer = ask(f"q=analytics&pivot=ACCOUNT&timeGranularity=DAILY&{_RANGE}")
        assert answer.json()["errorDetails"]["inputErrors"][0]["input"]["inputPath"]["fieldPath"] == "accounts"

    def test_more_than_20_fields_are_too_many(self, ask, facet):
        query = f"q=analytics&pivot=ACCOUNT&timeGranularity=ALL&{_RANGE}&{facet}&fields="
        names = (
            "dateRange,pivotValues,impressions,clicks,costInLocalCurrency,costInUsd,likes,shares,comments,follows,"
            "reactions,opens,sends,videoViews,videoStarts,videoCompletions,oneClickLeads,oneClickLeadFormOpens,"
            "landingPageClicks,companyPageClicks"
        )
        assert len(elements(ask(query + names))[0]) == 20
        assert ask(f"{query}{names},actionClicks").status_code == 400

    def test_a_query_that_is_too_long_for_a_url_has_to_be_tunnelled(self, ask):
        urns = ",".join(f"urn%3Ali%3AsponsoredCreative%3A{number}" for number in range(200))
        answer = ask(f"q=analytics&pivot=CREATIVE&timeGranularity=ALL&{_RANGE}&creatives=List({urns})")
        assert (answer.status_code, answer.json()["status"]) == (414, 414)

    def test_more_than_three_pivots_are_too_many(self, ask, facet):
        query = f"q=statistics&timeGranularity=ALL&{_RANGE}&{facet}&pivots="
        assert ask(f"{query}List(ACCOUNT,CAMPAIGN_GROUP,CAMPAIGN,CREATIVE)").status_code == 400
        assert ask(f"{query}List(CAMPAIGN,CAMPAIGN)").status_code == 400

    def test_conversions_of_single_creatives_by_name_are_not_known(self, ask, facet):
        query = f"q=statistics&pivots=List(CREATIVE,CONVERSION)&timeGranularity=ALL&{_RANGE}&{facet}"
        assert ask(query).status_code == 404


class TestLimits:
    """The silent cut, and the throttle by what was read."""

    def test_the_earliest_days_vanish_without_a_word(self, serve):
        world = World.generate(seed=1, today=TODAY, scale=0.02, days=30)
        account = world.on("linkedin").accounts[0]
        query = (
            f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}"
            f"&accounts=List(urn%3Ali%3AsponsoredAccount%3A{account.id})&fields=dateRange,pivotValues,impressions"
        )
        with serve(world) as sandbox:
            whole = elements(asker(sandbox)(query))
        with serve(world, analytics_rows=50) as sandbox:
            answer = asker(sandbox)(query)
        assert len(whole) > 50
        assert elements(answer) == whole[-50:]
        assert answer.json()["paging"]["links"] == []

    def test_too_many_values_within_five_minutes_are_throttled(self):
        clock = count(0, 100)
        meter = Meter(Limits(metric_values=100), lambda: float(next(clock)))
        meter.count(60)
        meter.count(40)
        with pytest.raises(Refusal) as refused:
            meter.count(1)
        assert (refused.value.status, refused.value.service_code) == (429, 101)
        assert "DAY" not in refused.value.message
        meter.count(60)

    def test_the_throttle_stands_in_the_way_of_analytics(self, serve):
        world = World.generate(seed=1, today=TODAY, scale=0.02, days=30)
        account = world.on("linkedin").accounts[0]
        query = (
            f"q=analytics&pivot=CREATIVE&timeGranularity=DAILY&{_RANGE}"
            f"&accounts=List(urn%3Ali%3AsponsoredAccount%3A{account.id})&fields=impressions,clicks"
        )
        with serve(world, metric_values=20) as sandbox:
            answer = asker(sandbox)(query)
        assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_REQUESTS")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0"), (19_918_330, "19.91833"), (5_000_000, "5.0"), (10, "0.00001"), (12_500_000, "12.5")],
)
def test_results_are_written_with_the_decimals_they_need(value, text):
    assert cost_text(value) == text
    assert micros(text) == value


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (18_500_000, "EUR", "18.50"),
        (70_000_000, "EUR", "70"),
        (7_000_000_000, "JPY", "7000"),
        (1_234_000, "KWD", "1.234"),
        (1_234_500, "EUR", "1.234500"),
    ],
)
def test_budgets_are_written_with_the_decimals_of_the_currency(value, currency, text):
    assert amount_text(value, currency) == text
