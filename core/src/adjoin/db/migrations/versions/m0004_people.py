"""Users, identities, members, invitations, sessions, tokens for scripts, mails, and an audit log that only grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, Instant(), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=f"fk_{table}_{target}", deferrable=True, initially="DEFERRED"
    )


def upgrade() -> None:
    op.add_column("workspaces", _when("delete_after", nullable=True))
    op.create_table(
        "users",
        _text("id"),
        _text("email"),
        _when("email_verified_at", nullable=True),
        _text("name"),
        _text("picture_url"),
        _text("locale"),
        _text("time_zone"),
        _text("number_format"),
        _text("date_format"),
        _when("created_at"),
        _when("last_sign_in_at", nullable=True),
        _when("disabled_at", nullable=True),
        _when("deleted_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    alive = sa.text("deleted_at IS NULL")
    op.create_index("uq_users_email", "users", ["email"], unique=True, sqlite_where=alive, postgresql_where=alive)
    op.create_table(
        "identities",
        _text("issuer"),
        _text("subject"),
        _text("user_id"),
        _when("created_at"),
        _refers("identities", "user_id", "users"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "members",
        _text("workspace_id"),
        _text("user_id"),
        _text("role"),
        _when("created_at"),
        _text("invited_by", nullable=True),
        _refers("members", "workspace_id", "workspaces"),
        _refers("members", "user_id", "users"),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name="pk_members"),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"])
    op.create_table(
        "invitations",
        _text("workspace_id"),
        _text("id"),
        _text("email"),
        _text("role"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _text("invited_by"),
        _when("created_at"),
        _when("sent_at"),
        _when("expires_at"),
        _when("accepted_at", nullable=True),
        _text("accepted_by", nullable=True),
        _when("revoked_at", nullable=True),
        _refers("invitations", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_invitations"),
    )
    op.create_index("uq_invitations_token", "invitations", ["token_hash"], unique=True)
    op.create_table(
        "sessions",
        _text("id"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary()),
        _when("rotated_at"),
        _text("user_id"),
        _text("provider"),
        _text("subject"),
        _text("level"),
        sa.Column("kept", sa.LargeBinary()),
        _text("workspace_id", nullable=True),
        _when("created_at"),
        _when("last_seen_at"),
        _when("proven_at"),
        _when("expires_at"),
        _text("address"),
        _text("agent"),
        _refers("sessions", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("uq_sessions_token", "sessions", ["token_hash"], unique=True)
    op.create_index("ix_sessions_previous", "sessions", ["previous_hash"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "api_tokens",
        _text("workspace_id"),
        _text("id"),
        _text("name"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        _text("user_id"),
        _when("created_at"),
        _when("expires_at", nullable=True),
        _when("last_used_at", nullable=True),
        _when("revoked_at", nullable=True),
        _refers("api_tokens", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_api_tokens"),
    )
    op.create_index("uq_api_tokens_token", "api_tokens", ["token_hash"], unique=True)
    op.create_table(
        "audit",
        _text("workspace_id"),
        _text("id"),
        _when("at"),
        _text("actor"),
        _text("action"),
        _text("object_kind"),
        _text("object_id"),
        sa.Column("before", JSON),
        sa.Column("after", JSON),
        _text("address"),
        _refers("audit", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_audit"),
        sqlite_with_rowid=False,  # else REPLACE with the number of a row would take its place
    )
    op.create_index("ix_audit_workspace_id_at", "audit", ["workspace_id", "at"])
    op.create_table(
        "mails",
        _text("id"),
        _text("kind"),
        sa.Column("message", sa.LargeBinary()),
        _when("created_at"),
        _when("next_at", nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        _when("sent_at", nullable=True),
        _text("last_error", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    op.create_index("ix_mails_next_at", "mails", ["next_at"])
    _refuse_changes()


def _refuse_changes() -> None:
    """Let the database itself refuse to change or remove what is in the audit log.

    Entries go with their workspace only: after its row, in one transaction, as foreign keys are checked at its end.
    """
    why = "entries of the audit log cannot be changed or removed"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{why}'); END")
        op.execute(
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "  # noqa: S608 - constants
            "WHEN EXISTS (SELECT 1 FROM workspaces WHERE id = OLD.workspace_id) "
            f"BEGIN SELECT RAISE(ABORT, '{why}'); END"
        )
        # REPLACE removes a row without the trigger above unless the connection asks for it.
        op.execute(
            "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit "  # noqa: S608 - constants
            "WHEN EXISTS (SELECT 1 FROM audit WHERE workspace_id = NEW.workspace_id AND id = NEW.id) "
            f"BEGIN SELECT RAISE(ABORT, '{why}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{why}' USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )
    # The schema is named, and rows are seen past row-level security: no table of that name may stand in the way.
    op.execute(
        "CREATE FUNCTION audit_refuse_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "  # noqa: S608
        "SET search_path = pg_catalog AS $$ DECLARE kept boolean; BEGIN "
        "EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I.workspaces WHERE id = $1)', TG_TABLE_SCHEMA) "
        "INTO kept USING OLD.workspace_id; "
        f"IF kept THEN RAISE EXCEPTION '{why}' USING ERRCODE = 'insufficient_privilege'; END IF; "
        "RETURN OLD; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse_delete()"
    )
    for trigger in ("audit_no_change", "audit_no_delete"):
        op.execute(f"ALTER TABLE audit ENABLE ALWAYS TRIGGER {trigger}")  # also for a connection that replicates
