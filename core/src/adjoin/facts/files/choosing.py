"""Which store the operator has chosen for fact files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from adjoin.errors import BadInput
from adjoin.facts.files.local import LocalFiles
from adjoin.facts.files.port import Files

if TYPE_CHECKING:
    from adjoin.facts.files.s3 import S3Place
    from adjoin.settings import Settings

__all__ = ["open_files", "s3_place"]

_MB = 1_000_000


def open_files(settings: Settings, environ: Mapping[str, str] | None = None, *, url: str | None = None) -> Files:
    """Return the store of the settings; a `url` takes the place of theirs, empty for the folder below home.

    Connects to nothing yet. Raises BadInput for a setting that cannot be used.
    """
    chosen = settings.facts_url if url is None else url
    if not chosen:
        return LocalFiles(settings.home)
    from adjoin.facts.files.cache import Cache
    from adjoin.facts.files.remote import RemoteFiles
    from adjoin.facts.files.s3 import S3Objects

    place = s3_place(settings, os.environ if environ is None else environ, url=chosen)
    cache = Cache(settings.home / "cache" / "facts", limit=settings.facts_cache_mb * _MB)
    return RemoteFiles(S3Objects(place), cache)


def s3_place(settings: Settings, environ: Mapping[str, str], *, url: str) -> S3Place:
    """Put together the address and the credentials of a bucket: ADJOIN_FACTS_... before AWS_..."""
    from adjoin.facts.files.s3 import parse_url

    place = replace(
        parse_url(url),
        endpoint=settings.facts_endpoint or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or "",
        region=settings.facts_region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "",
    )
    own, secret = settings.facts_access_key_id, settings.facts_secret_access_key.get_secret_value()
    if bool(own) != bool(secret):
        raise BadInput("ADJOIN_FACTS_ACCESS_KEY_ID and ADJOIN_FACTS_SECRET_ACCESS_KEY go together; only one is set.")
    if own:
        return replace(place, access_key=own, secret_key=secret)
    return replace(
        place,
        access_key=environ.get("AWS_ACCESS_KEY_ID", ""),
        secret_key=environ.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=environ.get("AWS_SESSION_TOKEN", ""),
    )
