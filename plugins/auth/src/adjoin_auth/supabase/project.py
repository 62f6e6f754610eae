"""Which project of Supabase people are kept in: addresses, keys, parties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["SETTINGS", "Project", "problems_of", "project_of"]

#: The settings, as they stand in the environment.
SETTINGS = (
    "ADJOIN_AUTH_SUPABASE_URL",
    "ADJOIN_AUTH_SUPABASE_KEY",
    "ADJOIN_AUTH_SUPABASE_SECRET_KEY",
    "ADJOIN_AUTH_SUPABASE_PARTIES",
    "ADJOIN_AUTH_SUPABASE_ISSUER",
)

_PARTY = re.compile(r"[a-z0-9_:.-]{1,60}")
_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Project:
    """A project. `issuer` is what its tokens say, and under which people are known here: it must never change."""

    url: str
    key: str = field(repr=False)
    secret_key: str = field(repr=False)
    parties: tuple[str, ...] = ()
    issuer: str = ""

    @property
    def auth_url(self) -> str:
        """Where Supabase Auth answers."""
        return f"{self.url}/auth/v1"


def project_of(settings: Mapping[str, str]) -> Project:
    """Read the settings; what is wrong with them says `problems_of`."""
    url = settings.get("supabase_url", "").strip().rstrip("/").removesuffix("/auth/v1")
    names = settings.get("supabase_parties", "").split(",")
    return Project(
        url=url,
        key=settings.get("supabase_key", "").strip(),
        secret_key=settings.get("supabase_secret_key", "").strip(),
        parties=tuple(dict.fromkeys(name.strip() for name in names if _PARTY.fullmatch(name.strip()))),
        issuer=settings.get("supabase_issuer", "").strip() or (f"{url}/auth/v1" if url else ""),
    )


def problems_of(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Say what is wrong with the settings, and what to do; nothing where they will do."""
    project = project_of(settings)
    problems = []
    parts = urlsplit(project.url)
    if not project.url:
        problems.append(
            "ADJOIN_AUTH_SUPABASE_URL is not set: https://PROJECT.supabase.co, from the project's settings."
        )
    elif parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _NEAR):
        problems.append("ADJOIN_AUTH_SUPABASE_URL must begin with https:// - passwords are sent there.")
    if not project.key:
        problems.append("ADJOIN_AUTH_SUPABASE_KEY is not set: the publishable key of the project (sb_publishable_...).")
    elif project.key.startswith("sb_secret_"):
        problems.append("ADJOIN_AUTH_SUPABASE_KEY is a secret key: set the publishable one there (sb_publishable_...).")
    if not project.secret_key:
        problems.append(
            "ADJOIN_AUTH_SUPABASE_SECRET_KEY is not set: a secret key of the project (sb_secret_...), by which people "
            "are admitted and forgotten."
        )
    elif project.secret_key.startswith("sb_publishable_"):
        problems.append("ADJOIN_AUTH_SUPABASE_SECRET_KEY is a publishable key: set a secret one there (sb_secret_...).")
    names = [name.strip() for name in settings.get("supabase_parties", "").split(",")]
    problems += [
        f"ADJOIN_AUTH_SUPABASE_PARTIES: {name[:40]!r} is no name of a provider at Supabase; write them as there, with "
        "commas between: google,azure."
        for name in names
        if name and not _PARTY.fullmatch(name)
    ]
    return tuple(problems)
