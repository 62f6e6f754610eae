"""What Meta Ads is and can do."""

from __future__ import annotations

from datetime import timedelta

from adjoin.ads.v2 import AppField, Auth, Description, LookBack, ManagerLinks, RateLimit, Stream
from adjoin_meta.version import API_VERSION, GRAPH

__all__ = ["DESCRIPTION"]

_MANAGER = "https://adsmanager.facebook.com/adsmanager/manage"

#: Meta answers for 37 months. The shortest 37 months have 1,124 days; one day is left for accounts behind UTC and one
#: for a run that starts before midnight and ends after it.
RETENTION_DAYS = 1122

#: Figures are final 28 days after the day. The last three move most, so they are read in each run, the rest once a day.
LOOK_BACK = (LookBack(days=3), LookBack(days=28, every=timedelta(days=1)))


def _facts(name: str, *, max_window_days: int, yields: tuple[str, ...] = ()) -> Stream:
    return Stream(
        name=name,
        kind="facts",
        yields=yields,
        look_back=LOOK_BACK,
        retention_days=RETENTION_DAYS,
        max_window_days=max_window_days,
    )


DESCRIPTION = Description(
    title="Meta Ads",
    base_url=GRAPH,
    api_version=API_VERSION,
    auth=Auth(
        methods=("oauth", "token"),
        app_fields=(
            AppField(name="api_version", label=f"Graph API version (default {API_VERSION})", required=False),
            AppField(name="config_id", label="Configuration id of Facebook Login for Business", required=False),
        ),
        # A person has to log in again within 60 days, so the warning comes early enough for a holiday.
        warn_before=timedelta(days=14),
    ),
    streams=(
        Stream(name="campaigns", kind="entities"),
        Stream(name="ad_groups", kind="entities"),
        Stream(name="ads", kind="entities"),
        _facts("account_daily", max_window_days=92),
        _facts("campaign_daily", max_window_days=92),
        _facts("ad_group_daily", max_window_days=31),
        _facts("ad_daily", max_window_days=31, yields=("conversion_daily",)),
    ),
    levels=("campaign", "ad set", "ad"),
    # An account's score: 9,000 points that decay within 300 seconds, of which a read takes one. An app of the limited
    # tier has far less, which its usage headers tell.
    limits=(RateLimit(scope="account", per_second=30, burst=1_000),),
    max_concurrency=4,
    attribution_note=(
        "Conversions follow each ad set's own attribution setting (usually 7 days after a click, 1 day after a view) "
        "and are dated on the day of the impression for events on Meta and of the conversion for events elsewhere."
    ),
    conversions_note=(
        "Conversions count results such as purchases, leads and registrations, each once: Meta repeats an event under "
        "several names, and of those the most complete is taken (omni_purchase before purchase before the pixel's "
        "purchase). Custom conversions count under their own names. Steps on the way (clicks, views, carts, "
        "checkouts) do not count."
    ),
    known_gaps={
        "ad_daily<ad_group_daily": "Results of ads that were deleted long ago stay in their ad set's totals only.",
        "ad_group_daily<campaign_daily": (
            "Results of deleted ad sets, and of campaigns without ad sets, stay in the campaign's totals only."
        ),
        "campaign_daily<account_daily": (
            "Results of campaigns that were deleted long ago stay in the account's totals only."
        ),
    },
    docs_url="https://developers.facebook.com/docs/marketing-api",
    # Ads Manager's own addresses as they stand in its address bar; the list of a level selects what its ids name.
    manager=ManagerLinks(
        account=f"{_MANAGER}/campaigns?act={{account}}",
        campaign=f"{_MANAGER}/campaigns?act={{account}}&selected_campaign_ids={{campaign}}",
        ad_group=f"{_MANAGER}/adsets?act={{account}}&selected_campaign_ids={{campaign}}&selected_adset_ids={{ad_group}}",
        ad=(
            f"{_MANAGER}/ads?act={{account}}&selected_campaign_ids={{campaign}}&selected_adset_ids={{ad_group}}"
            "&selected_ad_ids={ad}"
        ),
    ),
)
