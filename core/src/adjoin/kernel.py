"""The kernel: finds plugins, takes the newest version both sides know, and offers their hooks.

A plugin that cannot be used becomes a report and nothing else: it is never a reason for another one not to work.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from adjoin._lift import lift
from adjoin._validate import validate
from adjoin.calls import Hook, Registry, StreamHook
from adjoin.contract import Contract, HookInfo, MaybeAsync
from adjoin.discovery import Offer, find_offers
from adjoin.errors import AdjoinError, ContractError, PluginTimeout
from adjoin.http.redaction import redact_text
from adjoin.lanes import Lane

__all__ = ["ContractDeprecation", "Kernel", "Report"]

P = ParamSpec("P")
T = TypeVar("T")

IMPORT_TIMEOUT = 20.0  # seconds that the import of a plugin may take


class ContractDeprecation(FutureWarning):
    """A plugin speaks an old contract version. A FutureWarning, since Python hides the other kind from operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a plugin for one contract.

    ok: loaded. disabled: switched off by the operator, not imported. refused: the versions or the signatures do not
    fit. failed: it could not be imported. `contract_version` is what is used, or the newest that is offered.
    """

    name: str
    package: str
    version: str
    contract: str
    contract_version: int
    state: Literal["ok", "disabled", "refused", "failed"]
    error: str | None = None
    notes: tuple[str, ...] = ()


class Kernel:
    """The loaded plugins. Make it with `Kernel.load`; close it when done."""

    def __init__(self, contracts: Iterable[Contract], *, slots: int = 16) -> None:
        self._slots = slots
        self._contracts = {contract.name: contract for contract in contracts}
        self._registries = {name: Registry(name, one.newest) for name, one in self._contracts.items()}
        self._hooks: dict[Callable[..., Any], tuple[Registry, HookInfo]] = {
            getattr(one.newest.spec, hook): (self._registries[name], info)
            for name, one in self._contracts.items()
            for hook, info in one.newest.hooks.items()
        }
        self._lanes: dict[tuple[str, str], Lane] = {}
        self.reports: list[Report] = []

    @classmethod
    def load(
        cls,
        contracts: Iterable[Contract] | None = None,
        *,
        disabled: Collection[str] = (),
        path: Iterable[str] | None = None,
        strict: bool = False,
        import_timeout: float = IMPORT_TIMEOUT,
        slots: int = 16,
    ) -> Kernel:
        """Find and load all installed plugins of the contracts (by default every contract of this release).

        `disabled` names are not imported. `strict` raises ContractError for the first plugin that cannot be used, as a
        plugin's own tests want it. `slots` is how many calls of one plugin may be under way at once.
        """
        from adjoin.contracts import CONTRACTS

        kernel = cls(CONTRACTS if contracts is None else contracts, slots=slots)
        offers = find_offers(kernel._contracts, path)
        for offer in offers:
            rivals = [other for other in offers if _same_place(offer, other) and other is not offer]
            report = kernel._consider(offer, rivals, disabled, import_timeout)
            kernel.reports.append(report)
            if strict and report.error is not None:
                raise ContractError(report.error)
        return kernel

    def hook(self, spec: Callable[Concatenate[Any, P], MaybeAsync[T]]) -> Hook[P, T]:
        """Return the typed caller of a hook, as in `kernel.hook(v2.Ads.accounts).one("google", client=client)`."""
        registry, info = self._find(spec)
        if info.stream:
            raise ContractError(f"{spec.__qualname__} yields items; call it with `kernel.stream`")
        return Hook(registry, spec, info)

    def stream(self, spec: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> StreamHook[P, T]:
        """Return the typed caller of a hook that yields items."""
        registry, info = self._find(spec)
        if not info.stream:
            raise ContractError(f"{spec.__qualname__} returns one value; call it with `kernel.hook`")
        return StreamHook(registry, spec, info)

    def plugins(self, contract: str) -> list[str]:
        """Return the names of the usable plugins of a contract, sorted."""
        return self._registries[contract].plugins

    def lane(self, contract: str, plugin: str) -> Lane:
        """Return the lane of a plugin, for work that it has handed over such as its jobs. Raises UnknownName."""
        return self._registries[contract].lane(plugin)

    def close(self) -> None:
        """Take no more calls and stop the plugins' loops. What hangs in a plugin is left behind."""
        for lane in self._lanes.values():
            lane.begin_close()
        for lane in self._lanes.values():
            lane.close()

    def add(self, plugin: str, contract: str, number: int, instance: object) -> list[str]:
        """Validate, lift and register a plugin object. Raises ContractError; returns notes."""
        notes = validate(instance, self._contracts[contract].version(number))
        self._register(plugin, contract, number, instance)
        return notes

    def _register(self, plugin: str, contract: str, number: int, instance: object, *, package: str = "") -> None:
        spoken = self._contracts[contract]
        # A package has one lane for all its contracts: the same code, the same slots.
        lane = self._lanes.setdefault((plugin, package), Lane(plugin, slots=self._slots))
        self._registries[contract].add(plugin, lift(instance, spoken, number, lane), lane)

    def _find(self, spec: Callable[..., Any]) -> tuple[Registry, HookInfo]:
        try:
            return self._hooks[spec]
        except KeyError:
            raise ContractError(
                f"{spec.__module__}.{spec.__qualname__} is not a hook of a newest version; "
                f"callers use the newest version only"
            ) from None

    def _consider(self, offer: Offer, rivals: list[Offer], disabled: Collection[str], import_timeout: float) -> Report:
        contract = self._contracts[offer.contract]
        common = [number for number in offer.entry_points if _speaks(contract, number)]
        number = max(common or offer.entry_points)
        report = _Draft(offer, number)
        if offer.plugin in disabled:
            return report.end("disabled")
        if rivals:
            packages = ", ".join(sorted(_package(one) for one in [offer, *rivals]))
            return report.end("refused", f"is offered by several packages: {packages}; uninstall all but one of them")
        if not common:
            newer = min(offer.entry_points) > contract.newest.number
            advice = "upgrade adjoin" if newer else f"upgrade {offer.package}"
            return report.end(
                "refused",
                f"{_package(offer)} offers contract {contract.name!r} {offer.versions}, "
                f"this adjoin speaks {contract.spoken}; {advice}",
            )
        if offer.fault:
            return report.end("failed", f"{_package(offer)} is not installed properly: {offer.fault}; reinstall it")

        def bring_in() -> tuple[object, list[str]]:
            instance = offer.entry_points[number].load()
            return instance, validate(instance, contract.version(number))

        try:
            # Validation looks at every attribute, so it runs the plugin's code too.
            instance, notes = Lane(offer.plugin).start("import", bring_in).wait(import_timeout)
            self._register(offer.plugin, contract.name, number, instance, package=offer.package)
        except ContractError as error:
            return report.end(
                "refused", f"{_package(offer)} does not fit contract {contract.name!r} v{number}: {error}"
            )
        except AdjoinError as error:
            return report.end("failed", f"{_package(offer)} cannot be imported: {_reason(error, import_timeout)}")
        removal = contract.version(number).removal
        if removal is not None:
            note = (
                f"plugin {offer.plugin!r} ({_package(offer)}) speaks contract {contract.name!r} v{number}, which stops "
                f"working in adjoin {removal.release}, not before {removal.not_before}; use {removal.instead}; "
                f"please tell the authors of {offer.package}"
            )
            warnings.warn(note, ContractDeprecation, stacklevel=3)  # at the caller of `load`
            notes.append(note)
        return report.end("ok", notes=tuple(notes))


class _Draft:
    def __init__(self, offer: Offer, number: int) -> None:
        self._offer = offer
        self._number = number

    def end(
        self,
        state: Literal["ok", "disabled", "refused", "failed"],
        error: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> Report:
        offer = self._offer
        return Report(
            name=offer.plugin,
            package=offer.package,
            version=offer.package_version,
            contract=offer.contract,
            contract_version=self._number,
            state=state,
            error=None if error is None else redact_text(f"plugin {offer.plugin!r}: {error}"),
            notes=notes,
        )


def _speaks(contract: Contract, number: int) -> bool:
    return contract.versions[0].number <= number <= contract.newest.number


def _same_place(one: Offer, other: Offer) -> bool:
    return (one.plugin, one.contract) == (other.plugin, other.contract)


def _reason(error: AdjoinError, timeout: float) -> str:
    cause = error.__cause__
    if isinstance(error, PluginTimeout):
        return f"the import did not end within {timeout:g} s"
    if isinstance(cause, SystemExit):
        return f"the import tried to end the process (sys.exit({cause.code!r}))"
    return str(error) if cause is None else f"{type(cause).__name__}: {cause}"


def _package(offer: Offer) -> str:
    return f"{offer.package} {offer.package_version}"
