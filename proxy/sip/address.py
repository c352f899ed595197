"""Addresses of From, To, Contact, Route and their like: name-addr or addr-spec with parameters (section 20.10).

Lenient: a display name without quotes may hold any visible octet but `"`, `<`, `>`, `,` and `;` (the grammar has
tokens only), since what follows `<` stays unambiguous. A comma there is a fault (RFC 4475 section 3.1.2.15).
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from proxy.sip.errors import SipError
from proxy.sip.limits import REMEMBERED_VALUES
from proxy.sip.text import COMMA, QUOTED, Params, field_value, format_params, parse_params, split_values, unquote
from proxy.sip.uri import Uri

_SCHEME = rb"[A-Za-z][-A-Za-z0-9+.]*+:"
_NAME_ADDR: Final = re.compile(
    rb"(" + QUOTED + rb'[ \t]*+|[^"<>,;\x00-\x08\x0a-\x1f\x7f]*+)'
    rb"<(" + _SCHEME + rb'[^\x00-\x20\x7f"<>]++)>[ \t]*+(;.*)?',
    re.DOTALL,
)
_ADDR_SPEC: Final = re.compile(rb"(" + _SCHEME + rb'[^\x00-\x20\x7f"<>,;?]++)[ \t]*+(;.*)?', re.DOTALL)
_LONE_TAG: Final = re.compile(rb";tag=([-A-Za-z0-9.!%*_+`'~]++)")


class NameAddr(NamedTuple):
    """One address."""

    display: bytes
    """Display name without quotes and their backslashes."""
    uri: bytes
    """As it came, without angle brackets."""
    params: Params
    """Parameters of the header, behind the URI; those in the URI belong to `parsed_uri`."""

    @classmethod
    def parse(cls, value: bytes) -> "NameAddr":
        """Read one unfolded value. Raises SipError(400)."""
        match = _NAME_ADDR.fullmatch(value)
        if match is not None:
            display, uri, params = match.groups()
            if display:
                display = unquote(display.strip(b" \t"))
        else:
            match = _ADDR_SPEC.fullmatch(value)
            if match is None:
                raise SipError(400, "Bad address")
            display = b""
            uri, params = match.groups()
        if not params:
            return cls(display, uri, {})
        tag = _LONE_TAG.fullmatch(params)
        return cls(display, uri, parse_params(params) if tag is None else {b"tag": tag[1]})

    @property
    def tag(self) -> bytes | None:
        """The tag of From or To; None where there is none or it is empty."""
        return self.params.get(b"tag") or None

    @property
    def parsed_uri(self) -> Uri:
        """The URI, parsed on each access. Raises SipError(400)."""
        return Uri.parse(self.uri)

    def to_bytes(self) -> bytes:
        """Write the value, always with angle brackets, the display name always quoted."""
        display = self.display.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        prefix = b'"' + display + b'" ' if display else b""
        return b"%s<%s>%s" % (prefix, self.uri, format_params(self.params))


@lru_cache(REMEMBERED_VALUES)
def address_of(field: bytes) -> NameAddr:
    """Read a whole field that holds one address: From, To. Raises SipError(400)."""
    return NameAddr.parse(field_value(field))


@lru_cache(REMEMBERED_VALUES)
def addresses_of(field: bytes) -> tuple[NameAddr, ...]:
    """Read a whole field that holds a list of addresses: Contact, Route. Raises SipError(400)."""
    value = field_value(field)
    return tuple(map(NameAddr.parse, split_values(value))) if COMMA in value else (NameAddr.parse(value),)
