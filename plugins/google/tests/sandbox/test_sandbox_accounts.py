"""Who may read which customer, and what the hierarchy looks like."""

from __future__ import annotations

import pytest

from adjoin.ads.v2 import AccountStatus

_CLIENTS = (
    "SELECT customer_client.client_customer, customer_client.id, customer_client.level, customer_client.manager, "
    "customer_client.status, customer_client.currency_code, customer_client.time_zone, "
    "customer_client.descriptive_name FROM customer_client"
)
_SELF = "SELECT customer.id, customer.status FROM customer"


def _disabled(api):
    return next(each for each in api.presence.accounts if each.status is AccountStatus.DISABLED)


def test_lists_what_the_user_is_directly_linked_to(api):
    response = api.http.get("/v26/customers:listAccessibleCustomers", headers=api.headers())
    names = response.json()["resourceNames"]
    assert names[1:] == [f"customers/{api.presence.accounts[0].id}", f"customers/{_disabled(api).id}"]
    assert response.headers["request-id"]
    assert response.headers["content-type"] == "application/json; charset=UTF-8"


def test_a_manager_shows_all_below_it_at_any_depth(api):
    rows = [row["customerClient"] for row in api.rows(_CLIENTS, account=api.manager_id)]
    by_id = {row["id"]: row for row in rows}
    assert by_id[api.manager_id]["level"] == "0"
    assert by_id[api.manager_id]["manager"] is True
    known = {each.id: each for each in api.presence.accounts}
    clients = [row for row in rows if not row["manager"]]
    assert {row["id"] for row in clients} == set(known)
    assert {row["level"] for row in clients} == {"1", "2"}
    for row in clients:
        account = known[row["id"]]
        assert (row["descriptiveName"], row["currencyCode"], row["timeZone"]) == (
            account.name,
            account.currency,
            account.time_zone,
        )
    assert by_id[_disabled(api).id]["status"] == "CANCELED"


def test_an_account_shows_only_itself(api):
    direct = api.presence.accounts[0].id
    rows = api.rows(_CLIENTS, account=direct, login=None)
    assert [(row["customerClient"]["id"], row["customerClient"]["level"]) for row in rows] == [(direct, "0")]


def test_ids_follow_from_the_seed_and_have_ten_digits(api, served):
    from adjoin.testing.world import World

    again = served(World.generate(seed=1, today=api.world.today, scale=0.02, days=3))
    other = served(World.generate(seed=2, today=api.world.today, scale=0.02, days=3))
    assert again.manager_id == api.manager_id != other.manager_id
    assert len(api.manager_id) == 10


@pytest.mark.parametrize(
    ("login", "status", "code"),
    [
        (None, 403, "authorizationError.USER_PERMISSION_DENIED"),
        ("1234567890", 403, "authorizationError.USER_PERMISSION_DENIED"),
        ("direct", 403, "authorizationError.USER_PERMISSION_DENIED"),
        ("middle", 403, "authorizationError.USER_PERMISSION_DENIED"),
        ("123-456-7890", 400, "headerError.INVALID_LOGIN_CUSTOMER_ID"),
    ],
)
def test_needs_a_manager_above_the_account(api, codes, login, status, code):
    rows = api.rows(_CLIENTS, account=api.manager_id)
    middle = next(row["customerClient"]["id"] for row in rows if row["customerClient"]["level"] == "1")
    named = {"direct": api.presence.accounts[0].id, "middle": middle}
    response = api.stream(_SELF, account=api.presence.accounts[1].id, login=named.get(login, login))
    assert response.status_code == status
    assert isinstance(response.json(), list)
    assert codes(response) == [code]


def test_reads_an_account_through_the_manager_above_all(api):
    for account in api.presence.accounts:
        response = api.stream(_SELF, account=account.id)
        assert response.status_code == (200 if account.status is AccountStatus.ACTIVE else 403)


def test_a_direct_account_may_be_its_own_login_customer(api):
    direct = api.presence.accounts[0].id
    assert api.stream(_SELF, account=direct, login=direct).status_code == 200
    assert api.stream(_SELF, account=direct, login=None).status_code == 200


def test_a_cancelled_account_refuses_every_call(api, codes):
    account = _disabled(api).id
    for response in (
        api.stream(_CLIENTS, account=account, login=None),
        api.search(_SELF, account=account),
        api.mutate("campaigns", [{"remove": f"customers/{account}/campaigns/1"}], account=account),
    ):
        assert response.status_code == 403
        assert codes(response) == ["authorizationError.CUSTOMER_NOT_ENABLED"]


@pytest.mark.parametrize("customer", ["123-456-7890", "12345", "abc"])
def test_refuses_ids_in_another_form(api, codes, customer):
    response = api.search(_SELF, account=customer)
    assert codes(response) == ["requestError.INVALID_CUSTOMER_ID"]


@pytest.mark.parametrize(("version", "status"), [("v23", 200), ("v24", 200), ("v25", 200), ("v22", 400), ("v20", 400)])
def test_versions_live_for_a_year(api, codes, version, status):
    response = api.stream(_SELF, version=version)
    assert response.status_code == status
    if status == 400:
        assert codes(response) == ["requestError.UNSUPPORTED_VERSION"]


@pytest.mark.parametrize(
    "path",
    ["/v27/customers:listAccessibleCustomers", "/v19/x", "/", "/v26/customers", "/v26/customers/1/googleAds:dance"],
)
def test_other_paths_are_a_page_of_html(api, path):
    response = api.http.get(path, headers=api.headers())
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("token", "reason"), [("", "CREDENTIALS_MISSING"), ("ya29.nonsense", "ACCESS_TOKEN_TYPE_UNSUPPORTED")]
)
def test_needs_a_token_that_works(api, token, reason):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = api.http.get("/v26/customers:listAccessibleCustomers", headers=headers)
    assert response.status_code == 401
    error = response.json()["error"]
    assert error["status"] == "UNAUTHENTICATED"
    assert error["details"][0]["reason"] == reason
    assert "www-authenticate" in response.headers


def test_the_developer_token_is_ignored(api):
    assert api.stream(_SELF, headers={"developer-token": "nonsense"}).status_code == 200


def test_an_empty_world_account_has_no_results(api):
    empty = api.presence.accounts[-1].id
    response = api.stream("SELECT campaign.id FROM campaign", account=empty)
    (batch,) = response.json()
    assert "results" not in batch
    assert batch["fieldMask"] == "campaign.id"
    assert batch["requestId"] == response.headers["request-id"]
