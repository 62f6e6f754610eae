"""The time zones by the API's names. Accounts and reports spell four of them differently."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

__all__ = ["REPORT_ZONES", "account_zone", "report_zone_of"]

#: Names of report time zones and an IANA zone of each.
REPORT_ZONES: Mapping[str, str] = {
    "Nukualofa": "Pacific/Tongatapu",
    "FijiKamchatkaMarshallIsland": "Pacific/Fiji",
    "AucklandWellington": "Pacific/Auckland",
    "MagadanSolomonIslandNewCaledonia": "Pacific/Guadalcanal",
    "Vladivostok": "Asia/Vladivostok",
    "Hobart": "Australia/Hobart",
    "GuamPortMoresby": "Pacific/Guam",
    "CanberraMelbourneSydney": "Australia/Sydney",
    "Brisbane": "Australia/Brisbane",
    "Darwin": "Australia/Darwin",
    "Adelaide": "Australia/Adelaide",
    "Yakutsk": "Asia/Yakutsk",
    "Seoul": "Asia/Seoul",
    "OsakaSapporoTokyo": "Asia/Tokyo",
    "Taipei": "Asia/Taipei",
    "Perth": "Australia/Perth",
    "KualaLumpurSingapore": "Asia/Singapore",
    "IrkutskUlaanBataar": "Asia/Irkutsk",
    "BeijingChongqingHongKongUrumqi": "Asia/Shanghai",
    "Krasnoyarsk": "Asia/Krasnoyarsk",
    "BangkokHanoiJakarta": "Asia/Bangkok",
    "Rangoon": "Asia/Yangon",
    "SriJayawardenepura": "Asia/Colombo",
    "AstanaDhaka": "Asia/Dhaka",
    "AlmatyNovosibirsk": "Asia/Almaty",
    "Kathmandu": "Asia/Kathmandu",
    "ChennaiKolkataMumbaiNewDelhi": "Asia/Kolkata",
    "IslandamabadKarachiTashkent": "Asia/Karachi",
    "Ekaterinburg": "Asia/Yekaterinburg",
    "Kabul": "Asia/Kabul",
    "BakuTbilisiYerevan": "Asia/Baku",
    "AbuDhabiMuscat": "Asia/Dubai",
    "Tehran": "Asia/Tehran",
    "Nairobi": "Africa/Nairobi",
    "MoscowStPetersburgVolgograd": "Europe/Moscow",
    "KuwaitRiyadh": "Asia/Riyadh",
    "Baghdad": "Asia/Baghdad",
    "Jerusalem": "Asia/Jerusalem",
    "HelsinkiKyivRigaSofiaTallinnVilnius": "Europe/Helsinki",
    "HararePretoria": "Africa/Johannesburg",
    "Cairo": "Africa/Cairo",
    "Bucharest": "Europe/Bucharest",
    "AthensIslandanbulMinsk": "Europe/Athens",
    "WestCentralAfrica": "Africa/Lagos",
    "SarajevoSkopjeWarsawZagreb": "Europe/Warsaw",
    "BrusselsCopenhagenMadridParis": "Europe/Madrid",
    "BelgradeBratislavaBudapestLjubljanaPrague": "Europe/Budapest",
    "AmsterdamBerlinBernRomeStockholmVienna": "Europe/Berlin",
    "CasablancaMonrovia": "Africa/Casablanca",
    "GreenwichMeanTimeDublinEdinburghLisbonLondon": "Europe/London",
    "Azores": "Atlantic/Azores",
    "CapeVerdeIsland": "Atlantic/Cape_Verde",
    "MidAtlantic": "Atlantic/South_Georgia",
    "Brasilia": "America/Sao_Paulo",
    "BuenosAiresGeorgetown": "America/Argentina/Buenos_Aires",
    "Greenland": "America/Nuuk",
    "Newfoundland": "America/St_Johns",
    "AtlanticTimeCanada": "America/Halifax",
    "CaracasLaPaz": "America/Caracas",
    "Santiago": "America/Santiago",
    "BogotaLimaQuito": "America/Bogota",
    "EasternTimeUSCanada": "America/New_York",
    "IndianaEast": "America/Indiana/Indianapolis",
    "CentralAmerica": "America/Guatemala",
    "CentralTimeUSCanada": "America/Chicago",
    "GuadalajaraMexicoCityMonterrey": "America/Mexico_City",
    "Saskatchewan": "America/Regina",
    "Arizona": "America/Phoenix",
    "ChihuahuaLaPazMazatlan": "America/Mazatlan",
    "MountainTimeUSCanada": "America/Denver",
    "PacificTimeUSCanadaTijuana": "America/Los_Angeles",
    "Alaska": "America/Anchorage",
    "Hawaii": "Pacific/Honolulu",
    "MidwayIslandandSamoa": "Pacific/Pago_Pago",
    "InternationalDateLineWest": "Etc/GMT+12",
}

_ACCOUNT_SPELLING: Mapping[str, str] = {
    "IslandamabadKarachiTashkent": "IslamabadKarachiTashkent",
    "AthensIslandanbulMinsk": "AthensBuckarestIstanbul",
    "MidwayIslandandSamoa": "MidwayIslandAndSamoa",
    "MagadanSolomonIslandNewCaledonia": "SolomonIslandNewCaledonia",
}

_NAMES = {iana: name for name, iana in REPORT_ZONES.items()}


def report_zone_of(iana: str, now: datetime) -> str:
    """Return the report's name of an IANA zone; of one that has none, a zone with the same offset at the moment."""
    if iana in _NAMES:
        return _NAMES[iana]
    offset = now.astimezone(ZoneInfo(iana)).utcoffset()
    same = (name for name, known in REPORT_ZONES.items() if now.astimezone(ZoneInfo(known)).utcoffset() == offset)
    return next(same, "GreenwichMeanTimeDublinEdinburghLisbonLondon")


def account_zone(iana: str, now: datetime) -> str:
    """Return the account's name of an IANA zone."""
    name = report_zone_of(iana, now)
    return _ACCOUNT_SPELLING.get(name, name)
