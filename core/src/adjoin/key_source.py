"""Where the keys come from: the environment, a command, or a file; and changing the file while processes run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from adjoin.environment import without_secrets
from adjoin.errors import BadInput, SecretError, StateError, UnknownName
from adjoin.secrets import KEY_VARIABLE, Keyring, new_key, write_key

__all__ = ["COMMAND_VARIABLE", "CommandKeys", "EnvironmentKeys", "FileKeys", "find_keys"]

#: The environment variable with the command whose output is the keys.
COMMAND_VARIABLE = "ADJOIN_KEY_COMMAND"

_COMMAND_SECONDS = 10.0
_MOST_OUTPUT = 65_536  # bytes
_Stamp: TypeAlias = tuple[int, int, int]


class EnvironmentKeys:
    """Keys in ADJOIN_KEY. A process has the ones that it was started with."""

    name = KEY_VARIABLE

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._text = environ.get(KEY_VARIABLE, "")

    def read(self) -> Keyring:
        return Keyring.from_text(self._text, source=KEY_VARIABLE)

    def changed(self) -> bool:
        return False


class CommandKeys:
    """Keys that a command prints, as of a password manager: `vault kv get -field=key secret/adjoin`.

    No shell runs it. It gets the environment without the secrets among Adjoin's settings, nothing to read, and ten
    seconds. What it says, on either stream, is never shown.
    """

    name = f"the output of {COMMAND_VARIABLE}"

    def __init__(self, environ: Mapping[str, str], *, seconds: float = _COMMAND_SECONDS) -> None:
        self._environ = environ
        self._seconds = seconds

    def read(self) -> Keyring:
        """Run the command. SecretError if it cannot be run, fails, takes too long or prints no keys."""
        output = self._run()
        if len(output) > _MOST_OUTPUT:
            raise SecretError(f"{COMMAND_VARIABLE}: the command printed more than {_MOST_OUTPUT} bytes; that is no key")
        return Keyring.from_text(output.decode("ascii", errors="replace"), source=self.name)

    def changed(self) -> bool:
        return False  # to know it, one would have to run it

    def _run(self) -> bytes:
        advice = "run it by hand to see why"
        try:
            command = shlex.split(self._environ[COMMAND_VARIABLE])
        except ValueError:
            raise SecretError(f"{COMMAND_VARIABLE} cannot be taken apart: a quotation mark is not closed") from None
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command
                command,
                env=without_secrets(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it holds a zero byte"
            raise SecretError(
                f"The command of {COMMAND_VARIABLE} cannot be started: {reason}. Its first word must be a program, as "
                "no shell runs it; for pipes and variables write a script"
            ) from None
        with process:
            try:
                output, _ = process.communicate(timeout=self._seconds)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)  # and what it has started
                process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise SecretError(
                    f"The command of {COMMAND_VARIABLE} was not done after {self._seconds:g} s; {advice}"
                ) from None
        if process.returncode < 0:
            raise SecretError(f"The command of {COMMAND_VARIABLE} was ended by signal {-process.returncode}; {advice}")
        if process.returncode:
            raise SecretError(f"The command of {COMMAND_VARIABLE} failed with exit code {process.returncode}; {advice}")
        return output


class FileKeys:
    """Keys in a file that only its owner can read, one a line. It is replaced whole, so readers never see a part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"the key file {path}"
        self._seen: _Stamp | None = None

    def read(self) -> Keyring:
        stamp = self._stamp()  # before: what comes in between is noticed the next time
        keyring = Keyring.from_file(self.path)
        self._seen = stamp
        return keyring

    def changed(self) -> bool:
        return self._stamp() != self._seen

    def changed_at(self) -> float:
        """Return when the file was changed last, in seconds since 1970. SecretError if it is not there."""
        try:
            return self.path.stat().st_mtime
        except OSError as error:
            raise SecretError(f"The {self.name.removeprefix('the ')} cannot be read: {error.strerror}") from None

    def put_first(self) -> str:
        """Make a new key and put it before the others; returns its id. SecretError if that cannot be done."""
        key = new_key()
        return self._change(lambda keyring: Keyring([key, *keyring.all])).ids[0]

    def drop(self, key_id: str) -> None:
        """Take a key out. UnknownName if it is not there, BadInput if it is the one that encrypts."""

        def without(keyring: Keyring) -> Keyring:
            if keyring.key(key_id) is None:
                raise UnknownName(f"There is no key {key_id!r} in {self.name}; there are {', '.join(keyring.ids)}")
            if key_id == keyring.ids[0]:
                raise BadInput(f"Key {key_id} is the one that encrypts; `adjoin keys rotate` puts a new one before it")
            return Keyring([key for one, key in zip(keyring.ids, keyring.all, strict=True) if one != key_id])

        self._change(without)

    def _change(self, change: Callable[[Keyring], Keyring]) -> Keyring:
        path = self.path.resolve()  # a link stays one
        with self._alone(path):
            before = Keyring.from_file(path)
            after = change(before)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
            try:
                _write_like(draft, "".join(f"{write_key(key)}\n" for key in after.all).encode(), path)
                draft.replace(path)
                _settle(path.parent)
            except OSError as error:
                raise SecretError(f"{self.name.capitalize()} cannot be written: {error.strerror}") from error
            finally:
                with contextlib.suppress(OSError):
                    draft.unlink()
        self._seen = None
        return after

    @contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """Keep other processes from changing the file meanwhile: each would undo the other's change."""
        try:
            file = path.with_name(f"{path.name}.lock").open("a")
        except OSError as error:
            raise SecretError(f"The lock of {self.name} cannot be made: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StateError(f"Another process is changing {self.name}; try again when it is done") from None
            yield

    def _stamp(self) -> _Stamp | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def find_keys(environ: Mapping[str, str], path: Path) -> EnvironmentKeys | CommandKeys | FileKeys:
    """Return the source that holds here: ADJOIN_KEY before ADJOIN_KEY_COMMAND, and that before the file."""
    if environ.get(KEY_VARIABLE, "").strip():
        return EnvironmentKeys(environ)
    if environ.get(COMMAND_VARIABLE, "").strip():
        return CommandKeys(environ)
    return FileKeys(path)


def _write_like(path: Path, data: bytes, model: Path) -> None:
    """Write a new file (0600) that belongs to whom `model` belongs, as when root changes the file of a service."""
    owner = model.stat()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if (os.geteuid(), os.getegid()) != (owner.st_uid, owner.st_gid):
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Have a rename outlive a power cut: what it encrypts from now on would be lost with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
