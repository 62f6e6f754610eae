"""The usage headers: they rise with every call, and say how long to wait once a limit is reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

__all__ = ["Usage"]

#: Calls that fill a bucket, generous so that a sandbox never slows anybody down by itself.
_APP_CALLS = 400_000
_ACCOUNT_CALLS = 100_000

_TIER = "standard_access"


@dataclass(slots=True)
class Usage:
    """Counts calls by account; what belongs to no account counts for the app only."""

    app: int = 0
    accounts: Counter[str] = field(default_factory=Counter)

    def count(self, account_id: str) -> None:
        """Count one call."""
        self.app += 1
        if account_id:
            self.accounts[account_id] += 1

    def headers(self, account_id: str, *, insights: bool) -> dict[str, str]:
        """Return the headers of a good answer."""
        app = min(99, self.app * 100 // _APP_CALLS)
        found = {"X-App-Usage": _json({"call_count": app, "total_time": app, "total_cputime": app})}
        if not account_id:
            return found
        used = min(99, self.accounts[account_id] * 100 // _ACCOUNT_CALLS)
        if not insights:
            account = {"acc_id_util_pct": used, "reset_time_duration": 0, "ads_api_access_tier": _TIER}
            return found | {"X-Ad-Account-Usage": _json(account)}
        throttle = {"app_id_util_pct": app, "acc_id_util_pct": used, "ads_api_access_tier": _TIER}
        return found | {
            "X-FB-Ads-Insights-Throttle": _json(throttle),
            "X-Business-Use-Case-Usage": _business(account_id, used, minutes=0),
        }

    def full_account(self, account_id: str, *, seconds: int) -> dict[str, str]:
        """Return the headers that go with code 17: full, and the seconds until it is not."""
        usage = {"acc_id_util_pct": 100, "reset_time_duration": seconds, "ads_api_access_tier": _TIER}
        return self.headers(account_id, insights=False) | {"X-Ad-Account-Usage": _json(usage)}

    def full_insights(self, account_id: str, *, minutes: int) -> dict[str, str]:
        """Return the headers that go with code 80000: full, and the minutes until it is not."""
        return self.headers(account_id, insights=False) | {
            "X-Business-Use-Case-Usage": _business(account_id or "0", 100, minutes=minutes)
        }


def _business(account_id: str, used: int, *, minutes: int) -> str:
    entry = {
        "type": "ads_insights",
        "call_count": used,
        "total_cputime": used,
        "total_time": used,
        "estimated_time_to_regain_access": minutes,
        "ads_api_access_tier": _TIER,
    }
    return _json({account_id: [entry]})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
