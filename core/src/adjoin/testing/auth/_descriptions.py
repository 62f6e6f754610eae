"""Promises about what a provider says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from adjoin.auth import v1
from adjoin.testing.auth._fixtures import Fixtures
from adjoin.testing.auth._provider import Provider

__all__ = ["DescriptionPromises"]

_SIGN_UP: tuple[Callable[..., Any], ...] = (v1.Auth.sign_up, v1.Auth.confirm)
_PASSWORDS: tuple[Callable[..., Any], ...] = (
    v1.Auth.sign_in, v1.Auth.confirm, v1.Auth.ask_reset, v1.Auth.reset, v1.Auth.check_password,
    v1.Auth.change_password, v1.Auth.change_email,
)  # fmt: skip
_FACTORS: tuple[Callable[..., Any], ...] = (
    v1.Auth.second_factor, v1.Auth.factors, v1.Auth.enroll, v1.Auth.activate, v1.Auth.remove_factor,
)  # fmt: skip
_PARTIES: tuple[Callable[..., Any], ...] = (v1.Auth.start_external, v1.Auth.finish_external)
_RENEWAL: tuple[Callable[..., Any], ...] = (v1.Auth.renew,)


class DescriptionPromises(Fixtures):
    """`describe`."""

    def test_it_describes_itself(self, provider: Provider) -> None:
        """`describe` has a title for people and an issuer for good."""
        described = provider.describe()

        assert described.title.strip()
        assert described.issuer.strip() == described.issuer
        assert described.issuer
        assert described == provider.describe(), "describe() gave something else the second time"

    def test_it_has_the_hooks_of_what_it_says(self, provider: Provider) -> None:
        """`describe` promises nothing that no hook does."""
        described = provider.describe()
        wanted = (
            *(_SIGN_UP if described.can_sign_up else ()),
            *(_PASSWORDS if described.has_passwords else ()),
            *(_FACTORS if described.has_second_factor else ()),
            *(_PARTIES if described.parties else ()),
            *(_RENEWAL if described.renew_within else ()),
        )
        assert [spec.__name__ for spec in wanted if not provider.implements(spec)] == []

    def test_importing_it_is_quick(self, implementation: object) -> None:
        """The entry-point module imports nothing heavy: every command of `adjoin` loads it."""
        module = type(implementation).__module__
        program = f"import sys, json, importlib; importlib.import_module({module!r}); print(json.dumps([*sys.modules]))"
        run = subprocess.run(  # noqa: S603 - the interpreter that runs this
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert sorted(set(json.loads(run.stdout)) & set(self.heavy)) == []
