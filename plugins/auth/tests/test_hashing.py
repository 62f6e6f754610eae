"""Hashing: Argon2id that follows its parameters, and the same work for nobody."""

from __future__ import annotations

import pytest

from adjoin_auth.local.hashing import MOST_BYTES, Argon2, prepared


def test_a_hash_is_argon2id_of_today() -> None:
    hashed = Argon2().hash(b"garnet otter fjord 41")

    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_the_right_password_fits(quick: Argon2) -> None:
    stored = quick.hash(b"garnet otter fjord 41")

    assert quick.verify(b"garnet otter fjord 41", stored).fits
    assert not quick.verify(b"garnet otter fjord 42", stored).fits


def test_nothing_fits_nobody(quick: Argon2) -> None:
    assert not quick.verify(b"garnet otter fjord 41", None).fits


def test_a_hash_of_other_parameters_is_renewed(quick: Argon2) -> None:
    stronger = Argon2(memory_kib=16, passes=2, parallelism=1)
    stored = quick.hash(b"garnet otter fjord 41")

    renewed = stronger.verify(b"garnet otter fjord 41", stored).renewed

    assert quick.verify(b"garnet otter fjord 41", stored).renewed is None
    assert renewed is not None
    assert "m=16,t=2" in renewed
    assert stronger.verify(b"garnet otter fjord 41", renewed).renewed is None


def test_a_wrong_password_renews_nothing(quick: Argon2) -> None:
    stored = quick.hash(b"garnet otter fjord 41")

    assert Argon2(memory_kib=16, passes=2, parallelism=1).verify(b"another", stored).renewed is None


def test_nobody_costs_one_verification(quick: Argon2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody unknown is compared with a hash of the same parameters, and with it alone."""
    compared = []
    inner = quick._hash.verify_and_update

    def spy(password: bytes, stored: str) -> object:
        compared.append(stored)
        return inner(password, stored)

    stored = quick.hash(b"garnet otter fjord 41")
    monkeypatch.setattr(quick._hash, "verify_and_update", spy)
    quick.verify(b"garnet otter fjord 42", stored)
    quick.verify(b"garnet otter fjord 42", None)

    assert len(compared) == 2
    parameters = {text.rsplit("$", 2)[0] for text in compared}
    assert len(parameters) == 1


@pytest.mark.parametrize(
    ("password", "bytes_"),
    [
        ("ﬁsch", b"fisch"),
        ("o\u0308", "ö".encode()),
        ("x" * MOST_BYTES, b"x" * MOST_BYTES),
        ("x" * (MOST_BYTES + 1), None),
        ("ö" * MOST_BYTES, None),
        ("\ud800", None),
    ],
)
def test_a_password_becomes_bytes_or_is_none(password: str, bytes_: bytes | None) -> None:
    assert prepared(password) == bytes_
