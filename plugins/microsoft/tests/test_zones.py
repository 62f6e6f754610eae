"""Time zones, in both of Microsoft's spellings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from adjoin.ads.v2 import Account
from adjoin_microsoft.zones import IANA, REPORT_SPELLING, iana_zone, report_zone


@pytest.fixture(scope="module")
def reports() -> set[str]:
    """The zones of reports, as the vendor's client spells them. It takes seconds to import."""
    found = pytest.importorskip("openapi_client.models.reporting.report_time_zone").ReportTimeZone
    return {member.value for member in found}


@pytest.fixture(scope="module")
def accounts() -> set[str]:
    """The zones of accounts, likewise."""
    found = pytest.importorskip("openapi_client.models.customer.time_zone_type").TimeZoneType
    return {member.value for member in found}


def _account(zone="Europe/Berlin", **extra):
    return Account(id="1", name="", currency="EUR", time_zone=zone, extra=extra)


def test_every_name_of_the_vendors_client_stands_for_a_zone(reports: set[str], accounts: set[str]):
    assert len(accounts) > 50
    for name in accounts | reports:
        assert ZoneInfo(iana_zone(name)).key == iana_zone(name)


def test_no_other_names_are_known(accounts: set[str]):
    assert set(IANA) == accounts


def test_reports_are_told_the_zone_in_their_own_spelling(reports: set[str], accounts: set[str]):
    for name in accounts:
        reported = report_zone(_account(time_zone=name))
        assert reported in reports, name
        assert iana_zone(reported) == iana_zone(name)


def test_four_names_differ():
    assert len(REPORT_SPELLING) == 4


def test_without_microsofts_name_the_zone_itself_is_looked_up():
    assert report_zone(_account("Asia/Tokyo")) == "OsakaSapporoTokyo"
    assert report_zone(_account("Europe/Vaduz")) == "GreenwichMeanTimeDublinEdinburghLisbonLondon"


def test_an_unknown_name_is_not_guessed():
    assert iana_zone("Atlantis") is None
