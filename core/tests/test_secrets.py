"""Keys and sealed blobs: they open in their place with their key, and nowhere else."""

from __future__ import annotations

import base64
import stat
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adjoin.ads.v2 import Credential
from adjoin.errors import SecretError
from adjoin.http.redaction import redact_text
from adjoin.secrets import Keyring, Vault, new_key, open_credential, seal_credential, write_key

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


class Source:
    """Keys that a test changes, and how often they were asked for."""

    name = "the test"

    def __init__(self, *keys: bytes, seen: bool = False) -> None:
        self.keys: tuple[bytes, ...] | SecretError = keys
        self.seen = seen  # whether a change can be seen without reading
        self.reads = 0
        self._last: object = None

    def read(self) -> Keyring:
        self.reads += 1
        if isinstance(self.keys, SecretError):
            raise self.keys
        self._last = self.keys
        return Keyring(self.keys)

    def changed(self) -> bool:
        return self.seen and self.keys != self._last


class TestFollowingTheSource:
    NEW = Vault(Keyring([TWO])).seal(b"new", **PLACE)

    def test_an_unknown_key_has_the_keys_read_again(self) -> None:
        source = Source(ONE)
        vault = Vault.of(source)
        source.keys = (TWO, ONE)
        assert vault.open(self.NEW, **PLACE) == b"new"
        assert vault.key_ids == Keyring([TWO, ONE]).ids
        assert source.reads == 2

    def test_a_known_key_does_not(self) -> None:
        source = Source(ONE)
        vault = Vault.of(source)
        assert vault.open(vault.seal(b"x", **PLACE), **PLACE) == b"x"
        assert source.reads == 1

    def test_a_key_that_is_missing_is_looked_for_twice_a_minute_at_most(self) -> None:
        source, now = Source(ONE), [100.0]
        vault = Vault(source.read(), source, monotonic=lambda: now[0])
        other = Vault(Keyring([bytes(32)])).seal(b"x", **PLACE)
        for moment, reads in ((100.0, 2), (100.0, 2), (129.9, 2), (130.1, 3), (131.0, 3)):
            now[0] = moment
            with pytest.raises(SecretError, match="Add the missing key to the test"):
                vault.open(self.NEW, **PLACE)
            assert source.reads == reads
        with pytest.raises(SecretError):
            vault.open(other, **PLACE)  # another key is another question
        assert source.reads == 4

    def test_a_change_that_can_be_seen_is_read_at_once(self) -> None:
        source = Source(ONE, seen=True)
        vault = Vault(source.read(), source, monotonic=lambda: 0.0)
        with pytest.raises(SecretError):
            vault.open(self.NEW, **PLACE)
        source.keys = (ONE, TWO)
        assert vault.open(self.NEW, **PLACE) == b"new"

    def test_sealing_uses_the_first_key_as_soon_as_the_change_can_be_seen(self) -> None:
        source = Source(ONE, seen=True)
        vault = Vault.of(source)
        old = vault.seal(b"x", **PLACE)
        source.keys = (TWO, ONE)
        assert vault.outdated(old)
        assert vault.key_of(vault.seal(b"x", **PLACE)) == Keyring([TWO]).ids[0]

    def test_keys_that_cannot_be_read_again_leave_the_known_ones(self) -> None:
        """A token that has just been renewed must not be lost because the key file is away for a moment."""
        source = Source(ONE, seen=True)
        vault = Vault.of(source)
        source.keys = SecretError("it is away")
        assert vault.open(vault.seal(b"x", **PLACE), **PLACE) == b"x"
        with pytest.raises(SecretError, match="Reading the keys again failed: it is away"):
            vault.open(self.NEW, **PLACE)

    def test_many_threads_ask_once(self) -> None:
        source = Source(ONE)
        vault = Vault.of(source)
        source.keys = (TWO, ONE)
        barrier = threading.Barrier(8)

        def look(_: int) -> bytes:
            barrier.wait(10)
            return vault.open(self.NEW, **PLACE)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(look, range(8))) == [b"new"] * 8
        assert source.reads == 2


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

    def test_what_is_sealed_or_opened_is_redacted_from_then_on(self) -> None:
        """Whoever quotes it, in whatever words."""
        vault = Vault(Keyring([ONE]))
        before = Credential(
            access_token="canary-sealed-acc", extra={"id_token": "canary-sealed-id", "team": "canary-team-7"}
        )
        seal_credential(vault, before, workspace="w", connection="c")
        after = b'{"access_token":"canary-opened-acc","refresh_token":"canary-opened-ref"}'
        blob = vault.seal(after, workspace="w", purpose="credential", record="c")
        open_credential(vault, blob, workspace="w", connection="c")
        said = "canary-sealed-acc canary-sealed-id canary-opened-acc canary-opened-ref canary-team-7"
        assert redact_text(said) == "*** *** *** *** canary-team-7"


class TestKeyring:
    def test_the_first_key_encrypts(self) -> None:
        ring = Keyring.from_text(f"{text(TWO)}, {text(ONE)}", source="x")
        assert ring.ids == (*Keyring([TWO]).ids, *Keyring([ONE]).ids)
        assert (ring.encrypting, ring.all) == (TWO, (TWO, ONE))

    def test_padding_may_be_missing(self) -> None:
        assert Keyring.from_text(text(ONE).rstrip("="), source="x").ids == Keyring([ONE]).ids

    @pytest.mark.parametrize("word", ["canary-not-a-key", base64.urlsafe_b64encode(b"canary").decode(), "é" * 43])
    def test_a_bad_key_is_not_quoted(self, word: str) -> None:
        with pytest.raises(SecretError, match="Key 2 in ADJOIN_KEY is not URL-safe base64 of 32 bytes") as caught:
            Keyring.from_text(f"{text(ONE)},{word}", source="ADJOIN_KEY")
        assert word not in "".join(traceback.format_exception(caught.value))

    def test_a_written_key_is_read_back_and_redacted(self) -> None:
        key = new_key()
        assert Keyring.from_text(write_key(key), source="x").encrypting == key
        assert redact_text(f"<{write_key(key)}>") == "<***>"

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
