"""Cutting a byte stream into messages (RFC 3261 section 18.3), without I/O.

One Framer per connection. It never looks at an octet twice for the same question, so a peer that sends octet by
octet costs no more than one that sends at once. After a fault the position in the stream is lost: there is no
resync, every further `feed` raises the same error, and the connection is to be closed.
"""

import re

from proxy.sip.limits import MAX_CONTENT_LENGTH_DIGITS, MAX_MESSAGE, OWN_OCTETS
from proxy.sip.parser import tolerant_request
from proxy.sip.request_error import RequestError

_CONTENT_LENGTH = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*+:([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*)", re.IGNORECASE)
_WS = b" \t\r\n"
_END = b"\r\n\r\n"


class Framer:
    """Collects octets and gives whole messages."""

    __slots__ = ("_buffer", "_line_ends", "_needed", "_searched", "fault", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0
        self._searched = 0
        self._line_ends = 0
        self.pings = 0
        """Double CRLFs seen between messages so far (RFC 5626 section 3.5.1): each is owed a single CRLF."""
        self.fault: RequestError | None = None
        """Why this stream is dead; set also when `feed` still gave messages that stood before the fault."""

    @property
    def pending(self) -> int:
        """Octets of a message that is not complete: while not 0, the deadline for the whole message runs."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived and give the messages it completes.

        Raises RequestError when the stream cannot be cut: Content-Length missing, differing or no number (400), message
        too large (513). Where whole messages stand before the fault they are returned first and the fault is
        in `fault`; the next call raises it.
        """
        if self.fault is not None:
            raise self.fault
        self._buffer += data
        messages: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except RequestError as error:
            self.fault = error
            self._buffer.clear()
            if not messages:
                raise
        return messages

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._needed:
            if not self._searched:
                self._skip_line_ends()
            end = buffer.find(_END, max(0, self._searched - len(_END) + 1))
            if end < 0:
                self._searched = len(buffer)
                if len(buffer) > MAX_MESSAGE and len(buffer) > self._limit():
                    raise RequestError(513, "Header section too large", tolerant_request(bytes(buffer)))
                return None
            self._needed = self._size(end)
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = self._searched = 0
        return message

    def _limit(self) -> int:
        return MAX_MESSAGE + (OWN_OCTETS if self._buffer[:4].upper() == b"SIP/" else 0)

    def _skip_line_ends(self) -> None:
        """Drop line ends between messages and count the double ones, also where they arrive in pieces."""
        buffer = self._buffer
        start = 0
        while start < len(buffer) and buffer[start] in b"\r\n":
            start += 1
        self._line_ends += start
        self.pings += self._line_ends // len(_END)
        self._line_ends %= len(_END)
        if start < len(buffer):
            self._line_ends = 0
        del buffer[:start]

    def _size(self, end: int) -> int:
        head = bytes(self._buffer[: end + 2])
        lengths = set()
        for match in _CONTENT_LENGTH.finditer(head):
            value = match[1].strip(_WS)
            if not value.isdigit() or len(value) > MAX_CONTENT_LENGTH_DIGITS:
                raise RequestError(400, "Bad Content-Length", tolerant_request(head))
            lengths.add(int(value))
        if len(lengths) != 1:
            reason = "Differing Content-Length" if lengths else "Missing Content-Length"
            raise RequestError(400, reason, tolerant_request(head))
        size = end + len(_END) + lengths.pop()
        if size > MAX_MESSAGE and size > self._limit():
            raise RequestError(513, "Message too large", tolerant_request(head))
        return size
