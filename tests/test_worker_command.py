"""The command `adjoin worker` where it cannot work, and what waits for workers: said at once, with the way out."""

from __future__ import annotations

import pytest


def test_without_the_setting_it_says_what_to_set(adjoin):
    """The scheduler would execute the same runs."""
    adjoin("init")
    answer = adjoin("worker")
    assert (answer.code, answer.out) == (2, "")
    assert "set ADJOIN_EXECUTOR=workers and ADJOIN_DATABASE_URL=postgresql://..." in answer.err


@pytest.mark.parametrize("command", [("worker",), ("sync",), ("init",)])
def test_on_sqlite_workers_are_refused(adjoin, monkeypatch, command):
    """By every command: a file of one machine cannot serve several."""
    monkeypatch.setenv("ADJOIN_EXECUTOR", "workers")
    answer = adjoin(*command)
    assert (answer.code, answer.out) == (2, "")
    assert "SQLite is a file of one machine. Set ADJOIN_DATABASE_URL" in answer.err


def test_a_database_that_is_away_is_said(adjoin, monkeypatch):
    """Without the password."""
    monkeypatch.setenv("ADJOIN_EXECUTOR", "workers")
    monkeypatch.setenv("ADJOIN_DATABASE_URL", "postgresql://me:hidden@127.0.0.1:1/adjoin")
    monkeypatch.setenv("ADJOIN_WAIT_FOR_DATABASE", "0")
    answer = adjoin("worker")
    assert (answer.code, answer.out) == (1, "")
    assert "cannot be reached" in answer.err
    assert "hidden" not in answer.err


@pytest.mark.parametrize("options", [("--concurrency", "0"), ("--grace", "-1")])
def test_senseless_numbers_are_refused(adjoin, options):
    """As usage errors."""
    assert adjoin("worker", *options).code == 2
