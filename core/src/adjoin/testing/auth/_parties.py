"""Promises about somebody else's word: the start, the refusal, and with a stand-in of the party the whole way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from adjoin.auth import v1
from adjoin.errors import AdjoinError, AuthProblem
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import Provider, refused

__all__ = ["PartyPromises"]

_BACK = "https://adjoin.test/auth/callback"


class PartyPromises(Fixtures):
    """`start_external`, `finish_external`. The whole way needs the fixture `consents`."""

    @pytest.fixture
    def consents(self) -> Callable[[str], Mapping[str, str]]:
        """Do what a person does on the page of a party: from its address to the query that their browser brings back.

        Override it with a stand-in of the first party that is described.
        """
        pytest.skip("the suite has no stand-in of the provider's parties: override the fixture `consents`")

    def test_asking_somebody_else_starts_at_their_address(self, provider: Provider) -> None:
        """`start_external` sends the browser away with PKCE, and each time with a new state."""
        provider.needs(v1.Auth.start_external)

        for party in provider.describe().parties:
            first, second = (provider.ask(v1.Auth.start_external, party.id, _BACK) for _ in range(2))
            query = parse_qs(urlsplit(first.url).query)
            assert urlsplit(first.url).scheme in ("http", "https")
            assert query.get("code_challenge"), "the code must be worth nothing to who intercepts it"
            assert first.url != second.url
            assert 0 < len(first.kept) <= 2_048
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

    def test_a_word_names_the_same_person_each_time(
        self, provider: Provider, consents: Callable[[str], Mapping[str, str]]
    ) -> None:
        """`finish_external` names a person by the same issuer and subject whenever they come."""
        first, second = (provider.ask(v1.Auth.finish_external, self._answer(provider, consents)) for _ in range(2))
        assert (first.issuer, first.subject) == (second.issuer, second.subject)
        assert first.subject
        assert first.email
        assert first.issuer != provider.describe().issuer
        assert " " not in first.issuer, "the session names the person as `ISSUER SUBJECT`"

    def test_a_word_is_good_once_and_for_its_own_start(
        self, provider: Provider, consents: Callable[[str], Mapping[str, str]]
    ) -> None:
        """`finish_external` takes no answer twice, and none that another start has asked for."""
        answer, other = (self._answer(provider, consents) for _ in range(2))
        mixed = v1.External(party=answer.party, query=other.query, kept=answer.kept, redirect_uri=_BACK)
        with refused(AuthProblem.REFUSED, AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.finish_external, mixed)
        answer = self._answer(provider, consents)
        provider.ask(v1.Auth.finish_external, answer)
        with refused(AuthProblem.REFUSED, AuthProblem.BAD_LINK):
            provider.ask(v1.Auth.finish_external, answer)

    @staticmethod
    def _answer(provider: Provider, consents: Callable[[str], Mapping[str, str]]) -> v1.External:
        party = provider.describe().parties[0]
        start = provider.ask(v1.Auth.start_external, party.id, _BACK)
        return v1.External(party=party.id, query=consents(start.url), kept=start.kept, redirect_uri=_BACK)
