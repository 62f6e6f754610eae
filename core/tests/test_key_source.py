"""Where keys come from: which source holds, what a command may do, and changing the file under running readers."""

from __future__ import annotations

import os
import stat
import sys
import traceback
from pathlib import Path

import pytest

from adjoin.errors import BadInput, SecretError, StateError, UnknownName
from adjoin.key_source import CommandKeys, EnvironmentKeys, FileKeys, find_keys
from adjoin.secrets import Keyring, Vault, write_key

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
PLACE = {"workspace": "w", "purpose": "credential", "record": "c1"}


def program(folder: Path, body: str) -> str:
    """Write a program and return the command that runs it."""
    script = folder / "give keys.py"
    script.write_text(body, encoding="utf-8")
    return f"{sys.executable} '{script}'"


class TestWhichSourceHolds:
    def test_the_environment_before_the_command_before_the_file(self, tmp_path: Path) -> None:
        both = {"ADJOIN_KEY": write_key(ONE), "ADJOIN_KEY_COMMAND": "x"}
        assert isinstance(find_keys(both, tmp_path), EnvironmentKeys)
        assert isinstance(find_keys({"ADJOIN_KEY_COMMAND": "x"}, tmp_path), CommandKeys)
        assert isinstance(find_keys({}, tmp_path), FileKeys)

    def test_blank_variables_do_not_count(self, tmp_path: Path) -> None:
        assert isinstance(find_keys({"ADJOIN_KEY": " ", "ADJOIN_KEY_COMMAND": "\n"}, tmp_path), FileKeys)

    def test_without_any_it_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(SecretError, match="set ADJOIN_KEY or restore the key file"):
            find_keys({}, tmp_path / "key").read()

    def test_keys_in_the_environment_stay_what_they_are(self, tmp_path: Path) -> None:
        source = find_keys({"ADJOIN_KEY": f"{write_key(TWO)},{write_key(ONE)}"}, tmp_path)
        assert source.read().ids == Keyring([TWO, ONE]).ids
        assert not source.changed()


class TestCommand:
    def test_what_it_prints_are_the_keys(self, tmp_path: Path) -> None:
        command = program(tmp_path, f"print('{write_key(TWO)}\\n{write_key(ONE)}')")
        assert CommandKeys({"ADJOIN_KEY_COMMAND": command}).read().ids == Keyring([TWO, ONE]).ids

    def test_no_shell_runs_it(self, tmp_path: Path) -> None:
        keys = CommandKeys({"ADJOIN_KEY_COMMAND": f"echo {write_key(ONE)}; touch {tmp_path / 'made'}"})
        with pytest.raises(SecretError, match="Key 1 in the output of ADJOIN_KEY_COMMAND is not"):
            keys.read()
        assert not (tmp_path / "made").exists()

    def test_it_gets_its_environment_but_no_secret_setting(self, tmp_path: Path) -> None:
        body = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.exit(3)"
        command = f"{program(tmp_path, body)} {tmp_path / 'seen'}"
        environ = {
            "ADJOIN_KEY_COMMAND": command,
            "ADJOIN_META_CLIENT_SECRET": "canary-1",
            "ADJOIN_DATABASE_URL": "postgresql://u:canary-2@h/d",
            "VAULT_TOKEN": "its-own",
        }
        with pytest.raises(SecretError):
            CommandKeys(environ).read()
        seen = (tmp_path / "seen").read_text(encoding="utf-8")
        assert "its-own" in seen
        assert "ADJOIN_KEY" not in seen
        assert "canary" not in seen

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (
                "print('canary-out'); import sys; print('canary-err', file=sys.stderr); sys.exit(7)",
                "exit code 7; run it",
            ),
            ("import os; print('canary-out', flush=True); os.kill(os.getpid(), 9)", "ended by signal 9"),
            ("print('canary-out')", "Key 1 in the output of ADJOIN_KEY_COMMAND is not"),
            ("pass", "the output of ADJOIN_KEY_COMMAND holds no key"),
            ("print('canary-out ' * 10_000)", "more than 65536 bytes"),
            ("import sys; sys.stdout.buffer.write(b'canary-out\\xff\\0')", "Key 1 in the output"),
        ],
    )
    def test_a_failure_is_told_without_what_it_said(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], body: str, said: str
    ) -> None:
        with pytest.raises(SecretError, match=said) as caught:
            CommandKeys({"ADJOIN_KEY_COMMAND": program(tmp_path, body)}).read()
        assert "canary" not in "".join(traceback.format_exception(caught.value))
        assert "canary" not in str(capfd.readouterr())

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ("canary-no-such-program --x", "cannot be started: No such file or directory. Its first word"),
            ("TOKEN=canary-x vault read", "cannot be started"),
            ("vault 'canary", "a quotation mark is not closed"),
            ("/etc/passwd canary", "cannot be started: Permission denied"),
        ],
    )
    def test_a_command_that_cannot_be_run_is_not_quoted(self, command: str, said: str) -> None:
        with pytest.raises(SecretError, match=said) as caught:
            CommandKeys({"ADJOIN_KEY_COMMAND": command}).read()
        assert "canary" not in "".join(traceback.format_exception(caught.value))

    def test_one_that_takes_too_long_is_ended_with_what_it_started(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        child = f"import time; held = open({str(pipe)!r}, 'w'); held.write('up'); held.flush(); time.sleep(60)"
        body = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        with pytest.raises(SecretError, match="was not done after 1 s"):
            CommandKeys({"ADJOIN_KEY_COMMAND": program(tmp_path, body)}, seconds=1).read()
        os.set_blocking(reading, True)
        with os.fdopen(reading, "rb") as held:
            assert held.read() in (b"up", b"")  # the end of the pipe: nobody holds it any more


class TestFile:
    @pytest.fixture
    def keys(self, tmp_path: Path) -> FileKeys:
        Keyring.create_file(tmp_path / "key")
        return FileKeys(tmp_path / "key")

    def test_a_new_key_comes_first_and_the_old_one_stays(self, keys: FileKeys) -> None:
        (old,) = keys.read().ids
        new = keys.put_first()
        assert FileKeys(keys.path).read().ids == (new, old)
        assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
        assert sorted(one.name for one in keys.path.parent.iterdir()) == ["key", "key.lock"]

    def test_running_readers_see_the_change(self, keys: FileKeys) -> None:
        running = Vault.of(FileKeys(keys.path))
        old = running.seal(b"x", **PLACE)
        new = keys.put_first()
        assert running.key_of(running.seal(b"x", **PLACE)) == new
        assert running.open(old, **PLACE) == b"x"

    def test_a_file_that_is_away_for_a_moment_stops_nobody(self, keys: FileKeys) -> None:
        running = Vault.of(keys)
        keys.path.rename(keys.path.with_name("away"))
        assert running.open(running.seal(b"x", **PLACE), **PLACE) == b"x"

    def test_an_old_key_goes(self, keys: FileKeys) -> None:
        (old,) = keys.read().ids
        new = keys.put_first()
        keys.drop(old)
        assert keys.read().ids == (new,)

    def test_the_key_that_encrypts_stays(self, keys: FileKeys) -> None:
        with pytest.raises(BadInput, match="is the one that encrypts"):
            keys.drop(keys.read().ids[0])
        assert len(keys.read().ids) == 1

    def test_an_unknown_key_is_named_with_those_there_are(self, keys: FileKeys) -> None:
        with pytest.raises(UnknownName, match=f"no key 'abc' .* there are {keys.read().ids[0]}"):
            keys.drop("abc")

    def test_a_link_stays_a_link(self, keys: FileKeys, tmp_path: Path) -> None:
        link = tmp_path / "link" / "key"
        link.parent.mkdir()
        link.symlink_to(keys.path)
        new = FileKeys(link).put_first()
        assert link.is_symlink()
        assert keys.read().ids[0] == new

    def test_two_that_change_it_do_not_undo_each_other(self, keys: FileKeys) -> None:
        with keys._alone(keys.path), pytest.raises(StateError, match="Another process is changing the key file"):
            FileKeys(keys.path).put_first()

    def test_a_folder_that_cannot_be_written_leaves_the_old_file(
        self, keys: FileKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = keys.path.read_bytes()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SecretError, match=r"key file .* cannot be written: No space left on device"):
            keys.put_first()
        assert keys.path.read_bytes() == before
        assert sorted(one.name for one in keys.path.parent.iterdir()) == ["key", "key.lock"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
    def test_the_owner_stays(self, keys: FileKeys) -> None:
        """As root, or the service could not read its keys any more."""
        os.chown(keys.path, 12345, 12346)
        keys.put_first()
        found = keys.path.stat()
        assert (found.st_uid, found.st_gid) == (12345, 12346)
