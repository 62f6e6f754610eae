"""The commands about the keys that credentials are encrypted with: keys."""

from __future__ import annotations

import typer

from adjoin.cli._output import print_json, print_table, say

__all__ = ["register"]

_FAILED = 1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(name="keys", help="The keys that credentials are encrypted with.", no_args_is_help=True)
    keys.command("list")(list_keys)
    keys.command("renew")(renew)
    app.add_typer(keys)


def list_keys(as_json: bool = typer.Option(False, "--json", help="Print the keys as JSON.")) -> None:
    """Show the ids of the keys, and how many credentials each has encrypted. The first key encrypts.

    Example: adjoin keys list
    """
    from sqlmodel import col, select

    from adjoin.db.models import Connection
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        store, vault = runtime.store, runtime.vault  # in this order: without a store `adjoin init` makes both
        with store.read() as session:
            blobs = session.exec(select(col(Connection.credential)).where(col(Connection.credential).is_not(None)))
            used = [vault.key_of(blob) for blob in blobs if blob is not None]
    known = vault.key_ids
    rows = [
        {"key_id": key_id, "encrypts": key_id == known[0], "missing": key_id not in known, "used": used.count(key_id)}
        for key_id in dict.fromkeys([*known, *used])
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        [("key", False), ("credentials", True), ("what to know", False)],
        [
            (
                str(row["key_id"]),
                str(row["used"]),
                "encrypts" if row["encrypts"] else "missing here" if row["missing"] else "decrypts only",
            )
            for row in rows
        ],
        empty="There is no key.",
    )


def renew() -> None:
    """Encrypt all stored credentials with the first key, so that the keys after it can be taken away.

    Safe to repeat, and beside running syncs.

    Example: adjoin keys renew
    """
    from sqlmodel import col, select

    from adjoin.db.models import Connection
    from adjoin.errors import SecretError
    from adjoin.runtime import Runtime
    from adjoin.secrets import open_credential, seal_credential
    from adjoin.settings import load_settings

    done, failed = 0, 0
    with Runtime(load_settings()) as runtime:
        store, vault = runtime.store, runtime.vault  # in this order: without a store `adjoin init` makes both
        with store.read() as session:
            keys = [(one.workspace_id, one.id) for one in session.exec(select(Connection))]
        for workspace_id, connection_id in keys:
            with store.write() as session:
                query = select(Connection).where(
                    col(Connection.workspace_id) == workspace_id, col(Connection.id) == connection_id
                )
                stored = session.exec(query.with_for_update()).first()  # a worker may renew the token meanwhile
                if stored is None or stored.credential is None or not vault.outdated(stored.credential):
                    continue
                try:
                    credential = open_credential(
                        vault, stored.credential, workspace=workspace_id, connection=connection_id
                    )
                except SecretError as error:
                    failed += 1
                    say(f"{stored.label}: {error}")
                    continue
                stored.credential = seal_credential(vault, credential, workspace=workspace_id, connection=connection_id)
                session.add(stored)
                done += 1
        say(f"{done} credentials are encrypted with key {vault.key_ids[0]} now, {failed} could not be")
    if failed:
        raise typer.Exit(_FAILED)
