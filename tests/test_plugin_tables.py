"""A plugin with tables of its own, from the command line: installed, upgraded, broken, and gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from adjoin.testing.packages import Packages, on_path

PLUGIN = """
from pathlib import Path

import sqlalchemy as sa

from adjoin.contract import hookimpl
from adjoin.surface.v1 import Tables


class Plugin:
    @hookimpl
    def tables(self):
        return [Tables(prefix="shop", folder=Path(__file__).parent, head={head!r}, metadata=sa.MetaData)]


plugin = Plugin()
"""
ORDERS = 'op.create_table("shop_orders", sa.Column("id", sa.String(), primary_key=True))'
NOTE = 'op.add_column("shop_orders", sa.Column("note", sa.String()))'


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Packages]:
    with on_path(tmp_path / "packages") as made:
        yield made


@pytest.fixture
def release(packages: Packages) -> Callable[..., None]:
    """Installs the plugin with these migrations, in place of the release that was there."""

    def install(*bodies: str) -> None:
        head = f"{len(bodies):04}"
        if not (packages.folder / "shop").exists():
            points = {"adjoin.surface.v1": {"shop": "shop.entry:plugin"}}
            packages.add("adjoin-shop", modules={"shop/entry": "", "shop/__init__": ""}, entry_points=points)
        packages.close()
        (packages.folder / "shop" / "entry.py").write_text(PLUGIN.format(head=head), encoding="utf-8")
        folder = packages.folder / "shop" / "versions"
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.py"):
            old.unlink()
        for number, body in enumerate(bodies, start=1):
            before = f"{number - 1:04}" if number > 1 else None
            (folder / f"m{number:04}.py").write_text(
                f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '{number:04}'\n"
                f"down_revision = {before!r}\n\ndef upgrade():\n{indent(dedent(body), '    ')}\n",
                encoding="utf-8",
            )

    return install


def column_names(tmp_path: Path) -> list[str]:
    with sqlite3.connect(tmp_path / "home" / "adjoin.db") as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(shop_orders)")]


def said_of_tables(adjoin: Any, check: str = "tables of plugin shop") -> dict[str, str]:
    [found] = [one for one in adjoin("doctor", "--json").json if one["check"] == check]
    return found  # type: ignore[no-any-return]


def test_init_makes_the_tables_and_upgrade_brings_them_up(adjoin, release, tmp_path: Path) -> None:
    release(ORDERS)
    assert adjoin("init").code == 0
    assert said_of_tables(adjoin)["state"] == "ok"
    assert column_names(tmp_path) == ["id"]

    release(ORDERS, NOTE)
    found = said_of_tables(adjoin)
    assert (found["state"], found["advice"]) == ("failed", "Run `adjoin db upgrade`.")
    assert "0001, it needs 0002" in found["detail"]
    assert adjoin("plugins", "list").code == 0

    assert adjoin("db", "upgrade").code == 0
    assert column_names(tmp_path) == ["id", "note"]
    assert said_of_tables(adjoin)["state"] == "ok"


def test_an_older_release_is_told_from_a_newer_one(adjoin, release, tmp_path: Path) -> None:
    release(ORDERS, NOTE)
    adjoin("init")
    release(ORDERS)

    answer = adjoin("db", "upgrade")

    assert answer.code == 1
    assert "were made by a newer release of it: 0002, this one knows 0001. Upgrade the plugin" in answer.err
    assert column_names(tmp_path) == ["id", "note"]


def test_a_plugin_that_fails_leaves_the_rest_in_order(adjoin, release, tmp_path: Path) -> None:
    release(ORDERS, "raise ValueError('out of order')")

    answer = adjoin("init")

    assert answer.code == 1
    assert "created" in answer.err
    assert "ValueError: out of order" in answer.err
    assert "adjoin plugins disable shop" in answer.err
    assert column_names(tmp_path) == []
    adjoin("plugins", "disable", "shop")
    assert adjoin("init").code == 0


def test_a_plugin_that_is_gone_leaves_its_tables(adjoin, release, tmp_path: Path) -> None:
    release(ORDERS)
    adjoin("init")
    adjoin("plugins", "disable", "shop")

    assert adjoin("db", "upgrade").code == 0

    assert column_names(tmp_path) == ["id"]
    assert said_of_tables(adjoin, "tables of shop")["state"] == "note"
