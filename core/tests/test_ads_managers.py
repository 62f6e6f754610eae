"""Links to the platforms' managers: ids are put into a plugin's addresses, and nothing else comes of them."""

from __future__ import annotations

import pytest

from adjoin.ads.managers import link_to, problems_of
from adjoin.ads.v2 import Auth, Description, ManagerLinks

API = "https://api.example"


def description(**templates: str) -> Description:
    manager = ManagerLinks(**templates) if templates else None
    return Description(title="X", base_url=API, api_version="1", auth=Auth(), streams=(), manager=manager)


FULL = description(
    account="https://ads.example/a/{account}",
    campaign="https://ads.example/a/{account}?c={campaign}",
    ad_group="https://ads.example/a/{account}?c={campaign}&g={ad_group}",
    ad="https://ads.example/a/{account}?c={campaign}&g={ad_group}&ad={ad}",
)


@pytest.mark.parametrize(
    ("ids", "link"),
    [
        (("1",), "https://ads.example/a/1"),
        (("1", "2"), "https://ads.example/a/1?c=2"),
        (("1", "2", "3", "4"), "https://ads.example/a/1?c=2&g=3&ad=4"),
        (("1/../2", "a&b=c#d", "ü %"), "https://ads.example/a/1%2F..%2F2?c=a%26b%3Dc%23d&g=%C3%BC%20%25"),
        (("{campaign}", "2"), "https://ads.example/a/%7Bcampaign%7D?c=2"),
        ((), ""),
        (("1", ""), ""),
        (("1", "2", "3", "4", "5"), ""),
    ],
)
def test_ids_are_filled_in(ids: tuple[str, ...], link: str) -> None:
    """Whatever an id holds, it stays an id."""
    assert link_to(FULL, ids) == link


def test_what_has_no_page_is_linked_by_what_is_around_it() -> None:
    assert link_to(description(account="https://x.example/{account}"), ("1", "2", "3")) == "https://x.example/1"
    assert link_to(description(ad="https://x.example/{ad}"), ("1", "2", "3")) == ""
    assert link_to(description(), ("1",)) == ""


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [("", True), (API, True), (f"{API}/", True), ("http://127.0.0.1:9", False), ("https://api.example.evil", False)],
)
def test_a_sandbox_has_no_manager(base_url: str, shown: bool) -> None:
    """A connection to anywhere but the platform itself."""
    assert bool(link_to(FULL, ("1",), base_url=base_url)) is shown


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("http://x.example/{account}", "https"),
        ("javascript:alert({account})", "https"),
        ("//x.example/{account}", "https"),
        ("https://", "https"),
        ("https://{account}.example/", "host"),
        ("https://user@x.example/", "user"),
        ("https://x.example/{token}", "none of {account}"),
        ("https://x.example/{campaign}", "none of {account}"),
        ("https://x.example/{account", "signs"),
        ("https://x.example/ {account}", "signs"),
        ("https://x.example/\n{account}", "signs"),
        ("https://[x.example/{account}", "no address"),
    ],
)
def test_what_cannot_be_an_address_is_told_and_not_shown(template: str, said: str) -> None:
    assert said in problems_of(ManagerLinks(account=template))["account"]
    assert link_to(description(account=template), ("1",)) == ""


def test_good_ones_have_no_problem() -> None:
    assert FULL.manager is not None
    assert problems_of(FULL.manager) == {}
