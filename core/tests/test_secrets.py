"""Keys and sealed blobs: they open in their place with their key, and nowhere else."""

from __future__ import annotations

import base64
import stat
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adjoin.ads.v2 import Credential
from adjoin.errors import SecretError
from adjoin.secrets import Keyring, Vault, open_credential, seal_credential

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
PLACE = {"workspace": "w", "purpose": "credential", "record": "c1"}
CREDENTIAL = Credential(
    access_token="canary-access",
    refresh_token="canary-refresh",
    expires_at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    scopes=("ads_read", "x"),
    can_renew=True,
    extra={"user": "7"},
)


def text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


class TestVault:
    def test_what_was_sealed_opens(self) -> None:
        vault = Vault(Keyring([ONE]))
        blob = vault.seal(b"data", **PLACE)
        assert vault.open(blob, **PLACE) == b"data"
        assert b"data" not in blob

    def test_empty_data_opens_too(self) -> None:
        vault = Vault(Keyring([ONE]))
        assert vault.open(vault.seal(b"", **PLACE), **PLACE) == b""

    def test_two_blobs_of_the_same_data_differ(self) -> None:
        vault = Vault(Keyring([ONE]))
        assert vault.seal(b"data", **PLACE) != vault.seal(b"data", **PLACE)

    @pytest.mark.parametrize("part", ["workspace", "purpose", "record"])
    def test_it_opens_in_its_own_place_only(self, part: str) -> None:
        vault = Vault(Keyring([ONE]))
        blob = vault.seal(b"data", **PLACE)
        with pytest.raises(SecretError, match="belongs to another record"):
            vault.open(blob, **PLACE | {part: "other"})

    def test_places_that_read_alike_when_joined_differ(self) -> None:
        vault = Vault(Keyring([ONE]))
        blob = vault.seal(b"data", workspace="ab", purpose="c", record="d")
        with pytest.raises(SecretError):
            vault.open(blob, workspace="a", purpose="bc", record="d")

    @pytest.mark.parametrize("at", range(25))
    def test_a_changed_byte_anywhere_is_noticed(self, at: int) -> None:
        vault = Vault(Keyring([ONE]))
        blob = bytearray(vault.seal(b"data", **PLACE))
        blob[at] ^= 1
        with pytest.raises(SecretError):
            vault.open(bytes(blob), **PLACE)

    @pytest.mark.parametrize("size", [0, 1, 5, 16, 17, 32])
    def test_a_cut_blob_is_noticed(self, size: int) -> None:
        vault = Vault(Keyring([ONE]))
        with pytest.raises(SecretError):
            vault.open(vault.seal(b"data", **PLACE)[:size], **PLACE)

    def test_the_wrong_key_is_named_by_id(self) -> None:
        blob = Vault(Keyring([ONE])).seal(b"data", **PLACE)
        wanted, available = Keyring([ONE]).ids[0], Keyring([TWO]).ids[0]
        with pytest.raises(SecretError, match=f"encrypted with key {wanted}, available: {available}") as caught:
            Vault(Keyring([TWO])).open(blob, **PLACE)
        assert "credential of c1" in str(caught.value)

    def test_a_new_key_in_front_leaves_old_blobs_readable(self) -> None:
        old = Vault(Keyring([ONE])).seal(b"data", **PLACE)
        vault = Vault(Keyring([TWO, ONE]))
        assert vault.open(old, **PLACE) == b"data"
        assert vault.outdated(old)
        assert not vault.outdated(vault.seal(b"data", **PLACE))


class TestCredential:
    def test_it_comes_back_whole(self) -> None:
        vault = Vault(Keyring([ONE]))
        blob = seal_credential(vault, CREDENTIAL, workspace="w", connection="c")
        assert open_credential(vault, blob, workspace="w", connection="c") == CREDENTIAL

    def test_another_connection_cannot_read_it(self) -> None:
        vault = Vault(Keyring([ONE]))
        blob = seal_credential(vault, CREDENTIAL, workspace="w", connection="c")
        with pytest.raises(SecretError):
            open_credential(vault, blob, workspace="w", connection="d")

    def test_unreadable_content_is_not_quoted(self) -> None:
        vault = Vault(Keyring([ONE]))
        blob = vault.seal(b'{"access_token": 12345678901}', workspace="w", purpose="credential", record="c")
        with pytest.raises(SecretError, match="not in a form") as caught:
            open_credential(vault, blob, workspace="w", connection="c")
        assert "12345678901" not in "".join(traceback.format_exception(caught.value))


class TestKeyring:
    def test_the_first_key_of_the_variable_encrypts(self) -> None:
        ring = Keyring.find({"ADJOIN_KEY": f"{text(TWO)}, {text(ONE)}"}, Path("/nowhere"))
        assert ring.ids == (*Keyring([TWO]).ids, *Keyring([ONE]).ids)

    def test_padding_may_be_missing(self) -> None:
        assert Keyring.from_text(text(ONE).rstrip("="), source="x").ids == Keyring([ONE]).ids

    def test_without_a_variable_the_file_counts(self, tmp_path: Path) -> None:
        made = Keyring.create_file(tmp_path / "key")
        assert Keyring.find({"ADJOIN_KEY": " "}, tmp_path / "key").ids == made.ids

    def test_neither_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(SecretError, match="set ADJOIN_KEY or restore the key file"):
            Keyring.find({}, tmp_path / "key")

    @pytest.mark.parametrize("word", ["canary-not-a-key", base64.urlsafe_b64encode(b"canary").decode(), "é" * 43])
    def test_a_bad_key_is_not_quoted(self, word: str) -> None:
        with pytest.raises(SecretError, match="Key 2 in ADJOIN_KEY is not URL-safe base64 of 32 bytes") as caught:
            Keyring.from_text(f"{text(ONE)},{word}", source="ADJOIN_KEY")
        assert word not in "".join(traceback.format_exception(caught.value))

    def test_repr_shows_ids_only(self) -> None:
        shown = repr(Vault(Keyring([ONE])))
        assert Keyring([ONE]).ids[0] in shown
        assert text(ONE) not in shown


class TestKeyFile:
    def test_it_is_for_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "home" / "key"
        Keyring.create_file(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]

    def test_an_existing_key_is_never_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        Keyring.create_file(path)
        before = path.read_bytes()
        with pytest.raises(SecretError, match="exists already"):
            Keyring.create_file(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
    def test_an_open_file_is_refused_with_the_remedy(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "key"
        Keyring.create_file(path)
        path.chmod(mode)
        with pytest.raises(SecretError, match=f"chmod 600 {path}"):
            Keyring.from_file(path)

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"nonsense"])
    def test_a_damaged_file_is_named(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "key"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SecretError, match=str(path)):
            Keyring.from_file(path)

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SecretError, match=r"cannot be written: (Not a directory|File exists)"):
            Keyring.create_file(tmp_path / "file" / "key")
