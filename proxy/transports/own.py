"""Which addresses are our own: those that a listener is bound to or advertises, on its transport, and no others.

Those of other nodes count as ours too: what one of them has begun goes on at any.

A neighbour may well live on this machine with our port: on another of its addresses, or on the other transport. A
listener that is bound to all addresses has every address of the machine.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from proxy.sip.hop import Listener
from proxy.transports.addresses import address_towards, canonical, family_of, is_wildcard

NONLOCAL_BIND = Path("/proc/sys/net/ipv4/ip_nonlocal_bind")
"""Where it says 1 (hosts that take over addresses), a bind succeeds with an address that is not here."""
VERDICTS_MAX = 4_096
"""Verdicts that are kept; what they are about comes from messages, so there must be an end."""


class OwnAddresses:
    """The addresses of all listeners, and of the other nodes."""

    def __init__(self, listeners: Sequence[Listener], siblings: Sequence[tuple[str, int | None]] = ()) -> None:
        """`siblings`: host (name or IP address, IPv6 without brackets) and port of the other nodes, on every transport
        that we have; None: the transport's own port.
        """
        self._exact = {(one.transport, _spelled(host), port) for one in listeners
                       for host, port in ((one.host, one.port), (one.bound_host, one.bound_port))}
        self._any = {(one.transport, ":" in one.bound_host, one.bound_port) for one in listeners
                     if is_wildcard(one.bound_host)}
        self._transports = tuple(dict.fromkeys(one.transport for one in listeners))
        self._exact |= {(transport, _spelled(host), port or _usual(transport))
                        for host, port in siblings for transport in self._transports}
        self._verdicts: dict[tuple[str, int | None, str | None], bool] = {}
        """By what was asked: every message that passes asks several times, and nearly always the same."""

    def holds(self, host: str, port: int | None, transport: str | None) -> bool:
        """Say whether host and port are ours on a transport.

        `host`: name or IP address, brackets or none. `port` None: the transport's own. `transport` None: what
        RFC 3263 section 4.1 takes for an address, UDP where we have it; a name may mean any.
        """
        asked = (host, port, transport)
        known = self._verdicts.get(asked)
        if known is None:
            if len(self._verdicts) >= VERDICTS_MAX:
                self._verdicts.clear()
            known = self._verdicts[asked] = self._holds(host, port, transport)
        return known

    def _holds(self, host: str, port: int | None, transport: str | None) -> bool:
        address = canonical(host)
        if transport is not None:
            return self._is(transport, host, address, port)
        if address is not None and "udp" in self._transports:
            return self._is("udp", host, address, port)
        return any(self._is(each, host, address, port) for each in self._transports)

    def forget(self) -> None:
        """Forget which addresses are this machine's: they come and go."""
        self._verdicts.clear()

    def _is(self, transport: str, host: str, address: str | None, port: int | None) -> bool:
        port = port or _usual(transport)
        if (transport, address or host.lower(), port) in self._exact:
            return True
        return address is not None and (transport, ":" in address, port) in self._any and is_local(address)


def is_local(address: str) -> bool:
    """Say whether an IP address is one of this machine's: only such a one can be bound to."""
    if is_wildcard(address):
        return True  # a packet to it goes to this machine
    if _binds_anything():
        return address_towards(address) == address
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _binds_anything() -> bool:
    try:
        return NONLOCAL_BIND.read_bytes().strip() == b"1"
    except OSError:
        return False


def _usual(transport: str) -> int:
    """The port of a transport where none is named (RFC 3261 section 19.1.2)."""
    return 5061 if transport == "tls" else 5060


def _spelled(host: str) -> str:
    return canonical(host) or host.lower()
