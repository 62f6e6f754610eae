"""The provider `supabase` keeps the promises of the contract, asked through the real client, of the stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.testing.auth import AuthConformance, RecordingContext
from adjoin_auth.supabase import Supabase
from adjoin_auth.supabase.sandbox import UNLIMITED, Project, Sandbox, Switches, walk


class TestSupabase(AuthConformance):
    deviations: ClassVar[Mapping[str, pytest.MarkDecorator]] = {
        "test_an_e_mail_may_have_letters_beyond_ascii": pytest.mark.never(
            reason="Supabase Auth takes e-mail addresses in ASCII only"
        ),
    }

    @pytest.fixture
    def project(self, sandbox: Sandbox, clock: ManualClock) -> Project:
        return sandbox.begin(clock, Switches(limits=UNLIMITED))

    @pytest.fixture
    def implementation(self, project: Project) -> object:
        return Supabase(project.settings)

    @pytest.fixture
    def auth_context(self, store: Store, clock: ManualClock, project: Project) -> RecordingContext:
        return RecordingContext(store, clock, settings=project.settings)

    @pytest.fixture
    def mailbox(self, project: Project) -> Project:
        return project

    @pytest.fixture
    def consents(self, project: Project) -> Callable[[str], Mapping[str, str]]:
        project.at_party = {"sub": "g-1", "email": "ada@company.example", "email_verified": True, "name": "Ada"}
        return walk
