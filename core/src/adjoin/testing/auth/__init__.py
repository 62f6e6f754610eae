"""The conformance suite of the `auth` contract: what everybody who vouches for people promises, as tests to inherit.

    from adjoin.testing.auth import AuthConformance

    class TestConformance(AuthConformance):
        @pytest.fixture
        def implementation(self):
            return plugin

The provider is asked through the kernel, with a clock that moves only when told. The default fixtures give it a state
database on SQLite with the tables of its package, and a context that keeps the mails; a provider that mails by itself
overrides the fixture `mailbox`. Hooks that the provider does not have are left out and listed at the end of the run.
"""

from __future__ import annotations

from adjoin.testing.auth._context import RecordingContext
from adjoin.testing.auth._fixtures import prepare
from adjoin.testing.auth._suite import AuthConformance
from adjoin.testing.auth._totp import totp

__all__ = ["AuthConformance", "RecordingContext", "prepare", "totp"]
