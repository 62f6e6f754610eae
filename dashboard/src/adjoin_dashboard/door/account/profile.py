"""The profile: what somebody says of themselves, and how they like numbers and days written."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from adjoin.access.actors import Actor
from adjoin.access.users import Profile, change_profile
from adjoin.errors import BadInput
from adjoin.writing import DateFormat, NumberFormat
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.pictures import picture_path
from adjoin_dashboard.door.problems import Problem, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["routes"]

PROFILE = "/auth/account"
_LANGUAGES = {
    "en": "English",
    "en-GB": "English (United Kingdom)",
    "en-US": "English (United States)",
    "de": "Deutsch",
    "de-AT": "Deutsch (Österreich)",
    "de-CH": "Deutsch (Schweiz)",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "ja": "日本語",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "pt-BR": "Português (Brasil)",
    "sv": "Svenska",
}


def routes(host: Host) -> list[BaseRoute]:
    """Return the page of the profile."""
    return [page(host, PROFILE, show, save)]


async def show(asked: Asked) -> Response:
    found = asked.inside
    stored = {name: str(getattr(found, name)) for name in Profile.__slots__}
    values = {name: asked.form.shown(name, text) for name, text in stored.items()}
    languages = dict(_LANGUAGES)
    languages.setdefault(values["locale"], values["locale"])
    return asked.render(
        "account/profile.html",
        section="profile",
        done=asked.done,
        values=values,
        picture=picture_path(found.user_id, found.name or found.email, found.picture_url),
        languages=languages,
        zones=_zones(),
        number_formats=[(one.value, one.value) for one in NumberFormat if one.value],
        date_formats=[(one.value, one.value) for one in DateFormat if one.value],
    )


async def save(asked: Asked) -> Response:
    """Store the profile. All that is wrong with it is said at once."""
    found = asked.inside
    values = {name: asked.form.text(name) for name in Profile.__slots__}
    wrong = {}
    for name, text in values.items():
        try:
            Profile(**{name: text}).checked()
        except BadInput as error:
            wrong[name] = sentence(str(error))
    if wrong:
        first = next(iter(wrong))
        raise Problem(wrong.pop(first), field=first, others=wrong)
    by = Actor.user(found.user_id, address=asked.address)

    def store() -> None:
        with asked.host.store.write() as session:
            change_profile(session, found.user_id, Profile(**values), by=by, now=asked.host.clock.now())

    await asyncio.to_thread(store)
    asked.doors.sessions.forget([found.session_id])
    return asked.go(PROFILE, done="saved")


@cache
def _zones() -> Mapping[str, Sequence[tuple[str, str]]]:
    """The time zones that people live in, by region: their names, and how these are shown."""
    regions: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(available_timezones()):
        region, _, place = zone.partition("/")
        if place and region not in {"Etc", "SystemV", "US", "posix", "right"}:
            regions.setdefault(region, []).append((zone, place.replace("_", " ").replace("/", ", ")))
    regions["Other"] = [("UTC", "UTC")]
    return regions
