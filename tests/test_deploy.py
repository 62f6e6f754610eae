"""The files in deploy/ say what is true: their commands exist, their health checks answer, and no secret is in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from adjoin.secrets import KEY_VARIABLE
from adjoin.settings import Settings
from adjoin.testing.processes import Process, clean_environment, eventually

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
OURS = "adjoin:"


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def containerfile() -> str:
    return (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def services(compose: dict, *, ours: bool) -> dict:
    found = {name: one for name, one in compose["services"].items() if one["image"].startswith(OURS) is ours}
    assert found
    return found


def test_there_is_one_of_each(compose):
    assert {"postgres", "init", "scheduler", "worker", "dashboard"} == set(compose["services"])


def test_every_image_has_a_version(compose, containerfile):
    """A tag that moves would change what runs without anybody deciding it."""
    images = [one["image"] for one in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", containerfile, flags=re.MULTILINE)
    for image in images:
        assert re.search(r":\d+\.\d+", image), image


def test_the_image_has_the_version_of_the_release(compose):
    import adjoin

    assert {one["image"] for one in services(compose, ours=True).values()} == {f"{OURS}{adjoin.__version__}"}


def test_nothing_runs_as_root(compose, containerfile):
    """The image ends as another user, and no container may become more."""
    last = [line.split()[1] for line in containerfile.splitlines() if line.startswith("USER ")][-1]
    assert int(last) >= 10_000
    for name, one in services(compose, ours=True).items():
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["cap_drop"] == ["ALL"], name
        assert one["read_only"] is True, name
        assert "user" not in one, name
        assert "privileged" not in one, name


def test_what_is_copied_is_there_and_not_ignored(containerfile):
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [words for line in containerfile.splitlines() if (words := line.split())[:1] == ["COPY"]]
    for words in copied:
        if words[1].startswith("--from"):
            continue
        for source in words[1:-1]:
            assert (ROOT / source).exists(), source
            assert any(line.startswith(f"!{source}") for line in ignored), source


def test_all_members_are_installed(containerfile):
    """A platform that is left out could not be synced."""
    installed = set(re.findall(r"\./([a-z/]+)", next(line for line in containerfile.splitlines() if "uv pip" in line)))
    assert installed == {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/pyproject.toml")} | {
        "core",
        "dashboard",
    }


def test_no_secret_is_written_down(compose):
    """Values of what is secret come from outside, and the example leaves them empty."""
    secret = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")
    for name, one in compose["services"].items():
        for variable, value in one.get("environment", {}).items():
            if secret.search(variable):
                assert value.startswith("${"), (name, variable)
            assert not re.search(r"://[^:/]+:[^$@]+@", str(value)), (name, variable)
    for variable, value in example().items():
        assert value == "", variable
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "deploy/.env" in ignored


def example() -> dict[str, str]:
    lines = (DEPLOY / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_setting_exists(compose):
    """A misspelt variable would be passed over in silence."""
    from adjoin.ads import v2
    from adjoin.kernel import Kernel

    known = {f"ADJOIN_{name.upper()}" for name in Settings.model_fields} | {KEY_VARIABLE, "POSTGRES_PASSWORD"}
    kernel = Kernel.load()
    try:
        for answer in kernel.hook(v2.Ads.describe).all():
            prefix = f"ADJOIN_{answer.plugin.upper()}_"
            fields = [field.name.upper() for field in answer.value.auth.app_fields]
            known |= {prefix + name for name in ("CLIENT_ID", "CLIENT_SECRET", *fields)}
    finally:
        kernel.close()
    used = set(example())
    for one in services(compose, ours=True).values():
        used |= set(one["environment"])
    assert used - known == set()


def test_every_command_is_one_that_exists(compose):
    """With exactly these options; scheduler.py lies where the image has it."""
    for name, one in services(compose, ours=True).items():
        program, *arguments = one["command"]
        if program == "python":
            assert arguments == ["/opt/adjoin/scheduler.py"], name
            continue
        assert program == "adjoin", name
        done = subprocess.run(
            [sys.executable, "-m", "adjoin", *arguments, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (name, done.stderr)
        assert f"adjoin {arguments[0]}" in done.stdout, name


def test_what_compose_refers_to_is_there(compose):
    """Volumes, dependencies, and a build that finds its file."""
    for name, one in compose["services"].items():
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"], (name, volume)
        for needed in one.get("depends_on", {}):
            assert needed in compose["services"], (name, needed)
        if "build" in one:
            assert (DEPLOY / one["build"]["context"] / one["build"]["dockerfile"]).is_file(), name
    for name, one in services(compose, ours=True).items():
        stays = one.get("restart") == "unless-stopped"
        assert stays == ("healthcheck" in one), f"{name} stays without a health check, or the other way round"


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_a_container_is_given_the_time_its_process_takes_to_stop(compose):
    """Otherwise the engine kills it in the middle of giving back its runs."""
    scheduler, worker = compose["services"]["scheduler"], compose["services"]["worker"]
    assert _seconds(scheduler["stop_grace_period"]) > Settings().stop_seconds
    grace = float(worker["command"][worker["command"].index("--grace") + 1])
    assert _seconds(worker["stop_grace_period"]) > grace + 15


def test_the_health_check_of_the_scheduler_answers(compose, installation, unused_port):
    """It is run as it stands in the file, against a real scheduler; without one it fails."""
    installation.run("init")
    program, *code = compose["services"]["scheduler"]["healthcheck"]["test"][1:]
    asked = compose["services"]["scheduler"]["environment"]["ADJOIN_MONITOR"]
    assert program == "python"
    port = asked.rpartition(":")[2]
    command = [sys.executable, *(part.replace(f":{port}/", f":{unused_port}/") for part in code)]
    assert f":{unused_port}/healthz" in command[-1]

    def healthy() -> bool:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    assert not healthy()
    settings = clean_environment(ADJOIN_HOME=str(installation.home), ADJOIN_MONITOR=f"127.0.0.1:{unused_port}")
    with Process([sys.executable, str(ROOT / "scheduler.py")], name="scheduler", env=settings) as process:
        eventually(healthy, "the scheduler was healthy", watching=[process])
        assert process.stop() == 0, process.tail()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
