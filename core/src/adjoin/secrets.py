"""Encrypting what must not lie around in the clear: keys, sealed blobs and stored credentials."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adjoin.ads.v2 import Credential
from adjoin.errors import SecretError

__all__ = ["KEY_VARIABLE", "Keyring", "Vault", "open_credential", "seal_credential"]

#: The environment variable with the keys, separated by commas; the first one encrypts.
KEY_VARIABLE = "ADJOIN_KEY"

_KEY_BYTES = 32
_VERSION = 1
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + _ID_BYTES


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
    def encrypting(self) -> bytes:
        return self._keys[self._first]

    def key(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)

    @classmethod
    def find(cls, environ: Mapping[str, str], path: Path) -> Keyring:
        """Take the keys from the environment, or else from the file. SecretError if neither has any."""
        text = environ.get(KEY_VARIABLE, "").strip()
        return cls.from_text(text, source=KEY_VARIABLE) if text else cls.from_file(path)

    @classmethod
    def from_text(cls, text: str, *, source: str) -> Keyring:
        """Read keys (URL-safe base64 of 32 bytes) separated by commas or white space. `source` is for messages."""
        found = []
        for number, word in enumerate(text.replace(",", " ").split(), start=1):
            try:
                key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != _KEY_BYTES:
                # Never the word itself: it may be a good key with a typing error.
                raise SecretError(
                    f"Key {number} in {source} is not URL-safe base64 of {_KEY_BYTES} bytes. Make one with: "
                    'python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
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
                text = file.read().decode("ascii", errors="replace")
        except FileNotFoundError:
            raise SecretError(f"There is no key: set {KEY_VARIABLE} or restore the key file {path}") from None
        except OSError as error:
            raise SecretError(f"The key file {path} cannot be read: {error.strerror}") from error
        return cls.from_text(text, source=f"the key file {path}")

    @classmethod
    def create_file(cls, path: Path) -> Keyring:
        """Make a new key and write it to a file (0600) that must not exist yet. It is there whole or not at all."""
        key = os.urandom(_KEY_BYTES)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_new(draft, base64.urlsafe_b64encode(key) + b"\n")
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


class Vault:
    """Seals bytes with AES-256-GCM so that they open only in the place they were sealed for.

    A blob is: a version byte, the key's id (4 bytes), a nonce (12), the ciphertext with its tag. It is bound to the
    workspace, the purpose and the record, so a blob that is copied to another row does not open.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def __repr__(self) -> str:
        return f"Vault({self._keyring!r})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys; the first encrypts, all decrypt."""
        return self._keyring.ids

    def seal(self, data: bytes, *, workspace: str, purpose: str, record: str) -> bytes:
        """Encrypt `data` for this place with the first key."""
        header = bytes([_VERSION]) + bytes.fromhex(self._keyring.ids[0])
        nonce = os.urandom(_NONCE_BYTES)
        place = _place(header, workspace, purpose, record)
        return header + nonce + AESGCM(self._keyring.encrypting).encrypt(nonce, data, place)

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
        key = self._keyring.key(wanted)
        if key is None:
            raise SecretError(
                f"{what} is encrypted with key {wanted}, available: {', '.join(self._keyring.ids)}. "
                f"Add the old key to {KEY_VARIABLE} or the key file, or connect again"
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
        return self.key_of(blob) != self._keyring.ids[0]

    def key_of(self, blob: bytes) -> str:
        """Return the id of the key that a blob was sealed with; this process may not have it."""
        return blob[1:_HEADER_BYTES].hex()


def seal_credential(vault: Vault, credential: Credential, *, workspace: str, connection: str) -> bytes:
    """Encrypt a connection's credential for storing."""
    return vault.seal(msgspec.json.encode(credential), workspace=workspace, purpose="credential", record=connection)


def open_credential(vault: Vault, blob: bytes, *, workspace: str, connection: str) -> Credential:
    """Decrypt a connection's credential; SecretError if that fails."""
    data = vault.open(blob, workspace=workspace, purpose="credential", record=connection)
    try:
        return msgspec.json.decode(data, type=Credential)
    except msgspec.DecodeError:
        # The cause would quote what was decrypted.
        raise SecretError(f"The stored credential of {connection} is not in a form that this release reads") from None


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
