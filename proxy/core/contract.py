"""What the proxy core needs from outside, as protocols: sockets, names, ears. What stands behind it never learns."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from proxy.sip.hop import Flow, Hop, Listener

IsOwn: TypeAlias = Callable[[str, int | None, str | None], bool]
"""Whether host (IPv6 without brackets), port and transport (None: the usual ones) are an address of ours."""


class Network(Protocol):
    """Sends bytes. Nothing here blocks, and nothing here calls back before it has returned."""

    def listener_for(self, hop: Hop) -> Listener | None:
        """Our listener that a message to `hop` leaves by; None where we have none of that transport and family."""

    def reply(self, data: bytes, flow: Flow, via_host: str, via_port: int) -> None:
        """Send a response back the way its request came (RFC 3261 section 18.2.2)."""

    def send(self, data: bytes, hop: Hop, failed: Callable[[str], None]) -> int:
        """Send a message to a hop; `failed(reason)` is called later if it could not be.

        Gives the number of the stream connection that it takes, by which its end is told; 0 on UDP.
        """


class Locator(Protocol):
    """Finds the addresses of a host by RFC 3263."""

    def locate(self, host: str, port: int | None, transport: str | None, secure: bool,
               done: Callable[[tuple[Hop, ...]], None]) -> None:
        """Call `done` with the hops in order, at once when they are known already; empty when there are none."""


class Tracer(Protocol):
    """Watches messages while somebody asked for it."""

    active: bool
    """False costs nothing: nobody watches."""

    def received(self, data: bytes, flow: Flow) -> None:
        """A message came in."""

    def sent(self, data: bytes, transport: str, host: str, port: int) -> None:
        """A message went out."""


class Journal(Protocol):
    """The log of the proxy path. Must not raise and must not block."""

    def note(self, event: str, /, call: str = "", **facts: object) -> None:
        """One line: what happened, to which call, with its facts."""

    def refused(self, flow: Flow, reason: str) -> None:
        """One line in the stable form that fail2ban reads."""

    def failure(self, where: str, error: BaseException, call: str = "") -> None:
        """A bug of ours was caught at `where`; its trace is written once for each place."""


class PeerWatch(Protocol):
    """Hears when a peer goes up or down."""

    def peer_state(self, side: str, name: str, up: bool, latency_ms: float | None) -> None:
        """The state of a peer, told when it changes and when its latency is measured."""
