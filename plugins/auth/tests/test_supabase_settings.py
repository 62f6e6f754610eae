"""The settings of the provider `supabase`, what it says of itself, and the mails that are to be set at Supabase."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from adjoin.access.context import LINK_PATHS
from adjoin.auth.v1 import LinkKind
from adjoin_auth.supabase import Supabase
from adjoin_auth.supabase.project import SETTINGS, problems_of, project_of
from adjoin_auth.supabase.templates import TEMPLATES

PAGE = (Path(__file__).parents[3] / "docs" / "supabase.md").read_text(encoding="utf-8")
GOOD = {
    "supabase_url": "https://abc.supabase.co",
    "supabase_key": "sb_publishable_1",
    "supabase_secret_key": "sb_secret_1",
}


@pytest.mark.parametrize(
    "url", ["https://abc.supabase.co", " https://abc.supabase.co/ ", "https://abc.supabase.co/auth/v1"]
)
def test_an_address_is_read_as_it_is_copied(url: str) -> None:
    project = project_of({**GOOD, "supabase_url": url})

    assert project.auth_url == project.issuer == "https://abc.supabase.co/auth/v1"
    assert problems_of({**GOOD, "supabase_url": url}) == ()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"supabase_url": ""}, "ADJOIN_AUTH_SUPABASE_URL is not set"),
        ({"supabase_url": "http://abc.supabase.co"}, "must begin with https://"),
        ({"supabase_url": "abc.supabase.co"}, "must begin with https://"),
        ({"supabase_key": ""}, "ADJOIN_AUTH_SUPABASE_KEY is not set"),
        ({"supabase_key": "sb_secret_1"}, "set the publishable one"),
        ({"supabase_secret_key": ""}, "ADJOIN_AUTH_SUPABASE_SECRET_KEY is not set"),
        ({"supabase_secret_key": "sb_publishable_1"}, "set a secret one"),
        ({"supabase_parties": "google, Face Book"}, "'Face Book'"),
    ],
)
def test_what_is_wrong_is_told_to_the_operator(change: dict[str, str], named: str) -> None:
    [problem] = problems_of({**GOOD, **change})

    assert named in problem
    assert Supabase({**GOOD, **change}).describe().problems == (problem,)


def test_a_project_on_this_machine_may_do_without_tls() -> None:
    assert problems_of({**GOOD, "supabase_url": "http://127.0.0.1:54321"}) == ()


def test_keys_are_not_shown() -> None:
    shown = repr(project_of(GOOD)) + repr(Supabase(GOOD).describe())

    assert "sb_" not in shown


def test_parties_are_those_of_the_settings() -> None:
    described = Supabase({**GOOD, "supabase_parties": "google, azure,google,linkedin_oidc"}).describe()

    assert [(one.id, one.title) for one in described.parties] == [
        ("google", "Google"),
        ("azure", "Microsoft"),
        ("linkedin_oidc", "LinkedIn"),
    ]


def test_the_environment_is_read_where_nothing_else_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    plugin = Supabase()
    assert plugin.describe().issuer == "urn:adjoin:supabase"
    assert len(plugin.describe().problems) == 3

    monkeypatch.setenv("ADJOIN_AUTH_SUPABASE_URL", "https://abc.supabase.co")

    assert plugin.describe().issuer == "https://abc.supabase.co/auth/v1"


def test_the_templates_lead_to_the_pages_that_redeem_them() -> None:
    for name, kind in (
        ("confirmation", LinkKind.CONFIRM),
        ("recovery", LinkKind.RESET),
        ("email_change", LinkKind.CHANGE_EMAIL),
    ):
        assert f'href="{{{{ .SiteURL }}}}{LINK_PATHS[kind]}#{{{{ .TokenHash }}}}"' in TEMPLATES[name]


def test_the_documentation_has_the_settings_and_the_links() -> None:
    assert [name for name in SETTINGS if f"`{name}`" not in PAGE] == []
    links = [re.findall(r'<a href="[^"]+">[^<]+</a>', html)[0] for html in TEMPLATES.values()]
    assert [link for link in links if link not in PAGE] == []


def test_what_is_mailed_is_what_the_templates_say(asked: Any) -> None:
    asked.person()

    [mail] = asked.project.mails
    assert (mail.to, mail.template) == ("ada@company.example", "confirmation")
    assert re.search(r'href="https://adjoin\.test/auth/confirm#[0-9a-f]{56}"', mail.html)
