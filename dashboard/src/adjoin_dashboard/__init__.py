"""The Adjoin dashboard: a plugin that contributes the product's own pages, and the server that shows everyone's."""

from adjoin_dashboard.pages import plugin

__all__ = ["plugin"]
