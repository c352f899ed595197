"""How much, and for how long, strangers may use our stream connections. Values, so that a test can shrink them."""

import resource
from dataclasses import dataclass

RESERVED_FILES = 256
"""File descriptors kept free of inbound connections: database, MQTT, HTTP, outgoing connections, logs."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Deadlines in seconds and caps of TCP and TLS connections."""

    handshake: float = 10.0
    """A TLS handshake, from the accept on."""
    first_byte: float = 30.0
    """From the accept to the first byte, on connections that a peer opened."""
    message: float = 10.0
    """From the first byte of a message to its last."""
    idle: float = 600.0
    """Without a byte in either direction: five times the longest keep-alive interval of RFC 5626 section 4.4.1."""
    connect: float = 5.0
    """Until a connection of ours is up, TLS included: well below Timer B, so that the next address gets its turn."""
    linger: float = 2.0
    """For the peer to read the answer to a broken message before its connection is cut."""
    close: float = 1.0
    """For what is still buffered when the daemon stops."""
    per_source: int = 100
    """Open connections from one source: an IPv4 address, an IPv6 network of 64 bits."""
    inbound: int = 2_000
    """Open connections from all peers together; less where the process may not open that many files."""
    outbound: int = 500
    """Open connections of our own."""
    replies: int = 50
    """Those of them that were only made to deliver a response: whoever sends requests can make us open these."""
    buffer: int = 256 * 1024
    """Bytes that wait for one peer to read them; one more, and its connection is cut."""

    def inbound_allowed(self) -> int:
        """Return `inbound`, or less where RLIMIT_NOFILE leaves less room; at least 1."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self.inbound
        return max(1, min(self.inbound, files - RESERVED_FILES - self.outbound))
