"""What people and programs are told of a rule: a message, and how it is written as mail, for Slack, and as JSON."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from html import escape
from typing import Any

import msgspec

from adjoin.alerts.judging import Against, Found
from adjoin.alerts.terms import Anomaly, Change, Compared, Health, Pacing, Side, Terms, Threshold
from adjoin.analytics.v1 import Unit
from adjoin.mail.v1 import Mail
from adjoin.writing import MISSING, Writer

__all__ = [
    "Message",
    "MessageEvent",
    "as_json",
    "as_mail",
    "as_slack",
    "for_slack",
    "harmless",
    "headline",
    "one_line",
    "sentences",
    "watched",
    "written",
]

#: What a mail program makes a link of, even where nobody wrote one: example.com, a@b, https://. Not 1.5.
_LINKED = re.compile(r"(?<=\S)(\.(?=[^\W\d_])|@(?=\S)|:(?=//))")
_WORD_JOINER = "\u2060"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_SUBJECT = 200
_LONGEST_SLACK = 2_900  # characters; a text block of Slack has up to 3,000
_COLOURS = {"firing": "#B42318", "ended": "#067647", "broken": "#B54708", "mended": "#067647", "test": "#344054"}


class MessageEvent(StrEnum):
    """What a message tells."""

    FIRING = "firing"  #: what the rule watches for is so
    ENDED = "ended"  #: it is not so any more
    BROKEN = "broken"  #: the rule cannot be checked
    MENDED = "mended"  #: it can be checked again
    TEST = "test"  #: somebody tries whether messages arrive


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told. `id` is the same whenever the same message is sent again; `why` says what is in the way."""

    id: str
    event: MessageEvent
    at: datetime
    workspace_id: str
    workspace: str
    rule_id: str
    rule: str
    kind: str = ""  #: of the rule's terms
    watched: str = ""  #: what is watched for, in words
    found: Found | None = None
    began_at: datetime | None = None
    why: str = ""


def written(value: Decimal | None, unit: Unit | None, write: Writer, currency: str) -> str:
    """Write a figure of a check: money is in whole units there."""
    if value is None:
        return MISSING
    match unit:
        case Unit.MONEY:
            return write.money(value.scaleb(6), currency)
        case Unit.SHARE:
            return write.percent(value)
        case Unit.MULTIPLE:
            return write.times(value)
        case _:
            return write.count(value)


def watched(terms: Terms, write: Writer, *, title: str = "", unit: Unit | None = None) -> str:
    """Say in words what a rule watches for. `title` and `unit` are those of its metric, where they are known."""
    match terms:
        case Threshold():
            limit = written(terms.value, unit, write, terms.currency)
            return f"{title or terms.metric}, {terms.days}, is {terms.side} {limit}{_part(terms)}"
        case Change():
            moved = "more" if terms.side is Side.ABOVE else "less"
            before = "the days before" if terms.compared is Compared.PERIOD else "a year before"
            limit = _percent(terms.percent, write)
            return f"{title or terms.metric}, {terms.days}, is over {limit} {moved} than {before}{_part(terms)}"
        case Anomaly():
            return f"{title or terms.metric or 'any metric'} was unusual yesterday{_part(terms)}"
        case Pacing():
            budget = written(terms.budget, Unit.MONEY, write, terms.currency)
            return f"the month will be over {_percent(terms.percent, write)} off a budget of {budget}{_part(terms)}"
        case Health():
            which = "a connection" if not terms.connections else "one of the chosen connections"
            return f"{which} {'is broken' if terms.least == 'broken' else 'needs attention or is broken'}"


def headline(message: Message) -> str:
    """Say in one line what the message is about."""
    said = {
        MessageEvent.FIRING: "Alert",
        MessageEvent.ENDED: "Over",
        MessageEvent.BROKEN: "Cannot be checked",
        MessageEvent.MENDED: "Can be checked again",
        MessageEvent.TEST: "Test",
    }[message.event]
    return f"{said}: {message.rule}"


def sentences(message: Message, write: Writer) -> list[str]:
    """Say what was found, for somebody who reads numbers and days as `write` writes them."""
    match message.event:
        case MessageEvent.TEST:
            return [
                "This is a test. Messages of this alert arrive here.",
                *([f"It watches whether {message.watched}."] if message.watched else []),
            ]
        case MessageEvent.BROKEN:
            return [f"This alert cannot be checked: {_ended(message.why)}", "It is tried again at its next times."]
        case MessageEvent.MENDED:
            return ["This alert can be checked again. What it watches for is not so."]
    told = [] if message.found is None else figures(message.found, write)
    if message.event is MessageEvent.ENDED:
        since = "" if message.began_at is None else f" It began {write.stamp(message.began_at)}."
        return [f"What this alert watches for is not so any more.{since}", *told]
    return told


def figures(found: Found, write: Writer) -> list[str]:
    """Say what a check has found."""
    told: list[str] = []
    if found.title:
        days = "" if found.since is None or found.until is None else f" {_days(found, write)}"
        value = written(found.value, found.unit, write, found.currency)
        told.append(f"{found.title}{days}{_compared(found, value, write)}")
    told += [f"{one_line(one.name)}: {_ended(one.text)}" for one in found.things]
    if found.more:
        told.append(f"And {found.more} more.")
    if found.changing:
        told.append("Some of these days may still change.")
    return told


def _compared(found: Found, value: str, write: Writer) -> str:
    limit = written(found.limit, found.unit, write, found.currency)
    before = written(found.before, found.unit, write, found.currency)
    percent = found.percent or Decimal(0)
    match found.against:
        case Against.LIMIT:
            return f": {value}. The limit is {limit}."
        case Against.BEFORE:
            return f": {value}, before {before} ({'+' if percent > 0 else '−'}{_percent(abs(percent), write)})."
        case Against.BUDGET:
            off = f"{_percent(abs(percent), write)} {'above' if percent > 0 else 'below'}"
            return f" will come to {value}, {off} the budget of {limit}. So far: {before}."


def as_mail(message: Message, *, to: str, write: Writer, link: str) -> Mail:
    """Write the mail to one person. What people and platforms have named becomes no link in it."""
    lines = [harmless(one) for one in sentences(message, write)]
    subject = f"{harmless(headline(message))} ({harmless(message.workspace)})"[:_LONGEST_SUBJECT]
    said = f"Told {write.stamp(message.at)} by an alert of the workspace “{harmless(message.workspace)}”."
    text = "\n\n".join([harmless(headline(message)), *lines, link, said]) + "\n"
    cell = "font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:15px;line-height:22px;color:#101828;"
    paragraphs = "".join(f'<p style="margin:0 0 12px 0;">{escape(one)}</p>' for one in lines)
    html = (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td align="left">'
        '<table role="presentation" width="560" cellpadding="0" cellspacing="0" border="0">'
        f'<tr><td style="{cell}padding:16px 20px;border-left:4px solid {_COLOURS[message.event]};">'
        f'<p style="margin:0 0 12px 0;font-size:18px;line-height:26px;"><b>{escape(harmless(headline(message)))}</b>'
        f'</p>{paragraphs}<p style="margin:0 0 12px 0;"><a href="{escape(link)}" style="color:#175CD3;">Open in '
        f'Adjoin</a></p><p style="margin:0;font-size:13px;line-height:18px;color:#475467;">{escape(said)}</p>'
        "</td></tr></table></td></tr></table>"
    )
    return Mail(to=to, subject=subject, text=text, html=html, kind=f"alert.{message.event}", key=f"{message.id} {to}")


def as_slack(message: Message, *, write: Writer, link: str) -> dict[str, Any]:
    """Write what Slack's incoming webhooks take. Names are shown as they are and mention nobody."""
    lines = [one_line(one) for one in sentences(message, write)]
    whole = "\n".join([*lines, link, f"Workspace: {one_line(message.workspace)}"])
    head = one_line(headline(message))
    return {
        "text": for_slack(head),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": head[:150], "emoji": False}},
            {"type": "section", "text": {"type": "plain_text", "text": whole[:_LONGEST_SLACK], "emoji": False}},
        ],
    }


def as_json(message: Message, *, link: str) -> dict[str, Any]:
    """Write what programs get, see docs/alerts.md: exact figures as text, instants in UTC."""
    found = message.found
    body: dict[str, Any] = {
        "version": 1,
        "id": message.id,
        "event": message.event.value,
        "at": message.at.isoformat(),
        "workspace": {"id": message.workspace_id, "name": message.workspace},
        "rule": {"id": message.rule_id, "name": message.rule, "kind": message.kind, "watches": message.watched},
        "link": link,
        "text": " ".join(sentences(message, Writer())),
    }
    if message.began_at is not None:
        body["began_at"] = message.began_at.isoformat()
    if found is not None:
        body["found"] = msgspec.to_builtins(found)
    if message.why:
        body["why"] = message.why
    return body


def _part(terms: Threshold | Change | Anomaly | Pacing) -> str:
    part = terms.part
    told = [*part.platforms, *part.accounts]
    if part.campaign:
        told.append(f"campaigns with “{part.campaign}”")
    return f" ({', '.join(told)})" if told else ""


def _percent(value: Decimal, write: Writer) -> str:
    return write.percent(value / 100, 0 if value == value.to_integral_value() else 1)


def _days(found: Found, write: Writer) -> str:
    assert found.since is not None
    assert found.until is not None
    if found.since == found.until:
        return f"on {write.day(found.since)}"
    return f"in {write.days(found.since, found.until)}"


def _ended(text: str) -> str:
    whole = one_line(text)
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."


def one_line(text: str) -> str:
    """Return a text without line breaks and control signs, blanks joined."""
    return " ".join(_CONTROL.sub(" ", text).split())


def harmless(text: str) -> str:
    """Return a text in one line of which no mail program makes a link."""
    return _LINKED.sub(rf"\1{_WORD_JOINER}", one_line(text))


def for_slack(text: str) -> str:
    """Return a text that Slack shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
