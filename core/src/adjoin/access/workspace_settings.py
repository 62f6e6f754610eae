"""What the pages of a workspace start with, for all of its members. Who manages it sets it; empty is automatic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db.models import Account, Workspace

__all__ = ["AUTOMATIC", "WorkspaceSettings", "change", "settings_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSettings:
    """The settings of a workspace.

    Amounts are shown in `currency` (ISO 4217) and days counted in `time_zone` (IANA); empty: those that most accounts
    have. `period` and `comparison` are what pages about figures begin with, by the names that the dashboard has
    for them; one that it does not know, and an empty one, is the usual.
    """

    currency: str = ""
    time_zone: str = ""
    period: str = ""
    comparison: str = ""


#: The settings of a workspace in which nobody has set any.
AUTOMATIC = WorkspaceSettings()


def settings_of(workspace: Workspace) -> WorkspaceSettings:
    """Return the settings of a workspace."""
    return WorkspaceSettings(
        currency=workspace.currency,
        time_zone=workspace.time_zone,
        period=workspace.period,
        comparison=workspace.comparison,
    )


def change(
    session: Session, workspace_id: str, wanted: WorkspaceSettings, *, by: Actor, now: datetime
) -> WorkspaceSettings:
    """Set all settings of a workspace, in the transaction of `session`; return them as they are stored.

    Raises BadInput for a time zone that there is not, and for a currency that no account has and for which there are no
    exchange rates; Forbidden, UnknownName, and StateError for a workspace that is about to be deleted.
    """
    workspace, _ = lock_staying(session, workspace_id, by, Permission.CHANGE_SETTINGS)
    before = asdict(settings_of(workspace))
    after = asdict(
        WorkspaceSettings(
            currency=_currency(session, workspace_id, wanted.currency),
            time_zone=_time_zone(wanted.time_zone),
            period=clean_name(wanted.period, "the name of a date range", may_be_empty=True),
            comparison=clean_name(wanted.comparison, "the name of a comparison", may_be_empty=True),
        )
    )
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        for name in changed:
            setattr(workspace, name, after[name])
        session.add(workspace)
        by.note(
            session,
            workspace_id,
            "workspace.settings_changed",
            of=("workspace", workspace_id),
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
            now=now,
        )
    return WorkspaceSettings(**after)


def _currency(session: Session, workspace_id: str, text: str) -> str:
    code = text.strip().upper()
    if not code:
        return ""
    mine = (col(Account.workspace_id) == workspace_id, col(Account.currency) == code)
    if session.exec(select(Account.id).where(*mine).limit(1)).first() is not None:
        return code
    from adjoin.currency import ecb_rates

    return ecb_rates().known(code)


def _time_zone(text: str) -> str:
    name = text.strip()
    if not name:
        return ""
    from adjoin.sync.cron import find_zone

    return find_zone(name).key
