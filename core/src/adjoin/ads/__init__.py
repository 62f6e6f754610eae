"""The `ads` contract: what an ad platform offers."""

from __future__ import annotations

from datetime import date

from adjoin.ads import v1, v2
from adjoin.ads._upgrades import AdsV1ToV2
from adjoin.contract import Contract, ContractVersion, Removal

__all__ = ["CONTRACT", "v1", "v2"]

CONTRACT = Contract(
    name="ads",
    versions=(
        ContractVersion(
            number=1,
            spec=v1.Ads,
            removal=Removal(
                release="0.4",
                not_before=date(2027, 11, 30),
                instead="adjoin.ads.v2 (docs/contracts.md, 'From ads v1 to v2')",
            ),
        ),
        ContractVersion(number=2, spec=v2.Ads),
    ),
    upgraders={1: AdsV1ToV2},
)
