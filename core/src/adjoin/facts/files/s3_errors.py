"""Why object storage refused, in words that say what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from adjoin.errors import StateError

if TYPE_CHECKING:
    from adjoin.facts.files.s3 import S3Place

__all__ = ["explain", "no_bucket"]

_CREDENTIALS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ADJOIN_FACTS_ACCESS_KEY_ID and its secret"
_RIGHTS = "they need GetObject, PutObject, DeleteObject and AbortMultipartUpload on the prefix, and ListBucket"
_LATER = "try again later; what was committed is safe, and what was not is fetched again"
_FULL = "it has no room left; free some, or raise the quota"
_REGION = "the bucket is in another region; set ADJOIN_FACTS_REGION"
_CLOCK = "this machine's clock is wrong by too much; set it"

#: By the code in the store's answer, as S3 and MinIO name them, in the spelling that Arrow gives it or the store's own.
_REASONS = {
    "NO_SUCH_BUCKET": "there is no such bucket; create it, or correct ADJOIN_FACTS_URL",
    "NoSuchBucket": "there is no such bucket; create it, or correct ADJOIN_FACTS_URL",
    "ACCESS_DENIED": f"the credentials do not allow it; {_RIGHTS}",
    "INVALID_ACCESS_KEY_ID": f"it does not know the access key; {_CREDENTIALS}",
    "INVALID_CLIENT_TOKEN_ID": f"it does not know the session token; {_CREDENTIALS}",
    "SIGNATURE_DOES_NOT_MATCH": f"the secret does not belong to the access key; {_CREDENTIALS}",
    "ExpiredToken": f"the session token has expired; {_CREDENTIALS}",
    "InvalidToken": f"it does not know the session token; {_CREDENTIALS}",
    "REQUEST_TIME_TOO_SKEWED": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "REQUEST_EXPIRED": _CLOCK,
    "SLOW_DOWN": f"it is asked too much at once; {_LATER}",
    "THROTTLING": f"it is asked too much at once; {_LATER}",
    "SERVICE_UNAVAILABLE": f"it is not available at present; {_LATER}",
    "INTERNAL_FAILURE": f"it has a fault of its own; {_LATER}",
    "REQUEST_TIMEOUT": f"it did not answer in time; {_LATER}",
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "InsufficientStorage": _FULL,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "XMinioBackendDown": f"it is not available at present; {_LATER}",
}

#: By HTTP status, where the answer has no code, as to a HEAD request.
_STATUSES = {
    "301": _REGION,
    "400": f"it refused the request; {_CREDENTIALS}, and ADJOIN_FACTS_REGION",
    "403": f"the credentials do not allow it; {_RIGHTS}",
    "405": "it does not allow writing",
    "500": f"it has a fault of its own; {_LATER}",
    "502": f"it is not available at present; {_LATER}",
    "503": f"it is not available at present; {_LATER}",
    "504": f"it did not answer in time; {_LATER}",
    "507": _FULL,
}

_ARROW = re.compile(r"AWS Error (?P<code>[A-Z_]+)(?: \(HTTP status (?P<status>\d+)\))? during (?P<operation>\w+)")
_OWN_CODE = re.compile(r"ExceptionName: (\w+)")
_CURL = {
    "6": "its name cannot be resolved",
    "7": "it does not accept connections",
    "28": "it did not answer in time",
    "35": "there is no TLS to be had with it",
    "52": "it closed the connection without an answer",
    "55": "the connection broke",
    "56": "the connection broke",
    "60": "its certificate cannot be verified",
}


def explain(error: OSError, *, what: str, path: str, place: S3Place) -> StateError:
    """Return the error for a failed access. Holds the store's code, never its text, which may repeat a key."""
    subject = f"{place.url}/{path}".rstrip("/")
    return StateError(f"The facts at {subject} cannot be {what}: {_reason(str(error), place)}.")


def no_bucket(bucket: str, where: str) -> StateError:
    return StateError(f"The facts at {where} cannot be reached: {_REASONS['NO_SUCH_BUCKET']} ({bucket}).")


def _reason(text: str, place: S3Place) -> str:
    found = _ARROW.search(text)
    if found is None:
        return f"the storage library gave up: {_without_secrets(text, place)[:200]}"
    own = _OWN_CODE.search(text)
    code = own[1] if own else found["code"]
    if code == "NETWORK_CONNECTION":
        curl = re.search(r"curlCode: (\d+)", text)
        why = _CURL.get(curl[1] if curl else "", "the connection failed")
        return f"{place.endpoint or 'Amazon S3'}: {why}; check ADJOIN_FACTS_ENDPOINT and the network, and {_LATER}"
    known = _REASONS.get(code) or _STATUSES.get(found["status"] or "")
    status = f", HTTP {found['status']}" if found["status"] else ""
    said = f"{code}{status}, {found['operation']}"
    return f"{known} ({said})" if known else f"the store answered {said}"


def _without_secrets(text: str, place: S3Place) -> str:
    for secret in filter(None, (place.secret_key, place.session_token, place.access_key)):
        text = text.replace(secret, "...")
    return text
