"""Leaflets handed out in the street, as an ad platform for Adjoin."""

from __future__ import annotations

import datetime as dt

from adjoin.ads import v1
from adjoin.contract import hookimpl
from adjoin_leaflet.notebook import Notebook

__all__ = ["Leaflet", "plugin"]


class Leaflet(v1.Ads):
    """The foreman's notebooks: one account per town, one campaign per leaflet.

    The token is the name of a notebook. A plugin for a real platform would send it with its requests.
    """

    @hookimpl
    def accounts(self, token: str) -> list[v1.Account]:
        return [
            v1.Account(id=town.id, name=town.name, currency=town.currency, time_zone=town.time_zone)
            for town in Notebook.of(token).towns
        ]

    @hookimpl
    def campaigns(self, account: str, token: str) -> list[v1.Campaign]:
        return [
            v1.Campaign(id=leaflet.id, name=leaflet.headline, status="active" if leaflet.printing else "paused")
            for leaflet in Notebook.of(token).town(account).leaflets
        ]

    @hookimpl
    def performance(self, account: str, start: dt.date, end: dt.date, token: str) -> list[v1.Performance]:
        town = Notebook.of(token).town(account)
        return [
            v1.Performance(
                date=day,
                campaign_id=leaflet.id,
                impressions=round_.handed_out,
                clicks=round_.calls,
                # The notebook is in whole cents: times 10,000 makes micros, and no float is involved.
                cost_micros=round_.cents * 10_000,
            )
            for leaflet in town.leaflets
            for day in _days(start, end)
            if (round_ := leaflet.round_on(day)) is not None
        ]


def _days(start: dt.date, end: dt.date) -> list[dt.date]:
    return [start + dt.timedelta(days=number) for number in range((end - start).days + 1)]


plugin = Leaflet()
