"""What LinkedIn Ads is and can do."""

from __future__ import annotations

from datetime import timedelta

from adjoin.ads.v2 import AppField, Auth, Description, LookBack, ManagerLinks, RateLimit, Stream
from adjoin_linkedin.version import API, API_VERSION

__all__ = ["DESCRIPTION", "LOOK_BACK", "RETENTION_DAYS"]

_MANAGER = "https://www.linkedin.com/campaignmanager/accounts"

#: LinkedIn keeps results for ten years, which have 3,652 days at least; the rest is slack for runs around midnight.
RETENTION_DAYS = 3_650

#: Conversions are credited back to the day of the click or view: within 30 days by default, 90 where the account's
#: rules say so. The last three days move most, as invalid clicks are taken out of them.
LOOK_BACK = (
    LookBack(days=3),
    LookBack(days=30, every=timedelta(days=1)),
    LookBack(days=90, every=timedelta(days=7)),
)


def _facts(name: str) -> Stream:
    return Stream(name=name, kind="facts", look_back=LOOK_BACK, retention_days=RETENTION_DAYS, max_window_days=31)


DESCRIPTION = Description(
    title="LinkedIn Ads",
    base_url=API,
    api_version=API_VERSION,
    auth=Auth(
        methods=("oauth", "token"),
        app_fields=(
            AppField(
                name="api_version",
                label=f"Version of the API, as year and month (default {API_VERSION})",
                required=False,
            ),
        ),
        # A person has to consent again, each year or every 60 days, so the warning comes early enough for a holiday.
        warn_before=timedelta(days=14),
    ),
    streams=(
        Stream(name="campaigns", kind="entities"),
        Stream(name="ad_groups", kind="entities"),
        Stream(name="ads", kind="entities"),
        _facts("account_daily"),
        _facts("campaign_daily"),
        _facts("ad_group_daily"),
        _facts("ad_daily"),
        _facts("conversion_daily"),
    ),
    levels=("campaign group", "campaign", "creative"),
    # LinkedIn does not publish its limits: they are per endpoint and per day, for the app and for the member. Large
    # readers are known to keep to five requests a second; the burst is about what a daily run takes.
    limits=(RateLimit(scope="app", per_second=5, burst=300),),
    max_concurrency=4,
    attribution_note=(
        "Conversions are dated on the day of the click or view that they are credited to, within the window of each "
        "conversion rule (30 days after a click and 7 after a view unless it says otherwise). Days are days of UTC."
    ),
    conversions_note=(
        "Conversions are the conversions on websites by the account's own rules, of whatever type, plus the leads of "
        "lead forms (oneClickLeads). By action a rule goes by its type (PURCHASE: purchases, SIGN_UP: registrations), "
        "one of another type by its name. Lead forms carry no value."
    ),
    known_gaps={
        "ad_daily<ad_group_daily": (
            "Results of creatives that were deleted long ago may stay in the campaign's totals only."
        ),
    },
    docs_url="https://learn.microsoft.com/en-us/linkedin/marketing/",
    # Campaign Manager filters its list of campaigns by their group; a group has no page of its own.
    manager=ManagerLinks(
        account=f"{_MANAGER}/{{account}}",
        campaign=f"{_MANAGER}/{{account}}/campaigns?campaignGroupIds=%5B{{campaign}}%5D",
        ad_group=f"{_MANAGER}/{{account}}/campaigns/{{ad_group}}",
        ad=f"{_MANAGER}/{{account}}/campaigns/{{ad_group}}/creatives",
    ),
)
