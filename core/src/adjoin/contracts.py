"""The contracts of this release."""

from __future__ import annotations

from adjoin import ads, auth, mail, surface
from adjoin.contract import Contract

__all__ = ["CONTRACTS"]

CONTRACTS: tuple[Contract, ...] = (ads.CONTRACT, auth.CONTRACT, mail.CONTRACT, surface.CONTRACT)
