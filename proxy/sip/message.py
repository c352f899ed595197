"""SIP messages that keep every octet they came with (RFC 3261 section 7).

A message is its start line, its header fields as they came, and its body. Header values are read when somebody asks
for them and remembered; whatever edits a field forgets what was read of it. Edits go through the methods, never
through the lists. What `routes` and the like return is shared: do not change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from proxy.sip.address import NameAddr, address_of, addresses_of
from proxy.sip.cseq import CSeq, cseq_of
from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_HOPS, MAX_MAX_FORWARDS, OWN_HOPS, REMEMBERED_VALUES
from proxy.sip.names import field_name
from proxy.sip.text import field_value, split_values, value_end
from proxy.sip.via import Via, topmost

_MAX_FORWARDS_DIGITS: Final = 10
_CALL_ID: Final = re.compile(rb"[^:]++:[ \t\r\n]*+([^\x00-\x20\x7f]++)[ \t\r\n]*+")
_SLOTS: Final = {b"via": "_via", b"from": "_from", b"to": "_to", b"call-id": "_call_id", b"cseq": "_cseq",
          b"max-forwards": "_max_forwards"}


@lru_cache(REMEMBERED_VALUES)
def _forwards_of(field: bytes) -> int:
    value = field_value(field)
    if not value.isdigit() or len(value) > _MAX_FORWARDS_DIGITS or int(value) > MAX_MAX_FORWARDS:
        raise SipError(400, "Bad Max-Forwards")
    return int(value)


class Message:
    """What requests and responses have in common."""

    __slots__ = ("_call_id", "_cseq", "_from", "_max_forwards", "_to", "_via", "body", "fields", "names",
                 "start")

    def __init__(self, start: bytes, names: list[bytes], fields: list[bytes], body: bytes) -> None:
        self.start = start
        """The start line without its CRLF."""
        self.names = names
        """Canonical name of each field: long form, lower case."""
        self.fields = fields
        """Each field as it came, from the first octet of its name to the last before its CRLF, folding included."""
        self.body = body
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._call_id: bytes | None = None
        self._cseq: CSeq | None = None
        self._max_forwards: int | None = None

    def _changed(self, name: bytes) -> None:
        """Forget what was read of the fields of this name."""
        slot = _SLOTS.get(name)
        if slot is not None:
            setattr(self, slot, None)

    def _remember(self, other: Message) -> None:
        """Take over what another message with the same fields has read."""
        self._via, self._from, self._to = other._via, other._from, other._to
        self._call_id, self._cseq, self._max_forwards = other._call_id, other._cseq, other._max_forwards

    def to_bytes(self) -> bytes:
        """Write the message: what came, octet for octet, but for the edits."""
        return b"\r\n".join((self.start, *self.fields, b"", self.body))

    # Fields

    def has(self, name: bytes) -> bool:
        """Say whether there is a field of this name."""
        return name in self.names

    def value(self, name: bytes) -> bytes | None:
        """Give the value of the first field of this name, unfolded and trimmed; None where there is none."""
        names = self.names
        return field_value(self.fields[names.index(name)]) if name in names else None

    def values(self, name: bytes) -> list[bytes]:
        """Give the value of every field of this name, unfolded and trimmed, commas left alone."""
        names = self.names
        if name not in names:
            return []
        first = names.index(name)
        if name not in names[first + 1:]:
            return [field_value(self.fields[first])]
        return [field_value(field) for field, each in zip(self.fields, names, strict=True) if each == name]

    # Edits

    def insert_before(self, name: bytes, field: bytes) -> None:
        """Put a field before the first one of its name, at the very top where there is none."""
        index = self.names.index(name) if name in self.names else 0
        self.names.insert(index, name)
        self.fields.insert(index, field)
        self._changed(name)

    def append(self, field_name: bytes, field: bytes) -> None:
        """Put a field behind all others."""
        self.names.append(field_name)
        self.fields.append(field)
        self._changed(field_name)

    def remove(self, name: bytes) -> int:
        """Remove every field of this name; says how many there were."""
        if name not in self.names:
            return 0
        kept = [index for index, each in enumerate(self.names) if each != name]
        removed = len(self.names) - len(kept)
        self.names = [self.names[index] for index in kept]
        self.fields = [self.fields[index] for index in kept]
        self._changed(name)
        return removed

    def replace(self, name: bytes, field: bytes) -> None:
        """Put a field in the place of the first one of its name and remove the others; append where there is none."""
        if name not in self.names:
            self.append(name, field)
            return
        index = self.names.index(name)
        self.fields[index] = field
        self._changed(name)
        if self.names.count(name) > 1:
            for later in range(len(self.names) - 1, index, -1):
                if self.names[later] == name:
                    del self.names[later], self.fields[later]

    def drop_first_value(self, name: bytes) -> None:
        """Remove the first value of the first field of this name, with the field where it was the only one.

        Nothing happens where there is no such field. Raises SipError(400) on a quote or bracket left open.
        """
        if name not in self.names:
            return
        index = self.names.index(name)
        field = self.fields[index]
        colon = field.find(b":") + 1
        end = value_end(field, colon)
        if end == len(field):
            del self.names[index], self.fields[index]
        else:
            self.fields[index] = field[:colon] + field[end + 1 :]
        self._changed(name)

    def push_via(self, field: bytes, via: Via) -> None:
        """Put a field of one value, known to read as `via`, before the first Via."""
        index = self.names.index(b"via") if b"via" in self.names else 0
        self.names.insert(index, b"via")
        self.fields.insert(index, field)
        self._via = via

    def set_via(self, field: bytes, via: Via) -> None:
        """Put a field in the place of the first Via, whose topmost value is known to read as `via`."""
        self.fields[self.names.index(b"via")] = field
        self._via = via

    # Values, read once

    def _field(self, name: bytes, shown: str) -> bytes:
        try:
            return self.fields[self.names.index(name)]
        except ValueError:
            raise SipError(400, "Missing " + shown) from None

    def _address(self, name: bytes, shown: str) -> NameAddr:
        field = self._field(name, shown)
        try:
            return address_of(field)
        except SipError:
            raise SipError(400, "Bad " + shown) from None

    def _addresses(self, name: bytes, shown: str) -> tuple[NameAddr, ...]:
        names = self.names
        count = names.count(name)
        if not count:
            return ()
        try:
            if count == 1:
                return addresses_of(self.fields[names.index(name)])
            found: list[NameAddr] = []
            for each, field in zip(names, self.fields, strict=True):
                if each == name:
                    found += addresses_of(field)
        except SipError:
            raise SipError(400, "Bad " + shown) from None
        return tuple(found)

    def _hops(self, name: bytes, shown: str, own: int) -> tuple[NameAddr, ...]:
        hops = self._addresses(name, shown)
        if len(hops) > MAX_HOPS + own:
            raise SipError(400, "Too many values of " + shown)
        return hops

    @property
    def via(self) -> Via:
        """The topmost Via value. This and the following raise SipError(400) where missing or malformed."""
        known = self._via
        if known is None:
            known = self._via = topmost(self._field(b"via", "Via"))
        return known

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        known = self._from
        if known is None:
            known = self._from = self._address(b"from", "From")
        return known

    @property
    def to(self) -> NameAddr:
        """The To header."""
        known = self._to
        if known is None:
            known = self._to = self._address(b"to", "To")
        return known

    @property
    def call_id(self) -> bytes:
        """The Call-ID header."""
        known = self._call_id
        if known is None:
            match = _CALL_ID.fullmatch(self._field(b"call-id", "Call-ID"))
            if match is None:
                raise SipError(400, "Bad Call-ID")
            known = self._call_id = match[1]
        return known

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        known = self._cseq
        if known is None:
            known = self._cseq = cseq_of(self._field(b"cseq", "CSeq"))
        return known

    @property
    def max_forwards(self) -> int | None:
        """The Max-Forwards header, None where it is missing, which is legal in requests of RFC 2543 elements."""
        if self._max_forwards is None and b"max-forwards" in self.names:
            self._max_forwards = _forwards_of(self.fields[self.names.index(b"max-forwards")])
        return self._max_forwards

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """All Route values, first hop first."""
        return self._hops(b"route", "Route", OWN_HOPS)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """All Record-Route values, as they stand."""
        return self._hops(b"record-route", "Record-Route", 0 if isinstance(self, Request) else OWN_HOPS)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contact values; empty where there is none, and for the `*` of a REGISTER."""
        try:
            return self._addresses(b"contact", "Contact")
        except SipError:
            if self.value(b"contact") == b"*":
                return ()
            raise

    def option_tags(self, name: bytes) -> list[bytes]:
        """Give the option tags of Require, Proxy-Require, Supported or Unsupported, lower case."""
        return [tag.lower() for value in self.values(name) for tag in split_values(value) if tag]


class Request(Message):
    """A request; `uri` is the Request-URI as it came."""

    __slots__ = ("method", "uri")

    def __init__(
        self, method: bytes, uri: bytes, start: bytes, names: list[bytes], fields: list[bytes], body: bytes
    ) -> None:
        super().__init__(start, names, fields, body)
        self.method = method
        self.uri = uri

    @classmethod
    def create(cls, method: bytes, uri: bytes, fields: Iterable[bytes], body: bytes = b"") -> Request:
        """Make a request of ours from whole header fields. Raises SipError(400) on a bad header name."""
        kept = list(fields)
        return cls(method, uri, b"%s %s SIP/2.0" % (method, uri), [field_name(field) for field in kept], kept, body)

    def set_uri(self, uri: bytes) -> None:
        """Replace the Request-URI."""
        self.uri = uri
        self.start = b"%s %s SIP/2.0" % (self.method, uri)

    def copy(self) -> Request:
        """Give a copy that can be edited without touching this one."""
        copy = Request(self.method, self.uri, self.start, self.names[:], self.fields[:], self.body)
        copy._remember(self)
        return copy


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: bytes, start: bytes, names: list[bytes], fields: list[bytes], body: bytes
    ) -> None:
        super().__init__(start, names, fields, body)
        self.status = status
        self.reason = reason

    def copy(self) -> Response:
        """Give a copy that can be edited without touching this one."""
        copy = Response(self.status, self.reason, self.start, self.names[:], self.fields[:], self.body)
        copy._remember(self)
        return copy


__all__ = ["CSeq", "Message", "NameAddr", "Request", "Response", "Via", "split_values"]
