"""Analyses: pure functions over exact figures, each module one question."""
