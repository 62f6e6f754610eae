"""The sync engine: plan, fetch, stage, reconcile, commit."""
