"""What made a change: the hook `explain`."""
