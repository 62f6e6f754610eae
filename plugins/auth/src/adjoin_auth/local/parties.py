"""The parties whose word `local` takes, and what it cannot do for people who have come in by it."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.access.context import auth_settings
from adjoin.auth.v1 import AuthContext, External, Proof, Start
from adjoin.errors import AuthError, AuthProblem, UnknownName
from adjoin_auth.asking import Bounds
from adjoin_auth.oidc import Discovery, Parties, PartySettings, finish, read_parties, start

__all__ = ["PartyDesk"]


class PartyDesk:
    """Asks the parties that the settings name; without settings those of the environment, as they are at the time."""

    def __init__(self, settings: Mapping[str, str] | None = None, bounds: Bounds | None = None) -> None:
        self._given = settings
        self._discovery = Discovery(bounds)
        self._read: tuple[Mapping[str, str], Parties] | None = None

    @property
    def now(self) -> Parties:
        """The parties as they are set up, and what is wrong with them."""
        settings = dict(auth_settings() if self._given is None else self._given)
        if self._read is None or self._read[0] != settings:
            self._read = (settings, read_parties(settings))
        return self._read[1]

    async def start(self, context: AuthContext, party: str, redirect_uri: str, *, again: bool) -> Start:
        """Begin to ask a party. Raises UnknownName, and AuthError of kind `unavailable`."""
        return await start(self._discovery, self._party(party), redirect_uri, again=again, now=context.now())

    async def finish(self, context: AuthContext, answer: External) -> Proof:
        """Check a party's word. Raises UnknownName and AuthError."""
        return await finish(self._discovery, self._party(answer.party), context, answer)

    def check_own(self, subject: str) -> None:
        """Raise AuthError for somebody who has come in by a party's word: what they ask for is kept there."""
        issuer, by_party, _ = subject.partition(" ")
        if not by_party or not issuer.startswith(("https://", "http://")):
            return
        titles = (one.title for one in self.now.by_name.values() if one.issuer == issuer)
        title = next(titles, "another service")
        raise AuthError(
            f"You have signed in with {title}, which keeps your password and second factor: change them there. If you "
            "have a password here as well, sign out and sign in with it.",
            kind=AuthProblem.REFUSED,
        )

    def _party(self, name: str) -> PartySettings:
        try:
            return self.now.by_name[name]
        except KeyError:
            raise UnknownName(f"there is no sign-in with {name[:40]!r} here") from None
