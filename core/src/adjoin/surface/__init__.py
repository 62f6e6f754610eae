"""The `surface` contract: what a plugin contributes to the product."""

from __future__ import annotations

from adjoin.contract import Contract, ContractVersion
from adjoin.surface import v1

__all__ = ["CONTRACT", "v1"]

CONTRACT = Contract(name="surface", versions=(ContractVersion(number=1, spec=v1.Surface),))
