"""Rotating the key: a new one first, everything encrypted with it, the old one taken away."""

from __future__ import annotations

import base64
import os

import pytest


def _key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _id(adjoin) -> str:
    return next(row["key_id"] for row in adjoin("keys", "list", "--json").json if row["encrypts"])


def test_a_key_is_replaced_without_connecting_again(adjoin, synced, monkeypatch):
    """The old key may go once `adjoin keys renew` has run, and not before."""
    old, new = (synced / "key").read_text().strip(), _key()
    before = _id(adjoin)
    monkeypatch.setenv("ADJOIN_KEY", f"{new},{old}")
    assert [(row["encrypts"], row["used"]) for row in adjoin("keys", "list", "--json").json] == [(True, 0), (False, 1)]
    renewed = adjoin("keys", "renew")
    assert (renewed.code, "1 credentials are encrypted with key" in renewed.err) == (0, True), renewed
    assert "0 credentials" in adjoin("keys", "renew").err
    monkeypatch.setenv("ADJOIN_KEY", new)
    (row,) = adjoin("keys", "list", "--json").json
    assert (row["encrypts"], row["missing"], row["used"]) == (True, False, 1)
    assert row["key_id"] != before
    assert adjoin("sync").code == 0


def test_without_the_old_key_it_says_which_connection_is_lost(adjoin, synced, monkeypatch):
    """Nothing is written, and the exit code is 1."""
    monkeypatch.setenv("ADJOIN_KEY", _key())
    rows = adjoin("keys", "list", "--json").json
    assert [(row["encrypts"], row["missing"], row["used"]) for row in rows] == [(True, False, 0), (False, True, 1)]
    failed = adjoin("keys", "renew")
    assert failed.code == 1
    assert "is encrypted with key" in failed.err
    monkeypatch.delenv("ADJOIN_KEY")
    assert adjoin("sync").code == 0


@pytest.mark.parametrize("command", ["list", "renew"])
def test_without_an_installation_it_says_what_to_run(adjoin, command):
    answer = adjoin("keys", command)
    assert answer.code == 1
    assert "adjoin init" in answer.err
