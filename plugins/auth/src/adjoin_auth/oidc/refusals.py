"""The words in which a party's sign-in is refused. What is wrong in detail is logged, for the operator."""

from __future__ import annotations

from adjoin.errors import AuthError, AuthProblem

__all__ = ["cancelled", "not_believed", "not_ours", "refused", "too_late", "unavailable"]


def cancelled(title: str) -> AuthError:
    return AuthError(f"The sign-in with {title} was cancelled. Nobody was signed in.", kind=AuthProblem.REFUSED)


def refused(title: str) -> AuthError:
    return AuthError(
        f"{title} did not sign you in. Try again; if it happens again, ask your administrator whether you may use "
        "Adjoin there.",
        kind=AuthProblem.REFUSED,
    )


def not_believed(title: str) -> AuthError:
    return AuthError(
        f"What {title} says about you could not be verified, so nobody was signed in. Try again; if it happens again, "
        "tell the operator, whose log says what is wrong.",
        kind=AuthProblem.REFUSED,
    )


def too_late(title: str) -> AuthError:
    return AuthError(
        f"{title} did not have you prove anew that it is you. Sign out here and there, sign in again, and go on then.",
        kind=AuthProblem.REFUSED,
    )


def not_ours() -> AuthError:
    return AuthError(
        "This sign-in was not begun in this browser, has been used already, or took longer than ten minutes. Start "
        "again.",
        kind=AuthProblem.BAD_LINK,
    )


def unavailable(title: str) -> AuthError:
    return AuthError(
        f"The sign-in with {title} does not work at the moment. Try again in a few minutes; if it goes on, tell the "
        "operator, whose log says what is wrong.",
        kind=AuthProblem.UNAVAILABLE,
    )
