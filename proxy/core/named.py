"""Addresses of calls in progress that are no peer's: whom a Contact or Record-Route of the call itself named.

Kept as the octets that came, and read only when somebody who is no peer claims to be there. Only messages that passed
are learnt from, so an address changes by what its dialog says and never by what a stranger says of himself.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from proxy.core.peers import PeerTable
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.message import Message, NameAddr, split_values
from proxy.sip.text import COMMA, field_value, holds

FIELDS: Final = (b"contact", b"record-route")
CALLS_LIMIT = 20_000
"""Calls whose addresses are kept; the oldest gives way."""
VALUES_LIMIT: Final = 16
"""Values kept of one call, the newest."""


def naming_fields(message: Message, token: bytes | None = None) -> tuple[bytes, ...]:
    """Return the fields of a message that name addresses of its dialog, as they came. `token`: what our own of them
    bears."""
    found = [field for name, field in zip(message.names, message.fields, strict=True) if name in FIELDS]
    if token is not None:
        found = [field for field in found if COMMA in field or not holds(field, token)]
    return tuple(found)


class NamedAddresses:
    """By call, what was said of where its requests may come from."""

    __slots__ = ("_calls", "_peers")

    def __init__(self, peers: PeerTable) -> None:
        """`peers`: what names one of their addresses need not be kept."""
        self._calls: dict[str, tuple[bytes, ...]] = {}
        self._peers = peers

    def learn(self, call: str, fields: tuple[bytes, ...]) -> None:
        """Keep what a message of a call named (`naming_fields`)."""
        for field in fields:
            if not self._is_peers(field):
                self._keep(call, field)

    def _keep(self, call: str, field: bytes) -> None:
        known = self._calls.get(call)
        if known is None:
            if len(self._calls) >= CALLS_LIMIT:
                del self._calls[next(iter(self._calls))]
            self._calls[call] = (field,)
        elif field not in known:
            self._calls[call] = (*known, field)[-VALUES_LIMIT:]

    def _is_peers(self, field: bytes) -> bool:
        return any(_stands_alone(peer, field) for peer in self._peers.places)

    def forget(self, call: str) -> None:
        """Drop a call that is over."""
        self._calls.pop(call, None)

    def holds(self, call: str, flow: Flow) -> bool:
        """Whether the call named this source. On streams the source port means nothing, so the host alone counts."""
        return name_source(map(field_value, self._calls.get(call, ())), flow)

    def __len__(self) -> int:
        return len(self._calls)


def name_source(values: Iterable[bytes], flow: Flow) -> bool:
    """Whether one of these values of Contact or Record-Route names a source."""
    return any(_is_there(place, flow) for value in values for place in _places(value))


def _stands_alone(peer: bytes, field: bytes) -> bool:
    """Whether the only address in a field is this one, written out; a field that holds more is kept."""
    at = field.find(peer)
    return at - 1 > field.find(b":") and COMMA not in field and not holds(field, b"maddr") and \
        field[at - 1:at] in (b"@", b":") and field[at + len(peer):at + len(peer) + 1] in (b"", b">", b";", b"?", b" ")


def _places(values: bytes) -> list[tuple[str, int]]:
    found = []
    try:
        for value in split_values(values):
            host, port, transport, secure = NameAddr.parse(value).parsed_uri.destination()
            found.append((host, port or (5061 if secure or transport == "tls" else 5060)))
    except SipError:  # `Contact: *`, or nothing that leads anywhere
        pass
    return found


def _is_there(place: tuple[str, int], flow: Flow) -> bool:
    host, port = place
    if flow.listener.transport == "udp" and port != flow.port:
        return False
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(flow.host.partition("%")[0])
    except ValueError:  # a name: where it leads nobody has asked
        return False
