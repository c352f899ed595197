"""Where the far end of a leg is: what it signalled, and where its packets really come from (symmetric RTP, RFC 4961).

The first source of packets is believed. After that only one that fits what the far end signalled better may still take
its place: a stranger gives way to the signalled host, any port of that to the signalled one. Everything else is
ignored, so that nobody can take a conversation over by sending into it, or keep one by having been first.

A key decides something, and a phone that says nothing leaves its place to the first who comes: a key counts from the
very address that was signalled, or from a source that audio has come from. Behind a NAT audio comes first.
"""

import ipaddress
import socket

Address = tuple[str, int] | tuple[str, int, int, int]
"""As sockets give and take it: host and port, for IPv6 flow and scope too."""


NOBODY, STRANGER, HOST, EXACT = range(4)
"""How well a source fits what was signalled: none came, another host, the host, host and port."""


class FarEnd:
    """Where packets may come from and where ours go."""

    __slots__ = ("_family", "_fit", "_signalled", "_spoke", "reports_to", "source", "target")

    def __init__(self, family: socket.AddressFamily) -> None:
        self.source: Address | None = None
        """Where its packets come from; None: none came."""
        self.target: Address | None = None
        """Where ours go; None: not known yet."""
        self.reports_to: Address | None = None
        """Where RTCP goes."""
        self._family = family
        self._signalled: Address | None = None
        self._fit = NOBODY
        """Of the source that is believed."""
        self._spoke = False
        """Whether audio has come from it."""

    def aim(self, host: str, port: int) -> None:
        """Take over what the far end signalled; whatever was learned before is forgotten."""
        self.source = None
        self._fit, self._spoke = NOBODY, False
        self._signalled = self.target = _resolved(self._family, host, port)
        self.reports_to = _next(self.target)

    def believe(self, address: Address) -> bool:
        """Say whether a packet from a source that is not `source` is the far end's, and follow it if so."""
        fit = self._fit_of(address)
        if fit <= self._fit:
            return False
        self._fit, self._spoke = fit, False
        self.source = self.target = address
        self.reports_to = _next(address)
        return True

    def speaks(self) -> None:
        """Take note that audio has come from `source`."""
        self._spoke = True

    def may_press(self, address: Address) -> bool:
        """Say whether a key from there counts."""
        return (self._spoke and address == self.source) or self._fit_of(address) == EXACT

    def _fit_of(self, address: Address) -> int:
        signalled = self._signalled
        if signalled is None or address[0] != signalled[0]:
            return STRANGER
        return EXACT if address[1] == signalled[1] else HOST

    def reports_from(self, address: Address) -> bool:
        """Say whether RTCP from there can be the far end's: its port may be any."""
        return self.source is not None and address[0] == self.source[0]


def _resolved(family: socket.AddressFamily, host: str, port: int) -> Address | None:
    """Return an address for a socket; None for a name (a look-up would hold all legs up) and for the other family."""
    try:
        address = ipaddress.ip_address(host)
        host = str(address)  # as sockets write it
    except ValueError:
        return None
    if not 0 < port < 65536 or address.is_unspecified or address.is_multicast:
        return None
    if family == socket.AF_INET6:
        return (host, port, 0, 0) if address.version == 6 else None
    return (host, port) if address.version == 4 else None


def _next(address: Address | None) -> Address | None:
    """Return where reports go: the port above (RFC 3550 section 11)."""
    if address is None or address[1] >= 65535:
        return None
    return (address[0], address[1] + 1, *address[2:])
