"""Neighbours on addresses of their own whose messages need not be SIP: bytes out, bytes in, nothing in between.

127.0.0.0/8 is all loopback (Linux), so a neighbour may have port 5060 without being in anybody's way.
"""

import select
import socket
import time
from types import TracebackType
from typing import Self

from tests.kit.sip_socket import unique
from tests.kit.sip_text import build
from tests.kit.waiting import PATIENCE

DATAGRAM = 65_535
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "m": "contact"}
ANSWERED = ("via", "from", "to", "call-id", "cseq")
"""Headers that a response repeats (RFC 3261 section 8.2.6.2)."""
HOPS = ("via", "route", "record-route", "max-forwards")
"""Headers that a proxy writes itself."""


def fields(message: bytes) -> list[tuple[str, bytes]]:
    """Long lower-case name and whole text of each header field, folded lines with theirs."""
    found: list[tuple[str, bytes]] = []
    for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        if line[:1] in (b" ", b"\t") and found:
            found[-1] = (found[-1][0], found[-1][1] + b"\r\n" + line)
        else:
            name = line.partition(b":")[0].strip().lower().decode("latin-1")
            found.append((COMPACT.get(name, name), line))
    return found


def value(message: bytes, name: str) -> bytes:
    """First value of a header, without the white space around it; empty where there is none."""
    return next((text.partition(b":")[2].strip() for each, text in fields(message) if each == name), b"")


def status(message: bytes) -> int | None:
    """Status of a response; None for a request."""
    return int(message[8:11]) if message.startswith(b"SIP/2.0 ") else None


def passed(message: bytes) -> tuple[list[bytes], bytes]:
    """What a proxy must not touch: all other fields as they are, and the body."""
    return [text for name, text in fields(message) if name not in HOPS], message.partition(b"\r\n\r\n")[2]


def answer(request: bytes, line: bytes) -> bytes:
    """A response made of a request that may be in any spelling."""
    kept = [text for name, text in fields(request) if name in ANSWERED]
    return b"\r\n".join([b"SIP/2.0 " + line, *kept, b"Content-Length: 0", b"", b""])


def acknowledgement(request: bytes, response: bytes) -> bytes:
    """The ACK for a final response to an INVITE that may be in any spelling (RFC 3261 section 17.1.1.3)."""
    kept = [text for name, text in fields(request) if name in ("via", "from", "call-id")]
    kept += [text for name, text in fields(response) if name == "to"]
    number = b"".join(value(request, "cseq").split()[:1])
    start = request.split(b"\r\n")[0].replace(b"INVITE", b"ACK", 1)
    kept += [b"CSeq: " + number + b" ACK", b"Max-Forwards: 70", b"Content-Length: 0"]
    return b"\r\n".join([start, *kept, b"", b""])


def options(at: str, hop: tuple[str, int], transport: str = "UDP") -> tuple[bytes, bytes]:
    """A valid OPTIONS to the daemon itself, and its Call-ID."""
    call_id, uri = unique("options"), f"sip:{hop[0]}:{hop[1]}"
    lines = [f"Via: SIP/2.0/{transport} {at};branch={unique('z9hG4bK')};rport", "Max-Forwards: 70"]
    lines += [f"From: <sip:{at}>;tag=o", f"To: <{uri}>", f"Call-ID: {call_id}", "CSeq: 1 OPTIONS"]
    return build(f"OPTIONS {uri} SIP/2.0", lines), call_id.encode()


class Wire:
    """A neighbour on UDP at `host`, on several ports: responses may be due at any port that a Via names."""

    def __init__(self, host: str, *ports: int) -> None:
        self.host, self.port = host, ports[0]
        self._sockets = []
        for port in ports:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind((host, port))
            sock.setblocking(False)
            self._sockets.append(sock)

    @property
    def at(self) -> str:
        return f"{self.host}:{self.port}"

    def send(self, data: bytes, hop: tuple[str, int]) -> None:
        """Send a datagram from its first port."""
        self._sockets[0].sendto(data, hop)

    def drain(self, wait: float = 0.0) -> list[bytes]:
        """What has come; waits so long for the first. Questions whether it is alive are answered on the way."""
        found: list[bytes] = []
        for sock in select.select(self._sockets, [], [], wait)[0]:
            while True:
                try:
                    data, source = sock.recvfrom(DATAGRAM)
                except BlockingIOError:
                    break
                if data.startswith(b"OPTIONS ") and b"@" not in data.split(b" ")[1]:
                    sock.sendto(answer(data, b"200 OK"), source)
                else:
                    found.append(data)
        return found

    def alive(self, hop: tuple[str, int]) -> list[bytes]:
        """Ask OPTIONS and wait for its 200; what else came up to then. AssertionError where it does not come."""
        request, call_id = options(self.at, hop)
        self.send(request, hop)
        others: list[bytes] = []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            others += self.drain(0.2)
            mine = [message for message in others if value(message, "call-id") == call_id]
            if mine:
                assert status(mine[0]) == 200, mine[0]
                # What was sent before it to another port may still wait there.
                return [message for message in others + self.drain() if message not in mine]
        raise AssertionError(f"OPTIONS of {self.at} was not answered")

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Stream:
    """A TCP connection from a neighbour's address."""

    def __init__(self, host: str, hop: tuple[str, int]) -> None:
        self.hop = hop
        self.opened = time.monotonic()
        """When it was about to be opened, on the monotonic clock."""
        self.socket = socket.create_connection(hop, timeout=PATIENCE, source_address=(host, 0))
        self.host, self.port = self.socket.getsockname()[:2]
        self._buffer = b""

    @property
    def at(self) -> str:
        return f"{self.host}:{self.port}"

    def read(self, timeout: float = PATIENCE) -> bytes | None:
        """Next message; b"" at the end of the stream, None where nothing comes in time."""
        end = time.monotonic() + timeout
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if found:
                size = int(value(self._buffer, "content-length") or 0)
                if len(rest) >= size:
                    self._buffer = rest[size:]
                    return head + found + rest[:size]
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            try:
                data = self.socket.recv(DATAGRAM)
            except ConnectionResetError:
                data = b""
            if not data:
                return b""
            self._buffer += data

    def final(self, timeout: float = PATIENCE) -> bytes | None:
        """As `read`, without 1xx."""
        while True:
            message = self.read(timeout)
            if not message or (status(message) or 0) >= 200:
                return message

    def alive(self) -> None:
        """Ask OPTIONS and wait for its 200."""
        request, call_id = options(self.at, self.hop, "TCP")
        self.socket.sendall(request)
        while True:
            message = self.read()
            assert message, f"OPTIONS on TCP was not answered: {message!r}"
            if value(message, "call-id") == call_id:
                assert status(message) == 200, message
                return

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
