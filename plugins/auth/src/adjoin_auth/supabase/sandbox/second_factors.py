"""Endpoints of second factors (TOTP): enroll, challenge, verify, unenroll."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from pyotp import TOTP, random_base32
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adjoin_auth.supabase.sandbox.accounts import body_of
from adjoin_auth.supabase.sandbox.errors import Refusal
from adjoin_auth.supabase.sandbox.people import Challenge, Factor, User
from adjoin_auth.supabase.sandbox.project import Project

__all__ = ["FactorEndpoints"]

_CHALLENGE_LIFE = timedelta(seconds=300)


class FactorEndpoints:
    """What who is signed in may ask of second factors."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def routes(self) -> list[Route]:
        return [
            Route("/factors", self.enroll, methods=["POST"]),
            Route("/factors/{factor}/challenge", self.challenge, methods=["POST"]),
            Route("/factors/{factor}/verify", self.verify, methods=["POST"]),
            Route("/factors/{factor}", self.unenroll, methods=["DELETE"]),
        ]

    async def enroll(self, request: Request) -> Response:
        project, body = self.project, await body_of(request)
        user, session = project.bearer(request.headers.get("authorization", ""))
        if body.get("factor_type") != "totp":
            raise Refusal(400, "validation_failed", "factor_type needs to be totp or phone")
        oldest = project.now - project.switches.factor_life
        user.factors = [one for one in user.factors if one.verified or one.created_at > oldest]
        label = str(body.get("friendly_name") or "").strip()
        if any(one.label == label for one in user.factors):
            message = f'A factor with the friendly name "{label}" for this user already exists'
            raise Refusal(422, "mfa_factor_name_conflict", message)
        if len(user.factors) >= project.switches.most_factors:
            message = "Maximum number of verified factors reached, unenroll to continue"
            raise Refusal(422, "too_many_enrolled_mfa_factors", message)
        if user.verified_factors and not session.second_factor:
            raise Refusal(403, "insufficient_aal", "AAL2 required to enroll a new factor")
        factor = Factor(str(uuid4()), label, random_base32(), project.now)
        user.factors.append(factor)
        issuer = str(body.get("issuer") or "adjoin.test")
        uri = TOTP(factor.seed).provisioning_uri(name=user.email, issuer_name=issuer)
        totp = {"qr_code": "<svg/>", "secret": factor.seed, "uri": uri}
        return JSONResponse({"id": factor.id, "type": "totp", "friendly_name": label, "totp": totp})

    async def challenge(self, request: Request) -> Response:
        user, _ = self.project.bearer(request.headers.get("authorization", ""))
        factor = _factor(user, request.path_params["factor"])
        ends = self.project.now + _CHALLENGE_LIFE
        made = Challenge(str(uuid4()), ends, request.client.host if request.client else "")
        factor.challenges[made.id] = made
        return JSONResponse({"id": made.id, "type": "totp", "expires_at": int(ends.timestamp())})

    async def verify(self, request: Request) -> Response:
        project, body = self.project, await body_of(request)
        user, session = project.bearer(request.headers.get("authorization", ""))
        factor = _factor(user, request.path_params["factor"])
        challenge = factor.challenges.get(str(body.get("challenge_id")))
        if challenge is None or challenge.verified:
            raise Refusal(422, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found")
        if project.now > challenge.expires_at:
            raise Refusal(422, "mfa_challenge_expired", f"MFA challenge {challenge.id} has expired")
        if request.client is not None and request.client.host != challenge.address:
            raise Refusal(422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch")
        if not TOTP(factor.seed).verify(str(body.get("code")), for_time=project.now, valid_window=1):
            raise Refusal(422, "mfa_verification_failed", "Invalid TOTP code entered")
        challenge.verified = factor.verified = True
        project.raise_level(session, factor.id)
        return JSONResponse(project.session_json(session))

    async def unenroll(self, request: Request) -> Response:
        user, session = self.project.bearer(request.headers.get("authorization", ""))
        factor = _factor(user, request.path_params["factor"])
        if factor.verified and not session.second_factor:
            raise Refusal(422, "insufficient_aal", "AAL2 required to unenroll verified factor")
        user.factors.remove(factor)
        for one in self.project.sessions.values():
            if one.by_factor == factor.id:
                one.second_factor, one.by_factor = False, ""
        return JSONResponse({"id": factor.id})


def _factor(user: User, factor_id: str) -> Factor:
    found = next((one for one in user.factors if one.id == factor_id), None)
    if found is None:
        raise Refusal(404, "mfa_factor_not_found", "Factor not found")
    return found
