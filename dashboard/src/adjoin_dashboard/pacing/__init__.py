"""The page Pacing: how the budgets of a month stand."""
