"""The environment of this process: which of its variables are secret, and what programs that it starts get of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from adjoin.http.redaction import is_secret_name

__all__ = ["secret_values", "without_secrets"]

_OURS = "ADJOIN_"
_PREFIXES = (_OURS, "AWS_", "PG", "POSTGRES_", "STREAMLIT_", "SUPABASE_")
#: Secret, or leading to secrets, though their names do not say so in the words that `is_secret_name` knows.
_ALSO_SECRET = frozenset({"ADJOIN_KEY", "ADJOIN_KEY_COMMAND", "PGPASSWORD"})
_PASSWORD = re.compile(r"://[^\s/@:?#]*:([^\s/@?#]+)@")


def secret_values(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets in the settings of Adjoin and of what it uses: keys, app secrets, passwords within URLs."""
    for name, value in environ.items():
        if not name.startswith(_PREFIXES):
            continue
        if name == "ADJOIN_KEY":
            yield from value.replace(",", " ").split()
        elif _is_secret(name) and name != "ADJOIN_KEY_COMMAND":
            yield value
        for password in _PASSWORD.findall(value):
            yield password
            yield unquote(password)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program that Adjoin starts: without those of Adjoin's settings that are secret."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(_OURS) or not (_is_secret(name) or _PASSWORD.search(value))
    }


def _is_secret(name: str) -> bool:
    return name in _ALSO_SECRET or is_secret_name(name)
