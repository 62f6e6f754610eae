"""Whatever stands in a body, the sandbox answers in the form of the API, and stays readable."""

from __future__ import annotations

import asyncio
from datetime import date

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjoin.testing.world import World
from adjoin_microsoft.sandbox import (
    ad_changes,
    ad_group_changes,
    budget_changes,
    campaign_changes,
    keyword_changes,
    make_app,
)
from adjoin_microsoft.sandbox.caller import Caller, days

_WORDS = (
    "",
    "x",
    "5",
    "0",
    "Search",
    "Search, Shopping",
    "Audience",
    "Active",
    "Exact",
    "ResponsiveSearch",
    "LifetimeBudgetStandard",
    "TextAsset",
    "EnhancedCpc",
    "2026-12-01T00:00:00",
    "Yesterday",
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(_WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("Id", "Type", "Text", "Asset", "Amount", "Year", "Month", "Day", "Index", "Size")), inner
        )
    ),
    max_leaves=8,
)
_TEXTS = [{"Asset": {"Type": "TextAsset", "Text": text}} for text in ("One", "Two", "Three")]
_ITEMS = {
    "Campaigns": (
        campaign_changes._FIELDS,
        {"Name": "N", "DailyBudget": 5, "BudgetType": "DailyBudgetStandard", "TimeZone": "OsakaSapporoTokyo"},
    ),
    "AdGroups": (ad_group_changes._FIELDS, {"Name": "N", "Network": "OwnedAndOperatedOnly"}),
    "Keywords": (keyword_changes._FIELDS, {"Text": "shoes", "MatchType": "Exact"}),
    "Budgets": (budget_changes._FIELDS, {"Name": "N", "Amount": 5, "BudgetType": "DailyBudgetStandard"}),
    "Ads": (
        ad_changes._COMMON | ad_changes._FIELDS["ResponsiveSearch"],
        {
            "Type": "ResponsiveSearch",
            "Headlines": _TEXTS,
            "Descriptions": _TEXTS[:2],
            "FinalUrls": ["https://shop.example/"],
        },
    ),
}
_REPORT = {
    "Type": "CampaignPerformanceReportRequest",
    "Columns": ["TimePeriod", "Clicks"],
    "Aggregation": "Daily",
    "Time": days(date(2026, 11, 1), date(2026, 11, 7)),
}
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Inside:
    """Calls the application without a server; an exception inside comes out."""

    def __init__(self):
        world = World.generate(seed=6, today=date(2026, 11, 22), scale=0.02, days=10)
        self.app = make_app(world, pending_polls=0)
        self.caller = Caller.of("http://sandbox", world)
        account = self.caller.account.id
        presence = world.on("microsoft")
        self.campaign = next(each for each in presence.campaigns(account) if each.channel == "search")
        self.group = next(each for each in presence.ad_groups(account) if each.campaign_id == self.campaign.id)
        self.above = {
            "Campaigns": {"AccountId": account},
            "AdGroups": {"CampaignId": self.campaign.id},
            "Ads": {"AdGroupId": self.group.id},
            "Keywords": {"AdGroupId": self.group.id},
            "Budgets": {},
        }
        self.ids = {"Campaigns": self.campaign.id, "AdGroups": self.group.id}
        for kind in ("Budgets", "Ads", "Keywords"):
            body = self.above[kind] | {kind: [_ITEMS[kind][1]]}
            made = self.call("POST", f"CampaignManagement/v13/{kind}", body).json()
            (self.ids[kind],) = made[f"{kind[:-1]}Ids"]

    def call(self, method, path, body):
        async def send():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, f"/{path}", json=body, headers=self.caller.headers)

        answer = asyncio.run(send())
        if answer.status_code != 200 and answer.content:
            assert answer.json()["Type"] in ("AdApiFaultDetail", "ApiFaultDetail", "ApiFault")
            assert answer.status_code in (400, 401, 403)
        return answer


@pytest.fixture(scope="module")
def inside():
    return Inside()


@pytest.mark.parametrize("kind", sorted(_ITEMS))
@pytest.mark.parametrize("method", ["POST", "PUT"])
@_QUICK
@given(data=st.data())
def test_any_change_is_made_or_refused(inside, method, kind, data):
    fields, usual = _ITEMS[kind]
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), _VALUES, max_size=3))
    item = usual | changed if method == "POST" else {"Id": inside.ids[kind], "Type": usual.get("Type")} | changed
    if kind != "Ads":
        item.pop("Type", None)
    answer = inside.call(method, f"CampaignManagement/v13/{kind}", inside.above[kind] | {kind: [item]})
    if answer.status_code == 200:
        assert len(answer.json()["PartialErrors"]) <= 1
        everything = {
            "AccountId": inside.caller.account.id,
            "CampaignType": "Search, Shopping, Audience, PerformanceMax",
        }
        reads = {
            "Campaigns/QueryByAccountId": everything,
            "Keywords/QueryByAdGroupId": {"AdGroupId": inside.group.id},
            "Ads/QueryByAdGroupId": {"AdGroupId": inside.group.id, "AdTypes": ["ResponsiveSearch"]},
        }
        for operation, body in reads.items():
            inside.call("POST", f"CampaignManagement/v13/{operation}", body)


@_QUICK
@given(name=st.sampled_from([*_REPORT, "Scope", "Format", "FormatVersion", "Filter", "ReportName"]), value=_VALUES)
def test_any_order_of_a_report_is_taken_or_refused(inside, name, value):
    request = _REPORT | {"Scope": {"AccountIds": [inside.caller.account.id]}} | {name: value}
    inside.call("POST", "Reporting/v13/GenerateReport/Submit", {"ReportRequest": request})


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("CustomerManagement/v13/Accounts/Search", ["Predicates", "Ordering", "PageInfo", "ReturnAdditionalFields"]),
        ("CustomerManagement/v13/Accounts/Find", ["CustomerId", "AccountFilter", "TopN"]),
        ("CampaignManagement/v13/ConversionGoals/QueryByIds", ["ConversionGoalIds", "ConversionGoalTypes"]),
        ("CampaignManagement/v13/Budgets/QueryByIds", ["BudgetIds"]),
        ("Bulk/v13/Campaigns/DownloadByAccountIds", ["AccountIds", "DownloadEntities", "LastSyncTimeInUTC"]),
    ],
)
@_QUICK
@given(data=st.data())
def test_any_question_is_answered_or_refused(inside, path, names, data):
    inside.call("POST", path, data.draw(st.dictionaries(st.sampled_from(names), _VALUES)))
