"""What people and log files never see."""

from __future__ import annotations

import pytest

from adjoin.http.redaction import Redactor, is_secret_name, redact_text, remember_secrets


@pytest.mark.parametrize(
    "text",
    [
        "https://x/y?access_token=S3CRET1&after=1",
        "https://x/y?after=1&appsecret_proof=S3CRET1",
        "/oauth?client_id=1&client_secret=S3CRET1",
        "/callback?code=S3CRET1&state=S3CRET1",
        "grant_type=x&refresh_token=S3CRET1&fb_exchange_token=S3CRET1",
        "debug_token?input_token=S3CRET1%7CS3CRET1",
        "redirect=https%3A%2F%2Fx%3Faccess_token%3DS3CRET1",
        "url=https://x/y?access_token=S3CRET1",
        "body={'url': 'https://x/y?access_token=S3CRET1'}",
        '{"body": "{\\"client_secret\\": \\"S3CRET1\\"}"}',
        '{"next": "https://x/y?a=1&access_token=S3CRET1"}',
        "key=S3CRET1",
        "Authorization: Bearer S3CRET1.S3CRET1-_~",
        "sent 'Bearer S3CRET1'",
        "Authorization: Basic UzNDUkVUMTpTM0NSRVQx S3CRET1",
        '{"access_token": "S3CRET1", "token_type": "bearer"}',
        '{"refreshToken":"S3C\\"RET1S3CRET1"}',
        '"{\\"client_secret\\": \\"S3CRET1\\"}"',
        "{'password': 'S3CRET1'}",
        "postgresql://user:S3CRET1@db.example/x",
        "Cookie: a=S3CRET1; b=S3CRET1",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.S3CRET1",
        "EAABS3CRET1S3CRET1S3CRET1S3CRET1",
        "sk_live_S3CRET1S3CRET1",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    assert "S3CRET1" not in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "GET https://x/v26.0/act_1/insights?fields=spend,ad_id&limit=500&after=abc answered 400",
        "Invalid parameter (code 100, request A7qVRr)",
        "a basic understanding of bearers of tokens",
        '{"name": "Key account", "status": "ACTIVE", "impressions": "12"}',
        "run state=failed, kind=retry",
        "customers/1234567890/googleAds:search",
        "https://example.com:8900/path@here",
    ],
)
def test_innocent_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_the_rest_of_a_url_stays_readable() -> None:
    assert (
        redact_text("https://x/me?access_token=abc&after=1&code=2#f")
        == "https://x/me?access_token=***&after=1&code=***#f"
    )


@pytest.mark.parametrize("secret", ["pl/ain+secret x", "short-", "ünïcode-secret"])
def test_known_values_are_hidden_in_every_spelling(secret: str) -> None:
    from urllib.parse import quote, quote_plus

    text = f"<{secret}> <{quote(secret, safe='')}> <{quote_plus(secret)}>"
    assert Redactor([secret])(text) == "<***> <***> <***>"


def test_a_value_that_contains_another_leaves_no_tail() -> None:
    assert Redactor(["secret", "secret-longer"])("secret-longer") == "***"


def test_empty_and_tiny_values_do_not_blank_out_text() -> None:
    assert Redactor(["", "a", "me"])("a name") == "a name"


def test_its_own_repr_shows_nothing() -> None:
    assert "secret-value" not in repr(Redactor(["secret-value"]))


@pytest.mark.parametrize(
    "name", ["access_token", "clientSecret", "X-Api-Key", "Authorization", "code", "key", "db_password"]
)
def test_telling_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["error_code", "key_id", "idempotency", "status", "state", "author", "tokens", "request_id"]
)
def test_innocent_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "secret", ["pl/ain+remembered x", 'with "quotes" and \\', "ünïcode-remembered", "twelve-long1"]
)
def test_a_remembered_value_is_hidden_in_every_spelling(secret: str) -> None:
    import json
    from urllib.parse import quote, quote_plus

    remember_secrets([secret])
    spelt = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps({"a": secret})]
    assert redact_text(" | ".join(spelt)) == '*** | *** | *** | {"a": "***"}'


def test_a_remembered_value_is_found_anywhere_and_any_number_of_times() -> None:
    remember_secrets(["remembered-one", "remembered-one-longer"])
    assert redact_text("remembered-one") == "***"
    assert redact_text("xremembered-one-longerx remembered-onremembered-one") == "x***x remembered-on***"


def test_short_values_are_not_remembered() -> None:
    """Blanking them out everywhere would hide more than secrets."""
    remember_secrets(["", "postgres", "eleven-long"])
    assert redact_text("postgres eleven-long") == "postgres eleven-long"


def test_thousands_are_found_as_well() -> None:
    from adjoin.http.redaction import _Remembered

    memory = _Remembered()
    memory.add(f"{number:06}-of-thousands" for number in range(500))
    assert memory.hide("000499-of-thousands and 000500-of-thousands") == "*** and 000500-of-thousands"


def test_the_oldest_are_forgotten_at_some_time() -> None:
    """A process that runs for a year renews many tokens."""
    from adjoin.http.redaction import _Remembered

    memory = _Remembered()
    memory.add(f"remembered-number-{number:06}" for number in range(20_005))
    assert memory.hide("remembered-number-000004") == "remembered-number-000004"
    assert memory.hide("remembered-number-000005 remembered-number-020004") == "*** ***"
    assert len(memory._lengths) == 1
