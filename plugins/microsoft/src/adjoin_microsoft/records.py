"""Records of a bulk file as entities. Money is in units of the account's currency, times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal, TypeAlias

import msgspec

from adjoin.ads.v2 import Account, Ad, AdGroup, Campaign, Keyword, Status
from adjoin_microsoft.statuses import channel, reviewed_status, status

__all__ = ["ad", "ad_group", "campaign", "keyword", "money", "parse_date", "parse_time"]

_Row: TypeAlias = Mapping[str, str | None]

#: Where an ad's name may be, as ads of Microsoft have none: the text that is shown first.
_NAMES = ("Headline", "Headlines", "Title Part 1", "Title", "Long Headline", "Promotion", "Text")

_MATCH: Mapping[str, Literal["exact", "phrase", "broad"]] = {"Exact": "exact", "Phrase": "phrase", "Broad": "broad"}


class _Text(msgspec.Struct):
    text: str | None = None


_texts = msgspec.json.Decoder(list[_Text])


def campaign(row: _Row, account: Account, _: str, today: date) -> Campaign:
    """Make a campaign. A shared budget shows as that of each campaign that uses it. ValueError."""
    native, end = row["Status"] or "", parse_date(row["End Date"])
    state = status(native)
    budget, lifetime = money(row["Budget"]), (row["Budget Type"] or "").startswith("Lifetime")
    return Campaign(
        id=row["Id"] or "",
        account_id=account.id,
        name=row["Campaign"] or "",
        # For Microsoft a campaign whose days are over stays active.
        status=Status.ENDED if state is Status.ACTIVE and end is not None and end < today else state,
        native_status=native,
        channel=channel(row["Campaign Type"] or ""),
        daily_budget_micros=None if lifetime else budget,
        lifetime_budget_micros=budget if lifetime else None,
        start_date=parse_date(row["Start Date"]),
        end_date=end,
        updated_at=parse_time(row["Modified Time"]),
    )


def ad_group(row: _Row, account: Account, campaign_id: str, _: date) -> AdGroup:
    """Make an ad group; they have bids but no budgets at Microsoft. ValueError."""
    native = row["Status"] or ""
    return AdGroup(
        id=row["Id"] or "",
        account_id=account.id,
        campaign_id=campaign_id,
        name=row["Ad Group"] or "",
        status=status(native),
        native_status=native,
        bid_micros=money(row["Cpc Bid"] or row["Cpm Bid"] or row["Cpv Bid"]),
        updated_at=parse_time(row["Modified Time"]),
    )


def ad(row: _Row, account: Account, campaign_id: str, _: date) -> Ad:
    """Make an ad, named by its first text. ValueError."""
    native, editorial = row["Status"] or "", row["Editorial Status"] or ""
    return Ad(
        id=row["Id"] or "",
        account_id=account.id,
        campaign_id=campaign_id,
        ad_group_id=row["Parent Id"] or "",
        name=_name(row),
        status=reviewed_status(native, editorial),
        native_status=_both(native, editorial),
        landing_url=_first_url(row["Final Url"]),
        updated_at=parse_time(row["Modified Time"]),
        format=row["Type"] or None,
    )


def keyword(row: _Row, account: Account, campaign_id: str, _: date) -> Keyword:
    """Make a keyword. ValueError."""
    native, editorial = row["Status"] or "", row["Editorial Status"] or ""
    return Keyword(
        id=row["Id"] or "",
        account_id=account.id,
        campaign_id=campaign_id,
        ad_group_id=row["Parent Id"] or "",
        name=row["Keyword"] or "",
        match_type=_MATCH.get(row["Match Type"] or "", "unknown"),
        status=reviewed_status(native, editorial),
        native_status=_both(native, editorial),
        bid_micros=money(row["Bid"]),
        updated_at=parse_time(row["Modified Time"]),
    )


def money(text: str | None) -> int | None:
    """Turn an amount of units ("12.5", "1,250.00") into micros, exactly; beyond six digits it rounds half to even.

    ValueError if it is no number.
    """
    if not text:
        return None
    try:
        amount = Decimal(text.replace(",", ""))
        return int((amount * 1_000_000).to_integral_value(ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{text!r} is no amount of money") from error


def parse_time(text: str | None) -> datetime | None:
    """Read a time as bulk files write it, `04/27/2023 18:00:14.970`, which is UTC. ValueError."""
    if not text:
        return None
    moment = text if "." in text else f"{text}.0"
    return datetime.strptime(moment, "%m/%d/%Y %H:%M:%S.%f").replace(tzinfo=UTC)


def parse_date(text: str | None) -> date | None:
    """Read a day as bulk files write it, `4/27/2023`. ValueError."""
    return datetime.strptime(text, "%m/%d/%Y").date() if text else None  # noqa: DTZ007 - a day has no zone


def _both(native: str, editorial: str) -> str:
    return f"{native} ({editorial})" if editorial and editorial != "Active" else native


def _name(row: _Row) -> str:
    for column in _NAMES:
        text = row[column]
        if text and (found := _first_text(text)):
            return found
    return f"{row['Type']} {row['Id']}"


def _first_text(text: str) -> str:
    """Return the first text of a list of assets, which is JSON, or the text itself."""
    if not text.startswith("["):
        return text
    try:
        return next((each.text for each in _texts.decode(text) if each.text), "")
    except msgspec.DecodeError:
        return text


def _first_url(text: str | None) -> str | None:
    """Return the first of several addresses, which are parted by `; `: an address may hold a semicolon itself."""
    return text.replace(";http", "; http").split("; http", 1)[0] if text else None
