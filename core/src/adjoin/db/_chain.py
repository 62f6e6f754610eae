"""A chain of migrations: one line of revisions in a folder, and the table that says how far a database has come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

__all__ = ["Chain"]


@dataclass(frozen=True, slots=True)
class Chain:
    """Revisions in `folder`/versions, as Alembic reads them, counted in `version_table`.

    Alembic is imported only where the revisions themselves are needed, which takes a while.
    """

    folder: Path
    version_table: str

    def current(self, connection: sa.Connection) -> set[str]:
        """Return the revisions that the database has: one, or none where the chain has never run."""
        if not sa.inspect(connection).has_table(self.version_table):
            return set()
        version = sa.column("version_num", sa.String)
        return set(connection.execute(sa.select(version).select_from(sa.table(self.version_table))).scalars())

    def known(self) -> set[str]:
        """Return all revisions of the chain."""
        return {script.revision for script in self._scripts().walk_revisions()}

    def ends(self) -> list[str]:
        """Return the revisions that no other one follows: one, if the chain is a chain."""
        return list(self._scripts().get_heads())

    def upgrade(self, connection: sa.Connection, *, to: str = "heads") -> None:
        """Run what is missing up to a revision, in the caller's transaction."""
        from alembic.config import Config
        from alembic.runtime.environment import EnvironmentContext

        scripts = self._scripts()

        def steps(revision: Any, _context: object) -> Any:
            return scripts._upgrade_revs(to, revision)  # noqa: SLF001 - what alembic's own upgrade command calls

        with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=to) as environment:
            environment.configure(connection=connection, version_table=self.version_table, render_as_batch=True)
            with environment.begin_transaction():
                environment.run_migrations()

    def _scripts(self) -> Any:
        from alembic.script import ScriptDirectory

        return ScriptDirectory(self.folder)
