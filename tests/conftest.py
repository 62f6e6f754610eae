"""Shared fixtures: the real command line in processes of its own, on an installation of each test's own."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

if TYPE_CHECKING:
    from .whole_advertiser import Synced

ROOT = Path(__file__).resolve().parents[1]
REAL_FIGURES = Path(os.environ.get("ADJOIN_REALDATA", ROOT.parent / "shared" / "data")) / "meta_ads_real.csv"


@dataclass(frozen=True)
class Installation:
    """A home folder and the command line that works on it."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ADJOIN_")}
        return {**kept, "ADJOIN_HOME": str(self.home), "COLUMNS": "200", "PYTHONWARNINGS": "ignore", **self.settings}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "adjoin", *arguments]
        return subprocess.Popen(
            command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )

    def run(
        self, *arguments: str, expect: int | None = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "adjoin", *arguments],
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=600,  # far more than is needed, for a machine that is busy
            input=stdin,
            check=False,
        )
        if expect is not None:
            assert done.returncode == expect, f"{arguments} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.run(*arguments, expect=expect).stdout)

    @contextmanager
    def sandbox(self, *arguments: str) -> Iterator[dict[str, Any]]:
        """Run `adjoin sandbox` and give the line it prints once it serves."""
        process = self.start("sandbox", "--port", "0", "--json", *arguments)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation that is not initialised yet."""
    return Installation(tmp_path / "home")


@pytest.fixture
def real_figures() -> Path:
    """The real results of one advertiser, which lie beside the checkout where there are any."""
    if not REAL_FIGURES.exists():
        pytest.skip(f"the real figures are not here: {REAL_FIGURES}")
    return REAL_FIGURES


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)


@pytest.fixture
def adjoin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Answer]]:
    """Run commands in this process, on a home folder of the test's own: `adjoin("sync", "--json")`."""
    for name in [name for name in os.environ if name.startswith("ADJOIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ADJOIN_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> Answer:
        from adjoin.cli import main

        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    on_sigterm = signal.getsignal(signal.SIGTERM)
    yield run
    # What a command sets up for its process must not outlive the test: its log goes to a stream that is closed by now.
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    signal.signal(signal.SIGTERM, on_sigterm)


@pytest.fixture(scope="session")
def small_world() -> Iterator[str]:
    """The base address of sandboxes on a small advertiser."""
    from adjoin.testing.server import running, sandbox_app
    from adjoin.testing.world import World
    from adjoin_meta import plugin

    world = World.generate(seed=5, today=date(2026, 3, 15), scale=0.03, days=60)
    with running(sandbox_app({"meta": plugin.sandbox(world)}, world)) as base:
        yield base


@pytest.fixture(scope="session")
def synced_home(tmp_path_factory: pytest.TempPathFactory, small_world: str) -> Path:
    """A home folder that is connected to the small advertiser and synced once. Copy it, do not change it."""
    home = tmp_path_factory.mktemp("synced") / "home"
    installation = Installation(home, {"ADJOIN_HISTORY_DAYS": "40"})
    installation.run("init")
    installation.run("connect", "meta", "--sandbox", small_world)
    installation.run("sync")
    return home


@pytest.fixture(scope="session")
def synced_everywhere(tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """One small advertiser, connected and synced on all platforms. Read it, do not change it."""
    from .whole_advertiser import sync_everywhere

    home = tmp_path_factory.mktemp("everywhere") / "home"
    home.mkdir()
    return sync_everywhere(home)


@pytest.fixture
def synced(tmp_path: Path, synced_home: Path) -> Path:
    """A copy of the synced home, where the `adjoin` fixture looks."""
    return shutil.copytree(synced_home, tmp_path / "home")
