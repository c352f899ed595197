"""The other nodes behind the address of this one. They have its key: what one of them has begun goes on at any.

Nothing is said between them. Which node began what a message belongs to is not known: wherever that matters, all that
it can be are gone through.
"""

from collections.abc import Sequence
from typing import Final

from proxy.sip.hop import Listener

DEFAULT_PORT: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""RFC 3261 section 19.1.2."""


class Siblings:
    """Where they are."""

    __slots__ = ("_places", "begin_calls")

    def __init__(self, places: Sequence[tuple[str, int | None]] = (), begin_calls: bool = False) -> None:
        """`places`: host (IPv6 without brackets) and port of each, as it stands in its Via; None: the transport's own.

        `begin_calls`: there may be others, under these addresses or under our own: the key is not this node's alone.
        """
        self._places = tuple([(f"[{host}]" if ":" in host else host, port) for host, port in places])
        self.begin_calls = begin_calls

    def listeners_like(self, own: Listener) -> list[Listener]:
        """Give this listener of ours and those of the others that stand for it: what differs is the sent-by of a Via
        (RFC 3261 section 18.1.1), by which a far end knows a transaction (section 17.2.3)."""
        found = [own]
        for host, port in self._places:
            found.append(own._replace(host=host, port=port or DEFAULT_PORT[own.transport]))
        return found
