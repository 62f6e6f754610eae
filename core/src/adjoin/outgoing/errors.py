"""What goes wrong when an address that somebody entered is asked."""

from __future__ import annotations

from enum import StrEnum

from adjoin.errors import AdjoinError

__all__ = ["OutgoingError", "Reason"]


class Reason(StrEnum):
    """What kind of trouble it was, for callers that act differently."""

    BAD_URL = "bad_url"  #: the URL cannot be used, whatever stands behind it
    BAD_REQUEST = "bad_request"  #: a header that the caller wants to send is not allowed
    UNREACHABLE = "unreachable"  #: no HTTP answer; for which of many reasons is not told
    REDIRECT = "redirect"  #: the way leads in a circle, too far, or to an address that may not be asked
    WRONG_TYPE = "wrong_type"  #: the answer is not of a type that the caller takes
    TOO_LARGE = "too_large"  #: the body is larger than the caller takes
    TOO_SLOW = "too_slow"  #: the body did not arrive in time
    DAMAGED = "damaged"  #: the body broke off, or its encoding is none that was asked for


class OutgoingError(AdjoinError):
    """An address that somebody entered could not be asked; `reason` says what kind of trouble it was.

    The message is fit for whoever entered the address. It names the host as it was written, never a path or query
    (webhooks carry their secret there), never an address that a name resolved to. A name that does not exist, one of
    this network, a closed port and a server that speaks something else all read the same.
    """

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason
