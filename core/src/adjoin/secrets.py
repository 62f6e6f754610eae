"""Encrypting what must not lie around in the clear: keys, sealed blobs and stored credentials."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adjoin.ads.v2 import Credential
from adjoin.errors import SecretError
from adjoin.http.redaction import is_secret_name, remember_secrets

__all__ = [
    "KEY_VARIABLE",
    "KeySource",
    "Keyring",
    "Vault",
    "new_key",
    "open_credential",
    "seal_credential",
    "write_key",
]

#: The environment variable with the keys, separated by commas; the first one encrypts.
KEY_VARIABLE = "ADJOIN_KEY"

_KEY_BYTES = 32
_VERSION = 1
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + _ID_BYTES
_LONGEST_FILE = 65_536  # bytes
_LOOK_AGAIN = 30.0  # seconds before a missing key is looked for once more
_MOST_MISSED = 1_000


class Keyring:
    """The keys of an installation: the first encrypts, all decrypt. A key's id is public and derived from the key."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise SecretError(f"There is no key: set {KEY_VARIABLE} or run `adjoin init`")
        for key in keys:
            if len(key) != _KEY_BYTES:
                raise SecretError(f"A key must have {_KEY_BYTES} bytes, this one has {len(key)}")
        self._keys = {_key_id(key): key for key in keys}
        self._first = _key_id(keys[0])

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the encrypting one first."""
        return (self._first, *(i for i in self._keys if i != self._first))

    @property
    def all(self) -> tuple[bytes, ...]:
        """The keys themselves, in the order of `ids`."""
        return tuple(self._keys[key_id] for key_id in self.ids)

    @property
    def encrypting(self) -> bytes:
        return self._keys[self._first]

    def key(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)

    @classmethod
    def from_text(cls, text: str, *, source: str) -> Keyring:
        """Read keys (URL-safe base64 of 32 bytes) separated by commas or white space. `source` is for messages."""
        found = []
        words = text.replace(",", " ").split()
        remember_secrets(words)
        for number, word in enumerate(words, start=1):
            try:
                key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != _KEY_BYTES:
                # Never the word itself: it may be a good key with a typing error.
                raise SecretError(
                    f"Key {number} in {source} is not URL-safe base64 of {_KEY_BYTES} bytes. "
                    "`adjoin keys new` makes one"
                )
            found.append(key)
        if not found:
            raise SecretError(f"{source} holds no key")
        return cls(found)

    @classmethod
    def from_file(cls, path: Path) -> Keyring:
        """Read a key file that only its owner can read; SecretError with what to do otherwise."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                    raise SecretError(f"The key file {path} is open to other users of this machine: chmod 600 {path}")
                text = file.read(_LONGEST_FILE).decode("ascii", errors="replace")
        except FileNotFoundError:
            raise SecretError(f"There is no key: set {KEY_VARIABLE} or restore the key file {path}") from None
        except OSError as error:
            raise SecretError(f"The key file {path} cannot be read: {error.strerror}") from error
        return cls.from_text(text, source=f"the key file {path}")

    @classmethod
    def create_file(cls, path: Path) -> Keyring:
        """Make a new key and write it to a file (0600) that must not exist yet. It is there whole or not at all."""
        key = new_key()
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_new(draft, write_key(key).encode() + b"\n")
            # A link, unlike a rename, never replaces a key that another process has just made.
            os.link(draft, path)
        except OSError as error:
            if path.exists():
                raise SecretError(
                    f"The key file {path} exists already; with a new key no stored credential could be read"
                ) from None
            raise SecretError(f"The key file {path} cannot be written: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()
        return cls([key])


class KeySource(Protocol):
    """Where the keys of an installation come from, and can be had again when others have been added."""

    @property
    def name(self) -> str:
        """What it is, in words that follow "in": `the key file /srv/adjoin/key`."""

    def read(self) -> Keyring:
        """Get the keys. SecretError if there are none."""

    def changed(self) -> bool:
        """Say whether there is something new to read, as far as that can be seen without reading."""


class Vault:
    """Seals bytes with AES-256-GCM so that they open only in the place they were sealed for.

    A blob is: a version byte, the key's id (4 bytes), a nonce (12), the ciphertext with its tag. It is bound to the
    workspace, the purpose and the record, so a blob that is copied to another row does not open. A workspace of ""
    stands for the installation as a whole.

    With a source, a process that runs on follows a change of keys: it reads them again before it seals where they are
    seen to have changed, and when it meets a blob of a key that it does not know, at most every half minute for one
    key. Safe from any thread.
    """

    def __init__(
        self, keyring: Keyring, source: KeySource | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._keyring = keyring
        self._source = source
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._missed: dict[str, float] = {}  # key id: when it was last looked for in vain
        self._trouble = ""

    @classmethod
    def of(cls, source: KeySource) -> Vault:
        """Return a vault with the keys of a source. SecretError if it has none."""
        return cls(source.read(), source)

    def __repr__(self) -> str:
        return f"Vault({self._keyring!r})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys; the first encrypts, all decrypt."""
        return self._followed().ids

    def seal(self, data: bytes, *, workspace: str, purpose: str, record: str) -> bytes:
        """Encrypt `data` for this place with the first key."""
        keyring = self._followed()
        header = bytes([_VERSION]) + bytes.fromhex(keyring.ids[0])
        nonce = os.urandom(_NONCE_BYTES)
        place = _place(header, workspace, purpose, record)
        return header + nonce + AESGCM(keyring.encrypting).encrypt(nonce, data, place)

    def open(self, blob: bytes, *, workspace: str, purpose: str, record: str) -> bytes:
        """Decrypt what was sealed for this place. SecretError if the key is missing or the blob changed or moved."""
        what = f"The stored {purpose} of {record}"
        header, rest = blob[:_HEADER_BYTES], blob[_HEADER_BYTES:]
        nonce, sealed = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        if not sealed:
            raise SecretError(f"{what} is damaged: {len(blob)} bytes are too few")
        if header[0] != _VERSION:
            raise SecretError(f"{what} has form {header[0]}, this release reads form {_VERSION}: upgrade Adjoin")
        wanted = header[1:].hex()
        key = self._keyring.key(wanted) or self._looked_for(wanted)
        if key is None:
            place = f"{KEY_VARIABLE} or the key file" if self._source is None else self._source.name
            raise SecretError(
                f"{what} is encrypted with key {wanted}, available: {', '.join(self._keyring.ids)}. "
                f"Add the missing key to {place}, or set up again what was encrypted"
                + (f". Reading the keys again failed: {self._trouble}" if self._trouble else "")
            )
        try:
            return AESGCM(key).decrypt(nonce, sealed, _place(header, workspace, purpose, record))
        except InvalidTag:
            raise SecretError(
                f"{what} does not decrypt with its key {wanted}: it was changed or belongs to another record. "
                "Restore it from a backup, or connect again"
            ) from None

    def outdated(self, blob: bytes) -> bool:
        """Say whether a blob should be sealed again because a newer key encrypts now."""
        return self.key_of(blob) != self.key_ids[0]

    def key_of(self, blob: bytes) -> str:
        """Return the id of the key that a blob was sealed with; this process may not have it."""
        return blob[1:_HEADER_BYTES].hex()

    def _followed(self) -> Keyring:
        """The keys, read again where they are seen to have changed."""
        source = self._source
        if source is not None and source.changed():
            with self._lock:
                # Keys that cannot be read now are no reason to lose a token that has just been renewed: it is sealed
                # with the key that is known, which the operator has, and the next one tries again.
                self._read_again(source)
        return self._keyring

    def _looked_for(self, key_id: str) -> bytes | None:
        """Read the keys again, as one is wanted that is not among them."""
        source = self._source
        if source is None:
            return None
        with self._lock:
            if key := self._keyring.key(key_id):
                return key  # another thread has found it meanwhile
            now = self._monotonic()
            if not source.changed() and now - self._missed.get(key_id, -_LOOK_AGAIN) < _LOOK_AGAIN:
                return None
            self._read_again(source)
            key = self._keyring.key(key_id)
            if key is None:
                if len(self._missed) >= _MOST_MISSED:
                    self._missed.clear()
                self._missed[key_id] = now
            return key

    def _read_again(self, source: KeySource) -> None:
        try:
            self._keyring, self._trouble = source.read(), ""
        except SecretError as error:
            self._trouble = str(error)


def seal_credential(vault: Vault, credential: Credential, *, workspace: str, connection: str) -> bytes:
    """Encrypt a connection's credential for storing."""
    _remember(credential)
    return vault.seal(msgspec.json.encode(credential), workspace=workspace, purpose="credential", record=connection)


def open_credential(vault: Vault, blob: bytes, *, workspace: str, connection: str) -> Credential:
    """Decrypt a connection's credential; SecretError if that fails."""
    data = vault.open(blob, workspace=workspace, purpose="credential", record=connection)
    try:
        credential = msgspec.json.decode(data, type=Credential)
    except msgspec.DecodeError:
        # The cause would quote what was decrypted.
        raise SecretError(f"The stored credential of {connection} is not in a form that this release reads") from None
    _remember(credential)
    return credential


def new_key() -> bytes:
    """Make a key."""
    return os.urandom(_KEY_BYTES)


def write_key(key: bytes) -> str:
    """Write a key as text, the way `Keyring.from_text` reads it. Secret, of course."""
    text = base64.urlsafe_b64encode(key).decode()
    remember_secrets([text])
    return text


def _remember(credential: Credential) -> None:
    """Keep it out of whatever this process writes from now on."""
    extra = [value for name, value in credential.extra.items() if is_secret_name(name)]
    remember_secrets(value for value in (credential.access_token, credential.refresh_token, *extra) if value)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"adjoin key id\0" + key).digest()[:_ID_BYTES].hex()


def _place(header: bytes, *parts: str) -> bytes:
    """What a blob is bound to. Lengths go before the parts, so that no two places look alike."""
    encoded = [part.encode() for part in parts]
    return header + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
