"""Budgets of workspaces, and how they are spent: the hooks `pacing`, `budgets`, `set_budget` and `forget_budget`."""
