"""How full Meta's buckets are, read from the usage headers.

Two units of time stand side by side: `estimated_time_to_regain_access` is minutes, `reset_time_duration` is seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

import msgspec

from adjoin.ads.v2 import Hint

__all__ = ["hints", "wait"]

T = TypeVar("T")

_FULL = 1.0


def _share(percent: float) -> float:
    """Percent may pass 100; a bucket is full at 1."""
    return min(percent / 100, _FULL)


class _AppUsage(msgspec.Struct, gc=False):
    call_count: float = 0
    total_time: float = 0
    total_cputime: float = 0
    estimated_time_to_regain_access: float = 0  # minutes; only in the business use case header

    @property
    def used(self) -> float:
        return _share(max(self.call_count, self.total_time, self.total_cputime))


class _AccountUsage(msgspec.Struct, gc=False):
    acc_id_util_pct: float = 0
    app_id_util_pct: float = 0
    reset_time_duration: float = 0  # seconds


_app = msgspec.json.Decoder(_AppUsage, strict=False)
_account = msgspec.json.Decoder(_AccountUsage, strict=False)
_business = msgspec.json.Decoder(dict[str, list[_AppUsage]], strict=False)

_BUSINESS = "x-business-use-case-usage"
_ACCOUNT = "x-ad-account-usage"
_THROTTLE = "x-fb-ads-insights-throttle"
_APP = "x-app-usage"


def hints(headers: Mapping[str, str]) -> tuple[Hint, ...]:
    """Return what the headers (names in lower case) say; a header that cannot be read says nothing."""
    found: list[Hint] = []
    if (app := _decode(_app, headers.get(_APP))) is not None:
        found.append(Hint(scope="app", used=app.used))
    if (account := _decode(_account, headers.get(_ACCOUNT))) is not None:
        used = _share(account.acc_id_util_pct)
        found.append(Hint(scope="account", used=used, wait=_reset(account)))
    if (throttle := _decode(_account, headers.get(_THROTTLE))) is not None:
        found.append(Hint(scope="app", used=_share(throttle.app_id_util_pct)))
        found.append(Hint(scope="account", used=_share(throttle.acc_id_util_pct)))
    for key, entries in (_decode(_business, headers.get(_BUSINESS)) or {}).items():
        found += [_business_hint(key, entry) for entry in entries]
    return tuple(found)


def wait(headers: Mapping[str, str]) -> timedelta | None:
    """Return the longest time that the headers ask to stay away, None if they ask for none."""
    waits = [hint.wait for hint in hints(headers) if hint.wait]
    return max(waits, default=None)


def _business_hint(key: str, entry: _AppUsage) -> Hint:
    # The key is the bare id of an ad account, or of a business or page that no bucket of ours is named after.
    minutes = entry.estimated_time_to_regain_access
    return Hint(
        scope="account",
        used=entry.used,
        wait=timedelta(minutes=minutes) if minutes > 0 else None,
        account=key,
    )


def _reset(account: _AccountUsage) -> timedelta | None:
    if _share(account.acc_id_util_pct) < _FULL or account.reset_time_duration <= 0:
        return None
    return timedelta(seconds=account.reset_time_duration)


def _decode(decoder: msgspec.json.Decoder[T], text: str | None) -> T | None:
    if not text:
        return None
    try:
        return decoder.decode(text)
    except msgspec.DecodeError:
        return None
