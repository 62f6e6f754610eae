"""What Google Ads is and can do."""

from __future__ import annotations

from datetime import timedelta

from adjoin.ads.v2 import AppField, Auth, Description, LookBack, ManagerLinks, RateLimit, Stream
from adjoin_google.version import API, API_VERSION

__all__ = ["DESCRIPTION"]

_MANAGER = "https://ads.google.com/aw"

#: Google keeps results by day for 37 months. The shortest 37 months have 1,124 days; one day is left for accounts
#: behind UTC and one for a run that starts before midnight and ends after it.
RETENTION_DAYS = 1122

#: Clicks settle within days. Conversions arrive for the length of an action's window, 30 days unless the advertiser
#: sets another (up to 90), and are dated back to the click.
LOOK_BACK = (
    LookBack(days=3),
    LookBack(days=30, every=timedelta(days=1)),
    LookBack(days=90, every=timedelta(days=7)),
)


def _facts(name: str) -> Stream:
    # A query counts as one operation whatever its size, and a small project has 2,880 a day: windows are as long as
    # they may be, and shortened where Google calls one too much.
    return Stream(name=name, kind="facts", look_back=LOOK_BACK, retention_days=RETENTION_DAYS, max_window_days=31)


def _entities(name: str) -> Stream:
    return Stream(name=name, kind="entities", incremental=True)


_NO_AD_GROUPS = (
    "Performance Max campaigns have no ad groups and no ads, so what they spend and bring cannot be attributed below "
    "the campaign. The campaign's figures are the whole."
)

DESCRIPTION = Description(
    title="Google Ads",
    base_url=API,
    api_version=API_VERSION,
    auth=Auth(
        methods=("oauth",),
        pkce=True,
        app_fields=(
            AppField(name="api_version", label=f"Version of the API (default {API_VERSION})", required=False),
            AppField(name="login_customer_id", label="Manager account to read through (default: all)", required=False),
            AppField(
                name="developer_token",
                label="Developer token (Google has ignored it since September 2026)",
                secret=True,
                required=False,
            ),
        ),
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
    levels=("campaign", "ad group", "ad"),
    # Google's rates (a bucket per account and one per Cloud project) are not published and change with its load. It
    # advises 3 to 5 requests under way at once, so that is what paces a run; the rate is there to stop a runaway.
    limits=(RateLimit(scope="app", per_second=50, burst=500),),
    max_concurrency=4,
    attribution_note=(
        "Conversions are dated on the day of the click or view that led to them, by each action's own attribution "
        "model and window. Data-driven attribution gives fractions."
    ),
    conversions_note=(
        "Conversions are Google's column of that name: the actions whose goals are primary. By action there are also "
        "the others, as Google counts them in all conversions. Purchases, leads, registrations, carts and checkouts "
        "are named by the action's category, everything else by the name of the action."
    ),
    known_gaps={
        "ad_group_daily<campaign_daily": _NO_AD_GROUPS,
        "ad_daily<ad_group_daily": (
            "Google does not attribute all results of an ad group to its ads, such as those of ads that it made by "
            "itself or that were deleted long ago."
        ),
        "keyword_daily<ad_group_daily": (
            "Not every search is matched by a keyword: product groups, audiences and dynamic ads have none."
        ),
        "search_term_daily<ad_group_daily": "Google leaves out search terms that too few people have used.",
    },
    docs_url="https://developers.google.com/google-ads/api/docs/start",
    # Google works on a large report for minutes before it sends the first row.
    read_timeout=timedelta(seconds=300),
    # `__e` takes the customer id; `ocid`, which stands there otherwise, is a number that the API does not tell. An ad
    # is in the list of its ad group: it has no page that can be addressed.
    manager=ManagerLinks(
        account=f"{_MANAGER}/overview?__e={{account}}",
        campaign=f"{_MANAGER}/adgroups?campaignId={{campaign}}&__e={{account}}",
        ad_group=f"{_MANAGER}/ads?campaignId={{campaign}}&adGroupId={{ad_group}}&__e={{account}}",
    ),
)
