"""The Overview's panel on what made a change."""
