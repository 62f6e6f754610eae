"""A report on its way: as a mail, and as the message that Slack and programs are sent."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import msgspec

from adjoin.alerts.messages import for_slack, harmless, one_line
from adjoin.db.reports import SendKind
from adjoin.mail.v1 import Attachment, Mail
from adjoin.reports.content import Content, write_content
from adjoin.reports.figures import Figures
from adjoin.reports.html import as_html, as_text
from adjoin.reports.pdf import as_pdf
from adjoin.writing import Writer

__all__ = ["Heading", "ReportMessage", "Written", "as_json", "as_slack", "mail_of", "message_of", "notice_of", "write"]

_LONGEST_SUBJECT = 200
_LONGEST_SLACK = 2_900  # characters; a text block of Slack has up to 3,000
_SLACK_ROWS = 10
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029"/\\<>:|?*]+')


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What every form of a report begins and ends with. `why` says who is sent it and when, `link` where it is kept."""

    report_id: str
    name: str
    workspace_id: str
    workspace: str
    kind: SendKind
    due: datetime
    at: datetime
    link: str
    why: str

    @property
    def subject(self) -> str:
        test = "Test: " if self.kind is SendKind.TEST else ""
        return f"{test}{self.name} ({self.workspace})"


class ReportMessage(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """What targets are sent. `id` is the same whenever the same message is sent again; amounts are micros, as text.

    `told` is what people read; `totals`, `before` and `rows` are exact. A report that could not be made has `error`.
    """

    id: str
    heading: Heading
    told: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    currency: str = ""
    metrics: tuple[str, ...] = ()
    totals: dict[str, Any] = {}
    before: dict[str, Any] | None = None
    rows: tuple[dict[str, Any], ...] = ()
    total_rows: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A report as one reader is sent it."""

    subject: str
    text: str
    html: str
    pdf: bytes | None
    file_name: str
    problems: int


def write(figures: Figures, heading: Heading, writer: Writer, *, with_pdf: bool) -> Written:
    """Write a report for a reader. Raises StateError where the PDF file cannot be made."""
    content = write_content(figures, name=heading.name, workspace=heading.workspace, write=writer)
    return Written(
        subject=f"{heading.subject}: {content.days}",
        text=as_text(content, link=heading.link, why=heading.why),
        html=as_html(content, link=heading.link, why=heading.why),
        pdf=as_pdf(content, why=heading.why, made_at=figures.made_at) if with_pdf else None,
        file_name=f"{_file_name(content)} {figures.since} to {figures.until}.pdf",
        problems=len(content.problems),
    )


def mail_of(written: Written, heading: Heading, *, to: str, key: str) -> Mail:
    """Return the mail to one person."""
    files: tuple[Attachment, ...] = ()
    if written.pdf is not None:
        files = (Attachment(name=written.file_name, content_type="application/pdf", data=written.pdf),)
    return Mail(
        to=to,
        subject=harmless(written.subject)[:_LONGEST_SUBJECT],
        text=written.text,
        html=written.html,
        kind="report.test" if heading.kind is SendKind.TEST else "report.sent",
        key=f"{key} {to}",
        attachments=files,
    )


def notice_of(heading: Heading, error: str, *, to: str, key: str) -> Mail:
    """Return the mail that says that a report could not be made."""
    said = [
        f"Could not be made: {heading.name}",
        f"This report could not be made: {_ended(error)} It is tried again at its next time.",
    ]
    lines = [harmless(one) for one in said]
    return Mail(
        to=to,
        subject=f"{lines[0]} ({harmless(heading.workspace)})"[:_LONGEST_SUBJECT],
        text="\n\n".join([*lines, heading.link, harmless(heading.why)]) + "\n",
        kind="report.failed",
        key=f"{key} {to}",
    )


def message_of(figures: Figures, heading: Heading, *, key: str) -> ReportMessage:
    """Return what targets are sent of a report, written for nobody in particular."""
    answer, names = figures.answer, [one.name for one in figures.metrics]
    writer = Writer(time_zone=figures.time_zone)
    content = write_content(figures, name=heading.name, workspace=heading.workspace, write=writer)
    return ReportMessage(
        id=key,
        heading=heading,
        told=_told(content),
        problems=content.problems,
        since=figures.since,
        until=figures.until,
        currency=answer.currency or figures.terms.currency,
        metrics=tuple(names),
        totals={one: _plain(answer.totals.get(one)) for one in names},
        before=None if answer.before is None else {one: _plain(answer.before.get(one)) for one in names},
        rows=tuple({name: _plain(value) for name, value in row.items()} for row in answer.rows.to_pylist()),
        total_rows=answer.total_rows,
        notes=content.notes,
    )


def as_slack(message: ReportMessage) -> dict[str, Any]:
    """Write what Slack's incoming webhooks take. Names are shown as they are and mention nobody."""
    heading = message.heading
    head = one_line(heading.subject)
    error = [f"It could not be made: {_ended(message.error)}"] if message.error else []
    lines = [*error, *(f"Beware: {one}" for one in message.problems), *message.told]
    end = [heading.link, one_line(heading.why)]
    whole = "\n".join(one_line(one) for one in lines)
    foot = "\n".join(end)
    return {
        "text": for_slack(head),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": head[:150], "emoji": False}},
            {
                "type": "section",
                "text": {
                    "type": "plain_text",
                    "text": f"{whole[: _LONGEST_SLACK - len(foot)]}\n{foot}",
                    "emoji": False,
                },
            },
        ],
    }


def as_json(message: ReportMessage) -> dict[str, Any]:
    """Write what programs get, see docs/reports.md: amounts in micros and exact figures as text."""
    heading = message.heading
    body: dict[str, Any] = {
        "version": 1,
        "id": message.id,
        "event": "report.failed"
        if message.error
        else "report.test"
        if heading.kind is SendKind.TEST
        else "report.sent",
        "at": heading.at.isoformat(),
        "due": heading.due.isoformat(),
        "workspace": {"id": heading.workspace_id, "name": heading.workspace},
        "report": {"id": heading.report_id, "name": heading.name},
        "link": heading.link,
    }
    if message.error:
        return body | {"why": message.error}
    return body | {
        "since": str(message.since),
        "until": str(message.until),
        "currency": message.currency,
        "metrics": list(message.metrics),
        "totals": message.totals,
        "before": message.before,
        "rows": list(message.rows),
        "total_rows": message.total_rows,
        "problems": list(message.problems),
        "notes": list(message.notes),
        "text": " ".join(message.told),
    }


def _told(content: Content) -> tuple[str, ...]:
    """Say in a few lines what is in a report: the totals, and the first rows by the first metric."""
    if content.empty:
        return (f"{content.days}: {content.empty}",)
    after = f", {content.compared}" if content.compared else ""
    told = [f"{content.days}{after}"]
    told += [
        f"{name}: {one.value}{f' ({one.change})' if one.change else ''}"
        for name, one in zip(content.head, content.tiles, strict=True)
    ]
    if content.rows:
        told.append(f"{content.head[0]} by {content.lead.lower()}:")
    told += [f"{row.name}: {row.cells[0].value}" for row in content.rows[:_SLACK_ROWS]]
    return tuple(told)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it exactly: numbers as text but for counts, days as text."""
    if value is None or value != value:  # NaN, which alone differs from itself
        return None
    if isinstance(value, bool | str):
        return value
    return repr(value) if isinstance(value, float) else str(value)


def _file_name(content: Content) -> str:
    return " ".join(_UNFIT.sub(" ", content.name).split()).strip(". ")[:80] or "Report"


def _ended(text: str) -> str:
    whole = one_line(text)
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."
