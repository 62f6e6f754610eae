"""What is worth looking at in a workspace: the analyses, asked of its facts."""
