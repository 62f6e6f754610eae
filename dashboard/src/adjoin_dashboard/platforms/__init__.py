"""The page Platforms."""
