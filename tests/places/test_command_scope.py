"""Every command stays in its workspace: what another one has is not there, in no list and under no name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from adjoin.access import workspaces
from adjoin.access.actors import SYSTEM
from adjoin.access.audit import entries
from adjoin.access.permissions import Permission
from adjoin.cli._main import app
from adjoin.cli._needs import INSTALLATION, NEEDS

from .command_arguments import NEEDED

OF_WORKSPACES = sorted(words for words, need in NEEDS.items() if need is not INSTALLATION)

#: For each parameter that names something: how another workspace's is asked for. Or why it names nothing of one.
TRIES: dict[tuple[str, str], list[tuple[str, ...]] | str] = {
    ("connect", "platform"): "platforms are those that are installed",
    ("connect", "label"): "a new name",
    ("connect", "sandbox"): "an address of this machine",
    ("connect", "token"): "asks for an access token",
    ("connections history", "connection"): [
        (name, "--since", "2026-01-01") for name in ("zebra0connection", "zebra0", "Zebra Ads", "meta")
    ],
    ("gaps", "platform"): [("--platform", "meta")],
    ("gaps", "account"): [("--account", "zebra-account")],
    ("members invite", "email"): "whoever it is can be invited",
    **{(f"alerts {what}", "alert"): [("zebra-alert",), ("Zebra Alert",)] for what in ("check", "mute", "test")},
    **{
        (f"reports {what}", "report"): [("zebra-report",), ("Zebra Report",)]
        for what in ("history", "mute", "pause", "remove", "resume", "send", "show")
    },
    ("reports send", "to"): [("owl-report", "--to", "zebra-zoe@example.com")],
    ("reports add", "name"): "a new name",
    ("reports add", "to"): [("New", "--to", "zebra-zoe@example.com")],
    ("reports add", "target"): [("New", "--target", "zebra-target", "--to", "owl-oscar@example.com")],
    ("reports add", "where"): "what it is about is asked for when it is sent, in its own workspace",
    ("members remove", "email"): [("zebra-zoe@example.com",), ("zebra-zoe",), ("zebra-invited@example.com",)],
    ("members resend", "email"): [("zebra-invited@example.com",)],
    ("members role", "email"): [("zebra-zoe@example.com", "viewer"), ("zebra-zoe", "viewer")],
    ("metrics define", "name"): "a new name",
    ("metrics define", "formula"): "over sums that all workspaces have",
    ("metrics define", "title"): "a new name",
    ("metrics define", "description"): "a text",
    ("metrics fields define", "name"): "a new name",
    ("metrics fields define", "pattern"): "for the names of this one",
    ("metrics fields define", "of"): "account, campaign, ad_group or ad",
    ("metrics fields define", "value"): "texts",
    ("metrics fields forget", "name"): [("zebra_names",)],
    ("metrics forget", "name"): [("zebra_metric",)],
    ("report", "platform"): [("--platform", "meta"), ("--restated", "--platform", "meta")],
    ("report", "account"): [("--account", "zebra-account"), ("--restated", "--account", "zebra-account")],
    ("report", "campaign"): [("--campaign", "zebra-campaign")],
    ("report", "where"): [("--where", "platform=meta"), ("--where", "account=zebra-account")],
    ("report", "xlsx"): "a new file",
    ("report", "parquet"): "a new file",
    ("runs cancel", "run"): [("zebra-run",), ("zebra",)],
    ("runs show", "run"): [("zebra-run",), ("zebra",)],
    **{
        (f"schedules {change}", "target"): [
            (name, *more) for name in ("zebra0connection", "zebra0", "Zebra Ads", "meta", "zebra/job")
        ]
        for change, more in (("pause", ()), ("remove", ()), ("resume", ()), ("set", ("--every", "4h")))
    },
    ("sync", "platform"): [("--platform", "meta")],
    ("sync", "account"): [("--account", "zebra-account")],
}
#: Parameters that name nothing of a workspace, whatever the command.
NEUTRAL = {
    *("as_json", "as_csv", "by", "currency", "dataset", "deep", "full", "limit", "quick", "forget", "restated"),
    *("since", "until", "first", "last", "as_of", "cron", "every", "zone", "jitter", "catch_up", "role", "show_link"),
    *("compare", "metric", "order_by", "span", "off", "over", "on", "at", "pdf", "unit", "good", "only_try"),
    "workspace",  # the members' own; tried below
}
LISTS = [
    ("alerts", "list"),
    ("connections",),
    ("doctor",),
    ("doctor", "--deep"),
    ("facts", "verify"),
    ("gaps", "--all"),
    ("members", "list"),
    ("metrics",),
    ("metrics", "fields"),
    ("report",),
    ("reports", "list"),
    ("report", "--by", "campaign"),
    ("report", "--restated"),
    ("runs",),
    ("schedules",),
]


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words, groups that do something by themselves too."""

    def below(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, one in group.commands.items():
            if not hasattr(one, "commands") or one.invoke_without_command:
                yield " ".join((*words, name)), one
            if hasattr(one, "commands"):
                yield from below(one, (*words, name))

    return below(typer.main.get_command(app), ())


def test_each_command_says_what_it_needs() -> None:
    """A new command comes with a row in the table of permissions, and none stands there that is gone."""
    assert sorted(words for words, _ in commands()) == sorted(NEEDS)


def test_each_name_of_something_is_tried() -> None:
    """A new parameter of a workspace's command comes with a try below, or the reason why it needs none."""
    asked = {
        (words, one.name)
        for words, command in commands()
        for one in command.params
        if words in OF_WORKSPACES and one.name not in (*NEUTRAL, "help")
    }
    assert asked == set(TRIES)


def is_not_found(words: str, arguments: tuple[str, ...], answer: Any) -> bool:
    """Whether a command says so. A report of campaigns that are nowhere has no lines; that is no mistake."""
    if (words, arguments[0]) == ("report", "--campaign"):
        return answer.code == 0 and answer.out.startswith("No results")
    return (answer.code, answer.out) == (2, "")


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        pytest.param(words, arguments, id=f"{words} {' '.join(arguments)}")
        for (words, _), tries in sorted(TRIES.items())
        for arguments in ([] if isinstance(tries, str) else tries)
    ],
)
def test_what_another_workspace_has_is_not_found(adjoin, town, words: str, arguments: tuple[str, ...]) -> None:
    """As if it did not exist: exit code 2, nothing changed, and nothing said of it but what was asked."""
    before = town.rows()
    answer = adjoin("--workspace", "ours", *words.split(), *arguments)
    assert is_not_found(words, arguments, answer), answer
    said = answer.err.casefold()
    for given in arguments:
        said = said.replace(given.rpartition("=")[2].casefold(), "")
    assert "zebra" not in said
    assert town.rows() == before


@pytest.mark.parametrize("arguments", LISTS, ids=" ".join)
def test_lists_hold_what_is_of_the_workspace(adjoin, town, arguments: tuple[str, ...]) -> None:
    """And nothing of another one, for people and for scripts."""
    for more in ((), ("--json",)):
        answer = adjoin("--workspace", "Owl GmbH", *arguments, *more)
        assert "zebra" not in (answer.out + answer.err).casefold()
        if arguments[0] not in ("doctor", "facts", "report"):
            assert "owl" in answer.out.casefold()


@pytest.mark.parametrize("words", OF_WORKSPACES)
def test_an_unknown_workspace_is_refused(adjoin, town, words: str) -> None:
    """By every command that works in one."""
    before = town.rows()
    answer = adjoin("--workspace", "nowhere", *words.split(), *NEEDED.get(words, ()))
    assert answer.code == 2
    assert "there is no workspace 'nowhere'" in answer.err
    assert town.rows() == before


@pytest.mark.parametrize("words", sorted(words for words, need in NEEDS.items() if need is INSTALLATION))
def test_what_is_about_the_installation_takes_no_workspace(adjoin, town, words: str) -> None:
    """Rather than do for all what was asked of one."""
    before = town.rows()
    answer = adjoin("--workspace", "ours", *words.split(), *NEEDED.get(words, ()))
    assert answer.code == 2
    assert f"`adjoin {words}` is about the installation" in answer.err
    assert town.rows() == before


def test_the_variable_names_the_workspace_and_the_option_goes_before_it(
    adjoin, town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without both it is the default one. Commands about the installation go on as ever."""

    def labels(*arguments: str) -> list[str]:
        return [one["label"] for one in adjoin(*arguments, "connections", "--json").json]

    assert labels() == ["Zebra Ads"]
    monkeypatch.setenv("ADJOIN_WORKSPACE", "ours")
    assert labels() == ["Owl Ads"]
    assert labels("--workspace", "default") == ["Zebra Ads"]
    assert adjoin("users", "list").code == 0
    asked = adjoin("--workspace", "ours", "members", "list", "--workspace", "Zebra Ltd", "--json").json
    assert {one["email"] for one in asked} == {"zebra-zoe@example.com", "zebra-invited@example.com"}


def test_changes_stay_in_the_workspace_and_are_noted_there(adjoin, town) -> None:
    """With who made them: the operator."""
    before = town.rows()
    for command in (
        ("runs", "cancel", "owl-run"),
        ("schedules", "set", "google", "--every", "4h"),
        ("schedules", "pause", "google"),
        ("schedules", "resume", "google"),
        ("schedules", "remove", "google"),
        ("connections", "history", "google", "--since", "2026-01-01"),
    ):
        assert adjoin("--workspace", "ours", *command).code == 0
    after = town.rows()
    for name, rows in before.items():
        assert [row for row in rows if "zebra" in repr(row)] == [row for row in after[name] if "zebra" in repr(row)]
    with town.open() as store, store.read() as session:
        noted = entries(session, "ours").entries
        assert not entries(session, "default").entries
    assert {one.actor for one in noted} == {"system"}
    assert sorted(one.action for one in noted) == [
        "connection.history_set",
        "schedule.paused",
        "schedule.removed",
        "schedule.resumed",
        "schedule.set",
        "sync.cancelled",
    ]


@pytest.mark.parametrize(
    "words",
    [
        words
        for words in OF_WORKSPACES
        if NEEDS[words] not in (Permission.READ_REPORTS, Permission.READ_MEMBERS) and words != "members remove"
    ],
)
def test_a_deleted_workspace_takes_no_changes(adjoin, town, words: str) -> None:
    """Whichever command asks for one. It can still be looked at, and members can be taken out."""
    with town.open() as store, store.write() as session:
        workspaces.delete(session, "ours", grace=timedelta(days=30), by=SYSTEM, now=datetime.now(UTC))
    before = town.rows()
    answer = adjoin("--workspace", "ours", *words.split(), *NEEDED.get(words, ()))
    assert answer.code == 1
    assert "is to be deleted" in answer.err
    assert town.rows() == before
    assert adjoin("--workspace", "ours", "connections").code == 0


@pytest.mark.postgres
def test_the_same_on_postgresql(adjoin, postgres_town, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass over all tries and lists."""
    postgres_town.enter(monkeypatch)
    before = postgres_town.rows()
    for (words, _), tries in sorted(TRIES.items()):
        for arguments in [] if isinstance(tries, str) else tries:
            answer = adjoin("--workspace", "ours", *words.split(), *arguments)
            assert is_not_found(words, arguments, answer), (words, arguments, answer)
    for listed in LISTS:
        answer = adjoin("--workspace", "ours", *listed)
        assert "zebra" not in (answer.out + answer.err).casefold(), listed
    assert postgres_town.rows() == before
