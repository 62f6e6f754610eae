"""Reports of the sandbox: what an order must say, how a job goes, and what its file holds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import httpx
import pytest

from adjoin.testing.server import running
from adjoin.testing.world import CONVERSIONS, World
from adjoin_microsoft.sandbox import make_app
from adjoin_microsoft.sandbox.caller import Caller, codes, days, unzipped
from adjoin_microsoft.sandbox.report_time import months_back
from adjoin_microsoft.sandbox.report_values import thousands

WEEK = (date(2026, 11, 1), date(2026, 11, 7))
FIGURES = ("TimePeriod", "CampaignId", "Clicks")


@pytest.fixture(scope="module")
def served():
    world = World.generate(seed=2, today=date(2026, 11, 22), scale=0.1, days=60)
    with running(make_app(world)) as url:
        yield SimpleNamespace(world=world, url=url)


@pytest.fixture
def caller(served):
    served.world.faults.clear()
    served.world.set_today(date(2026, 11, 22))
    return Caller.of(served.url, served.world)


def _truth(caller, dataset, *, since=WEEK[0], until=WEEK[1]):
    world = caller.world.on("microsoft")
    return world.truth(dataset, account_id=caller.account.id, since=since, until=until).to_pylist()


class TestOrders:
    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"Columns": []}, 2014),
            ({"Columns": None}, 2014),
            ({"Columns": ["TimePeriod", "Clicks", "Clicks"]}, 2016),
            ({"Columns": ["TimePeriod", "CampaignName"]}, 2017),
            ({"Columns": ["Clicks"]}, 2015),
            ({"Columns": ["TimePeriod", "Goal", "Clicks", "ImpressionSharePercent"]}, 2060),
            ({"Columns": ["TimePeriod", "Colour"]}, 100),
            ({"Columns": ["TimePeriod", "AdId", "Clicks"]}, 100),
            ({"Aggregation": "Summary"}, 2034),
            ({"Aggregation": "Hourly"}, 2059),
            ({"Aggregation": "Fortnightly"}, 100),
            ({"Type": "WeatherReportRequest"}, 2002),
            ({"Type": "CampaignPerformance"}, 2002),
            ({"Colour": "blue"}, 100),
            ({"Format": "Pdf"}, 100),
            ({"Format": "Xml"}, 204),
            ({"FormatVersion": "3.0"}, 201),
            ({"ReportName": "x" * 201}, 2006),
            ({"ExcludeReportHeader": "true"}, 100),
            ({"Scope": None}, 2026),
            ({"Scope": {"AccountIds": []}}, 2026),
            ({"Scope": {"AccountIds": ["F120ABCD"]}}, 100),
            ({"Scope": {"AccountIds": ["180012345"]}}, 2003),
            ({"Scope": {"Accounts": []}}, 100),
            ({"Filter": {"Status": "Active"}}, 2060),
        ],
    )
    def test_what_does_not_fit_is_refused(self, caller, changed, code):
        assert codes(caller.submit("CampaignPerformance", FIGURES, **changed)) == (400, [code])

    @pytest.mark.parametrize(
        ("time", "code"),
        [
            (None, 2008),
            ({}, 2008),
            (days(*WEEK) | {"PredefinedTime": "Yesterday"}, 2008),
            (days(*WEEK) | {"CustomDateRangeEnd": None}, 2010),
            (days(*WEEK) | {"CustomDateRangeStart": None}, 2009),
            (days(*WEEK) | {"CustomDateRangeStart": {"Year": 2026, "Month": 2, "Day": 30}}, 2009),
            (days(*WEEK) | {"CustomDateRangeEnd": {"Year": 2026, "Month": "11", "Day": 7}}, 2010),
            (days(WEEK[1], WEEK[0]), 2011),
            (days(date(2026, 11, 22), date(2026, 11, 23)), 2010),
            (days(date(2026, 11, 23), date(2026, 11, 23)), 2041),
            (days(date(2023, 11, 21), date(2023, 11, 23)), 2009),
            (days(*WEEK) | {"ReportTimeZone": "Europe/Berlin"}, 100),
            ({"PredefinedTime": "LastCentury"}, 100),
        ],
    )
    def test_times_that_do_not_fit_are_refused(self, caller, time, code):
        assert codes(caller.submit("CampaignPerformance", FIGURES, Time=time)) == (400, [code])

    def test_the_report_zone_says_what_today_is(self, caller):
        today = days(date(2026, 11, 22), date(2026, 11, 22))
        late = today | {"ReportTimeZone": "AucklandWellington"}
        caller.world.set_now(caller.world.now + timedelta(hours=11))
        tomorrow = days(date(2026, 11, 23), date(2026, 11, 23)) | {"ReportTimeZone": "AucklandWellington"}
        assert caller.submit("CampaignPerformance", FIGURES, Time=late).status_code == 200
        assert caller.submit("CampaignPerformance", FIGURES, Time=tomorrow).status_code == 200
        honolulu = tomorrow | {"ReportTimeZone": "Hawaii"}
        assert codes(caller.submit("CampaignPerformance", FIGURES, Time=honolulu)) == (400, [2041])

    def test_complete_data_ends_before_today_and_takes_three_hours(self, caller):
        complete = {"ReturnOnlyCompleteData": True}
        until_today = days(date(2026, 11, 20), date(2026, 11, 22))
        assert codes(caller.submit("AccountPerformance", FIGURES[::2], Time=until_today, **complete)) == (400, [2005])
        yesterday = days(date(2026, 11, 20), date(2026, 11, 21))
        assert caller.submit("AccountPerformance", FIGURES[::2], Time=yesterday, **complete).status_code == 200
        caller.world.set_now(caller.world.now - timedelta(hours=11))  # two in the morning in Berlin
        assert codes(caller.submit("AccountPerformance", FIGURES[::2], Time=yesterday, **complete)) == (400, [2004])

    def test_an_ad_group_of_a_scope_needs_all_three_ids(self, caller):
        group = caller.world.on("microsoft").ad_groups(caller.account.id)[0]
        part = {"AccountId": caller.account.id, "CampaignId": group.campaign_id, "AdGroupId": group.id}
        fine = caller.submit("AdPerformance", ["TimePeriod", "AdId", "Clicks"], Scope={"AdGroups": [part]})
        assert fine.status_code == 200
        bare = caller.submit(
            "AdPerformance", ["TimePeriod", "AdId", "Clicks"], Scope={"AdGroups": [part | {"CampaignId": None}]}
        )
        assert (bare.status_code, bare.text) == (400, "")

    def test_a_search_query_report_needs_its_column(self, caller):
        assert codes(caller.submit("SearchQueryPerformance", FIGURES)) == (400, [2015])

    def test_no_order_at_all_is_told_apart(self, caller):
        assert codes(caller.post("Reporting/v13/GenerateReport/Submit", {})) == (400, [2001])


class TestJobs:
    def test_a_job_is_pending_for_a_while_and_then_has_a_file(self, caller):
        report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
        first, second = caller.poll(report_id), caller.poll(report_id)
        assert first == {"Status": "Pending", "ReportDownloadUrl": None}
        assert second["Status"] == "Success"
        assert second["ReportDownloadUrl"].startswith(f"{caller.url}/blob/reports/{report_id}.zip?")

    def test_no_data_is_a_success_without_a_file(self, served):
        caller = Caller.of(served.url, served.world, named="empty")
        report_id = caller.submit("AccountPerformance", ["TimePeriod", "Clicks"]).json()["ReportRequestId"]
        assert caller.poll(report_id)["Status"] == "Pending"
        assert caller.poll(report_id) == {"Status": "Success", "ReportDownloadUrl": None}

    def test_a_link_lasts_five_minutes_and_a_new_one_can_be_had(self, caller):
        report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
        caller.poll(report_id)
        url = caller.poll(report_id)["ReportDownloadUrl"]
        assert httpx.get(url).status_code == 200
        caller.world.now += timedelta(minutes=5)
        late = httpx.get(url)
        assert (late.status_code, late.headers["content-type"]) == (403, "application/xml")
        assert "AuthenticationFailed" in late.text
        assert httpx.get(caller.poll(report_id)["ReportDownloadUrl"]).status_code == 200

    def test_a_link_takes_neither_our_credentials_nor_changes(self, caller):
        report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
        caller.poll(report_id)
        url = caller.poll(report_id)["ReportDownloadUrl"]
        assert httpx.get(url, headers={"Authorization": "Bearer x"}).status_code == 403
        assert httpx.get(url.replace(report_id, "1_1")).status_code == 403
        assert httpx.get(url.replace("se=2026", "se=2027")).status_code == 403

    def test_ids_are_known_for_two_days(self, caller):
        ask = "Reporting/v13/GenerateReport/Poll"
        assert codes(caller.post(ask, {"ReportRequestId": "1_1"})) == (400, [2100])
        report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
        caller.world.now += timedelta(days=2)
        answer = caller.post(ask, {"ReportRequestId": report_id})
        assert codes(answer) == (400, [2100])
        assert answer.json()["OperationErrors"][0]["ErrorCode"] == "InvalidReportId"

    def test_options_limit_jobs_and_links(self, served):
        app = make_app(served.world, pending_polls=2, report_slots=1, single_use_links=True)
        with running(app) as url:
            caller = Caller.of(url, served.world)
            report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
            assert codes(caller.submit("CampaignPerformance", FIGURES)) == (400, [207])
            assert [caller.poll(report_id)["Status"] for _ in range(2)] == ["Pending", "Pending"]
            link = caller.poll(report_id)["ReportDownloadUrl"]
            assert caller.submit("CampaignPerformance", FIGURES).status_code == 200
            assert [httpx.get(link).status_code for _ in range(2)] == [200, 403]


class TestFiles:
    @pytest.mark.parametrize(
        ("kind", "dataset", "keys"),
        [
            ("AccountPerformance", "account_daily", {}),
            ("CampaignPerformance", "campaign_daily", {"CampaignId": "campaign_id"}),
            ("AdGroupPerformance", "ad_group_daily", {"CampaignId": "campaign_id", "AdGroupId": "ad_group_id"}),
            ("AdPerformance", "ad_daily", {"CampaignId": "campaign_id", "AdGroupId": "ad_group_id", "AdId": "ad_id"}),
            ("KeywordPerformance", "keyword_daily", {"AdGroupId": "ad_group_id", "KeywordId": "keyword_id"}),
            ("SearchQueryPerformance", "search_term_daily", {"AdGroupId": "ad_group_id", "SearchQuery": "search_term"}),
        ],
    )
    def test_rows_are_the_truth(self, caller, kind, dataset, keys):
        figures = ["Impressions", "Clicks", "Spend", "ConversionsQualified", "Revenue"]
        found = {
            (row["TimePeriod"], *(row[name] for name in keys)): [Decimal(row[name]) for name in figures]
            for row in caller.rows(kind, ["TimePeriod", "AccountId", *keys, *figures])
        }
        known = {
            (row["date"].isoformat(), *(row[key] for key in keys.values())): [
                row["impressions"],
                row["clicks"],
                Decimal(row["cost_micros"]) / 1_000_000,
                row["conversions"],
                Decimal(row["conversion_value_micros"]) / 1_000_000,
            ]
            for row in _truth(caller, dataset)
        }
        assert found == known
        assert len(found) >= 7

    def test_actions_are_the_truth_of_conversions(self, caller):
        names = {
            "Purchase": "purchases",
            "Lead form": "leads",
            "Sign-up": "registrations",
            "Add to cart": "add_to_cart",
            "Begin checkout": "checkouts",
        }
        columns = ["TimePeriod", "Goal", "GoalType", "ConversionsQualified", "AllConversionsQualified", "AllRevenue"]
        ads = caller.rows("AdPerformance", ["AdId", "GoalId", *columns])
        pages = caller.rows("CampaignPerformance", ["CampaignId", *columns])
        known = {}
        for row in _truth(caller, "conversion_daily"):
            place = row["ad_id"] or row["campaign_id"]
            figures = (row["conversions"], Decimal(row["conversion_value_micros"]) / 1_000_000)
            known[row["date"].isoformat(), place, row["action"]] = figures
        without_ads = {each.id for each in caller.world.on("microsoft").campaigns() if each.kind == "no_ads"}
        found = {}
        for row in [*ads, *(row for row in pages if row["CampaignId"] in without_ads)]:
            place = row.get("AdId") or row.get("CampaignId")
            figures = (Decimal(row["AllConversionsQualified"]), Decimal(row["AllRevenue"]))
            found[row["TimePeriod"], place, names[row["Goal"]]] = figures
            counted = names[row["Goal"]] in CONVERSIONS
            assert Decimal(row["ConversionsQualified"]) == (figures[0] if counted else 0)
            assert row["GoalType"] == "Event"
        assert found == known

    def test_performance_max_is_in_the_coarse_reports_only(self, caller):
        world = caller.world.on("microsoft")
        (campaign,) = [each for each in world.campaigns(caller.account.id) if each.kind == "no_ads"]
        coarse = caller.rows("CampaignPerformance", ["TimePeriod", "CampaignId", "CampaignType", "Spend"])
        fine = caller.rows("AdGroupPerformance", ["TimePeriod", "CampaignId", "Spend"])
        assert {row["CampaignType"] for row in coarse if row["CampaignId"] == campaign.id} == {"Performance max"}
        assert campaign.id not in {row["CampaignId"] for row in fine}

    def test_traffic_stands_under_no_goal(self, caller):
        rows = caller.rows("AccountPerformance", ["TimePeriod", "Goal", "Clicks", "AllConversionsQualified"])
        clicks = sum(int(row["Clicks"]) for row in rows if not row["Goal"])
        assert clicks == sum(row["clicks"] for row in _truth(caller, "account_daily"))
        assert {row["Clicks"] for row in rows if row["Goal"]} == {"0"}
        assert {row["AllConversionsQualified"] for row in rows if not row["Goal"]} == {"0.00"}

    def test_without_its_column_the_time_period_is_the_whole_range(self, caller):
        rows = caller.rows("CampaignPerformance", ["CampaignId", "Clicks"], Aggregation="Daily")
        assert len({row["CampaignId"] for row in rows}) == len(rows)
        assert sum(int(row["Clicks"]) for row in rows) == sum(row["clicks"] for row in _truth(caller, "campaign_daily"))

    @pytest.mark.parametrize(
        ("aggregation", "first", "since", "until"),
        [
            ("Weekly", "2026-11-01", date(2026, 11, 1), date(2026, 11, 14)),
            ("WeeklyStartingMonday", "2026-11-02", date(2026, 11, 2), date(2026, 11, 15)),
            ("Monthly", "2026-11-01", date(2026, 11, 1), date(2026, 11, 22)),
            ("Yearly", "2026", date(2026, 9, 1), date(2026, 11, 22)),
        ],
    )
    def test_longer_periods_are_whole(self, caller, aggregation, first, since, until):
        time = days(date(2026, 11, 4), date(2026, 11, 11))
        rows = caller.rows("AccountPerformance", ["TimePeriod", "Clicks"], Aggregation=aggregation, Time=time)
        assert rows[0]["TimePeriod"] == first
        known = sum(row["clicks"] for row in _truth(caller, "account_daily", since=since, until=until))
        assert sum(int(row["Clicks"]) for row in rows) == known

    def test_weekdays_begin_on_sunday(self, caller):
        rows = caller.rows("AccountPerformance", ["TimePeriod", "Clicks"], Aggregation="DayOfWeek")
        assert [row["TimePeriod"] for row in rows] == [str(number) for number in range(1, 8)]
        (sunday,) = [row["clicks"] for row in _truth(caller, "account_daily") if row["date"].weekday() == 6]
        assert int(rows[0]["Clicks"]) == sunday

    def test_ratios_and_what_is_not_known(self, caller):
        columns = ["Impressions", "Clicks", "Spend", "Ctr", "AverageCpc", "QualityScore", "CampaignLabels"]
        row = caller.rows("CampaignPerformance", ["TimePeriod", "CampaignId", *columns])[0]
        impressions, clicks, spend = int(row["Impressions"]), int(row["Clicks"]), Decimal(row["Spend"])
        assert row["Ctr"] == f"{clicks / impressions * 100:.2f}%"
        assert Decimal(row["AverageCpc"]) == pytest.approx(spend / clicks, abs=Decimal("0.005"))
        assert (row["QualityScore"], row["CampaignLabels"]) == ("--", "")

    def test_the_file_is_quoted_with_a_mark_in_front_and_long_line_ends(self, caller):
        report_id = caller.submit("CampaignPerformance", ["TimePeriod", "CampaignName", "Clicks"]).json()
        caller.poll(report_id["ReportRequestId"])
        content = httpx.get(caller.poll(report_id["ReportRequestId"])["ReportDownloadUrl"]).content
        assert content[:4] == b"PK\x03\x04"
        text = unzipped(content)
        lines = text.split("\r\n")
        assert lines[0] == '"TimePeriod","CampaignName","Clicks"'
        assert lines[-1] == ""
        assert all(line.startswith('"2026-11-0') and line.endswith('"') for line in lines[1:-1])
        assert "\n" not in text.replace("\r\n", "")

    def test_header_and_footer_come_unless_left_out(self, caller):
        text = caller.report(
            "AccountPerformance", ["TimePeriod", "Clicks"], ExcludeReportHeader=None, ExcludeReportFooter=None
        )
        lines = text.split("\r\n")
        assert lines[:2] == ['"Report Name: AccountPerformance"', '"Report Time: 11/1/2026,11/7/2026"']
        assert '"Rows: 7"' in lines
        assert lines[lines.index("") + 1] == '"TimePeriod","Clicks"'
        assert lines[-3:] == ["", '"©2026 Microsoft Corporation. All rights reserved. "', ""]
        bare = caller.report("AccountPerformance", ["TimePeriod", "Clicks"], ExcludeColumnHeaders=True)
        assert bare.startswith('"2026-11-01","')

    def test_the_old_format_groups_thousands(self, served):
        caller = Caller.of(served.url, served.world, named="日本")
        columns = ["TimePeriod", "Revenue", "Spend"]
        new = caller.rows("AccountPerformance", columns)
        old = caller.rows("AccountPerformance", columns, FormatVersion=None)
        assert any("," in row["Revenue"] for row in old)
        assert [row["Revenue"].replace(",", "") for row in old] == [row["Revenue"] for row in new]
        assert [row["Spend"] for row in old] == [row["Spend"] for row in new]

    def test_tabs_separate_if_asked_for(self, caller):
        text = caller.report("AccountPerformance", ["TimePeriod", "Clicks"], Format="Tsv")
        assert text.startswith('"TimePeriod"\t"Clicks"\r\n')

    def test_a_report_may_cover_several_accounts(self, caller):
        accounts = [each.id for each in caller.world.on("microsoft").accounts[:2]]
        rows = caller.rows(
            "AccountPerformance", ["AccountId", "TimePeriod", "CurrencyCode", "Spend"], Scope={"AccountIds": accounts}
        )
        assert {row["AccountId"] for row in rows} == set(accounts)
        assert {row["CurrencyCode"] for row in rows} == {"EUR", "USD"}

    def test_results_change_until_they_have_settled(self, served):
        def spend():
            caller = Caller.of(served.url, served.world)
            rows = caller.rows("AccountPerformance", ["TimePeriod", "ConversionsQualified"], Time=days(*[day] * 2))
            return [row["ConversionsQualified"] for row in rows]

        served.world.set_today(day := date(2026, 11, 22))
        first = spend()
        served.world.set_today(date(2026, 12, 22))
        assert spend() != first
        served.world.set_today(date(2026, 11, 22))


def test_months_back_ends_with_the_month():
    assert months_back(date(2026, 3, 31), 1) == date(2026, 2, 28)
    assert months_back(date(2026, 11, 22), 36) == date(2023, 11, 22)


@pytest.mark.parametrize(("text", "grouped"), [("1234.50", "1,234.50"), ("999", "999"), ("1000000", "1,000,000")])
def test_thousands_are_grouped_by_commas(text, grouped):
    assert thousands(text) == grouped
