"""What the Plugins page says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adjoin.kernel import Report

__all__ = ["PluginLine", "plugin_lines"]

_STATES = {"ok": "✓ Loaded", "disabled": "– Switched off", "refused": "✕ Refused", "failed": "✕ Failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLine:
    """A plugin, for one contract. `adds` is what people get from it, `problem` why it or a part cannot be used."""

    name: str
    adds: str | None
    package: str
    contract: str
    state: str
    problem: str | None
    notes: tuple[str, ...]


def plugin_lines(
    reports: Iterable[Report],
    page_problems: Sequence[tuple[str, str]],
    *,
    platforms: Mapping[str, str],
    pages: Mapping[str, Sequence[str]],
) -> list[PluginLine]:
    """Return the plugins, those with a problem first.

    `page_problems` are about their pages (plugin, message), `platforms` and `pages` the titles of what they add.
    """
    lines = []
    for report in reports:
        surface = report.contract == "surface"
        broken = [text for plugin, text in page_problems if plugin == report.name and surface]
        problem = " ".join([report.error or "", *broken]).strip() or None
        state = "◐ Partly" if broken and report.state == "ok" else _STATES[report.state]
        adds = ", ".join(pages.get(report.name, ())) if surface else platforms.get(report.name)
        lines.append(
            PluginLine(
                name=report.name,
                adds=adds or None,
                package=f"{report.package} {report.version}",
                contract=f"{report.contract} v{report.contract_version}",
                state=state,
                problem=problem,
                notes=report.notes,
            )
        )
    return sorted(lines, key=lambda line: (line.problem is None, line.name, line.contract))
