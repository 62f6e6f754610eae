"""The `auth` contract: who vouches for people."""

from __future__ import annotations

from adjoin.auth import v1
from adjoin.contract import Contract, ContractVersion

__all__ = ["CONTRACT", "v1"]

CONTRACT = Contract(name="auth", versions=(ContractVersion(number=1, spec=v1.Auth),))
