"""What Microsoft's error codes mean, and what to tell people about them.

The codes are those of the vendor's operation error codes; the names in the comments are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from adjoin.errors import ErrorKind

__all__ = ["HINTS", "KINDS", "LOGIN_HINTS", "WAITS"]

_RETRY, _WAIT, _REFRESH = ErrorKind.RETRY, ErrorKind.WAIT, ErrorKind.REFRESH
_RECONNECT, _SKIP, _RESTART = ErrorKind.RECONNECT, ErrorKind.SKIP_ACCOUNT, ErrorKind.RESTART

#: All others are a mistake of ours.
KINDS: Mapping[int, ErrorKind] = {
    0: _RETRY,  # InternalError
    105: _REFRESH,  # InvalidCredentials
    106: _SKIP,  # UserIsNotAuthorized
    109: _REFRESH,  # AuthenticationTokenExpired
    117: _WAIT,  # CallRateExceeded
    120: _RECONNECT,  # wrong kind of identity
    122: _RECONNECT,
    123: _RECONNECT,
    124: _RECONNECT,
    125: _RECONNECT,
    126: _RECONNECT,  # IdentityTypeMismatch
    202: _RETRY,  # ApiExecutionError
    207: _WAIT,  # ConcurrentRequestOverLimit
    208: _SKIP,  # InvalidAccount
    1008: _SKIP,  # InvalidAccountStatus
    1102: _SKIP,  # InvalidAccountId
    2003: _SKIP,  # AccountNotAuthorized, of reports
    2004: _WAIT,  # NoCompleteDataAvaliable
    2100: _RESTART,  # InvalidReportId
    3227: _WAIT,  # too many bulk requests
    4204: _WAIT,  # BulkServiceRequestLimitExceeded
}

#: How long to stay away, as no answer says.
WAITS: Mapping[int, timedelta] = {
    117: timedelta(seconds=60),  # a sliding window of a minute
    207: timedelta(seconds=30),
    2004: timedelta(minutes=10),
    3227: timedelta(minutes=15),
    4204: timedelta(minutes=15),
}

_ACCOUNT = (
    "Accounts are named by their id, which is a number of several digits, and not by their account number such as "
    "F120ABCD"
)

HINTS: Mapping[int, str] = {
    105: (
        "Either the sign-in is not valid any more, or the developer token is wrong or belongs to another environment. "
        "Connect again, and check ADJOIN_MICROSOFT_DEVELOPER_TOKEN"
    ),
    106: "The user that consented may not see this account. Ask for access in Microsoft Advertising, or connect with "
    "another user",
    109: "Connect again",
    120: "Connect again with the user that signs in to Microsoft Advertising",
    126: "This user signs in to Microsoft Advertising in another way (with Google, say). Connect with a user that has "
    "a Microsoft account",
    208: _ACCOUNT,
    303: "This version of the API is retired; an update of adjoin-microsoft is needed",
    1102: _ACCOUNT,
    2003: "The user that consented may not read this account's reports",
}

#: What the numbers of Microsoft's identity platform (AADSTS...) mean, where something can be done.
LOGIN_HINTS: Mapping[int, str] = {
    50011: "The redirect address is not registered for the app in Microsoft Entra. It must be the same to the byte",
    50020: "The user is of another directory than the app allows. Set the tenant to common, or register the app for "
    "all account types",
    50053: "The user is locked. Sign in at microsoft.com first",
    50057: "The user is disabled",
    50076: "Multi-factor authentication is needed. Connect again and pass it",
    50079: "Multi-factor authentication must be set up for the user. Connect again and do so",
    50173: "The user's password has changed or the sign-in was withdrawn. Connect again",
    50194: "The app is registered for one directory only. Set the tenant to that directory's id",
    54005: "The code was used before. Connect again",
    65001: "The user or an administrator has not consented. Connect again",
    70000: "The sign-in is not valid any more. Connect again",
    70008: "The code or the sign-in has expired. Connect again",
    700016: "The app's client id is not known in this directory. Check ADJOIN_MICROSOFT_CLIENT_ID and the tenant",
    700025: "The app is registered as a mobile or desktop app, which has no secret. Remove "
    "ADJOIN_MICROSOFT_CLIENT_SECRET, or register it as a web app",
    700082: "The sign-in has expired after 90 days without use. Connect again",
    7000215: "The client secret is wrong. Enter the secret's value, not its id, as ADJOIN_MICROSOFT_CLIENT_SECRET",
    7000218: "The app is registered as a web app, which needs its secret. Set ADJOIN_MICROSOFT_CLIENT_SECRET",
    7000222: "The client secret has expired. Make a new one in Microsoft Entra",
    650052: "The directory does not allow Microsoft Advertising. Its administrator has to enable it",
}
