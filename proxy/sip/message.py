"""SIP messages that keep every octet they came with (RFC 3261 section 7).

A message is its start line, its header fields as they came, and its body. Header values are read when somebody asks
for them and remembered; whatever edits a field forgets what was read of it. Edits go through the methods, never
through the lists. What `routes` and the like return is shared: do not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from proxy.sip.address import NameAddr
from proxy.sip.cseq import CSeq
from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_HOPS, MAX_MAX_FORWARDS
from proxy.sip.names import field_name
from proxy.sip.text import field_value, split_values, value_end
from proxy.sip.via import Via

_T = TypeVar("_T")
_MAX_FORWARDS_DIGITS = 10


class Message:
    """What requests and responses have in common."""

    __slots__ = ("_read", "body", "fields", "names", "start")

    def __init__(self, start: bytes, names: list[bytes], fields: list[bytes], body: bytes) -> None:
        self.start = start
        """The start line without its CRLF."""
        self.names = names
        """Canonical name of each field: long form, lower case."""
        self.fields = fields
        """Each field as it came, from the first octet of its name to the last before its CRLF, folding included."""
        self.body = body
        self._read: dict[str, object] = {}

    def to_bytes(self) -> bytes:
        """Write the message: what came, octet for octet, but for the edits."""
        return b"\r\n".join((self.start, *self.fields, b"", self.body))

    # Fields

    def has(self, name: bytes) -> bool:
        """Say whether there is a field of this name."""
        return name in self.names

    def value(self, name: bytes) -> bytes | None:
        """Give the value of the first field of this name, unfolded and trimmed; None where there is none."""
        if name not in self.names:
            return None
        return field_value(self.fields[self.names.index(name)])

    def values(self, name: bytes) -> list[bytes]:
        """Give the value of every field of this name, unfolded and trimmed, commas left alone."""
        names = self.names
        if name not in names:
            return []
        return [field_value(field) for field, each in zip(self.fields, names, strict=True) if each == name]

    # Edits

    def insert_before(self, name: bytes, field: bytes) -> None:
        """Put a field before the first one of its name, at the very top where there is none."""
        index = self.names.index(name) if name in self.names else 0
        self.names.insert(index, name)
        self.fields.insert(index, field)
        self._read.clear()

    def append(self, field_name: bytes, field: bytes) -> None:
        """Put a field behind all others."""
        self.names.append(field_name)
        self.fields.append(field)
        self._read.clear()

    def remove(self, name: bytes) -> int:
        """Remove every field of this name; says how many there were."""
        if name not in self.names:
            return 0
        kept = [index for index, each in enumerate(self.names) if each != name]
        removed = len(self.names) - len(kept)
        self.names = [self.names[index] for index in kept]
        self.fields = [self.fields[index] for index in kept]
        self._read.clear()
        return removed

    def replace(self, name: bytes, field: bytes) -> None:
        """Put a field in the place of the first one of its name and remove the others; append where there is none."""
        if name not in self.names:
            self.append(name, field)
            return
        index = self.names.index(name)
        self.fields[index] = field
        self._read.clear()
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
        self._read.clear()

    def set_via(self, field: bytes, via: Via) -> None:
        """Put a field in the place of the first Via, whose topmost value is known to read as `via`."""
        self.fields[self.names.index(b"via")] = field
        self._read["via"] = via

    # Values, read once

    def _once(self, key: str, read: Callable[[], _T]) -> _T:
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = read()
        return found  # type: ignore[return-value]  # each key has one reader

    def _needed(self, name: bytes, shown: str) -> bytes:
        value = self.value(name)
        if value is None:
            raise SipError(400, "Missing " + shown)
        return value

    def _address(self, name: bytes, shown: str) -> NameAddr:
        try:
            return NameAddr.parse(self._needed(name, shown))
        except SipError as error:
            raise SipError(400, error.reason if "Missing" in error.reason else "Bad " + shown) from None

    def _addresses(self, name: bytes, shown: str) -> list[NameAddr]:
        values = [each for value in self.values(name) for each in split_values(value)]
        try:
            return [NameAddr.parse(value) for value in values]
        except SipError:
            raise SipError(400, "Bad " + shown) from None

    def _hops(self, name: bytes, shown: str) -> list[NameAddr]:
        hops = self._addresses(name, shown)
        if len(hops) > MAX_HOPS:
            raise SipError(400, "Too many values of " + shown)
        return hops

    def _read_via(self) -> Via:
        value = self._needed(b"via", "Via")
        return Via.parse(value[: value_end(value)].rstrip(b" \t") if b"," in value else value)

    def _read_call_id(self) -> bytes:
        value = self._needed(b"call-id", "Call-ID")
        if not value or b" " in value or b"\t" in value:
            raise SipError(400, "Bad Call-ID")
        return value

    @property
    def via(self) -> Via:
        """The topmost Via value. This and the following raise SipError(400) where missing or malformed."""
        return self._once("via", self._read_via)

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        return self._once("from", lambda: self._address(b"from", "From"))

    @property
    def to(self) -> NameAddr:
        """The To header."""
        return self._once("to", lambda: self._address(b"to", "To"))

    @property
    def call_id(self) -> bytes:
        """The Call-ID header."""
        return self._once("call_id", self._read_call_id)

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        return self._once("cseq", lambda: CSeq.parse(self._needed(b"cseq", "CSeq")))

    @property
    def max_forwards(self) -> int | None:
        """The Max-Forwards header, None where it is missing, which is legal in requests of RFC 2543 elements."""
        value = self.value(b"max-forwards")
        if value is None:
            return None
        if not value.isdigit() or len(value) > _MAX_FORWARDS_DIGITS or int(value) > MAX_MAX_FORWARDS:
            raise SipError(400, "Bad Max-Forwards")
        return int(value)

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values, first hop first."""
        return self._once("routes", lambda: self._hops(b"route", "Route"))

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Route values, as they stand."""
        return self._once("record_routes", lambda: self._hops(b"record-route", "Record-Route"))

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values; empty where there is none, and for the `*` of a REGISTER."""
        return self._once("contacts", self._read_contacts)

    def _read_contacts(self) -> list[NameAddr]:
        if self.value(b"contact") == b"*":
            return []
        return self._addresses(b"contact", "Contact")

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
        copy._read = self._read.copy()
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
        copy._read = self._read.copy()
        return copy


__all__ = ["CSeq", "Message", "NameAddr", "Request", "Response", "Via", "split_values"]
