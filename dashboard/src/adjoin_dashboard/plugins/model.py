"""What the Plugins page says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adjoin.kernel import Report
from adjoin_dashboard.plugins.contributions import Contributions

__all__ = ["Card", "cards"]

_STATES = {"ok": "✓ Loaded", "disabled": "– Switched off", "refused": "✕ Refused", "failed": "✕ Failed"}
_PARTLY = "◐ Partly"
#: What a plugin is for by a contract that says nothing more of it.
_ROLES = {"mail": "Sending mail", "analytics": "Metrics and analyses"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A plugin with all that it offers. `problem` is why it or a part of it cannot be used, empty: there is none."""

    name: str
    state: str
    summary: str
    packages: tuple[str, ...]
    contracts: tuple[str, ...]
    problem: str
    notes: tuple[str, ...]
    loaded: bool
    switched_off: bool


def cards(
    reports: Iterable[Report], page_problems: Sequence[tuple[str, str]], added: Mapping[str, Contributions]
) -> list[Card]:
    """Return the plugins, those with a problem first. `page_problems` are about their pages (plugin, message)."""
    by_name: dict[str, list[Report]] = {}
    for report in reports:
        by_name.setdefault(report.name, []).append(report)
    found = []
    for name, some in by_name.items():
        mine = added.get(name, Contributions())
        roles = [_ROLES[one.contract] for one in some if one.state == "ok" and one.contract in _ROLES]
        problems = [f"{one.contract} v{one.contract_version}: {one.error}" for one in some if one.error]
        problems += [text for plugin, text in page_problems if plugin == name]
        problems += mine.problems
        found.append(
            Card(
                name=name,
                state=_state(some, broken=bool(problems)),
                summary=", ".join(part for part in (*roles, _summary(mine)) if part),
                packages=tuple(dict.fromkeys(f"{one.package} {one.version}" for one in some)),
                contracts=tuple(f"{one.contract} v{one.contract_version}" for one in some),
                problem=" ".join(problems),
                notes=tuple(note for one in some for note in one.notes),
                loaded=any(one.state == "ok" for one in some),
                switched_off=all(one.state == "disabled" for one in some),
            )
        )
    return sorted(found, key=lambda card: (not card.problem, card.name))


def _state(reports: Sequence[Report], *, broken: bool) -> str:
    states = {one.state for one in reports}
    if states == {"ok"}:
        return _PARTLY if broken else _STATES["ok"]
    if "ok" in states:
        return _PARTLY
    worst = next(one for one in ("failed", "refused", "disabled") if one in states)
    return _STATES[worst]


def _summary(mine: Contributions) -> str:
    """Say what it adds in a few words: names of platforms and pages, and of the rest how many there are."""
    named = [", ".join(mine.adds[kind]) for kind in ("Ad platform", "Pages") if mine.adds.get(kind)]
    named += [f"{kind}: {', '.join(mine.adds[kind])}" for kind in ("Sign-in",) if mine.adds.get(kind)]
    counted = [
        f"{len(some)} {kind.lower().removesuffix('s') if len(some) == 1 else kind.lower()}"
        for kind, some in mine.adds.items()
        if some and kind in ("Jobs", "Routes", "Commands")
    ]
    own_tables = ["tables of its own"] if mine.adds.get("Tables") else []
    return ", ".join([*named, *counted, *own_tables])
