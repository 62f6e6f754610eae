"""Rotating the key: a new one first, everything encrypted with it, the old one taken away."""

from __future__ import annotations

import ast
import asyncio
import base64
import os
import re
import time
from pathlib import Path

import pytest

from adjoin.runtime import Runtime
from adjoin.secrets import Keyring, open_credential
from adjoin.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def _key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _id_of(key: str) -> str:
    return Keyring.from_text(key, source="the test").ids[0]


def _id(adjoin) -> str:
    return next(row["key_id"] for row in adjoin("keys", "list", "--json").json if row["encrypts"])


def _credentials_open(adjoin) -> bool:
    """Ask `adjoin doctor`, which opens each of them."""
    found = [row for row in adjoin("doctor", "--json").json if row["check"].startswith("connection ")]
    assert found
    return all(row["state"] != "failed" for row in found)


def _age(file: Path) -> None:
    """Have the key file changed an hour ago."""
    os.utime(file, (time.time() - 3600,) * 2)


class TestRotate:
    def test_a_new_key_takes_over_while_processes_run_on(self, adjoin, synced):
        """What runs has read the old key only; it opens what the new one has sealed, and seals with the new one."""
        old = _id(adjoin)
        with Runtime(Settings(home=synced)) as running:
            (connection,) = running.connections.find("default")
            running.vault.open(connection.credential, workspace="default", purpose="credential", record=connection.id)
            rotated = adjoin("keys", "rotate")
            assert rotated.code == 0, rotated
            new = _id(adjoin)
            assert new != old
            assert f"key {new} is first" in rotated.err
            assert "1 secrets are encrypted with key" in rotated.err
            assert f"adjoin keys drop {old}" in rotated.err
            (connection,) = running.connections.find("default")
            assert running.vault.key_of(connection.credential) == new
            assert open_credential(
                running.vault, connection.credential, workspace="default", connection=connection.id
            ).access_token
            sealed = running.vault.seal(b"x", workspace="", purpose="x", record="x")
            assert running.vault.key_of(sealed) == new
        assert [(row["key_id"], row["used"]) for row in adjoin("keys", "list", "--json").json] == [(new, 1), (old, 0)]
        assert (synced / "key").stat().st_mode & 0o777 == 0o600
        assert _credentials_open(adjoin)

    def test_no_key_is_printed(self, adjoin, synced):
        said = adjoin("keys", "rotate")
        for key in (synced / "key").read_text().split():
            assert key not in said.out + said.err

    def test_it_may_be_repeated(self, adjoin, synced):
        assert [adjoin("keys", "rotate").code for _ in range(3)] == [0, 0, 0]
        assert [row["used"] for row in adjoin("keys", "list", "--json").json] == [1, 0, 0, 0]

    def test_a_secret_of_a_lost_key_is_told_and_the_rest_is_done(self, adjoin, synced):
        (synced / "key").write_text(_key())
        answer = adjoin("keys", "rotate")
        assert answer.code == 1
        assert "is encrypted with key" in answer.err
        assert "0 secrets are encrypted with key" in answer.err
        assert "1 could not be" in answer.err

    def test_keys_of_the_environment_are_rotated_by_hand(self, adjoin, synced, monkeypatch):
        """In steps that leave no moment in which a process meets a key that it does not have."""
        monkeypatch.setenv("ADJOIN_KEY", (synced / "key").read_text().strip())
        before = (synced / "key").read_bytes()
        answer = adjoin("keys", "rotate")
        assert answer.code == 2
        assert answer.err.index('ADJOIN_KEY="$OLD,$NEW" everywhere') < answer.err.index('ADJOIN_KEY="$NEW,$OLD"')
        assert (synced / "key").read_bytes() == before
        assert adjoin("keys", "drop", "00000000").code == 2

    def test_keys_of_a_command_are_rotated_by_hand(self, adjoin, synced, monkeypatch):
        monkeypatch.setenv("ADJOIN_KEY_COMMAND", f"cat '{synced / 'key'}'")
        assert adjoin("keys", "list", "--json").json[0]["used"] == 1
        answer = adjoin("keys", "rotate")
        assert answer.code == 2
        assert "let the command print the old one and after it the new one" in answer.err

    def test_a_command_is_run_again_when_a_new_key_turns_up(self, adjoin, synced, monkeypatch):
        monkeypatch.setenv("ADJOIN_KEY_COMMAND", f"cat '{synced / 'key'}'")
        with Runtime(Settings(home=synced)) as running:
            assert len(running.vault.key_ids) == 1
            (synced / "key").write_text(f"{_key()}\n{(synced / 'key').read_text()}")
            assert adjoin("keys", "renew").code == 0
            assert len(running.vault.key_ids) == 1
            (connection,) = running.connections.find("default")
            client = running.connections.client(connection)
            asyncio.run(client.aclose())
            assert len(running.vault.key_ids) == 2


class TestDrop:
    def test_a_key_that_nothing_needs_goes(self, adjoin, synced):
        old = _id(adjoin)
        adjoin("keys", "rotate")
        _age(synced / "key")
        answer = adjoin("keys", "drop", old)
        assert (answer.code, f"key {old} is out of" in answer.err) == (0, True), answer
        assert [row["key_id"] for row in adjoin("keys", "list", "--json").json] == [_id(adjoin)]
        assert _credentials_open(adjoin)

    def test_a_key_that_is_in_use_stays(self, adjoin, synced):
        """Where it is used is said, and what to do."""
        old = (synced / "key").read_text().strip()
        (synced / "key").write_text(f"{_key()}\n{old}\n")
        _age(synced / "key")
        answer = adjoin("keys", "drop", _id_of(old))
        assert answer.code == 1
        assert "1 in connections.credential. Run `adjoin keys renew`" in answer.err
        assert old in (synced / "key").read_text()

    def test_right_after_a_change_of_the_file_it_waits(self, adjoin, synced):
        """A process may have sealed with the old key a moment ago and be about to store it."""
        old = _id(adjoin)
        adjoin("keys", "rotate")
        answer = adjoin("keys", "drop", old)
        assert answer.code == 1
        assert re.search(r"changed less than a minute ago.* in [0-9]+ seconds", answer.err)
        assert len((synced / "key").read_text().split()) == 2

    def test_what_cannot_go_is_a_mistake_of_the_caller(self, adjoin, synced):
        _age(synced / "key")
        for key_id, said in (("00000000", "There is no key '00000000'"), (_id(adjoin), "is the one that encrypts")):
            answer = adjoin("keys", "drop", key_id)
            assert (answer.code, said in answer.err) == (2, True), answer
        assert len((synced / "key").read_text().split()) == 1


def test_a_key_is_replaced_without_connecting_again(adjoin, synced, monkeypatch):
    """With keys of the environment. The old key may go once `adjoin keys renew` has run, and not before."""
    old, new = (synced / "key").read_text().strip(), _key()
    monkeypatch.setenv("ADJOIN_KEY", f"{new},{old}")
    assert [(row["encrypts"], row["used"]) for row in adjoin("keys", "list", "--json").json] == [(True, 0), (False, 1)]
    renewed = adjoin("keys", "renew")
    assert (renewed.code, "1 secrets are encrypted with key" in renewed.err) == (0, True), renewed
    assert "0 secrets" in adjoin("keys", "renew").err
    monkeypatch.setenv("ADJOIN_KEY", new)
    (row,) = adjoin("keys", "list", "--json").json
    assert (row["key_id"], row["encrypts"], row["missing"], row["used"]) == (_id_of(new), True, False, 1)
    assert row["where"] == {"connections.credential": 1}
    assert _credentials_open(adjoin)


def test_without_the_old_key_it_says_which_connection_is_lost(adjoin, synced, monkeypatch):
    """Nothing is written, and the exit code is 1."""
    monkeypatch.setenv("ADJOIN_KEY", _key())
    rows = adjoin("keys", "list", "--json").json
    assert [(row["encrypts"], row["missing"], row["used"]) for row in rows] == [(True, False, 0), (False, True, 1)]
    assert not _credentials_open(adjoin)
    failed = adjoin("keys", "renew")
    assert failed.code == 1
    assert "is encrypted with key" in failed.err
    monkeypatch.delenv("ADJOIN_KEY")
    assert _credentials_open(adjoin)


def test_a_new_key_is_one_that_can_be_used(adjoin):
    """It goes to stdout alone, so that it can be piped; its id goes to stderr."""
    made = adjoin("keys", "new")
    assert made.code == 0
    assert _id_of(made.out) in made.err
    assert made.out.strip() not in made.err
    assert adjoin("keys", "new").out != made.out


def test_init_makes_no_key_file_where_the_keys_come_from_a_command(adjoin, tmp_path, monkeypatch):
    monkeypatch.setenv("ADJOIN_KEY_COMMAND", f"echo {_key()}")
    assert adjoin("init").code == 0
    assert not (tmp_path / "home" / "key").exists()
    assert "from the output of ADJOIN_KEY_COMMAND" in adjoin("doctor").out


@pytest.mark.parametrize("command", [("list",), ("renew",), ("rotate",), ("drop", "00000000")])
def test_without_an_installation_it_says_what_to_run(adjoin, command):
    answer = adjoin("keys", *command)
    assert answer.code == 1
    assert "adjoin init" in answer.err


#: What is sealed for a browser to bring back within minutes, and stands in no column.
PASSING = {"external sign-in"}


def test_whatever_the_source_seals_has_a_column():
    """Each `purpose=` that is sealed anywhere is the purpose of a column, so that a new key leaves nothing out."""
    files = sorted(
        [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py"), *ROOT.glob("dashboard/src/**/*.py")]
    )
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    constants = {path: _constants(tree) for path, tree in trees.items()}
    everywhere = {name: text for known in constants.values() for name, text in known.items()}
    sealed, declared, unclear = set(), set(), []
    for path, tree in trees.items():
        known = everywhere | constants[path]
        for node in ast.walk(tree):
            called = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            if called in ("seal", "open"):
                for word in (one.value for one in node.keywords if one.arg == "purpose"):
                    if isinstance(word, ast.Constant) or ast.unparse(word) in known:
                        sealed.add(known.get(ast.unparse(word), getattr(word, "value", None)))
                    elif ast.unparse(word) != "purpose":  # a function that hands on what it is given
                        unclear.append(f"{path}:{node.lineno}")
            if called == "Sealed":
                first = node.args[0]
                declared.add(first.value if isinstance(first, ast.Constant) else known.get(ast.unparse(first)))
    assert unclear == []
    assert "credential" in sealed
    assert sealed - PASSING <= declared


def _constants(tree: ast.Module) -> dict[str, str]:
    """The names of a module that stand for a text."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
