"""Endpoints of the secret key: users by hand."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adjoin_auth.supabase.sandbox.accounts import body_of
from adjoin_auth.supabase.sandbox.errors import Refusal
from adjoin_auth.supabase.sandbox.people import Identity, User, password_hash
from adjoin_auth.supabase.sandbox.project import Project

__all__ = ["OperatorEndpoints"]


class OperatorEndpoints:
    """What the secret key may ask."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def routes(self) -> list[Route]:
        return [
            Route("/admin/users", self.users, methods=["GET"]),
            Route("/admin/users", self.create, methods=["POST"]),
            Route("/admin/users/{user}", self.get, methods=["GET"]),
            Route("/admin/users/{user}", self.update, methods=["PUT"]),
            Route("/admin/users/{user}", self.delete, methods=["DELETE"]),
            Route("/admin/users/{user}/factors/{factor}", self.delete_factor, methods=["DELETE"]),
        ]

    async def users(self, request: Request) -> Response:
        self._check(request)
        query = request.query_params
        page, size = int(query.get("page") or 1), int(query.get("per_page") or 50)
        wanted = query.get("filter", "")
        found = [
            user
            for user in sorted(self.project.users.values(), key=lambda one: (one.created_at, one.id), reverse=True)
            if wanted in user.email or wanted.lower() in str(user.metadata.get("full_name", "")).lower()
        ]
        users = [self.project.user_json(user) for user in found[(page - 1) * size : page * size]]
        return JSONResponse({"users": users, "aud": "authenticated"}, headers={"X-Total-Count": str(len(found))})

    async def create(self, request: Request) -> Response:
        self._check(request)
        project, body = self.project, await body_of(request)
        email = project.checked_email(body.get("email"))
        if project.by_email(email) is not None:
            raise Refusal(422, "email_exists", "A user with this email address has already been registered")
        password = project.checked_password(body["password"]) if body.get("password") else None
        user = User(email, project.now, None if password is None else password_hash(password))
        user.metadata = dict(body.get("user_metadata") or {})
        user.email_confirmed_at = project.now if body.get("email_confirm") else None
        user.identities.append(Identity("email", user.id, {"sub": user.id, "email": email}, project.now))
        project.users[user.id] = user
        return JSONResponse(project.user_json(user))

    async def get(self, request: Request) -> Response:
        return JSONResponse(self.project.user_json(self._user(request)))

    async def update(self, request: Request) -> Response:
        user, body = self._user(request), await body_of(request)
        if body.get("password"):
            self.project.set_password(user, self.project.checked_password(body["password"]))
        if body.get("email_confirm"):
            user.email_confirmed_at = self.project.now
        if body.get("ban_duration"):
            hours = 0.0 if body["ban_duration"] == "none" else float(str(body["ban_duration"]).removesuffix("h"))
            user.banned_until = self.project.now + timedelta(hours=hours) if hours else None
        user.metadata.update(body.get("user_metadata") or {})
        return JSONResponse(self.project.user_json(user))

    async def delete(self, request: Request) -> Response:
        self.project.delete(self._user(request))
        return JSONResponse({})

    async def delete_factor(self, request: Request) -> Response:
        user = self._user(request)
        factor = next((one for one in user.factors if one.id == request.path_params["factor"]), None)
        if factor is None:
            raise Refusal(404, "mfa_factor_not_found", "Factor not found")
        user.factors.remove(factor)
        return JSONResponse({"id": factor.id})

    def _user(self, request: Request) -> User:
        self._check(request)
        user = self.project.users.get(request.path_params["user"])
        if user is None:
            raise Refusal(404, "user_not_found", "User not found")
        return user

    def _check(self, request: Request) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not bearer:
            raise Refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
        if bearer != self.project.secret_key or request.headers.get("apikey") != self.project.secret_key:
            raise Refusal(403, "not_admin", "User not allowed")
