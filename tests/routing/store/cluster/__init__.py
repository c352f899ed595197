"""Nodes that share: each on its own file, with one PostgreSQL server."""
