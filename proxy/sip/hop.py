"""Where a message goes and where it came from: plain values shared by stack, core and transports."""

from typing import Literal, NamedTuple

Transport = Literal["udp", "tcp", "tls"]
PeerSide = Literal["trunk", "pbx"]
"""Which of our neighbours: a carrier's, or the company's."""


class Hop(NamedTuple):
    """One address to send a request to: what RFC 3263 makes of a URI."""

    transport: Transport
    host: str
    """IP address in text form, IPv6 without brackets."""
    port: int
    name: str | None = None
    """TLS: the server name that its certificate must carry (RFC 5922); None on udp and tcp."""


class Listener(NamedTuple):
    """One of our own listening sockets as the outside sees it."""

    number: int
    """Position in the configuration; the key to the socket."""
    transport: Transport
    host: str
    """Advertised host, IPv6 in brackets: goes into Via and Record-Route as it stands."""
    port: int
    bound_host: str
    """Address it is bound to, IPv6 without brackets."""
    bound_port: int


class Flow(NamedTuple):
    """Where a message came from, and the way back on the same socket or connection (RFC 3261 section 18.2.2)."""

    listener: Listener
    host: str
    """Source address as the socket gives it, IPv6 without brackets, IPv4-mapped shown as IPv4."""
    port: int
    connection: int = 0
    """Number of the stream connection; 0 for udp."""
    names: frozenset[str] = frozenset()
    """TLS: names that the verified client certificate carries (subjectAltName), lower case."""
