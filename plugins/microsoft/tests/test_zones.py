"""Time zones, in both of Microsoft's spellings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from adjoin.ads.v2 import Account
from adjoin_microsoft.zones import IANA, REPORT_SPELLING, iana_zone, report_zone

_REPORT = pytest.importorskip("openapi_client.models.reporting.report_time_zone").ReportTimeZone
_ACCOUNT = pytest.importorskip("openapi_client.models.customer.time_zone_type").TimeZoneType


def _account(zone="Europe/Berlin", **extra):
    return Account(id="1", name="", currency="EUR", time_zone=zone, extra=extra)


@pytest.mark.parametrize("name", [member.value for member in (*_ACCOUNT, *_REPORT)])
def test_every_name_of_the_vendors_client_stands_for_a_zone(name):
    assert ZoneInfo(iana_zone(name)).key == iana_zone(name)


def test_no_other_names_are_known():
    assert set(IANA) == {member.value for member in _ACCOUNT}


@pytest.mark.parametrize("name", [member.value for member in _ACCOUNT])
def test_reports_are_told_the_zone_in_their_own_spelling(name):
    reported = report_zone(_account(time_zone=name))
    assert reported in {member.value for member in _REPORT}
    assert iana_zone(reported) == iana_zone(name)


def test_four_names_differ():
    assert len(REPORT_SPELLING) == 4


def test_without_microsofts_name_the_zone_itself_is_looked_up():
    assert report_zone(_account("Asia/Tokyo")) == "OsakaSapporoTokyo"
    assert report_zone(_account("Europe/Vaduz")) == "GreenwichMeanTimeDublinEdinburghLisbonLondon"


def test_an_unknown_name_is_not_guessed():
    assert iana_zone("Atlantis") is None
