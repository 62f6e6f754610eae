"""The provider `local`: passwords and second factors in Adjoin's own database."""

from __future__ import annotations

from adjoin_auth.local._plugin import Local

__all__ = ["Local", "plugin"]

#: What the entry point `local` names.
plugin = Local()
