"""SIP messages as the tests see them: cut by hand, without the product's parser, so that its bugs do not hide.

Only what the tests send themselves and what comes back is read: no folding, no compact forms are undone here.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

SDP = (
    b"v=0\r\no=tester 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)

_URI = re.compile(r"<([^>]*)>")
_TAG = re.compile(r";\s*tag=([^;\s,>]+)")


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    raw: bytes
    source: tuple[str, int] = field(default=("", 0), compare=False)
    """Address it came from."""

    @cached_property
    def head(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")

    @cached_property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @cached_property
    def lines(self) -> list[str]:
        """Header lines as they stand, without the start line; folded lines stay with their header."""
        found: list[str] = []
        for line in self.head.split("\r\n")[1:]:
            if line[:1] in (" ", "\t") and found:
                found[-1] += "\r\n" + line
            else:
                found.append(line)
        return found

    @cached_property
    def start(self) -> str:
        return self.head.partition("\r\n")[0]

    @property
    def status(self) -> int | None:
        """Status code; None for a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else None

    @property
    def method(self) -> str:
        """Method of a request; of a response, the method in its CSeq."""
        return self.cseq[1] if self.status is not None else self.start.split(" ")[0]

    @property
    def uri(self) -> str:
        """Request-URI."""
        return self.start.split(" ")[1]

    @property
    def user(self) -> str:
        """User part of the Request-URI."""
        return self.uri.partition(":")[2].partition("@")[0]

    def all(self, name: str) -> list[str]:
        """Every value of a header by its full name in any case, in order; values on one line stay together."""
        wanted = name.lower()
        found = (line.partition(":") for line in self.lines)
        return [value.strip() for key, _, value in found if key.strip().lower() == wanted]

    def header(self, name: str) -> str:
        """First value of a header; AssertionError where there is none."""
        values = self.all(name)
        assert values, f"no {name} in\n{self.head}"
        return values[0]

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.header("CSeq").split()
        return int(number), method

    @property
    def branch(self) -> str:
        """Branch of the topmost Via."""
        found = re.search(r";\s*branch=([^;,\s]+)", self.all("Via")[0].split(",")[0])
        return found[1] if found else ""

    @property
    def to_tag(self) -> str | None:
        found = _TAG.search(self.header("To"))
        return found[1] if found else None

    @property
    def from_tag(self) -> str | None:
        found = _TAG.search(self.header("From"))
        return found[1] if found else None

    @property
    def contact(self) -> str:
        """URI of the Contact."""
        return uri_in(self.header("Contact"))

    @property
    def record_routes(self) -> list[str]:
        """Record-Route values in order, with their angle brackets."""
        return [f"<{uri}>" for value in self.all("Record-Route") for uri in _URI.findall(value)]


def uri_in(value: str) -> str:
    """URI of an address header."""
    found = _URI.search(value)
    return found[1] if found else value.split(";")[0].strip()


def build(start: str, headers: list[str], body: bytes = b"") -> bytes:
    """One message: Content-Length is added at the end."""
    return "\r\n".join([start, *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


def cut(buffer: bytearray) -> bytes | None:
    """Take one whole message off a stream's bytes; None while it is not whole. CRLF keep-alives are dropped."""
    while buffer.startswith(b"\r\n"):
        del buffer[:2]
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = re.search(rb"(?i)\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", bytes(buffer[:end]))
    size = end + 4 + (int(found[1]) if found else 0)
    if len(buffer) < size:
        return None
    message = bytes(buffer[:size])
    del buffer[:size]
    return message
