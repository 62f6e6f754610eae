"""A provider, asked through the kernel, and people who use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pytest

from adjoin.auth import v1
from adjoin.clock import ManualClock
from adjoin.contract import MaybeAsync
from adjoin.errors import AuthError, AuthProblem
from adjoin.kernel import Kernel
from adjoin.testing.auth._totp import STEP, totp

__all__ = ["EMAIL", "OTHER_PASSWORD", "PASSWORD", "Device", "Mailbox", "Provider", "refused"]

P = ParamSpec("P")
T = TypeVar("T")

EMAIL = "ada@company.example"
PASSWORD = "garnet otter fjord 41"  # noqa: S105 - nobody's
OTHER_PASSWORD = "violet anvil brook 88"  # noqa: S105


class Mailbox(Protocol):
    """Where the mails of the provider can be seen."""

    def token(self, email: str, kind: v1.LinkKind) -> str | None:
        """The token of the newest link of a kind that was mailed to somebody; None if there was none."""
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """What somebody's second factor lives on."""

    subject: str
    factor: str
    secret: str


@contextmanager
def refused(*kinds: AuthProblem) -> Iterator[pytest.ExceptionInfo[AuthError]]:
    """Expect a refusal of one of these kinds."""
    with pytest.raises(AuthError) as caught:
        yield caught
    assert caught.value.kind in kinds, f"refused as {caught.value.kind}, expected {' or '.join(kinds)}"


class Provider:
    """A provider with its context, clock and mailbox."""

    def __init__(
        self, kernel: Kernel, name: str, context: v1.AuthContext, clock: ManualClock, mailbox: Mailbox
    ) -> None:
        self._kernel = kernel
        self._name = name
        self._context = context
        self._clock = clock
        self._mailbox = mailbox

    def implements(self, spec: Callable[..., Any]) -> bool:
        return self._kernel.hook(spec).implemented_by(self._name)

    def needs(self, *specs: Callable[..., Any]) -> None:
        """Leave a test out if the provider lacks one of these hooks."""
        for spec in specs:
            if not self.implements(spec):
                pytest.skip(f"not implemented: {spec.__name__}")

    def describe(self) -> v1.Description:
        return self._kernel.hook(v1.Auth.describe).one(self._name)

    def ask(
        self,
        spec: Callable[Concatenate[v1.Auth, v1.AuthContext, P], MaybeAsync[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a hook with the context."""
        hook: Any = self._kernel.hook(spec)
        answer: T = hook.one(self._name, self._context, *args, **kwargs)
        return answer

    def wait(self, time: timedelta) -> None:
        """Let time pass."""
        self._clock.advance(time.total_seconds())

    def link(self, email: str, kind: v1.LinkKind) -> str:
        """The token of the link that was mailed last; there has to be one."""
        token = self._mailbox.token(email, kind)
        assert token is not None, f"no link of kind {kind.value!r} was mailed to {email}"
        return token

    def mails(self, email: str, kind: v1.LinkKind) -> bool:
        """Whether a link of this kind was mailed."""
        return self._mailbox.token(email, kind) is not None

    def no_link(self, email: str, kind: v1.LinkKind) -> None:
        """Nothing of this kind may have been mailed."""
        assert not self.mails(email, kind), f"a link of kind {kind.value!r} was mailed to {email}"

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, address: str = "") -> v1.Proof:
        return self.ask(v1.Auth.sign_in, v1.Credentials(email=email, password=password, address=address))

    def person(self, email: str = EMAIL, password: str = PASSWORD) -> v1.Proof:
        """Somebody who has signed up, confirmed the e-mail and signed in."""
        self.needs(v1.Auth.sign_up, v1.Auth.confirm)
        self.ask(v1.Auth.sign_up, v1.SignUp(email=email, password=password, name="Ada L."))
        self.ask(v1.Auth.confirm, v1.LinkKind.CONFIRM, self.link(email, v1.LinkKind.CONFIRM))
        return self.sign_in(email, password)

    def device(self, proof: v1.Proof, label: str = "Phone") -> Device:
        """A second factor of somebody, in force."""
        self.needs(v1.Auth.enroll, v1.Auth.activate, v1.Auth.second_factor)
        made = self.ask(v1.Auth.enroll, proof.subject, proof.kept, label)
        device = Device(proof.subject, made.id, made.secret)
        self.ask(v1.Auth.activate, proof.subject, proof.kept, made.id, self.code(device))
        return device

    def code(self, device: Device) -> str:
        """The code that the device shows."""
        return totp(device.secret, self._context.now())

    def next_code(self, device: Device) -> str:
        """Wait for the next code of the device."""
        self.wait(timedelta(seconds=STEP))
        return self.code(device)
