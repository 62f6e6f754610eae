"""A dashboard in a process of its own, and tabs that talk to it as a browser's do: by Streamlit's websocket."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

__all__ = ["Run", "Server", "Tab", "serving", "tab"]

_SERVE = """
import sys
from pathlib import Path
from adjoin_dashboard.server import serve
serve(Path(sys.argv[1]), port=0, ready=lambda address: print(address, flush=True))
"""
_PATIENCE_S = 120
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """The process of a dashboard."""

    address: str
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds that it has used, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return what it holds in memory, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """Serve the installation below `home`, and stop it at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ADJOIN_")}
    with (
        (home / "server.log").open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(home)],
            env=environment | {"ADJOIN_HOME": str(home)},
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                sys.exit(f"the dashboard did not start; see {home / 'server.log'}")
            yield Server(address, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


@dataclass(frozen=True, slots=True)
class Run:
    """A page's script, run once: how long it took until its last word came, and what it showed.

    `figures` are the labels and values of its metrics, `data` all bytes that were sent.
    """

    seconds: float
    figures: tuple[tuple[str, str], ...]
    failed: bool
    data: bytes


class Tab:
    """The websocket of a tab. One script runs at a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def open(self, page: str = "", query: Mapping[str, str] | None = None) -> Run:
        """Run the script of a page; the empty name is the first page's."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        asked = BackMsg()
        asked.rerun_script.query_string = urlencode(query or {})
        asked.rerun_script.page_name = page
        began = time.perf_counter()
        await self._socket.send(asked.SerializeToString())
        figures: list[tuple[str, str]] = []
        failed, said = False, b""
        async with asyncio.timeout(_PATIENCE_S):
            async for message in self._socket:
                data = message if isinstance(message, bytes) else message.encode()
                said += data
                heard: Any = ForwardMsg.FromString(data)
                kind = heard.WhichOneof("type")
                if kind == "script_finished":
                    failed = failed or heard.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY
                    break
                element = heard.delta.new_element if kind == "delta" else None
                shown = None if element is None else element.WhichOneof("type")
                failed = failed or shown == "exception"
                if element is not None and shown == "metric":
                    figures.append((element.metric.label, element.metric.body))
        return Run(time.perf_counter() - began, tuple(figures), failed, said)


@asynccontextmanager
async def tab(server: Server, token: str) -> AsyncIterator[Tab]:
    """Open a tab of somebody who is signed in."""
    from websockets.asyncio.client import connect
    from websockets.typing import Origin, Subprotocol

    async with connect(
        f"{server.address.replace('http', 'ws', 1).rstrip('/')}/_stcore/stream",
        origin=Origin(server.address.rstrip("/")),
        subprotocols=[Subprotocol("streamlit"), Subprotocol("xsrf")],
        additional_headers={"Cookie": f"adjoin_session={token}"},
        max_size=_LARGEST,
        proxy=None,
    ) as socket:
        yield Tab(socket)
