"""Endpoints of people: signing up, tokens, links, the own user, signing out."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adjoin_auth.supabase.sandbox.errors import OAuthRefusal, Refusal
from adjoin_auth.supabase.sandbox.people import Identity, User, instant, password_hash
from adjoin_auth.supabase.sandbox.project import Project

__all__ = ["AccountEndpoints", "allowed_redirect", "body_of"]

_FLOW_LIFE = timedelta(seconds=300)
_REAUTHENTICATE_AFTER = timedelta(hours=24)
_KINDS = {
    "signup": ("confirmation",),
    "invite": ("confirmation",),
    "email": ("confirmation", "recovery"),
    "recovery": ("recovery",),
    "magiclink": ("recovery",),
    "email_change": ("email_change_new", "email_change_current"),
}


async def body_of(request: Request) -> dict[str, Any]:
    """Read a JSON object."""
    raw = await request.body()
    try:
        found = json.loads(raw) if raw else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(400, "bad_json", "Could not parse request body as JSON")
    return found


def allowed_redirect(project: Project, wanted: str) -> str:
    """Return where a browser may be sent to; anything else is the site's own address, silently."""
    for rule in project.switches.redirects:
        if wanted == rule or (rule.endswith("/**") and wanted.startswith(rule.removesuffix("**"))):
            return wanted
    return project.switches.site_url


class AccountEndpoints:
    """What the publishable key may ask."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def routes(self) -> list[Route]:
        return [
            Route("/signup", self.signup, methods=["POST"]),
            Route("/token", self.token, methods=["POST"]),
            Route("/verify", self.verify, methods=["POST"]),
            Route("/verify", self.verify_link, methods=["GET"]),
            Route("/recover", self.recover, methods=["POST"]),
            Route("/resend", self.resend, methods=["POST"]),
            Route("/user", self.user, methods=["GET"]),
            Route("/user", self.update_user, methods=["PUT"]),
            Route("/logout", self.logout, methods=["POST"]),
            Route("/settings", self.settings, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/.well-known/jwks.json", self.jwks, methods=["GET"]),
        ]

    async def signup(self, request: Request) -> Response:
        project, body = self.project, await body_of(request)
        if project.switches.disable_signup:
            raise Refusal(422, "signup_disabled", "Signups not allowed for this instance")
        if not body.get("email"):
            raise Refusal(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
        password, email = project.checked_password(body.get("password")), project.checked_email(body["email"])
        user = project.by_email(email)
        if user is not None and user.email_confirmed_at is not None:
            if project.switches.autoconfirm:
                raise Refusal(422, "user_already_exists", "User already registered")
            return JSONResponse(self._made_up(email))
        if user is None:
            user = User(email, project.now, password_hash(password), dict(body.get("data") or {}))
            data = {"sub": user.id, "email": email, "email_verified": False}
            user.identities.append(Identity("email", user.id, data, project.now))
            project.users[user.id] = user
        # The password of a user who has not confirmed is left alone: nobody knows whose it is.
        if project.switches.autoconfirm:
            user.email_confirmed_at = project.now
            return JSONResponse(project.session_json(project.sign_in(user, "password")))
        project.check_pause(user, "confirmation")
        project.mail(user, "confirmation", "confirmation")
        return JSONResponse(project.user_json(user))

    async def token(self, request: Request) -> Response:
        body = await body_of(request)
        match request.query_params.get("grant_type"):
            case "password":
                return JSONResponse(self._by_password(body))
            case "refresh_token":
                if not body.get("refresh_token"):
                    raise Refusal(400, "validation_failed", "refresh_token required")
                return JSONResponse(self.project.session_json(self.project.refresh(str(body["refresh_token"]))))
            case "pkce":
                return JSONResponse(self._by_code(body))
        raise OAuthRefusal("unsupported_grant_type", "")

    def _by_password(self, body: dict[str, Any]) -> dict[str, Any]:
        project = self.project
        user = project.by_email(str(body.get("email", "")).lower())
        password = str(body.get("password", ""))
        if user is None or user.password is None:
            raise Refusal(400, "invalid_credentials", "Invalid login credentials")
        if project.is_banned(user):
            raise Refusal(400, "user_banned", "User is banned")
        if user.password != password_hash(password):
            raise Refusal(400, "invalid_credentials", "Invalid login credentials")
        if user.email_confirmed_at is None:
            raise Refusal(400, "email_not_confirmed", "Email not confirmed")
        weak: dict[str, Any] = {}
        if len(password) < project.switches.shortest_password:
            weak = {"weak_password": {"message": "Password should be longer.", "reasons": ["length"]}}
        return project.session_json(project.sign_in(user, "password"), **weak)

    def _by_code(self, body: dict[str, Any]) -> dict[str, Any]:
        project = self.project
        code, verifier = body.get("auth_code"), body.get("code_verifier")
        if not code or not verifier:
            raise Refusal(400, "validation_failed", "invalid request: both auth code and code verifier are required")
        flow = project.flows.get(str(code))
        if flow is None or not flow.user_id:
            raise Refusal(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
        if project.now > flow.created_at + _FLOW_LIFE:
            raise Refusal(422, "flow_state_expired", "invalid flow state, flow state has expired")
        digest = base64.urlsafe_b64encode(hashlib.sha256(str(verifier).encode()).digest()).rstrip(b"=").decode()
        if digest != flow.challenge:
            raise Refusal(400, "bad_code_verifier", "code challenge does not match previously saved code verifier")
        del project.flows[str(code)]
        user = project.users[flow.user_id]
        tokens = {"provider_token": "party-token", "provider_refresh_token": "party-refresh-token"}
        return project.session_json(project.sign_in(user, "oauth"), **tokens)

    async def verify(self, request: Request) -> Response:
        body = await body_of(request)
        token_hash, kind = body.get("token_hash"), body.get("type")
        if not isinstance(token_hash, str) or not token_hash or body.get("email") or body.get("token"):
            raise Refusal(400, "validation_failed", "Only the token_hash and type should be provided")
        return self._verified(token_hash, str(kind))

    def _verified(self, token_hash: str, kind: str) -> Response:
        project = self.project
        if kind not in _KINDS:
            raise Refusal(400, "validation_failed", "Invalid email verification type")
        user, link = project.redeem(token_hash, _KINDS[kind])
        if link.kind.startswith("email_change"):
            if project.switches.secure_email_change and not user.confirmed_once:
                user.confirmed_once = True
                message = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
                return JSONResponse({"msg": message, "code": "200"})
            if project.by_email(user.new_email) is not None:
                raise Refusal(422, "email_exists", "A user with this email address has already been registered")
            user.email, user.new_email, user.confirmed_once = user.new_email, "", False
            project.void_links(user)
        user.email_confirmed_at = user.email_confirmed_at or project.now
        return JSONResponse(project.session_json(project.sign_in(user, "otp")))

    async def verify_link(self, request: Request) -> Response:
        """What the links of the default templates do: use the token up, and hand tokens over in the fragment."""
        query = request.query_params
        target = allowed_redirect(self.project, query.get("redirect_to", ""))
        try:
            answer = self._verified(query.get("token", ""), query.get("type", ""))
        except Refusal as refusal:
            told = {"error": "access_denied", "error_code": refusal.code, "error_description": refusal.message}
            return RedirectResponse(f"{target}#{urlencode(told)}", 303)
        given = json.loads(bytes(answer.body))
        names = ("access_token", "refresh_token", "expires_in", "token_type")
        return RedirectResponse(f"{target}#{urlencode({name: given[name] for name in names if name in given})}", 303)

    async def recover(self, request: Request) -> Response:
        project = self.project
        user = project.by_email(project.checked_email((await body_of(request)).get("email")))
        if user is not None:
            project.check_pause(user, "recovery")
            project.mail(user, "recovery", "recovery")
        return JSONResponse({})

    async def resend(self, request: Request) -> Response:
        project, body = self.project, await body_of(request)
        user = project.by_email(project.checked_email(body.get("email")))
        if body.get("type") not in ("signup", "email_change"):
            raise Refusal(
                400, "validation_failed", "Missing one of these types: signup, email_change, sms, phone_change"
            )
        if user is None:
            return JSONResponse({})
        if body["type"] == "signup" and user.email_confirmed_at is None:
            project.check_pause(user, "confirmation")
            project.mail(user, "confirmation", "confirmation")
        elif body["type"] == "email_change" and user.new_email:
            self._mail_change(user)
        return JSONResponse({})

    async def user(self, request: Request) -> Response:
        user, _ = self.project.bearer(request.headers.get("authorization", ""))
        return JSONResponse(self.project.user_json(user))

    async def update_user(self, request: Request) -> Response:
        project, body = self.project, await body_of(request)
        user, session = project.bearer(request.headers.get("authorization", ""))
        email = project.checked_email(body["email"]) if body.get("email") else ""
        password = body.get("password")
        if password is not None:
            project.checked_password(password)
        changes = password is not None or (email and email != user.email)
        if user.verified_factors and not session.second_factor and changes:
            message = "AAL2 session is required to update email or password when MFA is enabled."
            raise Refusal(401, "insufficient_aal", message)
        if email and email != user.email and project.by_email(email) is not None:
            raise Refusal(422, "email_exists", "A user with this email address has already been registered")
        if password is not None:
            late = project.now > session.created_at + _REAUTHENTICATE_AFTER
            if project.switches.secure_password_change and late:
                raise Refusal(400, "reauthentication_needed", "Password update requires reauthentication")
            if user.password == password_hash(password):
                raise Refusal(422, "same_password", "New password should be different from the old password.")
            project.set_password(user, password, keep=session.id)
        user.metadata.update(body.get("data") or {})
        if email and email != user.email:
            project.check_pause(user, "email_change")
            user.new_email, user.confirmed_once = email, False
            self._mail_change(user)
        return JSONResponse(project.user_json(user))

    def _mail_change(self, user: User) -> None:
        self.project.mail(user, "email_change", "email_change_new", to=user.new_email)
        if self.project.switches.secure_email_change:
            self.project.mail(user, "email_change", "email_change_current")

    async def logout(self, request: Request) -> Response:
        user, session = self.project.bearer(request.headers.get("authorization", ""))
        match request.query_params.get("scope", "global"):
            case "global":
                self.project.end(user, lambda _: True)
            case "local":
                self.project.end(user, lambda other: other.id == session.id)
            case "others":
                self.project.end(user, lambda other: other.id != session.id)
            case scope:
                raise Refusal(400, "validation_failed", f"Unsupported logout scope {scope!r}")
        return Response(status_code=204)

    async def settings(self, request: Request) -> Response:
        switches = self.project.switches
        parties = {"email": True, **dict.fromkeys(switches.parties, True)}
        told = {"external": parties, "disable_signup": switches.disable_signup, "saml_enabled": False}
        return JSONResponse({**told, "mailer_autoconfirm": switches.autoconfirm, "mfa_enabled": True})

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {"version": "stand-in", "name": "GoTrue", "description": "GoTrue is a user registration API"}
        )

    async def jwks(self, request: Request) -> Response:
        self.project.keys_asked += 1
        headers = {"Cache-Control": "public, max-age=600"}
        return JSONResponse({"keys": self.project.keys.published()}, headers=headers)

    def _made_up(self, email: str) -> dict[str, Any]:
        user = self.project.user_json(User(email, self.project.now))
        return {**user, "id": str(uuid4()), "confirmation_sent_at": instant(self.project.now), "identities": []}
