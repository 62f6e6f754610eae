"""OpenID Connect: signing in by somebody else's word, in the code flow with PKCE."""

from __future__ import annotations

from adjoin_auth.oidc.discovery import Discovery
from adjoin_auth.oidc.flow import finish, start
from adjoin_auth.oidc.settings import Parties, PartySettings, read_parties

__all__ = ["Discovery", "Parties", "PartySettings", "finish", "read_parties", "start"]
