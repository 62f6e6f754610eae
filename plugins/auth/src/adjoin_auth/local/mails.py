"""The mails of the provider. They repeat nothing that whoever asked for them has written, such as a name."""

from __future__ import annotations

from html import escape

from adjoin.auth.v1 import AuthContext, LinkKind
from adjoin.db.models import new_id
from adjoin.mail.v1 import Mail

__all__ = [
    "address_changed",
    "change_address",
    "changing_address",
    "confirm",
    "factor_added",
    "factor_removed",
    "known_already",
    "password_changed",
    "recovery_code_used",
    "reset",
]

_NOT_YOU = "If it was not you, somebody knows your password: reset it on the sign-in page, and sign out everywhere."


def confirm(context: AuthContext, to: str, token: str) -> Mail:
    """Ask a new address to confirm itself."""
    return _mail(
        to,
        "confirm",
        "Confirm your e-mail address",
        "Somebody has signed up to Adjoin with this e-mail address. If it was you, confirm it within 24 hours:",
        context.link(LinkKind.CONFIRM, token),
        "If it was not you, ignore this mail, and the account stays shut. Do not follow the link: "
        "whoever signed up knows its password.",
    )


def known_already(to: str) -> Mail:
    """Tell the owner of an account that somebody has tried to sign up with their address."""
    return _mail(
        to,
        "known",
        "You have an account already",
        "Somebody has tried to sign up to Adjoin with this e-mail address, which has an account already. "
        "If it was you, sign in; the sign-in page helps if you have forgotten your password.",
        "",
        "If it was not you, nothing has happened and there is nothing to do.",
    )


def reset(context: AuthContext, to: str, token: str) -> Mail:
    """Send a link for a new password."""
    return _mail(
        to,
        "reset",
        "Set a new password",
        "Somebody has asked for a new password of your Adjoin account. If it was you, set it within an hour:",
        context.link(LinkKind.RESET, token),
        "If it was not you, ignore this mail: your password stays as it is.",
    )


def change_address(context: AuthContext, to: str, token: str) -> Mail:
    """Ask the new address of an account to confirm itself."""
    return _mail(
        to,
        "change_email",
        "Confirm your new e-mail address",
        "This is to be the new e-mail address of an Adjoin account. If it is yours, confirm it within 24 hours:",
        context.link(LinkKind.CHANGE_EMAIL, token),
        "If you know nothing of it, ignore this mail.",
    )


def changing_address(to: str) -> Mail:
    """Warn the old address that another one is to take its place."""
    return _notice(
        to, "changing_email", "Your e-mail address is about to change", "A new e-mail address was asked for."
    )


def address_changed(to: str) -> Mail:
    """Tell the old address that another one has taken its place."""
    return _notice(to, "email_changed", "Your e-mail address has changed", "Your account has another e-mail address.")


def password_changed(to: str) -> Mail:
    """Tell somebody that their password is another."""
    return _notice(to, "password_changed", "Your password has changed", "Your account has a new password.")


def factor_added(to: str) -> Mail:
    """Tell somebody that they have a new second factor."""
    return _notice(to, "factor_added", "A second factor was added", "Your account has a new second factor.")


def factor_removed(to: str) -> Mail:
    """Tell somebody that they have a second factor less."""
    return _notice(to, "factor_removed", "A second factor was removed", "A second factor of your account is gone.")


def recovery_code_used(to: str, left: int) -> Mail:
    """Tell somebody that one of their recovery codes is used up."""
    count = {0: "None is left: make new ones.", 1: "One is left: make new ones."}.get(left, f"{left} are left.")
    what = f"One of your recovery codes was used to sign in. {count}"
    return _notice(to, "recovery_code_used", "A recovery code was used", what)


def _notice(to: str, kind: str, subject: str, what: str) -> Mail:
    return _mail(to, kind, subject, what, "", f"If it was you, there is nothing to do. {_NOT_YOU}")


def _mail(to: str, kind: str, subject: str, before: str, link: str, after: str) -> Mail:
    paragraphs = [part for part in (before, link, after) if part]
    anchor = f'<a href="{escape(link)}">{escape(link)}</a>'
    html = "".join(f"<p>{anchor if part == link else escape(part)}</p>" for part in paragraphs)
    return Mail(
        to=to,
        subject=subject,
        text="\n\n".join(paragraphs) + "\n",
        html=html,
        kind=f"auth.{kind}",
        key=new_id(),
    )
