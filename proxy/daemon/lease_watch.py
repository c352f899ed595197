"""What this node does of the work that several share, for the log."""

from proxy.logger import get_logger


class LeaseWatch:
    """`LeaseListener` of the shared store's keeper: told in its thread."""

    def __init__(self) -> None:
        self._log = get_logger()

    def on_leases(self, held: dict[str, int]) -> None:
        """Say which leases are ours now."""
        self._log.info("leases", held=" ".join(sorted(held)))

    def on_trouble(self, why: str | None) -> None:
        """Say that they cannot be renewed, or can again. Nobody is called back by who cannot."""
        if why is None:
            self._log.info("leases_renewed")
        else:
            self._log.warning("leases_not_renewed", reason=why)
