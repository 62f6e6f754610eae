"""The step from `ads` v1 to v2: rows become batches, the token comes from the client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from adjoin.ads import v1, v2
from adjoin.ads.datasets import arrow_schema
from adjoin.contract import Upgrader, hookimpl
from adjoin.errors import ErrorKind, PlatformError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AdsV1ToV2"]

#: All that v1 has: one list and one dataset.
_CAMPAIGNS, _RESULTS = "campaigns", "campaign_daily"

_STATUS = {"active": v2.Status.ACTIVE, "paused": v2.Status.PAUSED, "removed": v2.Status.REMOVED}


class AdsV1ToV2(Upgrader):
    """A v1 plugin seen as v2: pasted token, campaigns and their daily results, the contract's default look-back.

    What v1 cannot say is not implemented: no OAuth, no verdicts, no changes, no sandbox.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "accounts": ("accounts",),
        "read": ("campaigns", "performance"),
    }

    @hookimpl
    def describe(self) -> v2.Description:
        return v2.Description(
            title=self.previous.plugin.replace("-", " ").replace("_", " ").title(),
            base_url="",
            api_version="",
            auth=v2.Auth(methods=("token",)),
            streams=(
                v2.Stream(name=_CAMPAIGNS, kind="entities"),
                v2.Stream(name=_RESULTS, kind="facts"),
            ),
        )

    @hookimpl
    async def accounts(self, client: v2.Client) -> list[v2.Account]:
        token = await client.access_token()
        return [
            v2.Account(id=one.id, name=one.name, currency=one.currency, time_zone=one.time_zone)
            for one in await self.previous.acall(v1.Ads.accounts, token=token)
        ]

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        if request.stream not in (_CAMPAIGNS, _RESULTS):
            raise PlatformError(f"This platform has no {request.stream!r}", kind=ErrorKind.INVALID, code="stream")
        token = await client.access_token()
        account = request.account.id
        if request.stream == _CAMPAIGNS:
            campaigns = await self.previous.acall(v1.Ads.campaigns, account=account, token=token)
            yield v2.EntityBatch(entities=tuple(_campaign(account, one) for one in campaigns))
            return
        if request.window is None:
            raise PlatformError(f"{_RESULTS} needs a window of days", kind=ErrorKind.INVALID, code="no-window")
        rows = await self.previous.acall(
            v1.Ads.performance,
            account=account,
            start=request.window.since,
            end=request.window.until,
            token=token,
        )
        yield v2.FactBatch(dataset=_RESULTS, rows=_table(account, rows))


def _campaign(account: str, one: v1.Campaign) -> v2.Campaign:
    return v2.Campaign(
        id=one.id,
        account_id=account,
        name=one.name,
        status=_STATUS.get(one.status, v2.Status.UNKNOWN),
        native_status=one.status,
    )


def _table(account: str, rows: list[v1.Performance]) -> pa.RecordBatch:
    import pyarrow as pa

    schema = arrow_schema(_RESULTS)
    columns: dict[str, list[Any]] = {
        "date": [row.date for row in rows],
        "account_id": [account] * len(rows),
        "campaign_id": [row.campaign_id for row in rows],
        "impressions": [row.impressions for row in rows],
        "clicks": [row.clicks for row in rows],
        "cost_micros": [row.cost_micros for row in rows],
        "conversions": [row.conversions for row in rows],
        "conversion_value_micros": [row.conversion_value_micros for row in rows],
        "video_views": [None] * len(rows),
    }
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], type=field.type) for field in schema], schema=schema
    )
