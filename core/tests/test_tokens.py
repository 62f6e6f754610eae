"""Tokens: what they look like, what a typing error does to them, and how they are stored."""

from __future__ import annotations

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin import tokens
from adjoin.errors import UsageError
from adjoin.http.redaction import redact_text
from adjoin.tokens import SESSION, hash_token, kind_of, matches, new_token


@pytest.mark.parametrize(
    "kind", [tokens.SESSION, tokens.API, tokens.INVITATION, tokens.VERIFICATION, tokens.RESET, "x"]
)
def test_a_token_tells_its_kind(kind: str) -> None:
    token = new_token(kind)
    assert token.startswith(f"adj_{kind}_")
    assert kind_of(token) == kind


def test_it_needs_no_quoting_in_a_url_and_a_double_click_selects_it() -> None:
    token = new_token(SESSION)
    assert set(token) <= set(string.ascii_letters + string.digits + "_")
    assert len(token) == 55


@pytest.mark.parametrize("kind", ["", "S", "1", "ninechars", "a_b", "é", "a\n"])
def test_a_kind_is_a_short_word(kind: str) -> None:
    with pytest.raises(UsageError, match="1 to 8 small letters"):
        new_token(kind)


def test_tokens_differ_and_use_all_their_room() -> None:
    made = [new_token(SESSION)[6:49] for _ in range(500)]
    assert len(set(made)) == 500
    # Each place but the first, which carries the rest of the division, has nearly all of the 62 digits.
    assert min(len({one[place] for one in made}) for place in range(1, 43)) > 55


@given(st.integers(0, 54), st.sampled_from(string.ascii_letters + string.digits + "_-é "))
def test_a_changed_letter_is_noticed(place: int, letter: str) -> None:
    token = "adj_s_" + "0123456789" * 4 + "abc"
    token += tokens._checksum(token)
    assert kind_of(token) == "s"
    changed = token[:place] + letter + token[place + 1 :]
    assert (kind_of(changed) is None) == (changed != token)


@pytest.mark.parametrize("change", [str.upper, str.swapcase, lambda t: t[:-1], lambda t: t + "0", lambda t: f" {t}"])
def test_other_slips_are_noticed(change) -> None:  # type: ignore[no-untyped-def]
    assert kind_of(change(new_token(SESSION))) is None


@given(st.text(st.characters(codec=None), max_size=80))
def test_any_text_has_a_hash_and_none_is_a_token_by_chance(text: str) -> None:
    assert len(hash_token(text)) == 32
    assert kind_of(text) is None


def test_the_stored_hash_is_sha256_of_the_token() -> None:
    token = new_token(SESSION)
    assert hash_token(token) == hashlib.sha256(token.encode()).digest()
    assert matches(token, hash_token(token))
    assert not matches(new_token(SESSION), hash_token(token))
    assert not matches(token, b"")


@pytest.mark.parametrize("around", ["{}", "x={}", "/i/{}?a=1", "token%3D{}", "Hello {}.", "'{}'", "x{}"])
def test_no_token_passes_redaction(around: str) -> None:
    token = new_token(SESSION)
    assert token[6:] not in redact_text(around.format(token))
    assert token[6:40] not in redact_text(around.format(token[:40]))  # cut off, as by a log with a limit
