"""What the Plugins page says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adjoin.kernel import Report

__all__ = ["PluginLine", "plugin_lines"]

_STATES = {"ok": "✓ Loaded", "disabled": "– Switched off", "refused": "✕ Refused", "failed": "✕ Failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLine:
    """A plugin, for one contract. `problem` is why it, or a part of it, cannot be used."""

    name: str
    package: str
    contract: str
    state: str
    problem: str | None
    notes: tuple[str, ...]


def plugin_lines(reports: Iterable[Report], page_problems: Sequence[tuple[str, str]]) -> list[PluginLine]:
    """Return the plugins, those with a problem first. `page_problems` are about their pages (plugin, message)."""
    lines = []
    for report in reports:
        pages = [text for plugin, text in page_problems if plugin == report.name and report.contract == "surface"]
        problem = " ".join([report.error or "", *pages]).strip() or None
        state = "◐ Partly" if pages and report.state == "ok" else _STATES[report.state]
        lines.append(
            PluginLine(
                name=report.name,
                package=f"{report.package} {report.version}",
                contract=f"{report.contract} v{report.contract_version}",
                state=state,
                problem=problem,
                notes=report.notes,
            )
        )
    return sorted(lines, key=lambda line: (line.problem is None, line.name, line.contract))
