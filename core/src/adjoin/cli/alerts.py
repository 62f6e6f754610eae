"""Commands about alerts: alerts list, check, test, mute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from adjoin.alerts.checking import Came
    from adjoin.alerts.rules import RuleLine
    from adjoin.cli._place import Place

__all__ = ["register"]

_NAME = typer.Argument(metavar="ALERT", help="An alert by its name or id, as `adjoin alerts list` names it.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Alerts: what they watch, how they are, and muting them.", rich_markup_mode=None)
    group.command("list")(list_alerts)
    group.command("check")(check)
    group.command("test")(send_test_of)
    group.command("mute")(mute)
    app.add_typer(group, name="alerts", no_args_is_help=True)


def list_alerts(
    context: typer.Context, as_json: bool = typer.Option(False, "--json", help="Print the alerts as JSON.")
) -> None:
    """List the alerts with how they are. They are made in the dashboard; `scheduler.py` has to run for them.

    Example: adjoin alerts list
    """
    from adjoin.alerts.rules import rules_of
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        with place.store.read() as session:
            lines = rules_of(session, place.workspace_id, now=place.now)
        if as_json:
            print_json([_as_json(one) for one in lines])
            return
        print_table(
            [
                ("alert", False),
                ("state", False),
                ("watches", False),
                ("checked", False),
                ("next", False),
                ("id", False),
            ],
            [
                [one.name, _state(one), _watched(one), _when(one.checked_at), _when(one.next_at), one.id[:8]]
                for one in lines
            ],
            empty="There is no alert yet; make one in the dashboard, on the page Alerts.",
        )


def check(
    context: typer.Context,
    alert: str = _NAME,
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON."),
) -> None:
    """Look now whether it is so. Changes nothing and tells nobody.

    Example: adjoin alerts check "Spend of yesterday"
    """
    from adjoin.alerts.rules import find
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        with place.store.read() as session:
            rule = find(session, place.workspace_id, alert)
        came = _looked(place, rule.terms, rule.time_zone)
        if as_json:
            import msgspec

            print_json({"alert": rule.name, "id": rule.id, **msgspec.to_builtins(came)})
            return
        for line in _told(rule.name, came):
            print(line)


def send_test_of(context: typer.Context, alert: str = _NAME) -> None:
    """Send a test to everybody that an alert tells, by mail and to its targets.

    Example: adjoin alerts test "Spend of yesterday"
    """
    from adjoin.alerts.telling import Post, send_test
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        post = Post(place.runtime.vault, place.runtime.settings.base_url)
        with place.runtime.store.write() as session:
            rule, sent = send_test(session, post, place.workspace_id, alert, by=place.actor, now=place.now)
        say(
            f"on its way: a test of {rule.name!r}, {sent} {'message' if sent == 1 else 'messages'}; the scheduler sends"
        )


def mute(
    context: typer.Context,
    alert: str = _NAME,
    span: str = typer.Option("24h", "--for", metavar="TIME", help="For how long, such as 4h or 3d."),
    off: bool = typer.Option(False, "--off", help="End it: the alert tells again, and is checked at once."),
) -> None:
    """Have an alert tell nobody for some time. It is checked meanwhile; what goes on then is told then.

    Example: adjoin alerts mute "Spend of yesterday" --for 3d
    """
    from adjoin.alerts import rules
    from adjoin.cli._place import place_of
    from adjoin.cli.schedules import parse_span

    length = parse_span(span, "--for")
    with place_of(context) as place, place.runtime.store.write() as session:
        rule = rules.find(session, place.workspace_id, alert)
        if off:
            rules.unmute(session, place.workspace_id, rule.id, by=place.actor, now=place.now)
            said = f"not muted any more: {rule.name}"
        else:
            until = place.now + length
            rules.mute(session, place.workspace_id, rule.id, until=until, by=place.actor, now=place.now)
            said = f"muted until {_when(until)}: {rule.name}"
    say(said)


def _looked(place: Place, stored: dict[str, Any], time_zone: str) -> Came:
    from adjoin.alerts.judging import judge, looker_of
    from adjoin.alerts.terms import read_terms

    looker = looker_of(place.runtime.kernel, place.runtime.facts, place.runtime.clock)
    return judge(read_terms(stored), looker(place.store), time_zone=time_zone)


def _told(name: str, came: Came) -> list[str]:
    from adjoin.alerts.judging import Found
    from adjoin.alerts.messages import figures
    from adjoin.writing import Writer

    if not isinstance(came, Found):
        return [f"{name}: {came.why}"]
    return [f"{name}: {'it is so' if came.so else 'it is not so'}", *figures(came, Writer())]


def _as_json(one: RuleLine) -> dict[str, Any]:
    from adjoin.alerts.terms import store_terms

    return {
        "id": one.id,
        "name": one.name,
        "state": one.state.value if one.enabled else "off",
        "watches": None if one.terms is None else store_terms(one.terms),
        "cron": one.cron,
        "time_zone": one.time_zone,
        "since": one.since,
        "muted_until": one.muted_until,
        "checked_at": one.checked_at,
        "next_at": one.next_at,
        "note": one.note,
        "author": one.author,
    }


def _state(one: RuleLine) -> str:
    if not one.enabled:
        return "off"
    if one.muted_until is not None:
        return f"muted until {_when(one.muted_until)}"
    return one.state.value if one.since is None else f"{one.state.value} since {_when(one.since)}"


def _watched(one: RuleLine) -> str:
    from adjoin.alerts.messages import watched
    from adjoin.writing import Writer

    told = one.note if one.terms is None else watched(one.terms, Writer())
    return told if not one.note or one.terms is None else f"{told}. Now: {one.note}"


def _when(at: Any) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
