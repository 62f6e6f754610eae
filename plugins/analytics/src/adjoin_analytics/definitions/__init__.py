"""The one definition of each metric and dimension."""
