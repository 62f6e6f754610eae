"""Faults that the sandbox acts out in LinkedIn's own words."""

from __future__ import annotations

from datetime import date
from functools import partial

import httpx
import pytest

from adjoin.testing.faults import Fault
from adjoin.testing.world import World

#: Plain HTTP needs no certificates, whose loading takes longer than a request.
_get = partial(httpx.get, verify=False)

_STATES = "intendedStatuses=List(ACTIVE,ARCHIVED,PAUSED,REMOVED)"
_DAYS = "dateRange=(start:(year:2026,month:11,day:1),end:(year:2026,month:11,day:22))"


class Caller:
    """Asks one question of every class of requests."""

    def __init__(self, sandbox):
        self.world = sandbox.world
        self.url = sandbox.url
        self.account_ids = [each.id for each in sandbox.world.on("linkedin").accounts]

    def get(self, path):
        headers = {
            "Authorization": f"Bearer {self.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-Restli-Protocol-Version": "2.0.0",
        }
        return _get(f"{self.url}/rest/{path}", headers=headers)

    def path(self, request_class, account=0):
        account_id = self.account_ids[account]
        return {
            "accounts": "adAccounts?q=search",
            "entities": f"adAccounts/{account_id}/creatives?q=criteria&{_STATES}&pageSize=100",
            "facts": f"adAnalytics?q=analytics&pivot=ACCOUNT&timeGranularity=DAILY&{_DAYS}"
            f"&accounts=List(urn%3Ali%3AsponsoredAccount%3A{account_id})",
        }[request_class]

    def ask(self, request_class, account=0):
        return self.get(self.path(request_class, account))

    def pages(self, most=20):
        """The ids of creatives, page by page, and the tokens."""
        token, found, tokens = "", [], []
        for _ in range(most):
            answer = self.get(self.path("entities").replace("=100", "=7") + (f"&pageToken={token}" if token else ""))
            if answer.status_code != 200:
                return found, [*tokens, answer.json()]
            found.append([each["id"] for each in answer.json()["elements"]])
            token = answer.json()["metadata"].get("nextPageToken", "").replace("+", "%2B").replace("=", "%3D")
            if not token:
                return found, tokens
            tokens.append(token)
        return found, tokens


@pytest.fixture
def caller(serve):
    with serve(World.generate(seed=1, today=date(2026, 11, 22), scale=0.02, days=30)) as sandbox:
        yield Caller(sandbox)


@pytest.fixture
def shared(sandbox):
    """The world of all tests, for what is over with one request."""
    return Caller(sandbox)


@pytest.mark.parametrize("request_class", ["accounts", "entities", "facts"])
@pytest.mark.parametrize(
    ("kind", "status", "code", "service_code", "words"),
    [
        ("throttle", 429, "TOO_MANY_REQUESTS", 101, "Resource level throttle"),
        ("throttle_bare", 429, "TOO_MANY_REQUESTS", 101, "Resource level throttle"),
        ("quota_exhausted", 429, "TOO_MANY_REQUESTS", 101, "APPLICATION DAY limit"),
        ("server_error", 500, "INTERNAL_SERVER_ERROR", None, "Internal Server Error"),
        ("token_expired", 401, "EXPIRED_ACCESS_TOKEN", 65602, "Expired access token"),
        ("version_retired", 426, "NONEXISTENT_VERSION", None, "is not active"),
    ],
)
def test_one_request_is_refused_and_the_next_is_not(shared, request_class, kind, status, code, service_code, words):
    shared.world.faults.add(Fault(kind=kind, request_class=request_class, times=1))
    answer = shared.ask(request_class)
    assert answer.status_code == status
    body = answer.json()
    assert (body["code"], body.get("serviceErrorCode"), body["status"]) == (code, service_code, status)
    assert words in body["message"]
    assert ("retry-after" in answer.headers) == (kind == "throttle")
    assert shared.ask(request_class).status_code == 200


def test_a_header_asks_for_a_fault_of_its_own_request(caller):
    headers = {"x-sandbox-fault": "server_error", "Authorization": f"Bearer {caller.world.token('linkedin')}"}
    assert _get(f"{caller.url}/rest/adAccounts?q=search", headers=headers).status_code == 500
    assert caller.ask("accounts").status_code == 200


@pytest.mark.parametrize(("kind", "words"), [("page_expired", "has expired"), ("page_invalid", "Invalid page token")])
def test_a_page_token_is_refused_once(caller, kind, words):
    whole, _ = caller.pages()
    caller.world.faults.add(Fault(kind=kind, request_class="entities", times=1))
    found, tokens = caller.pages()
    assert len(found) == 1
    wrong = tokens[-1]["errorDetails"]["inputErrors"][0]
    assert (wrong["input"]["inputPath"]["fieldPath"], wrong["code"]) == ("pageToken", "PARAM_INVALID")
    assert words in wrong["description"]
    assert [each for page in caller.pages()[0] for each in page] == [each for page in whole for each in page]


def test_a_page_comes_twice_under_another_token(caller):
    whole, tokens = caller.pages()
    assert len(whole) > 2
    caller.world.faults.add(Fault(kind="page_duplicate", request_class="entities", times=1, after=1))
    found, again = caller.pages()
    assert found == [whole[0], whole[1], *whole[1:]]
    assert len(set(again)) == len(tokens) + 1


def test_pages_that_never_end_repeat_their_token(caller):
    caller.world.faults.add(Fault(kind="page_endless", request_class="entities"))
    found, tokens = caller.pages(most=12)
    assert len(found) == 12
    assert len(set(tokens)) == 1


def test_pages_are_short_where_a_second_one_is_needed(caller):
    caller.world.faults.add(Fault(kind="page_invalid", request_class="entities", after=1_000))
    group_list = f"adAccounts/{caller.account_ids[1]}/adCampaigns?q=search&pageSize=1000"
    assert caller.get(group_list).json()["metadata"]["nextPageToken"]
    caller.world.faults.clear()
    assert caller.get(group_list).json()["metadata"] == {}


@pytest.mark.parametrize("request_class", ["entities", "facts"])
def test_one_account_is_forbidden_until_the_fault_is_over(caller, request_class):
    caller.world.faults.add(Fault(kind="account_forbidden", request_class=request_class, times=1))
    refused = caller.ask(request_class)
    assert (refused.status_code, refused.json()["code"]) == (403, "ACCESS_DENIED")
    assert "Not enough permissions to access" in refused.json()["message"]
    assert caller.ask("entities").status_code == caller.ask("facts").status_code == 403
    assert caller.ask(request_class, account=1).status_code == 200
    caller.world.faults.clear()
    assert caller.ask(request_class).status_code == 200


def test_a_disabled_account_is_canceled_and_still_readable(caller):
    caller.world.faults.add(Fault(kind="account_disabled", request_class="entities", times=1))
    assert caller.ask("entities").status_code == 200
    states = [each["status"] for each in caller.ask("accounts").json()["elements"]]
    assert states == ["CANCELED", "ACTIVE", "ACTIVE", "ACTIVE", "CANCELED", "ACTIVE"]
    assert caller.ask("facts").json()["elements"]


def test_values_that_nobody_knows_yet(caller):
    caller.world.faults.add(Fault(kind="unknown_values"))
    account = caller.ask("accounts").json()["elements"][0]
    assert account["type"] == "IMMERSIVE"
    assert account["introducedIn2027"] == {"score": 0.5, "reasons": []}
    creative = caller.ask("entities").json()["elements"][0]
    assert creative["review"]["status"] == "PARTIALLY_APPROVED"
    row = caller.ask("facts").json()["elements"][0]
    assert row["introducedIn2027"] == {"score": 0.5}
    urn = f"urn%3Ali%3AsponsoredAccount%3A{caller.account_ids[0]}"
    conversion = caller.get(f"conversions?q=account&account={urn}").json()["elements"][0]
    assert (conversion["type"], "introducedIn2027" in conversion) == ("PURCHASE", True)


def test_requests_are_counted_by_class(caller):
    for request_class in ("accounts", "entities", "entities", "facts"):
        caller.ask(request_class)
    assert caller.world.faults.requests()["linkedin"] == {"accounts": 1, "entities": 2, "facts": 1}
