"""Which accounts there are, and through which manager they are asked."""

from __future__ import annotations

import pytest

from adjoin.ads.v2 import AccountStatus, App
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google import plugin


def _client(number, level=0, *, manager=False, status="ENABLED", name="", **more):
    known = {"manager": manager, "status": status, "currencyCode": "EUR", "timeZone": "Europe/Berlin"}
    row = {"id": number, "level": str(level), "descriptiveName": name or f"Shop {number}", **known, **more}
    return {"customerClient": row}


class _Google:
    """Answers from a table of what is below each account."""

    def __init__(self, **below):
        self.below = {name.strip("_"): rows for name, rows in below.items()}

    def __call__(self, sent):
        if sent.url.endswith("customers:listAccessibleCustomers"):
            return {"resourceNames": [f"customers/{number}" for number in self.below]}
        number = sent.url.split("/")[3]
        assert sent.headers["login-customer-id"] == number
        assert "FROM customer_client" in sent.query
        return self.below[number]


_MANAGER, _SHOP, _OTHER = "1111111111", "2222222222", "3333333333"
_DISABLED = PlatformError("off", kind=ErrorKind.SKIP_ACCOUNT, code="authorizationError.CUSTOMER_NOT_ENABLED")


def _listed(run, fake, google, **options):
    client = fake(google, **options)
    return {account.id: account for account in run(plugin.accounts(client))}, client


def test_all_below_a_manager_are_found_at_any_depth_and_keep_the_manager_they_are_asked_through(run, fake):
    google = _Google(
        _1111111111=[
            _client(_MANAGER, 0, manager=True, name="Holding"),
            _client("4444444444", 1, manager=True),
            _client(_SHOP, 2),
        ]
    )
    found, _ = _listed(run, fake, google)
    shop = found[_SHOP]
    assert (shop.name, shop.currency, shop.time_zone) == ("Shop 2222222222", "EUR", "Europe/Berlin")
    assert (shop.readable, shop.status, shop.parent_id) == (True, AccountStatus.ACTIVE, _MANAGER)
    assert shop.extra["login_customer_id"] == _MANAGER
    holding = found[_MANAGER]
    assert (holding.readable, holding.native_status, holding.parent_id) == (False, "MANAGER", None)


def test_an_account_under_several_managers_comes_once_through_the_nearest(run, fake):
    google = _Google(
        _1111111111=[_client(_MANAGER, 0, manager=True), _client(_SHOP, 2), _client(_OTHER, 1)],
        _2222222222=[_client(_SHOP, 0)],
        _5555555555=[_client("5555555555", 0, manager=True), _client(_SHOP, 1), _client(_OTHER, 1)],
    )
    found, _ = _listed(run, fake, google)
    assert len(found) == 4
    assert found[_SHOP].parent_id == "5555555555"
    assert found[_SHOP].extra["login_customer_id"] == _SHOP
    assert found[_OTHER].extra["login_customer_id"] == _MANAGER


@pytest.mark.parametrize(
    ("word", "status", "readable"),
    [
        ("ENABLED", AccountStatus.ACTIVE, True),
        ("CANCELED", AccountStatus.DISABLED, False),
        ("SUSPENDED", AccountStatus.DISABLED, False),
        ("CLOSED", AccountStatus.CLOSED, False),
        ("OF_NEXT_YEAR", AccountStatus.UNKNOWN, True),
    ],
)
def test_states(run, fake, word, status, readable):
    found, _ = _listed(run, fake, _Google(_2222222222=[_client(_SHOP, status=word, ofNextYear={"x": 1})]))
    assert (found[_SHOP].status, found[_SHOP].native_status, found[_SHOP].readable) == (status, word, readable)


def test_an_account_that_refuses_is_listed_as_not_readable_and_stops_no_other(run, fake):
    def google(sent):
        return _DISABLED if _OTHER in sent.url else _Google(_3333333333=None, _2222222222=[_client(_SHOP)])(sent)

    found, _ = _listed(run, fake, google)
    refused = found[_OTHER]
    assert (refused.readable, refused.status, refused.native_status) == (
        False,
        AccountStatus.DISABLED,
        "CUSTOMER_NOT_ENABLED",
    )
    assert (refused.name, refused.currency, refused.time_zone) == (_OTHER, "XXX", "UTC")
    assert found[_SHOP].readable


def test_what_a_manager_tells_of_an_account_that_refuses_is_kept(run, fake):
    below = [_client(_MANAGER, manager=True), _client(_OTHER, 1, status="CANCELED", name="Old shop")]

    def google(sent):
        return _DISABLED if _OTHER in sent.url else _Google(_1111111111=below, _3333333333=None)(sent)

    found, _ = _listed(run, fake, google)
    assert (found[_OTHER].name, found[_OTHER].native_status, found[_OTHER].readable) == ("Old shop", "CANCELED", False)
    assert found[_OTHER].currency == "EUR"


def test_what_a_manager_has_told_of_is_not_asked_again(run, fake):
    below = [_client(_MANAGER, manager=True), _client(_SHOP, 1), _client(_OTHER, 2, status="CANCELED")]
    found, client = _listed(run, fake, _Google(_1111111111=below, _2222222222=None, _3333333333=None))
    assert len(client.sent) == 2
    assert found[_SHOP].extra["login_customer_id"] == _SHOP
    assert found[_OTHER].readable is False


def test_other_refusals_are_passed_on(run, fake):
    refusal = PlatformError("no access level", kind=ErrorKind.INVALID)
    with pytest.raises(PlatformError, match="no access level"):
        _listed(run, fake, lambda sent: refusal if "search" in sent.url else {"resourceNames": [f"customers/{_SHOP}"]})


def test_the_operator_may_name_the_manager_with_hyphens(run, fake):
    google = _Google(_1111111111=[_client(_MANAGER, manager=True), _client(_SHOP, 1)], _5555555555=[])
    found, client = _listed(run, fake, google, app=App(extra={"login_customer_id": "111-111-1111"}))
    assert set(found) == {_MANAGER, _SHOP}
    assert not any("listAccessible" in sent.url for sent in client.sent)


def test_a_name_that_is_no_id_is_refused_in_words(run, fake):
    with pytest.raises(PlatformError, match="ten digits"):
        _listed(run, fake, _Google(), app=App(extra={"login_customer_id": "my manager"}))


def test_a_login_without_accounts_reaches_none(run, fake):
    assert _listed(run, fake, lambda _: {})[0] == {}
    assert _listed(run, fake, _Google())[0] == {}


def test_marks_of_an_account_are_kept(run, fake):
    found, _ = _listed(run, fake, _Google(_2222222222=[_client(_SHOP, testAccount=True, hidden=True)]))
    assert found[_SHOP].extra == {"login_customer_id": _SHOP, "test_account": "true", "hidden": "true"}
