"""Executing runs on many machines: worker processes that share a PostgreSQL database and a queue in it."""
