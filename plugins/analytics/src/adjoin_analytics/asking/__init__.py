"""Answering questions: what is read, the expression over it, and what is said beside the rows."""
