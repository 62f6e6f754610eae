"""No secret comes out: the real commands run with marked secrets, and then everything they left is searched."""

from __future__ import annotations

import base64
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from .canary_scene import Scene, scene_below
from .canary_search import ProcessList, canary, descendants, found_below, found_in, key_canary

ROOT = Path(__file__).resolve().parents[1]


class TestTheSearch:
    """It would be worth nothing if it could not find."""

    @pytest.mark.parametrize(
        "hide",
        [
            str,
            lambda text: f"Bearer {text}, and so on",
            lambda text: quote(text, safe=""),
            lambda text: quote(quote(text, safe=""), safe=""),
            lambda text: base64.b64encode(text.encode()).decode(),
            lambda text: base64.b64encode(f"x{text}".encode()).decode(),
            lambda text: base64.urlsafe_b64encode(f"ab:{text}:cd".encode()).decode(),
            lambda text: text.encode().hex(),
            lambda text: text[: len(text) // 2 + 2],
            lambda text: text[len(text) // 2 - 2 :],
        ],
    )
    @pytest.mark.parametrize("form", ["{}", "x/{}+?", "ü {} \"'"])
    def test_a_planted_one_is_found(self, tmp_path: Path, form: str, hide: Callable[[str], str]) -> None:
        planted, other = canary("planted", form), canary("other")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "crash").write_bytes(b"\0\xff" + hide(planted.text).encode() + b"\xff")
        assert found_below(tmp_path, [planted, other]) == {"a/crash": {"planted"}}

    def test_a_key_is_found(self) -> None:
        key = key_canary()
        assert found_in(f"<{key.text}>".encode(), [key]) == {"key"}

    def test_one_in_a_database_is_found(self, tmp_path: Path) -> None:
        planted = canary("planted")
        with sqlite3.connect(tmp_path / "db") as database:
            database.execute("CREATE TABLE t (a, b)")
            database.execute("INSERT INTO t VALUES (?, ?)", ("x", planted.text))
        database.close()
        assert found_below(tmp_path, [planted]) == {"db": {"planted"}}

    def test_one_in_the_process_list_is_found(self) -> None:
        planted = canary("planted")
        command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", planted.text]
        with ProcessList() as processes:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            processes.look()
            process.communicate()
        assert found_in(b"\n".join(processes.shown), [planted]) == {"planted"}

    def test_one_in_the_name_of_a_file_is_found(self, tmp_path: Path) -> None:
        planted = canary("planted")
        (tmp_path / f"lock-{planted.text}").touch()
        assert found_below(tmp_path, [planted])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scene_below(tmp_path) as made:
        yield made


def test_no_secret_comes_out(scene: Scene) -> None:
    """Not to a terminal, a log, a file, the database, a traceback, a crash file or the process list."""
    with ProcessList() as processes:
        connect_and_sync(scene)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work, scene) for work in (browse, look_around, misconfigure, break_down)]:
                done.result()
        schedule(scene)  # alone: it would take over the syncs
    assert len(scene.platform.canaries) >= 7, "tokens were handed out"
    assert len(processes.shown) > 10, "processes were seen"
    assert found_in(b"\n".join(processes.shown), [*scene.canaries, *scene.platform.canaries]) == set()
    assert scene.leaks() == {}
    stored = (scene.folder / "home" / "adjoin.db").read_bytes()
    assert b"leaky" in stored, "the database was among what was searched"


def connect_and_sync(scene: Scene) -> None:
    """Connect and sync, each once refused by a platform that quotes everything, once by an exception, and once well."""
    scene.run("init", code=0)
    scene.mode("refuse")
    pasted = canary("pasted token")
    scene.canaries.append(pasted)
    assert "you said" in scene.run("connect", "leaky", "--token", stdin=f"{pasted.text}\n", code=1)
    assert "you said" in scene.run("--debug", "connect", "leaky", code=1)
    scene.mode("raise")
    assert "ValueError in accounts: no luck with ***" in scene.run("connect", "leaky", code=1)
    scene.mode("")
    assert "connected" in scene.run("connect", "leaky", code=0)
    scene.mode("expired")
    assert "careful with" in scene.run("--debug", "sync", code=0)
    assert "token refresh_token" in scene.platform.asked


def break_down(scene: Scene) -> None:
    """Syncs that fail, and exceptions that nobody catches."""
    said = scene.run("--debug", "leak", code=1)
    assert "unexpected RuntimeError: the app secret is ***" in said
    assert said.count("Traceback") == 2
    assert "OSError: the app secret is ***" in said
    assert "ValueError: ***" in said
    for mode in ("refuse", "raise"):
        scene.mode(mode)
        scene.run("--debug", "sync", code=1)
    scene.mode("")


def look_around(scene: Scene) -> None:
    """What a person looks at."""
    for arguments in (
        ("doctor", "--json"),
        ("report", "--from", "2026-01-01", "--to", "2026-01-31", "--json"),
        ("facts", "verify"),
        ("plugins", "list"),
        ("keys", "list"),
    ):
        scene.run(*arguments)


def misconfigure(scene: Scene) -> None:
    """Settings that are wrong, each with a secret in it."""
    password = canary("password of the database", "{}")
    scene.canaries.append(password)
    for url in (
        f"postgresql://user:{password.text}@127.0.0.1:1/adjoin",
        f"mysql://user:{password.text}@127.0.0.1/adjoin",
        f"postgresql//user:{password.text}@127.0.0.1/adjoin",
    ):
        scene.run("--debug", "keys", "list", ADJOIN_DATABASE_URL=url, code=1 if url.startswith("postgresql:") else None)
    endpoint = scene.environment["LEAKY_URL"]
    bucket = {"ADJOIN_FACTS_URL": "s3://bucket/prefix", "ADJOIN_FACTS_ENDPOINT": endpoint}
    scene.run("--debug", "facts", "verify", **bucket, ADJOIN_FACTS_ACCESS_KEY_ID="AKIAEXAMPLE", ADJOIN_FACTS_REGION="x")
    key = canary("mistyped key", "-{}")
    scene.canaries.append(key)
    assert "is not URL-safe base64" in scene.run("--debug", "keys", "list", ADJOIN_KEY=key.text, code=1)
    with_command = {"ADJOIN_KEY": "", "ADJOIN_KEY_COMMAND": "sh -c 'echo $LEAKY_TOLD; echo $LEAKY_TOLD >&2; exit 4'"}
    said = scene.run("--debug", "keys", "list", **with_command, LEAKY_TOLD=key.text, code=1)
    assert "failed with exit code 4" in said


def schedule(scene: Scene) -> None:
    """A scheduler with a job that fails: one that is told to stop, and one that crashes."""
    job = Path(f"{scene.platform.mode}.job")
    with scene.service(str(ROOT / "scheduler.py"), until=job.exists, end=signal.SIGTERM):
        pass
    assert b"RuntimeError" in scene.said[-1][1], "the job has failed"
    job.unlink()
    with scene.service(str(ROOT / "scheduler.py"), until=job.exists, end=signal.SIGABRT):
        pass


def browse(scene: Scene) -> None:
    """A dashboard that is asked for this and that."""
    port = _free_port()
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{base}/healthz", trust_env=False).status_code < 500
        except httpx.TransportError:
            return False

    token = canary("token in an address")
    scene.canaries.append(token)
    with (
        scene.service("-m", "adjoin", "dashboard", "--port", str(port), until=answers, end=signal.SIGTERM),
        httpx.Client(base_url=base, trust_env=False) as browser,
    ):
        for path in (
            "/",
            "/_stcore/health",
            "/x/leaky/none",
            f"/?access_token={token.text}",
            f"/oauth/x?code={token.text}",
        ):
            scene.said.append((path, browser.get(path, headers={"authorization": f"Bearer {token.text}"}).content))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_sandbox_of_the_demo_gets_no_secret(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does any other program that Adjoin starts: their environment is in the process list of who may look."""
    from adjoin.cli._demo import _sandbox

    for name, value in scene.environment.items():
        monkeypatch.setenv(name, value)
    before = descendants()
    with _sandbox(0.01):
        (child,) = descendants() - before
        seen = Path(f"/proc/{child}/environ").read_bytes()
    assert b"ADJOIN_HOME" in seen
    ours = [one for one in scene.canaries if one.name not in ("AWS secret", "password of PostgreSQL")]
    assert found_in(seen, ours) == set()
