"""The steps from one schema of the package's tables to the next."""

from __future__ import annotations
