"""The ways in which people are refused, each with its words."""

from __future__ import annotations

import math
from datetime import timedelta

from adjoin.errors import AuthError, AuthProblem

__all__ = [
    "bad_email",
    "bad_link",
    "email_taken",
    "ended",
    "link_expired",
    "throttled",
    "unconfirmed",
    "weak_password",
    "wrong",
    "wrong_code",
]


def wrong() -> AuthError:
    return AuthError("The e-mail address or the password is not right.", kind=AuthProblem.WRONG)


def wrong_code() -> AuthError:
    return AuthError("The code is not right, or was used already. Wait for the next one.", kind=AuthProblem.WRONG)


def throttled(wait: timedelta) -> AuthError:
    seconds = max(1, math.ceil(wait.total_seconds()))
    words = f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    return AuthError(
        f"There were too many attempts. Try again in {words}.",
        kind=AuthProblem.THROTTLED,
        retry_after=timedelta(seconds=seconds),
    )


def unconfirmed() -> AuthError:
    return AuthError(
        "The e-mail address is not confirmed yet. Follow the link in the mail that was sent to it.",
        kind=AuthProblem.UNCONFIRMED,
    )


def weak_password(message: str, *reasons: str) -> AuthError:
    return AuthError(message, kind=AuthProblem.WEAK_PASSWORD, reasons=reasons)


def bad_email(message: str) -> AuthError:
    return AuthError(message, kind=AuthProblem.BAD_EMAIL)


def email_taken() -> AuthError:
    return AuthError("Somebody has an account with this e-mail address already.", kind=AuthProblem.EMAIL_TAKEN)


def bad_link() -> AuthError:
    return AuthError(
        "This link is not good, or not any more: each can be used once, and a newer one takes its place.",
        kind=AuthProblem.BAD_LINK,
    )


def link_expired() -> AuthError:
    return AuthError("This link has expired. Ask for a new one.", kind=AuthProblem.LINK_EXPIRED)


def ended() -> AuthError:
    return AuthError("There is no such account any more.", kind=AuthProblem.ENDED)
