"""Stand-ins of the services that vouch for people, for tests."""

from __future__ import annotations
