"""A dashboard in a process of its own, as `adjoin dashboard` serves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["serving"]

_SERVE = """
import sys
from pathlib import Path
from adjoin_dashboard.server import serve
serve(Path(sys.argv[1]), port=0, ready=lambda address: print(address, flush=True))
print("stopped", flush=True)
"""


@contextmanager
def serving(home: Path, **settings: str) -> Iterator[str]:
    """Serve the installation below `home`; yields the address. No setting of the tests' own process reaches it.

    At the end it is told to stop, and must return from `serve` by that: the end of SIGTERM is not that of the process.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ADJOIN_")}
    log = home / "server.log"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(home)],
            # The mailer, a plugin, goes by ADJOIN_HOME.
            env=environment | {"ADJOIN_HOME": str(home)} | settings,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as server,
    ):
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            assert address, f"the server did not start:\n{log.read_text(encoding='utf-8')}"
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                raise
        assert server.stdout.readline().strip() == "stopped"
        assert server.returncode == 0
