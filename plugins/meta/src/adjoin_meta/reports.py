"""Asynchronous reports: order, wait, and say under which id the result can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from adjoin.ads.v2 import Client, Reply
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.graph import account_path, call
from adjoin_meta.verdict import GraphError, fault_of

__all__ = ["run_report"]

T = TypeVar("T")

#: Seconds between polls: quick at first, since small reports are ready at once, then up to half a minute.
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 30.0

#: A batch has 600 seconds, so a report that takes longer is given up in time and asked for in smaller parts.
_PATIENCE = 480.0

#: A report may be unknown for a moment right after it was ordered.
_UNKNOWN_POLLS = 6

#: A failed or expired report is ordered once more before it counts as too large.
_ORDERS = 2


class _Ordered(msgspec.Struct):
    # The documentation shows a bare number where a text is sent.
    report_run_id: str | int


class _Run(msgspec.Struct):
    async_status: str = ""
    async_percent_completion: int = 0
    error_code: int = 0
    error_subcode: int | None = None
    error_message: str = ""
    error_user_title: str | None = None
    error_user_msg: str | None = None


class _Failed(Exception):
    """The report came to nothing; `kind` says what its error means."""

    def __init__(self, message: str, *, kind: ErrorKind, code: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code


async def run_report(client: Client, account_id: str, params: Mapping[str, str]) -> str:
    """Order a report for an account, wait for it and return its id, to be read at `<id>/insights`.

    Raises PlatformError: `split` for a report that fails twice, is too large or takes too long.
    """
    for order in range(1, _ORDERS + 1):
        run_id = await _order(client, account_id, params)
        try:
            await _wait(client, account_id, run_id)
        except _Failed as error:
            # Ordering twice is harmless; what is known to be too large or wrong is not ordered again.
            if error.kind is ErrorKind.RETRY and order < _ORDERS:
                continue
            kind = ErrorKind.SPLIT if error.kind is ErrorKind.RETRY else error.kind
            raise PlatformError(str(error), kind=kind, code=error.code) from error
        return run_id
    raise AssertionError("unreachable")


async def _order(client: Client, account_id: str, params: Mapping[str, str]) -> str:
    reply = await call(
        client, "POST", f"{account_path(account_id)}/insights", form=params, account=account_id, repeatable=True
    )
    return str(_read(reply, _Ordered).report_run_id)


def _read(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlatformError(
            f"Meta answered about a report with something else: {error}", kind=ErrorKind.RETRY, code="garbled"
        ) from error


async def _wait(client: Client, account_id: str, run_id: str) -> None:
    waited, pause, unknown = 0.0, _FIRST_WAIT, 0
    while True:
        try:
            reply = await call(client, "GET", run_id, account=account_id)
        except PlatformError as error:
            unknown += 1
            if error.code != "100/33" or unknown > _UNKNOWN_POLLS:
                raise
        else:
            if _finished(_read(reply, _Run)):
                return
        if waited >= _PATIENCE:
            raise _Failed(
                f"Meta's report {run_id} was not ready after {waited:.0f} seconds",
                kind=ErrorKind.SPLIT,
                code="report-slow",
            )
        await client.sleep(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_WAIT)


def _finished(run: _Run) -> bool:
    """Say whether the report is complete. 100 percent while it still runs does not count. Raises _Failed."""
    if run.async_status == "Job Completed":
        return run.async_percent_completion >= 100
    if run.async_status == "Job Skipped":
        raise _Failed("Meta skipped the report (it had expired)", kind=ErrorKind.RETRY, code="report-skipped")
    if run.async_status == "Job Failed":
        if not run.error_code:
            raise _Failed("Meta's report failed without a reason", kind=ErrorKind.RETRY, code="report-failed")
        fault = fault_of(
            GraphError(
                code=run.error_code,
                error_subcode=run.error_subcode,
                message=run.error_message,
                error_user_title=run.error_user_title,
                error_user_msg=run.error_user_msg,
            ),
            headers={},
        )
        raise _Failed(f"Meta's report failed. {fault.message}", kind=fault.kind, code=fault.code)
    return False
