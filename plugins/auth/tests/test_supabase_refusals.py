"""What Supabase Auth refuses, by code; and what it is like when it cannot be reached or answers nonsense."""

from __future__ import annotations

import logging
from typing import Any, get_args

import httpx
import pytest
import structlog
from pydantic import ValidationError
from supabase_auth.errors import AuthApiError, AuthRetryableError, AuthWeakPasswordError, ErrorCode
from supabase_auth.types import Session

from adjoin.auth.v1 import Credentials, LinkKind, SignUp
from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.supabase.refusals import CODES, refusal, translated
from adjoin_auth.supabase.sandbox import LIMITS, Sandbox, Switches

EMAIL, PASSWORD = "ada@company.example", "garnet otter fjord 41"
ASKED = Credentials(email=EMAIL, password=PASSWORD)
P = AuthProblem

#: What people are told for each code; all others are for the operator.
KINDS = {
    "invalid_credentials": P.WRONG,
    "email_not_confirmed": P.UNCONFIRMED,
    "phone_not_confirmed": P.UNCONFIRMED,
    "user_already_exists": P.EMAIL_TAKEN,
    "email_exists": P.EMAIL_TAKEN,
    "phone_exists": P.EMAIL_TAKEN,
    "signup_disabled": P.REFUSED,
    "email_provider_disabled": P.REFUSED,
    "weak_password": P.WEAK_PASSWORD,
    "same_password": P.WEAK_PASSWORD,
    "otp_expired": P.BAD_LINK,
    "otp_disabled": P.REFUSED,
    "bad_code_verifier": P.BAD_LINK,
    "flow_state_not_found": P.BAD_LINK,
    "flow_state_expired": P.LINK_EXPIRED,
    "bad_jwt": P.ENDED,
    "no_authorization": P.ENDED,
    "session_not_found": P.ENDED,
    "session_expired": P.ENDED,
    "user_not_found": P.ENDED,
    "refresh_token_not_found": P.ENDED,
    "refresh_token_already_used": P.ENDED,
    "user_banned": P.DISABLED,
    "not_admin": P.UNAVAILABLE,
    "over_request_rate_limit": P.THROTTLED,
    "over_email_send_rate_limit": P.THROTTLED,
    "over_sms_send_rate_limit": P.THROTTLED,
    "conflict": P.UNAVAILABLE,
    "mfa_verification_failed": P.WRONG,
    "mfa_challenge_expired": P.WRONG,
    "mfa_factor_name_conflict": P.REFUSED,
    "mfa_ip_address_mismatch": P.UNAVAILABLE,
    "too_many_enrolled_mfa_factors": P.REFUSED,
    "insufficient_aal": P.ENDED,
    "reauthentication_needed": P.ENDED,
    "current_password_required": P.WRONG,
    "current_password_invalid": P.WRONG,
    "captcha_failed": P.UNAVAILABLE,
    "email_address_invalid": P.BAD_EMAIL,
    "email_address_not_authorized": P.UNAVAILABLE,
    "validation_failed": P.UNAVAILABLE,
    "bad_json": P.UNAVAILABLE,
    "request_timeout": P.UNAVAILABLE,
    "provider_disabled": P.REFUSED,
    "oauth_provider_not_supported": P.REFUSED,
    "bad_oauth_state": P.BAD_LINK,
    "bad_oauth_callback": P.BAD_LINK,
    "unexpected_failure": P.UNAVAILABLE,
    "a_code_of_next_year": P.UNAVAILABLE,
}


@pytest.mark.parametrize(("code", "kind"), KINDS.items())
def test_a_code_has_one_meaning_whatever_its_text_and_status(code: str, kind: AuthProblem) -> None:
    told = {
        (error.kind, str(error), error.retry_after)
        for status in (400, 403, 422, 500)
        for text in ("internal: user 42 at 10.0.0.1", "")
        for error in [refusal(AuthApiError(text, status, code))]  # type: ignore[arg-type]
    }

    [(found, message, wait)] = told
    assert found is kind
    assert "10.0.0.1" not in message
    assert code not in message
    assert (wait is not None) == (kind is P.THROTTLED), "say when the next attempt counts"


def test_every_code_of_the_client_is_known_or_the_operators() -> None:
    for code in (*get_args(ErrorCode), *CODES):
        assert refusal(AuthApiError("secret", 400, code)).kind in AuthProblem


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AuthRetryableError("connect to 10.0.0.1 failed", 0), P.UNAVAILABLE),
        (AuthRetryableError("bad gateway", 502), P.UNAVAILABLE),
        (AuthApiError("slow down", 429, None), P.THROTTLED),
        (AuthApiError("Invalid API key", 401, None), P.UNAVAILABLE),
        (AuthWeakPasswordError("weak", 422, ["length", "pwned"]), P.WEAK_PASSWORD),
    ],
)
def test_what_has_no_code_is_told_by_what_it_is(error: Exception, kind: AuthProblem) -> None:
    assert refusal(error).kind is kind


def test_what_was_answered_is_not_dragged_along() -> None:
    with pytest.raises(AuthError) as caught, translated():
        Session.model_validate_json('{"access_token": "eyJ-a-token", "refresh_token": 7}')

    assert caught.value.kind is P.UNAVAILABLE
    assert caught.value.__suppress_context__
    assert isinstance(caught.value.__context__, ValidationError), "else the test proves nothing"
    assert "eyJ-a-token" not in str(caught.value)


@pytest.mark.parametrize("answer", [(500, "unexpected_failure"), (503, ""), (401, ""), (504, "request_timeout")])
def test_a_broken_server_is_unavailable_to_everybody(asked: Any, answer: tuple[int, str]) -> None:
    proof = asked.person()
    asked.project.broken = answer
    who = (proof.subject, proof.kept)

    for hook, args in {
        "sign_up": (SignUp(email=EMAIL, password=PASSWORD),),
        "admit": (SignUp(email="eve@company.example", password=PASSWORD),),
        "sign_in": (ASKED,),
        "second_factor": (*who, "123456"),
        "renew": who,
        "confirm": (LinkKind.CONFIRM, "0" * 56),
        "ask_reset": (EMAIL, ""),
        "reset": ("0" * 56, PASSWORD),
        "check_password": (*who, PASSWORD),
        "change_password": (*who, PASSWORD, "violet anvil brook 88"),
        "change_email": (*who, PASSWORD, "new@company.example"),
        "factors": who,
        "enroll": (*who, "Phone"),
        "activate": (*who, "x", "123456"),
        "remove_factor": (*who, "x"),
        "forget": (proof.subject,),
    }.items():
        with pytest.raises(AuthError) as caught:
            getattr(asked, hook)(*args)
        assert caught.value.kind is P.UNAVAILABLE, hook


def test_a_server_that_is_not_there_is_unavailable(asked: Any) -> None:
    asked.context.settings["supabase_url"] = "http://127.0.0.1:9"

    with pytest.raises(AuthError, match="Try again in a few minutes") as caught:
        asked.sign_in(ASKED)

    assert caught.value.kind is P.UNAVAILABLE


def test_settings_that_will_not_do_are_told_to_the_operator_alone(asked: Any) -> None:
    asked.context.settings["supabase_secret_key"] = ""

    with structlog.testing.capture_logs() as logged, pytest.raises(AuthError) as caught:
        asked.sign_in(ASKED)

    assert caught.value.kind is P.UNAVAILABLE
    assert "ADJOIN_AUTH_SUPABASE_SECRET_KEY is not set" in str(logged)
    assert "SUPABASE" not in str(caught.value)


def test_its_own_limits_are_told_as_such(sandbox: Sandbox, asked: Any) -> None:
    asked.project.limits = type(asked.project.limits)({"token": LIMITS["token"]})
    asked.person()

    def everybody_signs_in() -> None:  # and all come from this one address
        for n in range(40):
            asked.sign_in(Credentials(email=EMAIL, password=PASSWORD, address=f"198.51.100.{n}"))

    with pytest.raises(AuthError) as caught:
        everybody_signs_in()

    assert caught.value.kind is P.THROTTLED
    assert caught.value.retry_after is not None


def test_both_forms_of_an_error_are_answered_as_they_are_asked_for(sandbox: Sandbox, asked: Any) -> None:
    asked.project.switches.shortest_password = 100
    body = {"email": EMAIL, "password": PASSWORD}
    url, headers = f"{asked.project.auth_url}/signup", {"apikey": asked.project.key}

    with httpx.Client(trust_env=False) as client:
        old = client.post(url, json=body, headers=headers)
        new = client.post(url, json=body, headers={**headers, "X-Supabase-Api-Version": "2024-01-01"})

    assert (old.json()["error_code"], old.json()["code"]) == ("weak_password", 422)
    assert (new.json()["code"], new.headers["x-supabase-api-version"]) == ("weak_password", "2024-01-01")
    assert old.headers["x-sb-error-code"] == new.headers["x-sb-error-code"] == "weak_password"


@pytest.mark.parametrize(
    ("switches", "reason"),
    [(Switches(shortest_password=40), "length"), (Switches(pwned=frozenset({PASSWORD})), "pwned")],
)
def test_a_password_that_supabase_finds_weak_is_refused_with_its_reasons(
    asked: Any, switches: Switches, reason: str
) -> None:
    asked.project.switches = switches

    with pytest.raises(AuthError) as caught:
        asked.sign_up(SignUp(email=EMAIL, password=PASSWORD))

    assert (caught.value.kind, caught.value.reasons) == (P.WEAK_PASSWORD, (reason,))


def test_no_secret_gets_into_logs_addresses_or_shown_values(asked: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        proof = asked.person()
        secret = asked.device(proof)
        asked.ask_reset(EMAIL, "")
        link = asked.project.token(EMAIL, LinkKind.RESET)
        renewed = asked.renew(proof.subject, asked.sign_in(ASKED).kept)
        with pytest.raises(AuthError):
            asked.reset(link, "password1234")
        asked.project.broken = (500, "unexpected_failure")
        with pytest.raises(AuthError):
            asked.sign_in(ASKED)

    tokens = {one.token for session in asked.project.sessions.values() for one in session.tokens}
    secrets = {PASSWORD, secret, link, asked.project.secret_key, "eyJ", *tokens}
    shown = caplog.text + str(logged) + str(asked.project.requests) + repr([proof, renewed, asked.plugin.describe()])
    assert caplog.text, "else the test proves nothing"
    assert [one for one in secrets if one in shown] == []
