"""The page Creatives."""
