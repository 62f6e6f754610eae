"""What each plugin adds and which settings it takes, asked of the plugins themselves. No value is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from adjoin import ads, auth
from adjoin.db.tables import PluginTables
from adjoin.errors import AdjoinError
from adjoin.surface import v1
from adjoin.writing import duration
from adjoin_dashboard.context import Context
from adjoin_dashboard.navigation import Collected

__all__ = ["Contributions", "SettingLine", "contributions"]

_NOT_KEPT = "not set; Adjoin keeps no value for it yet"
_SET, _NOT_SET, _OPTIONAL = "set", "not set", "not set, not needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """A setting of a plugin. `state` says whether it is set, and never to what."""

    name: str
    label: str
    state: str


@dataclass(slots=True)
class Contributions:
    """What a plugin adds, by kind in words, its settings, and what could not be asked."""

    adds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    settings: list[SettingLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def contributions(context: Context, collected: Collected) -> Mapping[str, Contributions]:
    """Return by plugin what it adds. A plugin that fails to answer has a problem, and the others are not affected."""
    kernel = context.host.kernel
    found: dict[str, Contributions] = defaultdict(Contributions)
    for platform, described in context.host.platforms.items():
        found[platform].adds["Ad platform"].append(described.title)
        found[platform].settings += _registration(platform, described)
    for placed in collected.pages:
        found[placed.plugin].adds["Pages"].append(placed.page.title)
    for answer in kernel.hook(auth.v1.Auth.describe).all():
        found[answer.plugin].adds["Sign-in"].append(answer.value.title)

    def ask(hook: Callable[..., Any], kind: str, told: Callable[[str, Any], str]) -> None:
        results = kernel.hook(hook).all()
        for answer in results:
            found[answer.plugin].adds[kind] += [told(answer.plugin, one) for one in answer.value]
        for plugin, error in results.errors.items():
            found[plugin].problems.append(_told(f"{kind} could not be listed", error))

    ask(v1.Surface.jobs, "Jobs", lambda _, one: f"{one.name} ({_every(one.every)})")
    ask(v1.Surface.routes, "Routes", lambda plugin, one: f"{'/'.join(one.methods)} /x/{plugin}{one.path}{_public(one)}")
    ask(v1.Surface.commands, "Commands", lambda _, one: f"adjoin {one.name}")
    tables = PluginTables.of_kernel(kernel)
    for plugin, some in tables.usable.items():
        found[plugin].adds["Tables"] += [f"{one.prefix}_… (revision {one.head})" for one in some]
    for report in tables.refused:
        found[report.plugin].problems.append(f"Its tables cannot be used: {report.detail}.")
    declared = kernel.hook(v1.Surface.settings).all()
    for fields in declared:
        found[fields.plugin].settings += [_declared(one) for one in fields.value]
    for plugin, error in declared.errors.items():
        found[plugin].problems.append(_told("Settings could not be listed", error))
    return found


def _registration(platform: str, described: ads.v2.Description) -> Sequence[SettingLine]:
    """Return the settings of the operator's registration with a platform, which are variables of the environment."""
    from adjoin.settings import app_of

    app = app_of(platform, described)
    prefix = f"ADJOIN_{platform.upper().replace('-', '_')}_"
    lines = [
        SettingLine(
            name=f"{prefix}CLIENT_ID", label="Id of the registered app", state=_SET if app.client_id else _NOT_SET
        ),
        SettingLine(name=f"{prefix}CLIENT_SECRET", label="Its secret", state=_SET if app.client_secret else _NOT_SET),
    ]
    for one in described.auth.app_fields:
        state = _SET if app.extra.get(one.name) else _NOT_SET if one.required else _OPTIONAL
        lines.append(SettingLine(name=prefix + one.name.upper(), label=one.label, state=state))
    return lines


def _declared(one: v1.SettingField) -> SettingLine:
    return SettingLine(name=one.name, label=one.label, state=_NOT_KEPT)


def _every(length: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if length >= unit and length % unit == timedelta(0):
            return f"every {name}" if length == unit else f"every {length // unit} {name}s"
    return f"every {duration(length)}"


def _public(route: v1.Route) -> str:
    return " (public)" if route.public else ""


def _told(what: str, error: AdjoinError) -> str:
    return f"{what}: {error}"
