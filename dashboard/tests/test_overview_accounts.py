"""Accounts have names that tell them apart."""

from __future__ import annotations

from adjoin_dashboard.overview.accounts import account_names, lacking, quiet_accounts
from adjoin_dashboard.overview.model import Figures, Group
from adjoin_dashboard.overview.status import KnownAccount
from adjoin_dashboard.overview.tables import columns, frame


def account(platform: str, account_id: str, name: str, **values: str | None) -> KnownAccount:
    given = {"currency": "EUR", "status": "active", "problem": None} | values
    return KnownAccount(platform=platform, account_id=account_id, name=name, **given)


ACCOUNTS = [
    account("google", "1", "Shop *EU*"),
    account("google", "2", "Old", status="disabled"),
    account("meta", "1", "Shop *EU*"),
    account("meta", "7", "Twin"),
    account("meta", "8", "Twin", problem="not selected for syncing"),
]


def test_the_id_is_added_where_one_platform_has_a_name_twice() -> None:
    """The same name on another platform needs no id, as the platform stands beside it."""
    assert account_names(ACCOUNTS) == {
        ("google", "1"): "Shop *EU*",
        ("google", "2"): "Old",
        ("meta", "1"): "Shop *EU*",
        ("meta", "7"): "Twin (7)",
        ("meta", "8"): "Twin (8)",
    }


def test_accounts_without_figures_are_listed_by_platform() -> None:
    """With the reason: no traffic, the platform's status, or why it is not read."""
    shown = {("google", "1"), ("meta", "1")}
    assert [line.replace("\\", "") for line in quiet_accounts(ACCOUNTS, shown, str.title)] == [
        "Google: Old (disabled)",
        "Meta: Twin (7) (no traffic), Twin (8) (not selected for syncing)",
    ]
    assert quiet_accounts(ACCOUNTS[:1], shown, None) == []


def test_one_platform_is_not_named() -> None:
    """Where there is only one, its name says nothing."""
    assert quiet_accounts(ACCOUNTS[:2], {("google", "1")}, None) == [r"Old \(disabled\)"]
    assert lacking({("google", "2"): 1}, ACCOUNTS, None) == "Old lacks 1 day"


def test_names_of_platforms_do_not_become_markdown() -> None:
    """Asterisks of a name are shown as they are."""
    assert lacking({("meta", "1"): 3}, ACCOUNTS, str.title) == r"Shop \*EU\* \(Meta\) lacks 3 days"


def test_a_long_list_is_cut_short() -> None:
    """Five accounts are named, the others counted."""
    many = {("x", str(number)): 2 for number in range(8)}
    assert (
        lacking(many, [], None) == ", ".join(f"{number} lacks 2 days" for number in range(5)) + " and 3 more accounts"
    )


def test_long_names_leave_a_phone_room_for_the_figures() -> None:
    """The column that stays in place while the others scroll is not as wide as the longest name."""
    group = Group(platform="meta", account_id="1", figures=Figures(), before=Figures(), trend=())
    table = frame([group], {("meta", "1"): "A name " * 20}, "Account", title=str.title)
    settings = columns("Account", with_change=True)["Account"]
    assert settings["pinned"] is True
    assert settings["width"] <= 200
    assert list(table.columns[:2]) == ["Account", "Platform"]
