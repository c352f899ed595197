"""A node's own file, shared with other nodes by a PostgreSQL database, and what only one of them may do."""
