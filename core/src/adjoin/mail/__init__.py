"""The `mail` contract: how mail leaves the house."""

from __future__ import annotations

from adjoin.contract import Contract, ContractVersion
from adjoin.mail import v1

__all__ = ["CONTRACT", "v1"]

CONTRACT = Contract(name="mail", versions=(ContractVersion(number=1, spec=v1.Mailer),))
