"""How many requests wait for their final response: the bound of what one process takes on."""

PENDING_LIMIT = 10_000
"""Requests that may wait for their final response at a time; above it new calls get 503."""


class Pending:
    """The count. Who begins to wait raises it, and lowers it once."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether nothing new may be taken on."""
        return self.count >= PENDING_LIMIT
