"""The accounts that a user reaches."""

from __future__ import annotations

import pytest

from adjoin.ads.v2 import AccountStatus
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.accounts import list_accounts

USER = {"User": {"Id": "77", "UserName": "x", "CustomerId": "5"}, "CustomerRoles": []}


def _raw(number, **more):
    return {
        "Id": str(number),
        "Name": f"Shop {number}",
        "Number": f"F120AB{number}",
        "ParentCustomerId": "5",
        "CurrencyCode": "EUR",
        "TimeZone": "AmsterdamBerlinBernRomeStockholmVienna",
        "AccountLifeCycleStatus": "Active",
        "PauseReason": None,
    } | more


def _server(pages):
    def answer(sent):
        if sent.path.endswith("/User/Query"):
            return USER
        index = sent.json["PageInfo"]["Index"]
        return {"Accounts": pages(index)}

    return answer


def test_an_account_is_its_id_and_keeps_what_requests_need(fake, run):
    client = fake(_server(lambda index: [_raw(180012345)]))
    (account,) = run(list_accounts(client))
    assert (account.id, account.name, account.currency) == ("180012345", "Shop 180012345", "EUR")
    assert (account.time_zone, account.status, account.readable) == ("Europe/Berlin", AccountStatus.ACTIVE, True)
    assert account.parent_id == "5"
    assert account.extra == {
        "customer_id": "5",
        "user_customer_id": "5",
        "number": "F120AB180012345",
        "time_zone": "AmsterdamBerlinBernRomeStockholmVienna",
    }
    query, search = client.sent
    assert query.json == {"UserId": None}
    assert search.json["Predicates"] == [{"Field": "UserId", "Operator": "Equals", "Value": "77"}]
    assert search.json["PageInfo"] == {"Index": 0, "Size": 1000}


def test_pages_are_read_until_one_is_short(fake, run):
    client = fake(_server(lambda index: [_raw(n) for n in range(index * 1000, min(index * 1000 + 1000, 2300))]))
    assert len(run(list_accounts(client))) == 2300
    assert [sent.json["PageInfo"]["Index"] for sent in client.sent[1:]] == [0, 1, 2]


def test_an_account_that_moves_between_pages_comes_once(fake, run):
    pages = {0: [_raw(n) for n in range(1000)], 1: [_raw(999), _raw(1000)]}
    found = run(list_accounts(fake(_server(pages.__getitem__))))
    assert len(found) == 1001


@pytest.mark.parametrize("start", [0, 1000])
def test_pages_without_an_end_are_an_error(fake, run, start, monkeypatch):
    monkeypatch.setattr("adjoin_microsoft.accounts._MOST_PAGES", 5)
    client = fake(_server(lambda index: [_raw(n) for n in range(index * start, index * start + 1000)]))
    with pytest.raises(PlatformError, match="without an end") as caught:
        run(list_accounts(client))
    assert caught.value.kind is ErrorKind.RETRY


def test_accounts_of_other_customers_keep_their_own(fake, run):
    client = fake(_server(lambda index: [_raw(1), _raw(2, ParentCustomerId="9")]))
    assert [account.extra["customer_id"] for account in run(list_accounts(client))] == ["5", "9"]


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ("Active", AccountStatus.ACTIVE),
        ("Pause", AccountStatus.LIMITED),
        ("Pending", AccountStatus.LIMITED),
        ("Draft", AccountStatus.LIMITED),
        ("Suspended", AccountStatus.DISABLED),
        ("Inactive", AccountStatus.CLOSED),
        ("Frozen", AccountStatus.UNKNOWN),
    ],
)
def test_all_states_are_listed_and_readable(fake, run, native, status):
    (account,) = run(list_accounts(fake(_server(lambda index: [_raw(1, AccountLifeCycleStatus=native)]))))
    assert (account.status, account.native_status, account.readable) == (status, native, True)


def test_no_accounts_is_an_empty_list(fake, run):
    assert run(list_accounts(fake(_server(lambda index: [])))) == []


def test_an_account_in_an_unknown_zone_is_listed_but_not_read(fake, run):
    raw = [_raw(1, TimeZone="Atlantis"), _raw(2)]
    unknown, known = run(list_accounts(fake(_server(lambda index: raw))))
    assert (unknown.readable, unknown.time_zone, known.readable) == (False, "UTC", True)
    assert "Atlantis" in unknown.native_status
