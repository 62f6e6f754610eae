"""What the Settings page says, read from the database, and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from sqlmodel import select

from adjoin.access.permissions import Permission
from adjoin.access.workspace_settings import AUTOMATIC, WorkspaceSettings, change
from adjoin.currency import ecb_rates
from adjoin.db.models import Account, Workspace
from adjoin_dashboard.context import Context, commonest
from adjoin_dashboard.overview.model import COMPARISONS
from adjoin_dashboard.periods import CUSTOM, DEFAULT_PERIOD, PERIODS

__all__ = [
    "COMPARISON",
    "CURRENCY",
    "PERIOD",
    "TIME_ZONE",
    "Setting",
    "SettingsPage",
    "load_settings_page",
    "reset",
    "save",
]

#: The settings by the names of their fields.
CURRENCY, TIME_ZONE, PERIOD, COMPARISON = "currency", "time_zone", "period", "comparison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting: what is chosen (empty: automatic), what automatic means now and why, and what can be chosen."""

    name: str
    label: str
    value: str
    automatic: str
    because: str
    options: tuple[str, ...]
    help: str

    @property
    def told(self) -> str:
        """What holds now, in words."""
        return self.value or f"{self.automatic} ({self.because})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage:
    """The page. `settings` are the stored ones, also where one names what is not offered any more."""

    workspace: str
    leaving_at: datetime | None
    may_change: bool
    stored: WorkspaceSettings
    settings: tuple[Setting, ...]


def load_settings_page(context: Context) -> SettingsPage:
    """Read the page."""
    with context.store.read() as session:
        workspace = session.get_one(Workspace, context.workspace_id)
        rows = session.exec(select(Account.currency, Account.time_zone)).all()
    currencies = [row[0] for row in rows if row[0]]
    zones = [row[1] for row in rows if row[1]]
    stored = context.settings
    by_accounts = "as most accounts have" if rows else "until there is an account"
    return SettingsPage(
        workspace=workspace.name,
        leaving_at=workspace.delete_after,
        may_change=workspace.delete_after is None and context.may(Permission.CHANGE_SETTINGS),
        stored=stored,
        settings=(
            Setting(
                name=CURRENCY,
                label="Base currency",
                value=stored.currency,
                automatic=commonest(currencies, "USD"),
                because=by_accounts,
                options=_with(stored.currency, sorted({*currencies, *ecb_rates().currencies})),
                help="Amounts in other currencies are converted at each day's rate of the European Central Bank.",
            ),
            Setting(
                name=TIME_ZONE,
                label="Time zone",
                value=stored.time_zone,
                automatic=commonest(zones, "UTC"),
                because=by_accounts,
                options=_with(stored.time_zone, sorted(available_timezones())),
                help="Says when a day is over. What a platform counts to a day goes by the zone of its account.",
            ),
            Setting(
                name=PERIOD,
                label="Date range to begin with",
                value=stored.period,
                automatic=DEFAULT_PERIOD,
                because="the usual one",
                options=_with(stored.period, [one for one in PERIODS if one != CUSTOM]),
                help="What pages about figures show until somebody chooses other days or opens a view.",
            ),
            Setting(
                name=COMPARISON,
                label="Comparison to begin with",
                value=stored.comparison,
                automatic=COMPARISONS[0],
                because="the usual one",
                options=_with(stored.comparison, COMPARISONS),
                help="The previous year is 364 days earlier, so that weekdays meet their like.",
            ),
        ),
    )


def save(context: Context, wanted: WorkspaceSettings) -> bool:
    """Store the settings; returns whether something has changed."""
    with context.host.store.write() as session:
        stored = change(session, context.workspace_id, wanted, by=context.actor, now=context.now())
    return stored != context.settings


def reset(context: Context) -> bool:
    """Have everything automatic again; returns whether something has changed."""
    return save(context, AUTOMATIC)


def _with(value: str, options: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Offer what is stored too, should it not be offered any more."""
    return tuple(options) if not value or value in options else (value, *options)
