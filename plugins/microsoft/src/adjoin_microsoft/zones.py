"""Microsoft's names of time zones, as accounts and reports spell them, and the IANA zones that they stand for.

Some stand for several cities whose clocks have parted since; the first city of the name decides then.
"""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import Account

__all__ = ["IANA", "REPORT_SPELLING", "iana_zone", "report_zone"]

#: By the name that accounts have.
IANA: Mapping[str, str] = {
    "Nukualofa": "Pacific/Tongatapu",
    "FijiKamchatkaMarshallIsland": "Pacific/Fiji",
    "AucklandWellington": "Pacific/Auckland",
    "SolomonIslandNewCaledonia": "Pacific/Guadalcanal",
    "Vladivostok": "Asia/Vladivostok",
    "Hobart": "Australia/Hobart",
    "GuamPortMoresby": "Pacific/Port_Moresby",
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
    "IslamabadKarachiTashkent": "Asia/Karachi",
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
    "AthensBuckarestIstanbul": "Europe/Athens",
    "WestCentralAfrica": "Africa/Lagos",
    "SarajevoSkopjeWarsawZagreb": "Europe/Warsaw",
    "BrusselsCopenhagenMadridParis": "Europe/Paris",
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
    "MidwayIslandAndSamoa": "Pacific/Pago_Pago",
    "InternationalDateLineWest": "Etc/GMT+12",
}

#: The four that reports spell otherwise.
REPORT_SPELLING: Mapping[str, str] = {
    "IslamabadKarachiTashkent": "IslandamabadKarachiTashkent",
    "AthensBuckarestIstanbul": "AthensIslandanbulMinsk",
    "MidwayIslandAndSamoa": "MidwayIslandandSamoa",
    "SolomonIslandNewCaledonia": "MagadanSolomonIslandNewCaledonia",
}

_ACCOUNT_SPELLING = {report: account for account, report in REPORT_SPELLING.items()}
_BY_IANA = {iana: name for name, iana in IANA.items()}

#: Of the zones that nobody's account is in, the one whose days are those of UTC (in winter).
_OTHERWISE = "GreenwichMeanTimeDublinEdinburghLisbonLondon"


def iana_zone(name: str) -> str | None:
    """Return the IANA zone for a name in either spelling, None for a name that is not known here."""
    return IANA.get(_ACCOUNT_SPELLING.get(name, name))


def report_zone(account: Account) -> str:
    """Return the name that reports want for an account's zone."""
    name = account.extra.get("time_zone", "") or _BY_IANA.get(account.time_zone, _OTHERWISE)
    return REPORT_SPELLING.get(name, name)
