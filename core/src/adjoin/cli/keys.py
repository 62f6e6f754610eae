"""The commands about the keys that stored secrets are encrypted with: keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from adjoin.key_source import FileKeys
    from adjoin.resealing import Resealed
    from adjoin.runtime import Runtime

__all__ = ["register"]

_FAILED = 1
#: Seconds after which no process is still storing what it has sealed before the key file was changed.
_SETTLED = 60


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(name="keys", help="The keys that stored secrets are encrypted with.", no_args_is_help=True)
    keys.command("list")(list_keys)
    keys.command("rotate")(rotate)
    keys.command("renew")(renew)
    keys.command("drop")(drop)
    keys.command("new")(new)
    app.add_typer(keys)


def list_keys(as_json: bool = typer.Option(False, "--json", help="Print the keys as JSON.")) -> None:
    """Show the ids of the keys, and how many secrets each has encrypted. The first key encrypts.

    Example: adjoin keys list
    """
    from adjoin.resealing import count_sealed
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        store, vault = runtime.store, runtime.vault  # in this order: without a store `adjoin init` makes both
        counted = count_sealed(store, vault, _plugin_tables(runtime))
    known = vault.key_ids
    rows = [
        {
            "key_id": key_id,
            "encrypts": key_id == known[0],
            "missing": key_id not in known,
            "used": sum(counted.get(key_id, {}).values()),
            "where": dict(counted.get(key_id, {})),
        }
        for key_id in dict.fromkeys([*known, *counted])
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        [("key", False), ("secrets", True), ("where", False), ("what to know", False)],
        [
            (
                str(row["key_id"]),
                str(row["used"]),
                _where(counted.get(str(row["key_id"]), {})),
                "encrypts" if row["encrypts"] else "missing here" if row["missing"] else "decrypts only",
            )
            for row in rows
        ],
        empty="There is no key.",
    )


def rotate(
    one_file: bool = typer.Option(
        False, "--one-file", help="All processes of this installation, on whatever machine, read this one key file."
    ),
) -> None:
    """Put a new key first in the key file, and encrypt all stored secrets with it.

    Nothing has to be stopped: what runs reads the file again when it needs to. The old key stays in the file, behind
    the new one, until `adjoin keys drop` takes it out.

    Example: adjoin keys rotate
    """
    from adjoin.errors import BadInput
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        store = runtime.store
        source = _key_file(runtime, "rotate")
        if store.dialect == "postgresql" and not one_file:
            raise BadInput(_OTHER_MACHINES.format(path=source.path))
        old = runtime.vault.key_ids
        before = source.put_first()
        say(f"key {before} is first in {source.name} now and encrypts; {', '.join(old)} behind it")
        done = _renew(runtime)
        if not done.problems:
            say(
                f"Backups made until now need {old[0]}: keep a copy of it with them, not in them. When no process and "
                f"no backup needs it any more: adjoin keys drop {old[0]}"
            )
    if done.problems:
        raise typer.Exit(_FAILED)


def renew() -> None:
    """Encrypt all stored secrets with the first key, so that the keys after it can be taken away.

    Safe to repeat, and beside running syncs.

    Example: adjoin keys renew
    """
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        done = _renew(runtime)
    if done.problems:
        raise typer.Exit(_FAILED)


def drop(key_id: str = typer.Argument(help="The id of the key, as `adjoin keys list` shows it.")) -> None:
    """Take an old key out of the key file, once nothing in the database needs it.

    Example: adjoin keys drop 1f0c9a3e
    """
    from adjoin.errors import StateError
    from adjoin.resealing import count_sealed
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        store, vault = runtime.store, runtime.vault
        source = _key_file(runtime, "drop")
        young = _SETTLED - (runtime.clock.now().timestamp() - source.changed_at())
        if young > 0:
            raise StateError(
                f"{source.name.capitalize()} was changed less than a minute ago, and a process may just be storing "
                f"what it has encrypted with the key before; repeat this in {young:.0f} seconds"
            )
        if key_id in vault.key_ids[1:] and (used := count_sealed(store, vault).get(key_id)):
            raise StateError(
                f"Key {key_id} has encrypted what nothing else can read: {_where(used)}. Run `adjoin keys renew`, "
                "then repeat this"
            )
        source.drop(key_id)
    say(f"key {key_id} is out of {source.name}; backups from the time when it was in use need a copy of it")


def new() -> None:
    """Print a new key, for ADJOIN_KEY or a secret store. It is kept nowhere, and no process uses it yet.

    Example: adjoin keys new | your-secret-store put adjoin/key
    """
    from adjoin.secrets import Keyring, new_key, write_key

    key = new_key()
    say(f"key {Keyring([key]).ids[0]}:")
    typer.echo(write_key(key))


def _renew(runtime: Runtime) -> Resealed:
    from adjoin.resealing import reseal

    store, vault = runtime.store, runtime.vault  # in this order: without a store `adjoin init` makes both
    done = reseal(store, vault, _plugin_tables(runtime))
    for problem in done.problems:
        say(problem)
    say(f"{done.done} secrets are encrypted with key {vault.key_ids[0]} now, {len(done.problems)} could not be")
    return done


def _plugin_tables(runtime: Runtime) -> list[MetaData]:
    """The tables of the loaded plugins, which may hold secrets as well."""
    from adjoin.db.tables import PluginTables
    from adjoin.errors import AdjoinError

    try:
        return PluginTables.of_kernel(runtime.kernel).metadata()
    except AdjoinError as error:
        say(f"the tables of plugins are left out: {error}")
        return []


def _key_file(runtime: Runtime, command: str) -> FileKeys:
    """Return the key file. BadInput, with what to do instead, where the keys come from elsewhere."""
    from adjoin.errors import BadInput
    from adjoin.key_source import COMMAND_VARIABLE, EnvironmentKeys, FileKeys
    from adjoin.secrets import KEY_VARIABLE

    source = runtime.key_source
    if isinstance(source, FileKeys):
        return source
    if isinstance(source, EnvironmentKeys):
        raise BadInput(f"`adjoin keys {command}` changes a key file, and the keys come from {KEY_VARIABLE}. {_BY_HAND}")
    raise BadInput(f"`adjoin keys {command}` changes a key file, and {COMMAND_VARIABLE} gives the keys. {_BY_COMMAND}")


def _where(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{number} in {name}" for name, number in sorted(counted.items()))


_BY_HAND = """By hand:
  1. adjoin keys new                     makes a key
  2. ADJOIN_KEY="$OLD,$NEW" everywhere   then start the processes again: now all can read what the new one encrypts
  3. ADJOIN_KEY="$NEW,$OLD" everywhere   then start the processes again: the first one encrypts
  4. adjoin keys renew                   encrypts what is stored with it
  5. adjoin keys list                    must say 0 for the old one
  6. ADJOIN_KEY="$NEW" everywhere        then start the processes again"""

_BY_COMMAND = """By hand:
  1. adjoin keys new                     makes a key; let the command print the old one and after it the new one
  2. when all machines get both: let it print the new one first
  3. adjoin keys renew                   encrypts what is stored with it; what runs runs the command again
  4. start the processes again, and adjoin keys renew once more: one that has met nothing new used the old key
  5. adjoin keys list                    must say 0 for the old one; let the command print the new one alone"""

_OTHER_MACHINES = """The processes of this installation share a database, and may have a key file each.
If all of them, on whatever machine, read {path}: adjoin keys rotate --one-file. If not:
  1. adjoin keys new                     makes a key; add it as the last line of every key file
  2. move it to the first line of every key file: the first one encrypts; what runs reads the file again
  3. adjoin keys renew                   encrypts what is stored with it
  4. adjoin keys list                    must say 0 for the old one
  5. adjoin keys drop OLD                on every machine"""
