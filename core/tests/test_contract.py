"""What a contract declares, and what it refuses to be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date
from typing import ClassVar

import pytest

from adjoin.contract import Contract, ContractVersion, Removal, Upgrader, hookspec, payload
from adjoin.contracts import CONTRACTS

REMOVAL = Removal(release="9.0", not_before=date(2030, 1, 1), instead="v2")


class V1:
    @hookspec(required=True, timeout=5)
    def greet(self, name: str) -> str:
        raise NotImplementedError


class V2:
    @hookspec()
    def greet(self, name: str, loudly: bool = False) -> str:
        raise NotImplementedError

    def helper(self) -> None:
        """Not a hook."""


class V1ToV2(Upgrader):
    needs: ClassVar = {"greet": ("greet",)}


FIRST = ContractVersion(number=1, spec=V1, removal=REMOVAL)
SECOND = ContractVersion(number=2, spec=V2)


def test_a_version_knows_its_hooks_and_how_they_are_called() -> None:
    hooks = FIRST.hooks

    assert list(hooks) == ["greet"]
    assert (hooks["greet"].required, hooks["greet"].timeout, hooks["greet"].stream) == (True, 5, False)


def test_what_is_not_marked_is_no_hook() -> None:
    assert list(SECOND.hooks) == ["greet"]


def test_the_newest_version_is_the_last() -> None:
    contract = Contract(name="toy", versions=(FIRST, SECOND), upgraders={1: V1ToV2})

    assert contract.newest is SECOND
    assert contract.version(1) is FIRST
    with pytest.raises(KeyError):
        contract.version(3)


@pytest.mark.parametrize(("versions", "spoken"), [((SECOND,), "v2"), ((FIRST, SECOND), "v1 to v2")])
def test_the_versions_it_speaks_read_well_in_a_message(versions: tuple[ContractVersion, ...], spoken: str) -> None:
    upgraders = {1: V1ToV2} if len(versions) > 1 else {}

    assert Contract(name="toy", versions=versions, upgraders=upgraders).spoken == spoken


class NeedsNothingKnown(Upgrader):
    needs: ClassVar = {"greet": ("great",)}


class ServesNothingKnown(Upgrader):
    needs: ClassVar = {"farewell": ("greet",)}


@pytest.mark.parametrize(
    ("versions", "upgraders", "complaint"),
    [
        ((FIRST, ContractVersion(number=3, spec=V2)), {1: V1ToV2}, "must follow each other"),
        ((SECOND, FIRST), {2: V1ToV2}, "must follow each other"),
        ((FIRST, SECOND), {}, "needs an upgrader"),
        ((SECOND,), {2: V1ToV2}, "needs an upgrader"),
        ((FIRST, SECOND), {1: NeedsNothingKnown}, "great"),
        ((FIRST, SECOND), {1: ServesNothingKnown}, "farewell"),
        ((ContractVersion(number=1, spec=V1), SECOND), {1: V1ToV2}, "needs a removal"),
    ],
)
def test_a_contract_that_cannot_work_is_refused(
    versions: tuple[ContractVersion, ...], upgraders: dict[int, type[Upgrader]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Contract(name="toy", versions=versions, upgraders=upgraders)


def test_a_payload_is_frozen_and_takes_keywords_only() -> None:
    @payload
    class Greeting:
        text: str

    greeting = Greeting(text="hello")

    with pytest.raises(FrozenInstanceError):
        greeting.text = "bye"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Greeting("hello")  # type: ignore[call-arg]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_hook_says_fully_how_it_is_called(contract: Contract) -> None:
    for version in contract.versions:
        for name in version.hooks:
            text = getattr(version.spec, name).__doc__ or ""
            assert "Called" in text, f"{contract.name} v{version.number} {name}: when and by whom is it called?"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_an_old_version_lives_for_a_year_at_least(contract: Contract) -> None:
    for version in contract.versions[:-1]:
        assert version.removal is not None
        assert version.removal.instead
        assert version.removal.not_before >= date(2027, 11, 1)  # v2 shipped in November 2026
