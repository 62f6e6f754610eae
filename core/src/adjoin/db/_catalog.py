"""What a database consists of, part by part, to see afterwards what has been changed."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

__all__ = ["Part", "parts"]

_SQLITE = "SELECT tbl_name, type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master"
_POSTGRES = """
WITH mine AS (
    SELECT oid AS id, relname::text AS name, concat_ws(' ', relkind, relowner, relrowsecurity, relacl) AS about
      FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
)
SELECT name, 'table ' || about FROM mine
UNION ALL
SELECT name, concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, id))
  FROM mine JOIN pg_attribute ON attrelid = id
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT name, concat_ws(' ', 'constraint', conname, pg_get_constraintdef(pg_constraint.oid))
  FROM mine JOIN pg_constraint ON conrelid = id
UNION ALL
SELECT name, pg_get_indexdef(indexrelid) FROM mine JOIN pg_index ON indrelid = id
UNION ALL
SELECT name, concat_ws(' ', tgenabled, pg_get_triggerdef(pg_trigger.oid))
  FROM mine JOIN pg_trigger ON tgrelid = id
 WHERE NOT tgisinternal
UNION ALL
SELECT name, concat_ws(' ', 'policy', polname, polcmd, pg_get_expr(polqual, polrelid),
                       pg_get_expr(polwithcheck, polrelid))
  FROM mine JOIN pg_policy ON polrelid = id
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A table, or something of it such as a column or a trigger, written down as text."""

    table: str
    what: str


def parts(connection: sa.Connection) -> set[Part]:
    """List the parts of all tables in the schema that the connection uses."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRES
    found = connection.exec_driver_sql(query)
    return {Part(table, what) for table, what in found if not table.startswith("sqlite_")}
