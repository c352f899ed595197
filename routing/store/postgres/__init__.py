"""The engine on a PostgreSQL server, for several nodes."""
