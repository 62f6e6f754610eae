"""Which queries are answered and which are refused, and with what."""

from __future__ import annotations

import pytest

from adjoin_google.sandbox.errors import Refusal
from adjoin_google.sandbox.gaql import Condition, Order, Value, parse

_YESTERDAY = "segments.date = '2026-11-21'"


def test_reads_all_clauses_whatever_their_case():
    query = parse(
        "select campaign.id, campaign.name from campaign where campaign.status in (ENABLED, 'PAUSED') "
        'and campaign.name not like "%a\\"b%" and campaign.labels contains any (\'x\') and campaign.id is not null '
        "order by campaign.name desc, campaign.id limit 5 parameters omit_unselected_resource_names = true;"
    )
    assert query.fields == ("campaign.id", "campaign.name")
    assert query.resource == "campaign"
    assert query.conditions == (
        Condition(field="campaign.status", operator="IN", values=(Value("ENABLED", "word"), Value("PAUSED", "string"))),
        Condition(field="campaign.name", operator="NOT LIKE", values=(Value('%a"b%', "string"),)),
        Condition(field="campaign.labels", operator="CONTAINS ANY", values=(Value("x", "string"),)),
        Condition(field="campaign.id", operator="IS NOT NULL"),
    )
    assert query.order == (Order(field="campaign.name", descending=True), Order(field="campaign.id"))
    assert query.limit == 5
    assert not query.keeps_resource_names


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "EXPECTED_SELECT"),
        ("FROM campaign", "EXPECTED_SELECT"),
        ("SELECT", "UNEXPECTED_END_OF_QUERY"),
        ("SELECT campaign.id", "EXPECTED_FROM"),
        ("SELECT campaign.id campaign.name FROM campaign", "UNEXPECTED_INPUT"),
        ("SELECT * FROM campaign", "BAD_FIELD_NAME"),
        ("SELECT campaign.id FROM campaign, ad_group", "UNEXPECTED_INPUT"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id = 1 OR campaign.id = 2", "EXPECTED_AND"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id 1", "BAD_OPERATOR"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id IN 1", "EXPECTED_LIST"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id IN ()", "PROHIBITED_EMPTY_LIST_IN_CONDITION"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id = (1, 2)", "EXPECTED_SINGLE_VALUE"),
        ("SELECT campaign.id FROM campaign WHERE campaign.name = 'x", "STRING_NOT_TERMINATED"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id BETWEEN 1, 2", "EXPECTED_VALUE_WITH_BETWEEN_OPERATOR"),
        ("SELECT campaign.id FROM campaign ORDER campaign.id", "EXPECTED_BY"),
        ("SELECT campaign.id FROM campaign LIMIT many", "BAD_LIMIT_VALUE"),
        ("SELECT campaign.id FROM campaign LIMIT 0", "LIMIT_VALUE_TOO_LOW"),
        ("SELECT campaign.id FROM campaign PARAMETERS x = true", "BAD_PARAMETER_NAME"),
        ("SELECT campaign.id FROM campaign PARAMETERS include_drafts = 1", "BAD_PARAMETER_VALUE"),
        ("SELECT campaign.id FROM campaign GROUP BY campaign.id", "UNEXPECTED_INPUT"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id = {}", "BAD_SYMBOL"),
    ],
)
def test_refuses_what_does_not_follow_the_grammar(query, code):
    with pytest.raises(Refusal) as refused:
        parse(query)
    assert [error.code for error in refused.value.errors] == [code]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT campaign.id FROM metrics", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT campaign.id FROM nonsense", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT campaign.id, campaign.nonsense FROM campaign", "UNRECOGNIZED_FIELD"),
        ("SELECT campaign.start_date FROM campaign", "UNRECOGNIZED_FIELD"),
        ("SELECT metrics.video_views FROM campaign", "UNRECOGNIZED_FIELD"),
        ("SELECT campaign.id FROM campaign WHERE campaign.status = LIVE", "BAD_ENUM_CONSTANT"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id = 'x'", "BAD_NUMBER"),
        ("SELECT campaign.id FROM campaign WHERE campaign.name = x", "BAD_VALUE"),
        ("SELECT campaign.id FROM campaign WHERE campaign.status > ENABLED", "OPERATOR_FIELD_MISMATCH"),
        ("SELECT campaign.id FROM campaign WHERE campaign.labels = 'x'", "OPERATOR_FIELD_MISMATCH"),
        ("SELECT ad_group.id FROM campaign", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
        ("SELECT campaign_budget.id FROM ad_group_ad", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
        ("SELECT campaign.id FROM campaign WHERE ad_group.id = 1", "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE"),
        (
            "SELECT ad_group.id FROM ad_group ORDER BY campaign.name",
            "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
        ),
        (
            "SELECT ad_group_ad.ad.id FROM ad_group_ad ORDER BY ad_group_ad.ad.final_urls",
            "PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE",
        ),
        (
            "SELECT ad_group_ad.ad.id FROM ad_group_ad WHERE ad_group_ad.ad.responsive_search_ad.headlines = 'x'",
            "PROHIBITED_FIELD_IN_WHERE_CLAUSE",
        ),
        # days
        ("SELECT campaign.id, segments.date FROM campaign", "EXPECTED_FILTERS_ON_DATE_RANGE"),
        ("SELECT campaign.id FROM campaign WHERE segments.date >= '2026-11-01'", "EXPECTED_FILTERS_ON_DATE_RANGE"),
        ("SELECT segments.month FROM campaign WHERE segments.date <= '2026-11-01'", "EXPECTED_FILTERS_ON_DATE_RANGE"),
        ("SELECT search_term_view.search_term FROM search_term_view", "EXPECTED_FILTERS_ON_DATE_RANGE"),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date BETWEEN '2026-11-02' AND '2026-11-01'",
            "DATE_RANGE_TOO_NARROW",
        ),
        ("SELECT campaign.id FROM campaign WHERE segments.date = '01.11.2026'", "INVALID_DATE_FORMAT"),
        ("SELECT campaign.id FROM campaign WHERE segments.date = '2026-02-30'", "INVALID_DATE_FORMAT"),
        ("SELECT campaign.id FROM campaign WHERE segments.date > '9999-12-31'", "INVALID_DATE_FORMAT"),
        ("SELECT campaign.id FROM campaign WHERE segments.year = 9999", "BAD_VALUE"),
        ("SELECT campaign.id FROM campaign WHERE segments.date IS NULL", "OPERATOR_FIELD_MISMATCH"),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date DURING LAST_3_DAYS",
            "INVALID_VALUE_WITH_DURING_OPERATOR",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date DURING '2026-11-01'",
            "INVALID_VALUE_WITH_DURING_OPERATOR",
        ),
        ("SELECT campaign.id FROM campaign WHERE segments.month = '2026-11-02'", "MISALIGNED_DATE_FOR_FILTER"),
        ("SELECT campaign.id FROM campaign WHERE segments.date != '2026-11-02'", "OPERATOR_FIELD_MISMATCH"),
        # what goes with what
        (
            f"SELECT metrics.clicks FROM campaign WHERE {_YESTERDAY} AND segments.device = MOBILE",
            "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
        ),
        ("SELECT metrics.clicks FROM conversion_action", "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE"),
        (
            "SELECT ad_group_ad.ad.id, metrics.search_impression_share FROM ad_group_ad",
            "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
        ),
        (
            f"SELECT segments.date FROM campaign_budget WHERE {_YESTERDAY}",
            "PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE",
        ),
        (
            f"SELECT segments.conversion_action, metrics.clicks FROM campaign WHERE {_YESTERDAY}",
            "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
        ),
        (
            f"SELECT segments.conversion_action_name, metrics.cost_micros FROM ad_group WHERE {_YESTERDAY}",
            "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
        ),
    ],
)
def test_refuses_what_cannot_be_asked(api, codes, query, code):
    response = api.search(query)
    assert response.status_code == 400
    assert codes(response) == [f"queryError.{code}"]


def test_refuses_days_beyond_37_months_but_not_months(api, codes):
    days = (
        "SELECT segments.date, metrics.clicks FROM customer WHERE segments.date BETWEEN '2023-10-01' AND '2026-10-01'"
    )
    assert api.search(days).status_code == 200
    assert codes(api.search(days.replace("2023-10-01", "2023-09-30"))) == [
        "dateRangeError.REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED"
    ]
    months = "SELECT segments.month, metrics.clicks FROM customer WHERE segments.month = '2018-09-01'"
    assert api.search(months).status_code == 200
    assert codes(api.search(months.replace("2018", "2012"))) == [
        "dateRangeError.REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED"
    ]


def test_refuses_metrics_of_managers(api, codes):
    query = "SELECT customer.id, metrics.clicks FROM customer"
    assert codes(api.search(query, account=api.manager_id)) == ["queryError.REQUESTED_METRICS_FOR_MANAGER"]
    (row,) = api.rows("SELECT customer.id, customer.manager FROM customer", account=api.manager_id)
    assert row["customer"]["manager"] is True


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ("TODAY", "2026-11-22", "2026-11-22"),
        ("YESTERDAY", "2026-11-21", "2026-11-21"),
        ("LAST_7_DAYS", "2026-11-15", "2026-11-21"),
        ("LAST_14_DAYS", "2026-11-08", "2026-11-21"),
        ("LAST_30_DAYS", "2026-10-23", "2026-11-21"),
        ("LAST_BUSINESS_WEEK", "2026-11-09", "2026-11-13"),
        ("LAST_WEEK_MON_SUN", "2026-11-09", "2026-11-15"),
        ("LAST_WEEK_SUN_SAT", "2026-11-15", "2026-11-21"),
        ("THIS_WEEK_MON_TODAY", "2026-11-16", "2026-11-22"),
        ("THIS_WEEK_SUN_TODAY", "2026-11-22", "2026-11-22"),
        ("THIS_MONTH", "2026-11-01", "2026-11-22"),
        ("LAST_MONTH", "2026-10-01", "2026-10-31"),
    ],
)
def test_knows_the_words_for_ranges(api, words, since, until):
    rows = api.rows(f"SELECT segments.date, metrics.impressions FROM customer WHERE segments.date DURING {words}")
    days = sorted(row["segments"]["date"] for row in rows)
    assert (days[0], days[-1]) == (since, until)


def test_today_is_the_accounts_own(api):
    from datetime import UTC, datetime

    api.world.set_now(datetime(2026, 11, 21, 22, 0, tzinfo=UTC))
    query = "SELECT segments.date, metrics.impressions FROM customer WHERE segments.date DURING TODAY"
    days = {}
    for currency in ("USD", "JPY"):
        (row,) = api.rows(query, account=api.account(currency).id)
        days[currency] = row["segments"]["date"]
    assert days == {"USD": "2026-11-21", "JPY": "2026-11-22"}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("campaign.name LIKE '%o%'", lambda each: "o" in each.name.lower()),
        ("campaign.name NOT LIKE '%o%'", lambda each: "o" not in each.name.lower()),
        ("campaign.name REGEXP_MATCH '.*[0-9].*'", lambda each: any(letter.isdigit() for letter in each.name)),
        ("campaign.advertising_channel_type != SEARCH", lambda each: each.channel != "search"),
        ("campaign.end_date_time IS NULL", lambda each: each.end_date is None),
        ("campaign.start_date_time <= '2026-10-01 00:00:00'", lambda each: str(each.start_date) <= "2026-10-01"),
        ("campaign_budget.amount_micros > 1000000", lambda each: each.lifetime_budget_micros is None),
        ("campaign.missing_eu_political_advertising_declaration = FALSE", lambda each: True),
    ],
)
def test_filters_entities(api, condition, wanted):
    rows = api.rows(f"SELECT campaign.id FROM campaign WHERE {condition}")
    known = [each.id for each in api.presence.campaigns(api.account().id) if wanted(each)]
    assert sorted(row["campaign"]["id"] for row in rows) == sorted(known)


def test_filters_lists_and_ids(api):
    known = api.presence.campaigns(api.account().id)
    ids = ", ".join(each.id for each in known[:2])
    rows = api.rows(f"SELECT campaign.id FROM campaign WHERE campaign.id IN ({ids}) ORDER BY campaign.id")
    assert [row["campaign"]["id"] for row in rows] == sorted((each.id for each in known[:2]), key=int)
    url = api.presence.ads(api.account().id)[0].landing_url
    some = api.rows(f"SELECT ad_group_ad.ad.id FROM ad_group_ad WHERE ad_group_ad.ad.final_urls CONTAINS ANY ('{url}')")
    none = api.rows(
        f"SELECT ad_group_ad.ad.id FROM ad_group_ad WHERE ad_group_ad.ad.final_urls CONTAINS NONE ('{url}')"
    )
    assert some
    assert len(some) + len(none) == len(api.presence.ads(api.account().id))
