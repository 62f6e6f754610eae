"""Reporting: jobs that move on with each poll, not with the clock, so that tests need not wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from adjoin_microsoft.sandbox.calls import Call
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.errors import fault, operation_error
from adjoin_microsoft.sandbox.faulting import Faulting
from adjoin_microsoft.sandbox.links import Links, refused_link
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.report_file import ReportWriter, zipped
from adjoin_microsoft.sandbox.report_request import ReportQuery, read_request
from adjoin_microsoft.sandbox.report_rows import report_rows

__all__ = ["Reports"]

_LIFE = timedelta(days=2)
_FIRST_ID = 30_000_012_345

#: So many files are kept; what is asked for again later is made again.
_KEPT_FILES = 8


@dataclass(slots=True)
class _Job:
    id: str
    query: ReportQuery
    pending: int
    course: Literal["usual", "failed", "empty"] = "usual"
    rows: int | None = None

    @property
    def running(self) -> bool:
        return self.pending > 0


@dataclass(slots=True)
class Reports:
    """All jobs. `pending_polls` of a job show Pending; `slots` jobs may be pending at the same time (None: any)."""

    objects: Objects
    directory: Directory
    writer: ReportWriter
    faulting: Faulting
    links: Links
    pending_polls: int = 1
    slots: int | None = None
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _files: dict[str, bytes] = field(default_factory=dict)

    def answer(self, call: Call, now: datetime) -> Mapping[str, Any]:
        if call.method == "POST" and call.operation == "GenerateReport/Submit":
            return self._submit(call, now)
        if call.method == "POST" and call.operation == "GenerateReport/Poll":
            return self._poll(call, now)
        raise fault(204, details=f"{call.method} {call.operation}")

    def _submit(self, call: Call, now: datetime) -> Mapping[str, Any]:
        query = read_request(call, self.directory, self.objects, now)
        for account in query.accounts:
            self.faulting.refuse_account(account, "report")
        if self.faulting.due("report", "report_incomplete"):
            raise operation_error(2004)
        busy = self.slots is not None and sum(job.running for job in self._jobs.values()) >= self.slots
        if busy or self.faulting.due("report", "report_queue_full"):
            raise operation_error(207)
        job = _Job(f"{_FIRST_ID + len(self._jobs)}_{now:%Y%m%d}", query, self.pending_polls)
        if self.faulting.due("report", "report_stuck"):
            job.pending = 1_000_000
        if self.faulting.due("report", "report_slow"):
            job.pending += 5
        for kind in ("failed", "empty"):
            if self.faulting.due("report", f"report_{kind}"):
                job.course = kind
        self._jobs[job.id] = job
        return {"ReportRequestId": job.id}

    def _poll(self, call: Call, now: datetime) -> Mapping[str, Any]:
        call.known_keys("ReportRequestId")
        job = self._jobs.get(call.text("ReportRequestId"))
        if job is None or now - job.query.as_of >= _LIFE:
            raise operation_error(2100)
        if job.running:
            job.pending -= 1
            return _status("Pending")
        if job.course == "failed":
            return _status("Error")
        if job.course == "empty" or not self._count(job):
            return _status("Success")
        return _status("Success", self.links.make(call.base, f"reports/{job.id}.zip", now))

    def file(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> bytes:
        """Return the file of a link."""
        self.links.check(path, params, headers, now)
        if self.faulting.due("facts", "download_expired"):
            raise refused_link("Signature not valid in the specified time frame.")
        job = self._jobs[path.removeprefix("reports/").removesuffix(".zip")]
        if job.id not in self._files:
            self._make(job)
        return self._files[job.id]

    def _count(self, job: _Job) -> int:
        return self._make(job) if job.rows is None else job.rows

    def _make(self, job: _Job) -> int:
        rows = report_rows(self.objects.world, job.query)
        job.rows = rows.num_rows
        if rows.num_rows:
            self._files[job.id] = zipped(f"{job.id}.csv", self.writer.content(job.query, rows))
            while len(self._files) > _KEPT_FILES:
                del self._files[next(iter(self._files))]
        return rows.num_rows


def _status(status: str, url: str | None = None) -> Mapping[str, Any]:
    return {"ReportRequestStatus": {"Status": status, "ReportDownloadUrl": url}}
