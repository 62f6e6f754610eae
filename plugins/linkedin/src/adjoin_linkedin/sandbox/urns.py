"""URNs: `urn:li:sponsoredCampaign:123`. In Adjoin an id is the bare number."""

from __future__ import annotations

from adjoin_linkedin.sandbox.errors import param_invalid

__all__ = ["ACCOUNT", "CAMPAIGN", "CONVERSION", "CREATIVE", "FACET", "GROUP", "IMAGE", "ORGANIZATION", "PERSON", "bare"]

ACCOUNT = "urn:li:sponsoredAccount:"
GROUP = "urn:li:sponsoredCampaignGroup:"
CAMPAIGN = "urn:li:sponsoredCampaign:"
CREATIVE = "urn:li:sponsoredCreative:"
CONVERSION = "urn:lla:llaPartnerConversion:"
ORGANIZATION = "urn:li:organization:"
PERSON = "urn:li:person:"
IMAGE = "urn:li:image:"
FACET = "urn:li:adTargetingFacet:"


def bare(urn: str, kind: str, *, path: str) -> str:
    """Return the number of a URN of a kind; refuses any other, naming where it stood."""
    number = urn.removeprefix(kind)
    if not urn.startswith(kind) or not (number.isascii() and number.isdecimal()):
        raise param_invalid(path, f"Invalid argument: {urn!r} is not a URN of the form {kind}<id>")
    return number
