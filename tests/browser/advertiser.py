"""A served dashboard on an advertiser whose spend rose last week, because of one ad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from adjoin.db import Store
from adjoin.facts.store import FactStore
from adjoin.testing.fact_stage import FactStage
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in

from .serving import serving

HOSTILE = "Video <b>hikers</b> $x$ 🙂"
#: Milliseconds until something that is expected counts as missing; far more than is needed, for a busy machine.
SLOW = 30_000
_HISTORY, _ADS = 125, 30  # days
_DATASETS = ("campaign_daily", "ad_group_daily", "ad_daily")

#: Platform, account, campaign, ad group, ad: what each ad spends a day, and what more in the last 7 days.
ADS = {
    ("meta", "act_1", "c1", "g1", "a1"): (20, 50),
    ("meta", "act_1", "c1", "g1", "a2"): (20, 0),
    ("meta", "act_1", "c2", "g2", "a3"): (30, 0),
    ("google", "123", "c3", "g3", "a4"): (25, 0),
}
_NAMES = (
    ("meta", "act_1", "campaign", "c1", "Spring | Prospecting"),
    ("meta", "act_1", "ad_group", "g1", "Lookalike 2%"),
    ("meta", "act_1", "ad", "a1", HOSTILE),
    ("meta", "act_1", "ad", "a2", "Image, tent"),
    ("meta", "act_1", "campaign", "c2", "Brand | Always on"),
    ("meta", "act_1", "ad_group", "g2", "Everybody"),
    ("meta", "act_1", "ad", "a3", "Carousel"),
    ("google", "123", "campaign", "c3", "Search | Boots"),
    ("google", "123", "ad_group", "g3", "Boots"),
    ("google", "123", "ad", "a4", "Text, winter boots"),
)


@dataclass(frozen=True)
class House:
    """The served dashboard and its store."""

    address: str
    home: Path
    store: Store

    def join(self, name: str, role: str) -> str:
        """Make somebody a member and sign them in; return the token of their session."""
        return sign_in(self.store, now=datetime.now(UTC), email=f"{name}@example.com", role=role).token


@contextmanager
def risen_spend(home: Path) -> Iterator[House]:
    """Serve the advertiser from a folder. The server goes by the machine's clock, so the days do as well."""
    now = datetime.now(UTC)
    days = [now.date() - timedelta(days=number) for number in range(_HISTORY, 0, -1)]
    accounts = [
        KnownAccount(
            platform=platform,
            account_id=account,
            name=name,
            time_zone="UTC",
            days={day: _known(_spent(days, day, (platform, account))) for day in days},
        )
        for platform, account, name in (("meta", "act_1", "Nordlicht Outdoor"), ("google", "123", "Nordlicht Search"))
    ]
    with make_store(home, accounts, now=now - timedelta(hours=1)) as store:
        folder = home / "stage"
        folder.mkdir()
        stage = FactStage(folder, now=now - timedelta(minutes=30))
        stage.close()
        stage.store, stage.facts = store, FactStore(home)
        for depth, dataset in enumerate(_DATASETS, start=3):
            for platform, account in (("meta", "act_1"), ("google", "123")):
                span = days if dataset == "campaign_daily" else days[-_ADS:]
                keys = dict.fromkeys(key[:depth] for key in ADS if key[:2] == (platform, account))
                names = ("campaign_id", "ad_group_id", "ad_id")
                stage.put(
                    dataset,
                    *(
                        {"date": day} | dict(zip(names, key[2:], strict=False)) | _figures(_spent(days, day, key))
                        for day in span
                        for key in keys
                    ),
                    account=account,
                    platform=platform,
                )
        for platform, account, kind, own, name in _NAMES:
            stage.name(kind, own, name, platform=platform, account=account)
        with serving(home) as address:
            yield House(address, home, store)


def _spent(days: list[date], day: date, key: tuple[str, ...]) -> int:
    """What all ads of a platform, an account, or what is inside spend on a day, in whole units; less on Sundays."""
    late = day >= days[-7]
    return sum(
        base + (more if late else 0) - (day.weekday() == 6) for ad, (base, more) in ADS.items() if ad[: len(key)] == key
    )


def _figures(cost: int) -> dict[str, Any]:
    return {
        "impressions": cost * 100,
        "clicks": cost * 2,
        "cost_micros": cost * 1_000_000,
        "conversions": Decimal(cost // 10),
        "conversion_value_micros": cost * 4_000_000,
    }


def _known(cost: int) -> KnownDay:
    return KnownDay(**_figures(cost))


def visit(browser: Browser, house: House, token: str, path: str = "/", **look: Any) -> Page:
    """Open a page as somebody, and wait until it is drawn."""
    settings = {
        "viewport": {"width": 1440, "height": 1000},
        "locale": "en-GB",
        "timezone_id": "Europe/Berlin",
        "reduced_motion": "reduce",
    }
    context = browser.new_context(**(settings | look))
    context.add_cookies([{"name": "adjoin_session", "value": token, "url": house.address}])
    page = context.new_page()
    page.goto(f"{house.address}{path}")
    settle(page)
    return page


def settle(page: Page) -> None:
    page.locator("h1").wait_for(timeout=SLOW)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=SLOW)
