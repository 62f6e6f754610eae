"""What Supabase Auth refuses, in the words and kinds that people read. Told by `code`, never by text or status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import structlog
from supabase_auth.errors import AuthApiError, AuthRetryableError, AuthWeakPasswordError
from supabase_auth.errors import AuthError as SupabaseError

from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.local import refusals as words

__all__ = ["CODES", "code_of", "ended", "refusal", "translated", "unavailable"]

_log = structlog.get_logger("adjoin.sign_in.supabase")

#: There is no Retry-After. Its buckets give a turn every two to ten seconds, to all people of an installation together.
_BUSY = timedelta(minutes=1)


def unavailable(message: str = "") -> AuthError:
    """Supabase cannot be reached, or cannot be used as it is set up; the log says which."""
    return AuthError(
        message
        or "Sign-in does not work at the moment. Try again in a few minutes; who is signed in already stays so.",
        kind=AuthProblem.UNAVAILABLE,
    )


def ended() -> AuthError:
    """The session is over at Supabase, or is of somebody else."""
    return AuthError("This sign-in has ended. Sign in again.", kind=AuthProblem.ENDED)


def _busy() -> AuthError:
    return AuthError(
        "Too many people are signing in at the same time. Try again in a minute.",
        kind=AuthProblem.THROTTLED,
        retry_after=_BUSY,
    )


def _refused(message: str) -> Callable[[], AuthError]:
    return lambda: AuthError(message, kind=AuthProblem.REFUSED)


def _stronger() -> AuthError:
    return AuthError(
        "This matters, so sign out, sign in again with your second factor, and try once more.", kind=AuthProblem.ENDED
    )


def _expired() -> AuthError:
    return AuthError("This took too long. Start again.", kind=AuthProblem.LINK_EXPIRED)


def _same() -> AuthError:
    return words.weak_password("This is the password that you have already. Use another one.", "same")


_no_sign_up = _refused("Nobody can register here at the moment. Ask the operator.")
_no_factors = _refused("Second factors are switched off here. Ask the operator.")
_no_party = _refused("This way to sign in is switched off. Use another one, or ask the operator.")
_too_many = _refused("There can be no more second factors; remove one first.")

#: Every code that has a meaning here. What is not in it is a failure that only the operator can do something about.
CODES: Mapping[str, Callable[[], AuthError]] = {
    "invalid_credentials": words.wrong,
    "email_not_confirmed": words.unconfirmed,
    "phone_not_confirmed": words.unconfirmed,
    "provider_email_needs_verification": words.unconfirmed,
    "user_already_exists": words.email_taken,
    "email_exists": words.email_taken,
    "phone_exists": words.email_taken,
    "identity_already_exists": words.email_taken,
    "email_conflict_identity_not_deletable": words.email_taken,
    "signup_disabled": _no_sign_up,
    "email_provider_disabled": _no_sign_up,
    "otp_disabled": _no_sign_up,
    "anonymous_provider_disabled": _no_sign_up,
    "user_sso_managed": _refused("Your account is managed by your company's sign-in: change it there."),
    "same_password": _same,
    "otp_expired": words.bad_link,
    "bad_code_verifier": words.bad_link,
    "flow_state_not_found": words.bad_link,
    "flow_state_expired": _expired,
    "bad_oauth_state": words.bad_link,
    "bad_oauth_callback": words.bad_link,
    "invite_not_found": words.bad_link,
    "bad_jwt": ended,
    "invalid_jwt": ended,
    "no_authorization": ended,
    "session_not_found": ended,
    "session_expired": ended,
    "refresh_token_not_found": ended,
    "refresh_token_already_used": ended,
    "user_not_found": ended,
    "user_banned": lambda: AuthError("This account is switched off; ask the operator.", kind=AuthProblem.DISABLED),
    "over_request_rate_limit": _busy,
    "over_email_send_rate_limit": _busy,
    "over_sms_send_rate_limit": _busy,
    "mfa_verification_failed": words.wrong_code,
    "mfa_verification_rejected": words.wrong_code,
    "mfa_challenge_expired": words.wrong_code,
    "mfa_factor_not_found": words.bad_link,
    "mfa_factor_name_conflict": _refused("You have a second factor of this name already. Choose another name."),
    "mfa_verified_factor_exists": _too_many,
    "too_many_enrolled_mfa_factors": _too_many,
    "mfa_totp_enroll_not_enabled": _no_factors,
    "mfa_totp_verify_not_enabled": _no_factors,
    "insufficient_aal": _stronger,
    "reauthentication_needed": _stronger,
    "reauth_nonce_missing": _stronger,
    "current_password_required": words.wrong,
    "current_password_invalid": words.wrong,
    "reauthentication_not_valid": words.wrong,
    "email_address_invalid": lambda: words.bad_email("This is no e-mail address that mail can be sent to."),
    "provider_disabled": _no_party,
    "oauth_provider_not_supported": _no_party,
}


def code_of(error: Exception) -> str:
    """Return the code of an error of the client; "" where it has none."""
    return str(getattr(error, "code", None) or "")


def refusal(error: Exception, overrides: Mapping[str, Callable[[], AuthError]] | None = None) -> AuthError:
    """Say what an error of the client means to people. Nothing of its text gets out; the log has code and status."""
    code = code_of(error)
    if overrides and code in overrides:
        return overrides[code]()
    if isinstance(error, AuthWeakPasswordError) or code == "weak_password":
        reasons = tuple(str(reason) for reason in getattr(error, "reasons", ()) or ())
        return words.weak_password(_weakness(reasons), *(reasons or ("guessable",)))
    if code in CODES:
        return CODES[code]()
    status = error.status if isinstance(error, AuthApiError | AuthRetryableError) else None
    if status == 429:
        return _busy()
    _log.error("Supabase Auth refused or failed", code=code, status=status, error=type(error).__name__)
    return unavailable()


def _weakness(reasons: tuple[str, ...]) -> str:
    if "pwned" in reasons:
        return "The password is known from a leak. Use another one."
    if "length" in reasons:
        return "The password is too short. Use a longer one."
    if "characters" in reasons:
        return "The password needs more kinds of characters: small and capital letters, digits, signs."
    return "The password is too weak. Use another one."


@contextmanager
def translated(overrides: Mapping[str, Callable[[], AuthError]] | None = None) -> Iterator[None]:
    """Turn what the client raises into an AuthError. Its cause is left behind: it may quote tokens."""
    try:
        yield
    except (SupabaseError, ValueError) as error:  # a body that is not as it should be is a ValueError
        raise refusal(error, overrides) from None
