"""The stand-in of Supabase Auth answers the real client as the server does, also where our provider never asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from supabase_auth import AsyncGoTrueClient
from supabase_auth.errors import AuthApiError

from adjoin.auth.v1 import LinkKind
from adjoin.clock import ManualClock
from adjoin_auth.supabase.sandbox import Project, walk

EMAIL, PASSWORD = "ada@company.example", "garnet otter fjord 41"


def ask(project: Project, work: Callable[[AsyncGoTrueClient], Awaitable[Any]], *, secret: bool = False) -> Any:
    """Do something with a client of its own."""
    key = project.secret_key if secret else project.key

    async def do() -> Any:
        async with httpx.AsyncClient(trust_env=False) as http:
            headers = {"apikey": key, "Authorization": f"Bearer {key}"}
            return await work(
                AsyncGoTrueClient(url=project.auth_url, headers=headers, auto_refresh_token=False, http_client=http)
            )

    return asyncio.run(do())


def code_of(project: Project, work: Callable[[AsyncGoTrueClient], Awaitable[Any]], *, secret: bool = False) -> Any:
    with pytest.raises(AuthApiError) as caught:
        ask(project, work, secret=secret)
    return caught.value.code


def register(project: Project, email: str = EMAIL) -> None:
    made = {"email": email, "password": PASSWORD, "email_confirm": True}
    ask(project, lambda client: client.admin.create_user(made), secret=True)  # type: ignore[arg-type]


def come(project: Project) -> str:
    """Sign in; return the access token."""
    signed_in = ask(project, lambda client: client.sign_in_with_password({"email": EMAIL, "password": PASSWORD}))
    return str(signed_in.session.access_token)


@pytest.mark.parametrize(("scope", "left"), [("local", [1, 2]), ("others", [0]), ("global", [])])
def test_signing_out_has_three_scopes(project: Project, scope: Any, left: list[int]) -> None:
    register(project)
    tokens = [come(project) for _ in range(3)]

    ask(project, lambda client: client.admin.sign_out(tokens[0], scope))

    for n, token in enumerate(tokens):
        if n in left:
            assert ask(project, lambda client, token=token: client.get_user(token)).user.email == EMAIL
        else:
            assert code_of(project, lambda client, token=token: client.get_user(token)) == "session_not_found"


def test_an_access_token_ends(project: Project, clock: ManualClock) -> None:
    register(project)
    token = come(project)
    clock.advance(3600)

    assert code_of(project, lambda client: client.get_user(token)) == "bad_jwt"


def test_the_publishable_key_manages_nobody(project: Project) -> None:
    assert code_of(project, lambda client: client.admin.list_users()) == "not_admin"


def test_users_come_in_pages(project: Project) -> None:
    for n in range(5):
        register(project, f"person.{n}@company.example")

    pages = [ask(project, lambda c, n=n: c.admin.list_users(page=n, per_page=2), secret=True) for n in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]


def test_mails_to_one_address_leave_a_minute_apart(project: Project, clock: ManualClock) -> None:
    register(project)
    ask(project, lambda client: client.reset_password_for_email(EMAIL))

    assert code_of(project, lambda client: client.reset_password_for_email(EMAIL)) == "over_email_send_rate_limit"
    clock.advance(60)
    ask(project, lambda client: client.reset_password_for_email(EMAIL))

    assert len(project.mails) == 2


def test_a_link_of_the_default_kind_is_used_up_by_opening_it(project: Project) -> None:
    ask(project, lambda client: client.sign_up({"email": EMAIL, "password": PASSWORD}))
    token = project.token(EMAIL, LinkKind.CONFIRM)
    address = f"{project.auth_url}/verify?type=signup&token={token}&redirect_to=https://elsewhere.example/"

    first, second = (httpx.get(address, trust_env=False).headers["location"] for _ in range(2))

    assert first.startswith("https://adjoin.test#"), "what is not on the list is the site itself"
    assert "access_token" in parse_qs(urlsplit(first).fragment)
    assert parse_qs(urlsplit(second).fragment)["error_code"] == ["otp_expired"]


def test_a_challenge_is_good_once_and_for_minutes(project: Project, clock: ManualClock) -> None:
    project.switches.factor_life = timedelta(hours=1)
    register(project)

    async def story(client: AsyncGoTrueClient) -> list[Any]:
        await client.sign_in_with_password({"email": EMAIL, "password": PASSWORD})
        made = await client.mfa.enroll({"factor_type": "totp", "friendly_name": "Phone", "issuer": "Adjoin"})
        challenge = await client.mfa.challenge({"factor_id": made.id})
        clock.advance(301)
        codes = []
        for code in ("000000", "abc"):
            try:
                await client.mfa.verify({"factor_id": made.id, "challenge_id": challenge.id, "code": code})
            except AuthApiError as error:
                codes.append(error.code)
        return codes

    assert ask(project, story) == ["mfa_challenge_expired"] * 2


def test_a_party_answers_by_itself(project: Project) -> None:
    project.at_party = {"sub": "g-1", "email": EMAIL, "email_verified": True}
    start = f"{project.auth_url}/authorize?provider=google&redirect_to=https://adjoin.test/back&code_challenge=x"

    assert set(walk(f"{start}&code_challenge_method=s256")) == {"code"}
    with pytest.raises(RuntimeError, match="validation_failed"):
        walk(start.replace("google", "nobody") + "&code_challenge_method=s256")
