"""Where things live and what the operator has set: environment variables with the prefix ADJOIN_, and a home folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from adjoin.ads.v2 import App, Description
from adjoin.errors import BadInput, StateError

__all__ = ["Settings", "app_of", "load_settings"]


class Settings(BaseSettings):
    """The operator's settings. Everything of the embedded default lives below `home`."""

    model_config = SettingsConfigDict(env_prefix="ADJOIN_", env_ignore_empty=True, extra="ignore", frozen=True)

    home: Path = Path(".adjoin")
    database_url: str = ""
    database_scoped_url: str = Field(
        default="",
        repr=False,
        description="PostgreSQL with the login for sessions of a workspace, which owns nothing; see `adjoin db roles`",
    )
    disable: str = Field(default="", description="names of plugins not to load, separated by commas")
    operators: str = Field(
        default="",
        description="e-mails of people who may switch plugins in the dashboard for all workspaces, separated by commas",
    )
    history_days: int = Field(default=730, ge=1, description="how far back the first sync of an account reaches")
    keep_superseded_days: int = Field(
        default=35, ge=1, description="how long fact files stay that newer ones have replaced, for figures as of then"
    )
    keep_runs_days: int = Field(default=400, ge=1, description="how long ended runs stay")
    delete_grace_days: int = Field(
        default=30, ge=1, le=3650, description="how long a deleted workspace can be restored before all of it goes"
    )
    executor: Literal["embedded", "workers"] = Field(
        default="embedded", description="who executes runs: the scheduler's process, or `adjoin worker` processes"
    )
    monitor: str = Field(
        default="", description="HOST:PORT at which a scheduler or worker serves its health and metrics"
    )
    stop_seconds: float = Field(default=30, gt=0, description="how long a process may take to stop when told to")
    wait_for_database: float = Field(
        default=60,
        ge=0,
        description="seconds that a scheduler or worker that starts waits for a database that is away",
    )
    outgoing_allow: str = Field(
        default="",
        description="networks of your own that addresses which people enter may lead to, such as 127.0.0.1:11434",
    )

    auth: str = Field(default="local", description="which plugin vouches for people")
    registration: Literal["invitation", "open", "closed"] = Field(
        default="invitation", description="who may register: people who are invited, everybody, or nobody"
    )
    base_url: str = Field(
        default="", description="the dashboard's address as people reach it, such as https://ads.example.com"
    )
    proxies: str = Field(
        default="",
        description="reverse proxies of the dashboard whose X-Forwarded headers are believed: 10.0.0.7 or 10.0.0.0/8",
    )
    sandbox: str = Field(
        default="",
        description="a sandbox on this machine that people may connect to in place of the platforms, such as "
        "http://127.0.0.1:8900",
    )
    mailer: str = Field(default="file", description="which plugin sends mail: smtp, file, console or another one")
    mail_from: str = Field(default="", description="who mail is from, such as Adjoin <adjoin@example.com>")
    smtp_url: SecretStr = Field(
        default=SecretStr(""), description="the mail server: smtp://user:password@host:587, or smtps:// for port 465"
    )
    session_days: int = Field(default=30, ge=1, le=400, description="how long a sign-in lasts at most")
    session_idle_hours: int = Field(default=168, ge=1, description="how long a sign-in lasts without being used")

    facts_url: str = Field(
        default="", description="where fact files are kept, such as s3://bucket/prefix; empty: below home"
    )
    facts_endpoint: str = Field(default="", description="the address of a store that is not Amazon's")
    facts_region: str = Field(default="", description="the bucket's region; else AWS_REGION")
    facts_access_key_id: str = Field(default="", repr=False, description="else AWS_ACCESS_KEY_ID")
    facts_secret_access_key: SecretStr = Field(default=SecretStr(""), description="else AWS_SECRET_ACCESS_KEY")
    facts_cache_mb: int = Field(
        default=10_000, ge=1, description="how much of an object store's files is kept on this machine, in megabytes"
    )

    @property
    def database(self) -> str:
        """The database URL: PostgreSQL where set, else SQLite below home."""
        return self.database_url or f"sqlite:///{self.home / 'adjoin.db'}"

    @property
    def key_file(self) -> Path:
        return self.home / "key"

    @property
    def lock_file(self) -> Path:
        return self.home / "engine.lock"

    @property
    def disabled_plugins(self) -> frozenset[str]:
        """The plugins that are switched off, by ADJOIN_DISABLE or by `adjoin plugins disable`."""
        return frozenset(name.strip() for name in self.disable.split(",") if name.strip()) | self._switched_off()

    def switch_plugin(self, name: str, *, on: bool) -> None:
        """Remember that a plugin is on or off. Needs no database and imports no plugin, so it works as a way out."""
        names = self._switched_off() - {name} if on else self._switched_off() | {name}
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=".plugins-", dir=self.home)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump({"disabled": sorted(names)}, file)
                Path(draft).replace(self._switches)
            except OSError:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StateError(f"{self._switches} cannot be written: {error.strerror}") from error

    @property
    def _switches(self) -> Path:
        return self.home / "plugins.json"

    def _switched_off(self) -> frozenset[str]:
        try:
            names = json.loads(self._switches.read_text(encoding="utf-8"))["disabled"]
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise TypeError("'disabled' is not a list of names")
            return frozenset(names)
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{self._switches} cannot be read ({error}); delete it to switch all plugins on"
            ) from error


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings from the environment; `home` overrides ADJOIN_HOME. Raises BadInput for a value that is off."""
    from pydantic import ValidationError

    try:
        settings = Settings() if home is None else Settings(home=home)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"ADJOIN_{str(first['loc'][0]).upper()}: {first['msg']}") from None
    _check_outgoing(settings)
    if settings.executor == "workers" and not settings.database_url.startswith("postgres"):
        raise BadInput(
            "ADJOIN_EXECUTOR=workers needs a database that several machines can share, and SQLite is a file of one "
            "machine. Set ADJOIN_DATABASE_URL=postgresql://USER@HOST/NAME and run `adjoin init`, or leave "
            "ADJOIN_EXECUTOR out to have everything executed by this machine"
        )
    return settings.model_copy(update={"home": settings.home.absolute()})


def _check_outgoing(settings: Settings) -> None:
    if not settings.outgoing_allow:
        return
    from adjoin.outgoing.addresses import read_allowed

    try:
        read_allowed(settings.outgoing_allow)
    except BadInput as error:
        raise BadInput(f"ADJOIN_OUTGOING_ALLOW: {error}") from None


def app_of(platform: str, description: Description, environ: Mapping[str, str] | None = None) -> App:
    """Return the operator's registration with a platform, from ADJOIN_<PLATFORM>_CLIENT_ID and the like."""
    values = os.environ if environ is None else environ
    prefix = f"ADJOIN_{platform.upper().replace('-', '_')}_"
    optional = {"api_version"}
    names = [field.name for field in description.auth.app_fields] + sorted(optional)
    extra = {name: values[prefix + name.upper()] for name in names if values.get(prefix + name.upper())}
    return App(
        client_id=values.get(prefix + "CLIENT_ID", ""),
        client_secret=values.get(prefix + "CLIENT_SECRET", ""),
        extra=extra,
    )
