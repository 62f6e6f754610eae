"""A stand-in of Supabase Auth for tests and for trying things out: its REST endpoints on this machine.

    from adjoin_auth.supabase.sandbox import serving

    with serving() as sandbox:
        project = sandbox.begin(clock)
        project.auth_url, project.key, project.secret_key

It keeps everything in memory, takes its time from the clock that it is given, and records what it would mail.
"""

from __future__ import annotations

from adjoin_auth.supabase.sandbox.app import Sandbox, serving
from adjoin_auth.supabase.sandbox.browsing import walk
from adjoin_auth.supabase.sandbox.limits import LIMITS, UNLIMITED, Limit
from adjoin_auth.supabase.sandbox.people import Mail
from adjoin_auth.supabase.sandbox.project import Project, Switches

__all__ = ["LIMITS", "UNLIMITED", "Limit", "Mail", "Project", "Sandbox", "Switches", "serving", "walk"]
