"""The Data health page."""
