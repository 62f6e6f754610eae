"""Row-level security on PostgreSQL: a second wall between workspaces, below the one of `adjoin.db.scope`.

A scoped transaction takes the role `adjoin_tenant` and names its workspace in the setting `request.jwt.claims`, both
until its end. The policies are for that role; without a claim it sees nothing. Row-level security is switched on and
not forced: the login that owns the tables goes on without a workspace, as the scheduler, the workers and migrations
have to, and as PostgreSQL itself does when it checks foreign keys. Everybody else who has been granted something on
the tables (on Supabase `anon` and `authenticated`) sees no row of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

from adjoin.db.tenancy import APPEND_ONLY, Tenancy, key_of, tenancy_of
from adjoin.errors import StateError

__all__ = ["TENANT_ROLE", "Roles", "hides_rows", "is_ready", "look_at", "secure", "sql_for_admins"]

#: The role of scoped transactions. It cannot sign in, owns nothing, and is granted to logins.
TENANT_ROLE = "adjoin_tenant"
#: The schema of our function. Supabase's Data API does not expose it.
_SCHEMA = "adjoin_scope"
_POLICY = "adjoin_workspace"
#: How the tables begin that no model has: how far core's and plugins' tables have come. They are closed as well.
_VERSIONS = ("alembic_version", "adjoin_schema_")

_INSUFFICIENT_PRIVILEGE = "42501"
#: PostgreSQL 16 tells being a member from being allowed to take the role.
_CAN_SET = (
    "pg_has_role({role}, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)"
)
_READY = f"""
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '{TENANT_ROLE}' AND {_CAN_SET.format(role="oid")})
   AND EXISTS (SELECT FROM pg_policies WHERE tablename = 'workspaces' AND policyname = '{_POLICY}')
"""  # noqa: S608 - constants
#: The setting is an empty text where an earlier transaction of the connection had set it.
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_SCHEMA}.workspace() RETURNS text LANGUAGE sql STABLE SET search_path = '' AS
$$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'workspace_id' $$
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """How the database stands: whether the role and the policies are there, and who we are.

    `owner` says that row-level security hides nothing from our login; `may_take` that it may take the role.
    """

    login: str
    database: str
    owner: bool
    role_exists: bool
    may_take: bool
    policies: bool

    @property
    def in_force(self) -> bool:
        """Whether scoped sessions have the second wall."""
        return self.role_exists and self.may_take and self.policies


def is_ready(connection: sa.Connection, *, options: Mapping[str, object] | None = None) -> bool:
    """Say whether this login may take the role and the policies are there; never fails for lack of either."""
    return bool(connection.exec_driver_sql(_READY, execution_options=dict(options or {})).scalar())


def hides_rows(connection: sa.Connection) -> bool:
    """Say whether row-level security hides rows of the store from this login."""
    return bool(connection.exec_driver_sql("SELECT row_security_active(to_regclass('workspaces'))").scalar())


def look_at(connection: sa.Connection) -> Roles:
    """Say how the database stands. Raises StateError on anything but PostgreSQL."""
    _check_dialect(connection)
    row = connection.exec_driver_sql(
        f"""
        SELECT current_user, current_database(),
               EXISTS (SELECT FROM pg_roles WHERE rolname = '{TENANT_ROLE}'),
               EXISTS (SELECT FROM pg_roles WHERE rolname = '{TENANT_ROLE}' AND {_CAN_SET.format(role="oid")}),
               EXISTS (SELECT FROM pg_policies WHERE tablename = 'workspaces' AND policyname = '{_POLICY}')
        """  # noqa: S608 - constants
    ).one()
    return Roles(
        login=row[0],
        database=row[1],
        owner=not hides_rows(connection),
        role_exists=row[2],
        may_take=row[3],
        policies=row[4],
    )


def secure(connection: sa.Connection, tables: Iterable[sa.Table]) -> str:
    """Switch row-level security on for these tables, and put the policies of the role on those of workspaces.

    Does what is missing and leaves the rest alone. Returns why there are no policies where the login may not make the
    role or the schema, else nothing; the tables are closed in any case, and stay open for their owner. Does nothing on
    SQLite.
    """
    if connection.dialect.name != "postgresql":
        return ""
    quote = connection.dialect.identifier_preparer.quote
    state = _state(connection)
    known = {table.name: table for table in tables}
    names = sorted(name for name in state if name in known or name.startswith(_VERSIONS))
    for name in names:
        if not state[name].enabled:
            connection.exec_driver_sql(f"ALTER TABLE {quote(name)} ENABLE ROW LEVEL SECURITY")
    missing = [known[name] for name in names if name in known and not state[name].policy]
    missing = [table for table in missing if _rights(table)]
    if not missing and is_ready(connection):
        return ""
    try:
        with connection.begin_nested():
            _prepare_role(connection)
            for table in missing:
                for statement in _policy(table, quote(table.name)):
                    connection.exec_driver_sql(statement)
        with connection.begin_nested():
            if not is_ready(connection):
                connection.exec_driver_sql(f"GRANT {TENANT_ROLE} TO CURRENT_USER")
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _INSUFFICIENT_PRIVILEGE:
            raise
        return " ".join(str(error.orig).split())
    return ""


@dataclass(frozen=True, slots=True)
class _State:
    enabled: bool
    policy: bool


def _state(connection: sa.Connection) -> dict[str, _State]:
    rows = connection.exec_driver_sql(
        f"""
        SELECT relname, relrowsecurity, EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = '{_POLICY}')
          FROM pg_class c WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
        """  # noqa: S608 - constants
    )
    return {name: _State(enabled, policy) for name, enabled, policy in rows}


def _prepare_role(connection: sa.Connection) -> None:
    """Make the role and the function that reads the claim, where they are not there yet."""
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(
        f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{TENANT_ROLE}') THEN
                CREATE ROLE {TENANT_ROLE} NOLOGIN NOINHERIT;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's upgrade was faster
        END $$
        """
    )
    if connection.exec_driver_sql(f"SELECT to_regnamespace('{_SCHEMA}') IS NULL").scalar():
        connection.exec_driver_sql(f"CREATE SCHEMA {_SCHEMA}")
    if connection.exec_driver_sql(f"SELECT to_regprocedure('{_SCHEMA}.workspace()') IS NULL").scalar():
        connection.exec_driver_sql(_FUNCTION)
        connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION {_SCHEMA}.workspace() FROM PUBLIC")
        connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION {_SCHEMA}.workspace() TO {TENANT_ROLE}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {_SCHEMA} TO {TENANT_ROLE}")
    schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    allowed = f"SELECT has_schema_privilege('{TENANT_ROLE}', current_schema(), 'USAGE')"
    if not connection.exec_driver_sql(allowed).scalar():
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {quote(schema)} TO {TENANT_ROLE}")


def _rights(table: sa.Table) -> str:
    """What the role may do with a table, or nothing."""
    try:
        tenancy = tenancy_of(table)
    except StateError:  # a plugin's table that is not for workspaces
        return ""
    match tenancy:
        case Tenancy.WORKSPACE:
            return "SELECT, INSERT" if table.name in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
        case Tenancy.ITSELF:
            return "SELECT, UPDATE"
        case Tenancy.MEMBERS:
            return "SELECT"
        case Tenancy.INSTALLATION:
            return ""


def _policy(table: sa.Table, name: str) -> Iterator[str]:
    claim = f"(SELECT {_SCHEMA}.workspace())"  # in brackets it is evaluated once, not for each row
    yield f"REVOKE ALL ON {name} FROM {TENANT_ROLE}"
    yield f"GRANT {_rights(table)} ON {name} TO {TENANT_ROLE}"
    if tenancy_of(table) is Tenancy.MEMBERS:
        own = f"id IN (SELECT user_id FROM members WHERE workspace_id = {claim})"  # noqa: S608 - constants
        yield f"CREATE POLICY {_POLICY} ON {name} FOR SELECT TO {TENANT_ROLE} USING ({own})"
        return
    own = f"{key_of(table.name)} = {claim}"
    yield f"CREATE POLICY {_POLICY} ON {name} FOR ALL TO {TENANT_ROLE} USING ({own}) WITH CHECK ({own})"


def sql_for_admins(roles: Roles, *, app_login: str = "adjoin_app") -> str:
    """Return the SQL with which an administrator makes the roles: what is missing, and a login that owns nothing."""
    quote = PGDialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
    login, database, app = quote(roles.login), quote(roles.database), quote(app_login)
    lines = ["-- As a superuser, or a role that may create roles and owns the database."]
    if not roles.role_exists:
        lines.append(f"CREATE ROLE {TENANT_ROLE} NOLOGIN NOINHERIT;")
    if not roles.may_take:
        lines.append(f"GRANT {TENANT_ROLE} TO {login};")
    if not roles.policies:
        lines += [f"GRANT CREATE ON DATABASE {database} TO {login};", "-- Afterwards: adjoin db upgrade"]
    lines += [
        "-- A second login for sessions of a workspace (ADJOIN_DATABASE_SCOPED_URL): it owns nothing and sees nothing.",
        f"CREATE ROLE {app} LOGIN NOINHERIT PASSWORD 'choose one';",
        f"GRANT {TENANT_ROLE} TO {app};",
        "-- The role is the server's: keep the logins of other installations on it out of this database.",
        f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {database} TO {login}, {app};",
    ]
    return "\n".join(lines)


def _check_dialect(connection: sa.Connection) -> None:
    if connection.dialect.name != "postgresql":
        raise StateError(
            "Roles are for PostgreSQL; SQLite has none, and sessions of a workspace are held to it by Adjoin alone."
        )
