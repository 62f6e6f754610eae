"""What Microsoft Advertising is and can do."""

from __future__ import annotations

from datetime import timedelta

from adjoin.ads.v2 import AppField, Auth, Description, LookBack, ManagerLinks, RateLimit, Stream
from adjoin_microsoft.services import BASE_URL, HOSTS

__all__ = ["DESCRIPTION"]

#: Microsoft keeps days for 36 months. The shortest have 1,095 days; one is left for accounts behind UTC and one for a
#: run that starts before midnight and ends after it.
RETENTION_DAYS = 1093

#: Clicks settle within days. Conversions count on the day of the click, and arrive for as long as the goal's window,
#: which is 30 days unless set otherwise and at most 90.
LOOK_BACK = (
    LookBack(days=3),
    LookBack(days=35, every=timedelta(days=1)),
    LookBack(days=92, every=timedelta(days=7)),
)


def _facts(name: str) -> Stream:
    return Stream(name=name, kind="facts", look_back=LOOK_BACK, retention_days=RETENTION_DAYS, max_window_days=31)


def _entities(name: str) -> Stream:
    return Stream(name=name, kind="entities", incremental=True)


DESCRIPTION = Description(
    title="Microsoft Advertising",
    base_url=BASE_URL,
    hosts=HOSTS,
    api_version="v13",
    auth=Auth(
        methods=("oauth",),
        pkce=True,
        app_fields=(
            AppField(name="developer_token", label="Developer token", secret=True),
            AppField(name="tenant", label="Microsoft Entra tenant (default common)", required=False),
        ),
        warn_before=timedelta(days=14),
    ),
    streams=(
        _entities("campaigns"),
        _entities("ad_groups"),
        _entities("ads"),
        _entities("keywords"),
        _facts("account_daily"),
        _facts("campaign_daily"),
        _facts("ad_group_daily"),
        _facts("ad_daily"),
        _facts("keyword_daily"),
        _facts("search_term_daily"),
        _facts("conversion_daily"),
    ),
    # The bounds are not published; a user that calls more often within a minute is refused for a minute.
    limits=(RateLimit(scope="credential", per_second=20, burst=100),),
    # As many reports at once as Microsoft makes for a user without a queue; that number is not published either.
    max_concurrency=3,
    attribution_note=(
        "Conversions count on the day of the click, for as long as each goal's window (30 days unless set otherwise, "
        "at most 90), with the attribution model of the goal."
    ),
    conversions_note=(
        "Conversions are those of the goals that are included in conversions, with the fractions that attribution "
        "gives (ConversionsQualified). By action there are all goals, each under its category's name or its own."
    ),
    known_gaps={
        "ad_daily<ad_group_daily": "Results that Microsoft counts for no single ad stay in the ad group's totals only.",
        "ad_group_daily<campaign_daily": (
            "Performance Max campaigns have asset groups in place of ad groups and ads, so their results are in the "
            "campaign's totals only."
        ),
        "keyword_daily<ad_group_daily": "Traffic that no keyword has brought stays in the ad group's totals only.",
        "search_term_daily<ad_group_daily": (
            "Search terms of few people, and traffic that no search has brought, stay in the ad group's totals only."
        ),
    },
    docs_url="https://learn.microsoft.com/advertising/guides/",
    # Microsoft publishes how an account is addressed, and nothing below it.
    manager=ManagerLinks(account="https://ui.ads.microsoft.com/campaign/vnext/campaigns?aid={account}"),
)
