"""The contracts of this release."""

from __future__ import annotations

from adjoin import ads, analytics, auth, mail, surface
from adjoin.contract import Contract

__all__ = ["CONTRACTS"]

CONTRACTS: tuple[Contract, ...] = (ads.CONTRACT, analytics.CONTRACT, auth.CONTRACT, mail.CONTRACT, surface.CONTRACT)
