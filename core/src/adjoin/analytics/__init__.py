"""The `analytics` contract: what figures are called, and what is asked of them."""

from __future__ import annotations

from adjoin.analytics import v1
from adjoin.contract import Contract, ContractVersion

__all__ = ["CONTRACT", "v1"]

CONTRACT = Contract(name="analytics", versions=(ContractVersion(number=1, spec=v1.Analytics),))
