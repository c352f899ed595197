"""Via: the way a response takes back (RFC 3261 section 20.42, RFC 3581)."""

import re
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_PORT
from proxy.sip.text import TOKEN, Params, field_value, format_params, parse_params, value_end
from proxy.sip.uri import HOST

MAGIC_COOKIE: Final = b"z9hG4bK"
"""A branch that begins with it was made by an RFC 3261 element (section 8.1.1.7)."""

_SENT_PROTOCOL = rb"[Ss][Ii][Pp][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+(" + TOKEN + rb"++)[ \t]++"
_VIA: Final = re.compile(
    _SENT_PROTOCOL + rb"(" + HOST + rb")(?:[ \t]*+:[ \t]*+([0-9]{1,5}))?[ \t]*+(;.*)?",
    re.DOTALL,
)
_BEGINNING: Final = re.compile(rb"[ \t\r\n]*+" + _SENT_PROTOCOL + HOST)
_PLAIN: Final = re.compile(
    rb"[^:]++: ?SIP/2\.0/([A-Z]++) (" + HOST + rb")(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
    rb"(;rport)?;branch=(" + TOKEN + rb"++)(;rport)?"
)
"""A whole field of one value as nearly everybody writes it: nothing but a branch, and perhaps `rport`."""


class Via:
    """One Via value. Never changed once it is made."""

    __slots__ = ("branch", "host", "params", "port", "sent_by", "transport")

    def __init__(self, transport: bytes, host: bytes, port: int | None, params: Params) -> None:
        self.transport = transport
        """Upper case: UDP, TCP, TLS, or whatever stands there."""
        self.host = host
        """As it came; IPv6 with its brackets."""
        self.port = port
        self.params = params
        branch = params.get(b"branch")
        self.branch = branch if branch and branch != MAGIC_COOKIE else None
        """None where there is none, or nothing but the magic cookie (RFC 4475 section 3.3.8)."""
        name = host.lower()
        self.sent_by = name if port is None else b"%s:%d" % (name, port)
        """Host and port as one text, lower case: what requests and CANCELs of one transaction share."""

    @classmethod
    def parse(cls, value: bytes) -> "Via":
        """Read one unfolded value. Raises SipError(400)."""
        match = _VIA.fullmatch(value)
        if match is None:
            raise SipError(400, "Bad Via")
        transport, host, port, params = match.groups()
        number = None
        if port is not None:
            number = int(port)
            if not 0 < number <= MAX_PORT:
                raise SipError(400, "Bad port in Via")
        return cls(transport.upper(), host, number, parse_params(params) if params else {})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Via):
            return NotImplemented
        return (self.transport, self.host, self.port, self.params) == (
            other.transport, other.host, other.port, other.params)

    def __hash__(self) -> int:
        return hash((self.transport, self.sent_by, self.branch))

    def with_params(self, params: Params) -> "Via":
        """Give the same with other parameters."""
        return Via(self.transport, self.host, self.port, params)

    @property
    def is_rfc3261(self) -> bool:
        """The branch alone identifies the transaction (section 17.2.3)."""
        branch = self.branch
        return branch is not None and branch.startswith(MAGIC_COOKIE)

    @property
    def wants_rport(self) -> bool:
        """The sender asks for the response at its source port (RFC 3581)."""
        return b"rport" in self.params

    @property
    def rport(self) -> int | None:
        """The source port that was filled in, None while it is only asked for."""
        value = self.params.get(b"rport")
        if value and value.isdigit() and len(value) <= 5 and 0 < int(value) <= MAX_PORT:
            return int(value)
        return None

    @property
    def received(self) -> bytes | None:
        """The source address that was filled in, without brackets, which some put around IPv6 (RFC 5118 4.5)."""
        value = self.params.get(b"received")
        return value.strip(b"[]") if value else None

    def to_bytes(self) -> bytes:
        """Write the value."""
        sent_by = self.host if self.port is None else b"%s:%d" % (self.host, self.port)
        return b"SIP/2.0/%s %s%s" % (self.transport, sent_by, format_params(self.params))


def begins_as_via(text: bytes) -> bool:
    """Say whether a Via value stands at the beginning of a text, its protocol and host at least."""
    return _BEGINNING.match(text) is not None


def topmost(field: bytes) -> Via:
    """Read the first value of a whole Via field. Raises SipError(400)."""
    match = _PLAIN.fullmatch(field)
    if match is None:
        value = field_value(field)
        return Via.parse(value[:value_end(value)].rstrip(b" \t"))
    transport, host, port, early, branch, late = match.groups()
    params: Params = {}
    if early is not None:
        params[b"rport"] = None
    params[b"branch"] = branch
    if late is not None:
        params[b"rport"] = None
    return Via(transport, host, None if port is None else int(port), params)
