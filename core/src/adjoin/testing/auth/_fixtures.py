"""What the suite stands on: fixtures that an author gives or keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from adjoin import auth
from adjoin.auth import v1
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.discovery import find_offers
from adjoin.kernel import Kernel
from adjoin.surface.v1 import Tables
from adjoin.testing.auth._context import RecordingContext
from adjoin.testing.auth._provider import Mailbox, Provider
from adjoin.testing.stores import initialise

__all__ = ["Fixtures", "prepare"]

_PLUGIN = "provider"


def prepare(store: Store, tables: list[Tables], clock: ManualClock) -> None:
    """Make the core's tables and those of the provider."""
    initialise(store, now=clock.now())
    for report in upgrade_tables(store, PluginTables.of({_PLUGIN: tables})):
        assert report.state == "ok", str(report)


class Fixtures:
    """Override `implementation`, and any other that does not suit."""

    #: What the entry-point module must not import: listing plugins has to stay quick.
    heavy: ClassVar[tuple[str, ...]] = ("argon2", "httpx", "pydantic", "pyotp", "sqlmodel", "starlette", "zxcvbn")

    @pytest.fixture
    def implementation(self) -> object:
        """The plugin object: what the entry point names."""
        raise NotImplementedError("override the fixture `implementation` to return the plugin object")

    @pytest.fixture
    def tables(self, implementation: object) -> list[Tables]:
        """The tables of the provider; those of its installed package by default."""
        package = type(implementation).__module__.partition(".")[0]
        for offer in find_offers(["surface"]):
            for point in offer.entry_points.values():
                if point.module.partition(".")[0] == package and hasattr(plugin := point.load(), "tables"):
                    found: list[Tables] = plugin.tables()
                    return found
        return []

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The time, for the provider and for whatever it asks."""
        return ManualClock()

    @pytest.fixture(scope="session")
    @classmethod
    def made_stores(cls) -> dict[str, bytes]:
        """The files of new state databases, by the tables in them: migrations take longer than most tests."""
        return {}

    @pytest.fixture
    def store(
        self, tmp_path: Path, tables: list[Tables], clock: ManualClock, made_stores: dict[str, bytes]
    ) -> Iterator[Store]:
        """A state database with the provider's tables."""
        file, made = tmp_path / "auth.db", repr([(one.prefix, one.folder, one.head) for one in tables])
        if made not in made_stores:
            with Store.open(f"sqlite:///{file}", check_schema=False) as store:
                prepare(store, tables, clock)
            made_stores[made] = file.read_bytes()
        file.write_bytes(made_stores[made])
        with Store.open(f"sqlite:///{file}") as store:
            yield store

    @pytest.fixture
    def auth_context(self, store: Store, clock: ManualClock) -> v1.AuthContext:
        """What the provider may use."""
        return RecordingContext(store, clock)

    @pytest.fixture
    def mailbox(self, auth_context: v1.AuthContext) -> Mailbox:
        """Where its mails can be seen."""
        assert isinstance(auth_context, RecordingContext), "with a context of your own, override `mailbox` too"
        return auth_context

    @pytest.fixture
    def kernel(self, implementation: object) -> Iterator[Kernel]:
        """A kernel with this plugin only."""
        kernel = Kernel((auth.CONTRACT,))
        kernel.add(_PLUGIN, "auth", auth.CONTRACT.newest.number, implementation)
        yield kernel
        kernel.close()

    @pytest.fixture
    def provider(self, kernel: Kernel, auth_context: v1.AuthContext, clock: ManualClock, mailbox: Mailbox) -> Provider:
        """The provider, asked through the kernel."""
        return Provider(kernel, _PLUGIN, auth_context, clock, mailbox)
