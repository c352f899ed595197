"""Via: the way a response takes back (RFC 3261 section 20.42, RFC 3581)."""

import re
from typing import NamedTuple

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_PORT
from proxy.sip.text import TOKEN, Params, format_params, parse_params
from proxy.sip.uri import HOST

MAGIC_COOKIE = b"z9hG4bK"
"""A branch that begins with it was made by an RFC 3261 element (section 8.1.1.7)."""

_VIA = re.compile(
    rb"[Ss][Ii][Pp][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+(" + TOKEN + rb"++)[ \t]++"
    rb"(" + HOST + rb")(?:[ \t]*+:[ \t]*+([0-9]{1,5}))?[ \t]*+(;.*)?",
    re.DOTALL,
)


class Via(NamedTuple):
    """One Via value."""

    transport: bytes
    """Upper case: UDP, TCP, TLS, or whatever stands there."""
    host: bytes
    """As it came; IPv6 with its brackets."""
    port: int | None
    params: Params

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

    @property
    def branch(self) -> bytes | None:
        """The branch; None where there is none, or nothing but the magic cookie (RFC 4475 section 3.3.8)."""
        branch = self.params.get(b"branch")
        return branch if branch and branch != MAGIC_COOKIE else None

    @property
    def is_rfc3261(self) -> bool:
        """The branch alone identifies the transaction (section 17.2.3)."""
        branch = self.branch
        return branch is not None and branch.startswith(MAGIC_COOKIE)

    @property
    def sent_by(self) -> bytes:
        """Host and port as one text, lower case: what requests and CANCELs of one transaction share."""
        host = self.host.lower()
        return host if self.port is None else b"%s:%d" % (host, self.port)

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
