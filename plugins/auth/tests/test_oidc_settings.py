"""Which parties the operator has set up: read from settings, and wrong ones told of without harm to the rest."""

from __future__ import annotations

import pytest

from adjoin.auth.v1 import Party
from adjoin_auth.local import Local
from adjoin_auth.oidc.settings import is_good_address, read_parties

GOOD = {"oidc_company_issuer": "https://login.company.example", "oidc_company_client_id": "adjoin"}


def test_two_settings_are_enough() -> None:
    found = read_parties(GOOD)
    assert found.problems == ()
    assert found.described == (Party(id="company", title="Company", issuer="https://login.company.example"),)
    assert found.by_name["company"].scopes == ("openid", "email", "profile")
    assert found.by_name["company"].client_secret == ""


def test_the_rest_may_be_said_too() -> None:
    more = {
        "oidc_company_client_secret": "s3cret",
        "oidc_company_title": "Company AG",
        "oidc_company_scopes": "email x:y",
    }
    company = read_parties(GOOD | more).by_name["company"]
    assert (company.title, company.scopes) == ("Company AG", ("openid", "email", "x:y"))
    assert company.client_secret == "s3cret"
    assert "s3cret" not in repr(company)


def test_names_may_have_several_words_and_come_sorted() -> None:
    other = {"oidc_big_agency_issuer": "https://sso.agency.example/", "oidc_big_agency_client_id": "a"}
    found = read_parties(GOOD | other | {"smtp": "something else", "supabase_url": "x"})
    assert [one.title for one in found.described] == ["Big Agency", "Company"]
    assert found.by_name["big_agency"].issuer == "https://sso.agency.example/", "to the last slash"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"oidc_company_issuer": ""}, "ADJOIN_AUTH_OIDC_COMPANY_ISSUER is missing"),
        ({"oidc_company_client_id": ""}, "ADJOIN_AUTH_OIDC_COMPANY_CLIENT_ID is missing"),
        ({"oidc_company_issuer": "http://login.company.example"}, "must be an https:// address"),
        ({"oidc_company_issuer": "login.company.example"}, "must be an https:// address"),
        ({"oidc_company_issuer": "https://u:p@login.company.example"}, "must be an https:// address"),
        ({"oidc_company_issuer": "https://login.company.example?x=1"}, "must be an https:// address"),
        ({"oidc_company_issuer": "https://login.company.example:port"}, "must be an https:// address"),
        ({"oidc_company_title": "x" * 61}, "ADJOIN_AUTH_OIDC_COMPANY_TITLE is longer"),
        ({"oidc_company_title": "a\nb"}, "cannot be shown"),
        ({"oidc_company_client_secret": "a\x00b"}, "CLIENT_ID or its secret"),
        ({"oidc_company_scopes": 'a"b'}, "ADJOIN_AUTH_OIDC_COMPANY_SCOPES must be words"),
    ],
)
def test_what_is_wrong_is_said_and_the_others_stay(settings: dict[str, str], said: str) -> None:
    other = {"oidc_other_issuer": "https://other.example", "oidc_other_client_id": "b"}
    found = read_parties(GOOD | settings | other)
    assert list(found.by_name) == ["other"]
    [problem] = found.problems
    assert said in problem


@pytest.mark.parametrize("setting", ["oidc_company_secret", "oidc_issuer", "oidc__issuer", "oidc_ä_issuer"])
def test_a_setting_that_is_none_is_told_of(setting: str) -> None:
    found = read_parties(GOOD | {setting: "x"})
    assert list(found.by_name) == ["company"]
    assert found.problems[0].startswith("ADJOIN_AUTH_OIDC_")


def test_an_issuer_is_set_up_once() -> None:
    twice = {"oidc_other_issuer": GOOD["oidc_company_issuer"], "oidc_other_client_id": "b"}
    found = read_parties(GOOD | twice)
    assert list(found.by_name) == ["company"]
    assert "the one of COMPANY as well" in found.problems[0]


def test_wrong_settings_take_no_passwords_away() -> None:
    described = Local(settings={"oidc_company_issuer": "nonsense"}).describe()
    assert described.has_passwords
    assert described.parties == ()
    assert len(described.problems) == 2


def test_settings_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"ADJOIN_AUTH_{name.upper()}", value)
    assert [party.id for party in Local().describe().parties] == ["company"]


@pytest.mark.parametrize(
    ("url", "here", "good"),
    [
        ("https://a.example/x", False, True),
        ("http://127.0.0.1:8000/x", True, True),
        ("http://localhost/x", False, False),
        ("http://127.0.0.1.evil.example/", True, False),
        ("https://a.example/#x", False, False),
        ("https:///x", False, False),
        ("https://a.example/ x", False, False),
        ("https://ä.example/", False, False),
        ("https://[::1", False, False),
    ],
)
def test_where_secrets_may_go(url: str, here: bool, good: bool) -> None:
    assert is_good_address(url, here=here) is good
