"""One page of the doors: shown by GET, acted on by POST, and shown again with what is wrong where that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

import structlog
from starlette.responses import RedirectResponse
from starlette.routing import Route

from adjoin.auth import v1
from adjoin.errors import AdjoinError, AuthError, AuthProblem, StaleProof, UsageError
from adjoin_dashboard.door.cookies import let_in, session_token
from adjoin_dashboard.door.csrf import ForeignForm, check
from adjoin_dashboard.door.forms import Form, read_form, safe_next
from adjoin_dashboard.door.problems import Problem, sentence
from adjoin_dashboard.door.rendering import render
from adjoin_dashboard.door.visitor import address_of, agent_of, visitor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from adjoin.access.sessions import Issued
    from adjoin.access.signed_in import SignedIn
    from adjoin.access.signing_in import SigningIn
    from adjoin_dashboard.host import Host

__all__ = ["Act", "Asked", "Show", "page"]

_log = structlog.get_logger("adjoin.pages")

PROVE = "/auth/account/prove"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request for a page. `form` is what was sent, `problem` why that was refused."""

    host: Host
    request: Request
    form: Form = field(default_factory=Form, repr=False)
    problem: Problem | None = None

    @property
    def doors(self) -> SigningIn:
        return self.host.runtime.doors

    @cached_property
    def can(self) -> v1.Description:
        """What the auth provider can do. Raises Problem where there is none."""
        try:
            return self.doors.provider.description
        except AdjoinError as error:
            _log.error("the auth provider cannot be asked", error=str(error))
            raise Problem(
                "Sign-in is not set up: the plugin that vouches for people is not loaded. The operator finds more in "
                "the log, and by `adjoin doctor`.",
                status=503,
                retry_after=300,
            ) from error

    @property
    def visitor(self) -> SignedIn | None:
        return visitor(self.request)

    @property
    def inside(self) -> SignedIn:
        """Who is signed in, on pages that the gate keeps for them."""
        found = self.visitor
        if found is None:
            raise Problem("Sign in first.", status=401)
        return found

    @property
    def address(self) -> str:
        return address_of(self.request)

    @property
    def agent(self) -> str:
        return agent_of(self.request)

    @property
    def next(self) -> str:
        """Where they want to go: `next` of the form, else of the address."""
        return self.form.path("next") or safe_next(self.request.query_params.get("next"))

    @property
    def done(self) -> str:
        """What was just done: a word of our own that a page has a sentence for."""
        return self.request.query_params.get("done", "")[:40]

    def render(self, template: str, **values: Any) -> Response:
        """Return a page, with the problem there is."""
        status = 200 if self.problem is None else self.problem.status
        headers = None if self.problem is None else self.problem.headers
        shown: dict[str, Any] = {"form": self.form, "problem": self.problem, "next": self.next, "can": self.can}
        shown["has_codes"] = self.has_recovery_codes
        return render(self.request, template, status=status, headers=headers, **(shown | values))

    def go(self, path: str, **query: str) -> Response:
        """Send the browser to a page of ours; what is empty, or leads to the first page, is left out of the query."""
        parts = [f"{name}={quote(text, safe='/')}" for name, text in query.items() if text not in {"", "/"}]
        joined = ("&" if "?" in path else "?") + "&".join(parts) if parts else ""
        return RedirectResponse(path + joined, status_code=303)

    @property
    def has_recovery_codes(self) -> bool:
        """Whether the auth provider makes codes for who has lost the second factor."""
        return self.host.kernel.hook(v1.Auth.recovery_codes).implemented_by(self.doors.provider.name)

    async def come_in(self, issued: Issued, to: str | None = None) -> Response:
        """Let somebody in and send them on; to the second factor first, where one is owed.

        A session that the browser had before ends: it would stay behind with nobody knowing.
        """
        before = session_token(self.request)
        if before is not None:
            await self.doors.sign_out(before, address=self.address)
        let_in(self.request, issued)
        wanted = self.next if to is None else to
        return self.go("/auth/second-factor", next=wanted) if issued.pending else self.go(wanted)


Show: TypeAlias = Callable[[Asked], Awaitable["Response"]]
Act: TypeAlias = Callable[[Asked], Awaitable["Response"]]


def page(
    host: Host, path: str, show: Show, act: Act | None = None, *, fields: Mapping[AuthProblem, str] | None = None
) -> Route:
    """Return the route of a page. `fields` names the field that a refusal of the auth provider is about.

    What `act` refuses, by Problem, AuthError or UsageError, is shown on the page; after StaleProof the person proves to
    be themselves and comes back.
    """

    async def answer(request: Request) -> Response:
        asked = Asked(host=host, request=request)
        try:
            if request.method == "POST" and act is not None:
                return await _act(asked, act, show, fields or {})
            return await show(asked)
        except StaleProof:
            return asked.go(PROVE, next=request.url.path)
        except AuthError as error:
            problem = Problem.of(error, {})
        except Problem as raised:
            problem = raised
        return _plain(asked, problem)

    return Route(path, answer, methods=["GET"] if act is None else ["GET", "POST"])


async def _act(asked: Asked, act: Act, show: Show, fields: Mapping[AuthProblem, str]) -> Response:
    try:
        form = await read_form(asked.request)
        await check(asked.request)
    except ForeignForm as error:
        return await show(replace(asked, problem=Problem(error.detail, status=error.status_code)))
    sent = replace(asked, form=form)
    try:
        return await act(sent)
    except AuthError as error:
        problem = Problem.of(error, fields)
    except Problem as raised:
        problem = raised
    except UsageError as error:
        problem = Problem(sentence(str(error)))
    return await show(replace(sent, problem=problem))


def _plain(asked: Asked, problem: Problem) -> Response:
    return render(
        asked.request, "problem.html", status=problem.status, headers=problem.headers, problem=problem, next="/"
    )
