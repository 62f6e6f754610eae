"""Letting go of somebody, at Supabase and here."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col
from supabase_auth.errors import AuthError as SupabaseError

from adjoin_auth.supabase.calls import Call
from adjoin_auth.supabase.refusals import code_of, translated
from adjoin_auth.supabase.tables import UsedCode

__all__ = ["forget"]


async def forget(call: Call, subject: str) -> None:
    """Delete a user with all that hangs on it. Who is gone already is no error."""
    try:
        UUID(subject)
    except ValueError:
        return  # was never anybody's
    async with call.operator() as client:
        with translated():
            try:
                await client.admin.delete_user(subject)
            except SupabaseError as error:
                if code_of(error) != "user_not_found":
                    raise

    def work(session: Session) -> None:
        session.connection().execute(sa.delete(UsedCode).where(col(UsedCode.subject) == subject))

    await call.rows(work)
