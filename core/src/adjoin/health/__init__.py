"""How well connections and the installation are, what is wrong, and what to do about it."""

from __future__ import annotations

from adjoin.health.connections import connection_health
from adjoin.health.model import ConnectionHealth, Finding, Problem, Severity, Verdict

__all__ = ["ConnectionHealth", "Finding", "Problem", "Severity", "Verdict", "connection_health"]
