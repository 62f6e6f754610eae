"""The `ads` contract, version 1: rows.

Three functions that return plain lists: enough for a simple platform, and small enough to write in an hour. Adjoin
lifts a plugin of this version to the newest one by itself.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from adjoin.contract import MaybeAsync, hookspec, payload

__all__ = ["Account", "Ads", "Campaign", "Performance"]


@payload
class Account:
    """An ad account. `currency` is an ISO 4217 code, `time_zone` an IANA name."""

    id: str
    name: str
    currency: str
    time_zone: str


@payload
class Campaign:
    """A campaign of an account. `status` is one of active, paused, removed."""

    id: str
    name: str
    status: str = "active"


@payload
class Performance:
    """What one campaign did on one day of the account's time zone. `cost_micros` is millionths of the currency."""

    date: dt.date
    campaign_id: str
    impressions: int
    clicks: int
    cost_micros: int
    conversions: Decimal = Decimal(0)
    conversion_value_micros: int = 0


class Ads:
    """What an ad platform offers.

    Every hook may be a plain or an `async def` function, and may leave out arguments that it does not need.
    """

    @hookspec(required=True, timeout=60)
    def accounts(self, token: str) -> MaybeAsync[list[Account]]:
        """List the ad accounts that a credential reaches.

        Called at connect time and at the start of each sync run, once, in a thread of the plugin's own. `token` is what
        the operator gave at `adjoin connect`. An empty list means that the credential reaches no account. An exception
        fails the run and is shown on it; no answer within 60 seconds counts as one.
        """
        raise NotImplementedError

    @hookspec(required=True, timeout=120)
    def campaigns(self, account: str, token: str) -> MaybeAsync[list[Campaign]]:
        """List all campaigns of an account, the paused and removed ones too.

        Called once per account and run, in a thread of the plugin's own. What was listed before and is missing now is
        kept and marked as gone. An exception fails this account and leaves the others alone; the deadline is 120
        seconds.
        """
        raise NotImplementedError

    @hookspec(required=True, timeout=300)
    def performance(self, account: str, start: dt.date, end: dt.date, token: str) -> MaybeAsync[list[Performance]]:
        """Return one row per campaign and day from `start` to `end`, both included.

        Called for windows of at most 31 days, several at once for different accounts, each in a thread of the plugin's
        own. The window is replaced by the answer as a whole: a day without a row is a day without results. An exception
        fails this window; it is asked for again in the next run. The deadline is 300 seconds.
        """
        raise NotImplementedError
