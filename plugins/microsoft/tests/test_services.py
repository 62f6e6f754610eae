"""Where an operation is, and what a request carries."""

from __future__ import annotations

import msgspec
import pytest

from adjoin.ads.v2 import Account
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.services import BASE_URL, HOSTS, address, call

FORBIDDEN = {"TrackingId": "t", "Type": "ApiFault", "OperationErrors": [{"Code": 106, "Message": "no"}]}


class _Said(msgspec.Struct):
    Word: str = ""


@pytest.mark.parametrize(
    ("service", "host"),
    [
        ("CampaignManagement", "campaign"),
        ("CustomerManagement", "clientcenter"),
        ("Reporting", "reporting"),
        ("Bulk", "bulk"),
    ],
)
def test_each_service_has_a_host_of_its_own(service, host):
    assert (
        address(BASE_URL, f"/{service}/v13/X/Query")
        == f"https://{host}.api.bingads.microsoft.com/{service}/v13/X/Query"
    )


def test_a_sandbox_has_all_services_below_its_base_url():
    url = address("http://127.0.0.1:8900/microsoft", "/Bulk/v13/X")
    assert url == "http://127.0.0.1:8900/microsoft/Bulk/v13/X"


def test_the_other_hosts_get_the_token():
    assert {host.split("//")[1].split(".")[0] for host in HOSTS} == {"clientcenter", "reporting", "bulk"}


def test_reads_are_posted_with_both_ids_and_may_be_repeated(fake, run, account):
    client = fake(lambda sent: {"Word": "yes"})
    assert run(call(client, "/Bulk/v13/X", {"A": 1}, _Said, account=account)).Word == "yes"
    (sent,) = client.sent
    assert (sent.method, sent.repeatable, sent.account, sent.json) == ("POST", True, "180012345", {"A": 1})
    assert sent.headers == {
        "DeveloperToken": "sandbox-developer_token",
        "Accept": "application/json",
        "CustomerAccountId": "180012345",
        "CustomerId": "5",
    }


def test_without_an_account_no_ids_are_sent(fake, run):
    client = fake(lambda sent: {})
    run(call(client, "/CustomerManagement/v13/X", {}, _Said))
    assert "CustomerId" not in client.sent[0].headers
    assert "CustomerAccountId" not in client.sent[0].headers


def test_an_account_of_another_customer_is_asked_through_the_users_own(fake, run, refused):
    linked = Account(
        id="1", name="", currency="EUR", time_zone="UTC", extra={"customer_id": "5", "user_customer_id": "7"}
    )
    client = fake(lambda sent: refused(403, FORBIDDEN) if sent.headers["CustomerId"] == "5" else {"Word": "yes"})
    assert run(call(client, "/Bulk/v13/X", {}, _Said, account=linked)).Word == "yes"
    assert [sent.headers["CustomerId"] for sent in client.sent] == ["5", "7"]


def test_what_nobody_may_see_is_refused_after_both(fake, run, refused, account):
    client = fake(lambda sent: refused(403, FORBIDDEN))
    with pytest.raises(PlatformError) as caught:
        run(call(client, "/Bulk/v13/X", {}, _Said, account=account))
    assert caught.value.kind is ErrorKind.SKIP_ACCOUNT
    assert len(client.sent) == 1


def test_an_answer_of_another_shape_is_asked_for_again(fake, run):
    with pytest.raises(PlatformError, match="something else than expected") as caught:
        run(call(fake(lambda sent: [1]), "/Bulk/v13/X", {}, _Said))
    assert caught.value.kind is ErrorKind.RETRY
