"""Fabricated installed packages, for tests of loading: modules and metadata in a folder, without an installer.

def test_mine(adjoin_packages):
    adjoin_packages.add(
        "adjoin-tiny", modules={"tiny": SOURCE}, entry_points={"adjoin.ads.v2": {"tiny": "tiny:plugin"}}
    )
    kernel = adjoin_packages.load(strict=True)
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from adjoin.contract import Contract
from adjoin.kernel import IMPORT_TIMEOUT, Kernel

__all__ = ["Packages", "on_path"]


class Packages:
    """A folder like `site-packages`, filled by `add`. `on_path` makes what is in it importable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()
        self._kernels: list[Kernel] = []

    def add(
        self,
        name: str,
        *,
        version: str = "1.0",
        modules: Mapping[str, str] | None = None,
        entry_points: Mapping[str, Mapping[str, str]] | None = None,
        metadata: str | None = None,
    ) -> Path:
        """Install a package and return its metadata folder.

        `modules` maps file names without `.py` to source text, whose indentation is removed. `entry_points` maps
        groups to names to `module:attribute`. `metadata` replaces the METADATA file; an empty one leaves it out.
        """
        for module, source in (modules or {}).items():
            self.modules.add(module.partition("/")[0])
            file = self.folder / f"{module}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(source), encoding="utf-8")
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        if metadata is None:
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if metadata:
            (info / "METADATA").write_text(metadata, encoding="utf-8")
        lines: list[str] = []
        for group, points in (entry_points or {}).items():
            lines += [f"[{group}]", *(f"{point} = {target}" for point, target in points.items()), ""]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        importlib.invalidate_caches()  # the folder was looked into before
        return info

    def add_gate(self) -> None:
        """Install a module `gate` with a function `wait` to hang in. It comes back at the end of `on_path`."""
        self.add(
            "gate", modules={"gate": "import threading\n_end = threading.Event()\nwait = _end.wait\nopen = _end.set"}
        )

    def load(
        self,
        contracts: Iterable[Contract] | None = None,
        *,
        disabled: Collection[str] = (),
        strict: bool = False,
        import_timeout: float = IMPORT_TIMEOUT,
    ) -> Kernel:
        """Load the plugins of this folder alone. The kernel is closed at the end of `on_path`."""
        kernel = Kernel.load(
            contracts, disabled=disabled, path=[str(self.folder)], strict=strict, import_timeout=import_timeout
        )
        self._kernels.append(kernel)
        return kernel

    def imported(self, module: str) -> bool:
        """Whether a module of this folder has been imported, or an import of it has begun."""
        return module in sys.modules

    def close(self) -> None:
        """Close the kernels that were loaded and forget the modules."""
        if "gate" in sys.modules:
            sys.modules["gate"].open()
        for kernel in self._kernels:
            kernel.close()
        for name in list(sys.modules):
            if name.partition(".")[0] in self.modules:
                del sys.modules[name]


@contextmanager
def on_path(folder: Path) -> Iterator[Packages]:
    """Put a folder at the front of `sys.path` for the time of a `with` block; its modules are dropped afterwards."""
    packages = Packages(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(folder))
    try:
        yield packages
    finally:
        packages.close()
        sys.path.remove(str(folder))
        importlib.invalidate_caches()
