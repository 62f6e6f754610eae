"""Promises about somebody else's word: the start and the refusal. Its whole way is tested with the party's stand-in."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from adjoin.auth import v1
from adjoin.errors import AdjoinError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import Provider, refused

__all__ = ["PartyPromises"]

_BACK = "https://adjoin.test/auth/callback"


class PartyPromises(Fixtures):
    """`start_external`, `finish_external`."""

    def test_asking_somebody_else_starts_at_their_address(self, provider: Provider) -> None:
        """`start_external` sends the browser away with PKCE, and each time with a new state."""
        provider.needs(v1.Auth.start_external)

        for party in provider.describe().parties:
            first, second = (provider.ask(v1.Auth.start_external, party.id, _BACK) for _ in range(2))
            query = parse_qs(urlsplit(first.url).query)
            assert urlsplit(first.url).scheme in ("http", "https")
            assert query.get("code_challenge"), "the code must be worth nothing to who intercepts it"
            assert first.url != second.url
            assert 0 < len(first.kept) <= 16_384
            assert repr(first.kept) not in repr(first)

    def test_an_unknown_party_is_refused(self, provider: Provider) -> None:
        """`start_external` knows the parties that `describe` lists, and no others."""
        provider.needs(v1.Auth.start_external)

        with pytest.raises(AdjoinError):
            provider.ask(v1.Auth.start_external, "nobody-of-this-name", _BACK)

    def test_an_answer_that_does_not_belong_to_a_start_is_refused(self, provider: Provider) -> None:
        """`finish_external` takes no answer of another browser, nor a refusal for a yes."""
        provider.needs(v1.Auth.start_external, v1.Auth.finish_external)

        for party in provider.describe().parties:
            start = provider.ask(v1.Auth.start_external, party.id, _BACK)
            for query in ({}, {"code": "made-up", "state": "made-up"}, {"error": "access_denied"}):
                answer = v1.External(party=party.id, query=query, kept=start.kept, redirect_uri=_BACK)
                with refused(AuthProblem.REFUSED, AuthProblem.BAD_LINK):
                    provider.ask(v1.Auth.finish_external, answer)
