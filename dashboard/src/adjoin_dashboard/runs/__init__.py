"""The Sync runs page."""
