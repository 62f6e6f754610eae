"""What a workspace defines itself: metrics by formulas, and dimensions by the conventions of its names."""
