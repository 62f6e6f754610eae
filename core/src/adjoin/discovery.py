"""Finds what is installed, from metadata alone: nothing of a plugin is imported here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from adjoin.contract import PROJECT

__all__ = ["Offer", "find_offers"]

_GROUP = re.compile(rf"{PROJECT}\.(?P<contract>[a-z_]+)\.v(?P<version>[1-9][0-9]*)")
_SECTION = re.compile(rb"^\s*\[(?P<group>[^\]\r\n]*)\]\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one package offers under one plugin name for one contract: an entry point for each version it speaks.

    `fault` says why the package's metadata cannot be read; the plugin name is then the package's.
    """

    plugin: str
    contract: str
    package: str
    package_version: str
    entry_points: dict[int, EntryPoint]
    fault: str = ""

    @property
    def versions(self) -> str:
        return " and ".join(f"v{number}" for number in sorted(self.entry_points))


def find_offers(contracts: Collection[str], path: Iterable[str] | None = None) -> list[Offer]:
    """Return the offers of all installed packages for the named contracts, sorted by contract, plugin and package.

    The first copy of a package on the path wins, as it does for imports. `path` replaces `sys.path`.
    """
    found: dict[tuple[str, str, str], Offer] = {}
    for distribution in _unique(distributions() if path is None else distributions(path=list(path))):
        points, fault = _entry_points(distribution)
        package = ""
        for point in points:
            match = _GROUP.fullmatch(point.group)
            if match is None or match["contract"] not in contracts:
                continue
            package = package or _name(distribution)
            key = (match["contract"], point.name, package)
            offer = found.get(key)
            if offer is None:
                offer = found[key] = Offer(
                    plugin=point.name,
                    contract=match["contract"],
                    package=package,
                    package_version=_version(distribution),
                    entry_points={},
                    fault=fault,
                )
            offer.entry_points[int(match["version"])] = point
    return [found[key] for key in sorted(found)]


def _entry_points(distribution: Distribution) -> tuple[list[EntryPoint], str]:
    try:
        return list(distribution.entry_points), ""
    except Exception as error:  # noqa: BLE001 - an unreadable file must not take every other plugin down
        fault = f"its entry_points.txt cannot be read ({type(error).__name__})"
    name = _name(distribution)
    groups = [match["group"].decode("ascii", "replace").strip() for match in _SECTION.finditer(_raw(distribution))]
    return [EntryPoint(name, "", group) for group in groups], fault


def _raw(distribution: Distribution) -> bytes:
    try:
        return Path(str(distribution.locate_file(""))).joinpath(_folder(distribution), "entry_points.txt").read_bytes()
    except OSError:
        return b""


def _unique(all_found: Iterable[Distribution]) -> Iterator[Distribution]:
    seen: set[str] = set()
    for distribution in all_found:
        # Folders bear the names of their packages, and parsing the metadata of all that is installed takes a while.
        stem, _, kind = _folder(distribution).rpartition(".")
        name = stem.partition("-")[0] if kind in ("dist-info", "egg-info") else _name(distribution)
        name = re.sub(r"[-_.]+", "-", name).lower()
        if name not in seen:
            seen.add(name)
            yield distribution


def _name(distribution: Distribution) -> str:
    try:
        name = distribution.metadata["Name"]
    except Exception:  # noqa: BLE001 - metadata without a METADATA file, or a garbled one
        name = None
    if name:
        return str(name)
    return _folder(distribution).split("-")[0] or "unknown package"  # the folder still says which one it is


def _folder(distribution: Distribution) -> str:
    folder = getattr(distribution, "_path", None)
    return "" if folder is None else str(folder.name)


def _version(distribution: Distribution) -> str:
    try:
        return distribution.version or "unknown"
    except Exception:  # noqa: BLE001 - as above
        return "unknown"
