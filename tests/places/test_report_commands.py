"""`adjoin reports`: from a definition to what was sent, and what it refuses."""

from __future__ import annotations

import pytest
from sqlmodel import select

from adjoin.db.people import OutgoingMail

OSCAR = "owl-oscar@example.com"
WEEKLY = ("Weekly", "--metric", "cost", "--metric", "cpa", "--over", "last-week", "--to", OSCAR)


def test_a_report_and_what_becomes_of_it(adjoin, town) -> None:
    """Added by the operator, changed, sent as a test, and removed."""

    def reports(*arguments: str):
        answer = adjoin("--workspace", "ours", "reports", *arguments)
        assert answer.code == 0, answer.err
        return answer

    added = reports("add", *WEEKLY, "--every", "month", "--on", "3", "--at", "06:30", "--zone", "Europe/Berlin")
    assert "added: Weekly, sent first " in added.err
    weekly = next(one for one in reports("list", "--json").json if one["name"] == "Weekly")
    assert (weekly["cron"], weekly["time_zone"], weekly["state"]) == ("30 6 3 * *", "Europe/Berlin", "on")
    assert weekly["about"]["metrics"] == ["cost", "cpa"]
    assert weekly["about"]["span"] == "last week"
    shown = reports("show", "Weekly").out
    assert "on day 3 of each month at 06:30 (Europe/Berlin), with PDF" in shown
    assert "owl-oscar" in shown
    assert "last week: metrics=cost,cpa by=campaign" in shown
    reports("pause", "weekly")
    assert "paused" in reports("list").out
    reports("resume", "Weekly")
    assert "muted until" in reports("mute", "Weekly", "--for", "2w").err
    assert "not muted any more" in reports("mute", "Weekly", "--off").err
    assert "1 message; the scheduler sends" in reports("send", "Weekly", "--to", OSCAR).err
    (sent,) = reports("history", "Weekly", "--json").json
    assert (sent["kind"], sent["outcome"], sent["told"], sent["due"]) == ("test", "sent", 1, None)
    with town.open() as store, store.read() as session:
        assert [one.kind for one in session.exec(select(OutgoingMail))] == ["report.test"]
    assert "deleted: Weekly" in reports("remove", "Weekly").err
    assert adjoin("--workspace", "ours", "reports", "show", "Weekly").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("New", "--metric", "nothing", "--to", OSCAR), "there is no metric or dimension 'nothing'"),
        (("New", "--by", "nothing", "--to", OSCAR), "there is no metric or dimension 'nothing'"),
        (("New", "--over", "soon", "--to", OSCAR), "--over 'soon' is not known"),
        (("New", "--on", "someday", "--to", OSCAR), "is no weekday"),
        (("New", "--every", "day", "--on", "monday", "--to", OSCAR), "--on goes with"),
        (("New", "--every", "month", "--on", "31", "--to", OSCAR), "from 1 to 28"),
        (("New", "--at", "25:00", "--to", OSCAR), "is no time"),
        (("New",), "choose who is sent the report"),
        (("Owl Report", "--to", OSCAR), "already"),
    ],
)
def test_what_cannot_be_added(adjoin, town, arguments: tuple[str, ...], said: str) -> None:
    before = town.rows()
    answer = adjoin("--workspace", "ours", "reports", "add", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert town.rows() == before
