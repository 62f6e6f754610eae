"""Endpoints of OAuth: the way to a party and back, and a party that answers by itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adjoin_auth.supabase.sandbox.accounts import allowed_redirect
from adjoin_auth.supabase.sandbox.errors import Refusal
from adjoin_auth.supabase.sandbox.people import Flow, Identity, User
from adjoin_auth.supabase.sandbox.project import Project

__all__ = ["PartyEndpoints"]


class PartyEndpoints:
    """A browser goes through these; they are asked without a key."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._states: dict[str, str] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/authorize", self.authorize, methods=["GET"]),
            Route("/callback", self.callback, methods=["GET"]),
            Route("/_party/{name}", self.party, methods=["GET"]),
        ]

    async def authorize(self, request: Request) -> Response:
        query = request.query_params
        provider = query.get("provider", "")
        if provider not in self.project.switches.parties:
            raise Refusal(400, "validation_failed", f"Unsupported provider: provider {provider} could not be found")
        if query.get("code_challenge_method") != "s256" or not query.get("code_challenge"):
            raise Refusal(400, "validation_failed", "code challenge method is invalid")
        target = allowed_redirect(self.project, query.get("redirect_to", ""))
        flow, state = str(uuid4()), str(uuid4())
        self.project.flows[flow] = Flow(provider, query["code_challenge"], target, self.project.now)
        self._states[state] = flow
        told = {"state": state, "prompt": query.get("prompt", "")}
        return RedirectResponse(f"{self.project.auth_url}/_party/{provider}?{urlencode(told)}", 302)

    async def party(self, request: Request) -> Response:
        state = request.query_params["state"]
        answer = {"error": "access_denied"} if self.project.at_party is None else {"code": "of-the-party"}
        return RedirectResponse(f"{self.project.auth_url}/callback?{urlencode({**answer, 'state': state})}", 302)

    async def callback(self, request: Request) -> Response:
        project, query = self.project, request.query_params
        code = self._states.pop(query.get("state", ""), "")
        flow = project.flows.get(code)
        if flow is None:
            raise Refusal(400, "bad_oauth_state", "OAuth state parameter is invalid")
        person = project.at_party
        if query.get("error") or person is None:
            return _back(flow, {"error": "access_denied", "error_description": "The user denied access"})
        try:
            user = self._user_of(person, flow.provider)
        except Refusal as refusal:
            told = {"error": "access_denied", "error_code": refusal.code, "error_description": refusal.message}
            return _back(flow, told)
        flow.user_id = user.id
        return _back(flow, {"code": code})

    def _user_of(self, person: dict[str, Any], provider: str) -> User:
        """Find the user by the party's subject, or by an e-mail that both know to be confirmed, or make one."""
        project, email = self.project, str(person["email"]).lower()
        for user in project.users.values():
            if any(one.provider == provider and one.subject == person["sub"] for one in user.identities):
                return user
        if not person.get("email_verified"):
            message = "Unverified email with provider. A confirmation email has been sent to your email"
            raise Refusal(422, "provider_email_needs_verification", message)
        found = project.by_email(email)
        if found is not None and found.email_confirmed_at is None:
            project.delete(found)  # a sign-up that nobody has confirmed
            found = None
        if found is None:
            if project.switches.disable_signup:
                raise Refusal(422, "signup_disabled", "Signups not allowed for this instance")
            names = {"full_name": person.get("name", ""), "avatar_url": person.get("picture", "")}
            found = User(email, project.now, None, names, email_confirmed_at=project.now)
            project.users[found.id] = found
        found.identities.append(Identity(provider, str(person["sub"]), dict(person), project.now))
        return found


def _back(flow: Flow, told: dict[str, str]) -> Response:
    return RedirectResponse(f"{flow.redirect_to}{'&' if '?' in flow.redirect_to else '?'}{urlencode(told)}", 302)
