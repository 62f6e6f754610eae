"""The provider `supabase`: people, passwords and second factors are kept by Supabase Auth."""

from __future__ import annotations

from adjoin_auth.supabase._plugin import Supabase

__all__ = ["Supabase", "plugin"]

#: What the entry point `supabase` names.
plugin = Supabase()
