"""The API under `/api/v1`: each path is a verb or a list, made from its shape."""
