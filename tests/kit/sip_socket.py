"""A SIP endpoint made of a plain socket: sends the bytes it is given, keeps what it gets, and answers OPTIONS.

Nothing of the product is used here. Retransmissions of what was seen already are kept in `heard` but not handed out.
"""

import itertools
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_text import Message, build, cut
from tests.kit.waiting import PATIENCE

DATAGRAM = 65_535
POLL = 0.2
"""Seconds between two looks at whether the endpoint was closed."""

_count = itertools.count(1)


def unique(prefix: str) -> str:
    """A token nobody else in this run has: for branches, tags, Call-IDs."""
    return f"{prefix}{time.time_ns():x}n{next(_count)}"


class SipSocket:
    """One endpoint on loopback. UDP; or TCP and TLS, where it listens and connects too."""

    def __init__(
        self,
        transport: str = "udp",
        port: int | None = None,
        *,
        host: str = LOOPBACK,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
        alive: bool = True,
    ) -> None:
        self.transport, self.host, self.port = transport, host, port or free_port()
        self.alive = alive
        """Whether OPTIONS without a user part get 200; otherwise they are handed out like anything else."""
        self.heard: list[Message] = []
        self._fresh: list[Message] = []
        self._seen: set[tuple[str, int | None, str, str | None]] = set()
        self._news = threading.Condition()
        self._server, self._client = server, client
        self._streams: dict[tuple[str, int], socket.socket] = {}
        self._turn = threading.Lock()
        """One thread at a time reads or writes a stream: OpenSSL's connections stand no two."""
        self._closed = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(family, kind)
        if transport == "udp":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)  # a flood must not end in the kernel
        else:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, self.port))
        if transport != "udp":
            self._socket.listen()
        self._threads: list[threading.Thread] = []
        self._start(self._datagrams if transport == "udp" else self._accept)

    @property
    def at(self) -> str:
        """`host:port` for Via and URIs."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def via(self, branch: str | None = None) -> str:
        """A Via of its own, with a new branch unless one is given."""
        return f"Via: SIP/2.0/{self.transport.upper()} {self.at};branch={branch or unique('z9hG4bK')};rport"

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send bytes as they are; on a stream, on the connection with that address, made where there is none."""
        if self.transport == "udp":
            self._socket.sendto(data, to)
        else:
            stream = self._stream(to)
            with self._turn:
                stream.sendall(data)

    def expect(
        self,
        what: str | int,
        call_id: str | None = None,
        timeout: float = PATIENCE,
        where: Callable[[Message], bool] | None = None,
    ) -> Message:
        """Wait for a request by its method or a response by its status, and take it; others stay for later."""
        end = time.monotonic() + timeout
        with self._news:
            while True:
                for number, message in enumerate(self._fresh):
                    if self._fits(message, what, call_id) and (where is None or where(message)):
                        return self._fresh.pop(number)
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            waiting = [message.start for message in self._fresh]
        raise AssertionError(f"{self.at} got no {what} within {timeout:g} s; not taken: {waiting}\n{self.ladder()}")

    def expect_nothing(self, what: str | int, call_id: str | None = None, seconds: float = 0.5) -> None:
        """Fail where such a message comes within `seconds`."""
        try:
            message = self.expect(what, call_id, seconds)
        except AssertionError:
            return
        raise AssertionError(f"{self.at} got what it should not:\n{message.head}")

    @staticmethod
    def _fits(message: Message, what: str | int, call_id: str | None) -> bool:
        if call_id is not None and message.call_id != call_id:
            return False
        return message.status == what if isinstance(what, int) else message.status is None and message.method == what

    def ladder(self) -> str:
        """Start lines of what was heard last."""
        return "\n".join(f"    {m.source[1]} -> {self.port}  {m.start}" for m in self.heard[-40:])

    def break_streams(self) -> None:
        """Hang every connection up; it goes on listening."""
        with self._news:
            for stream in self._streams.values():
                stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every socket and wait for its threads."""
        self._closed = True
        for thread in self._threads:
            thread.join()
        for each in (self._socket, *self._streams.values()):
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, AssertionError):
            error.add_note(f"--- heard by {self.transport} {self.at}\n{self.ladder()}")
        self.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name=f"sip {self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _readable(self, source: socket.socket) -> bool:
        """Wait until there is something to read; false where the endpoint was closed meanwhile."""
        while not self._closed:
            if isinstance(source, ssl.SSLSocket) and source.pending():
                return True
            if select.select([source], [], [], POLL)[0]:
                return True
        return False

    def _datagrams(self) -> None:
        while self._readable(self._socket):
            try:
                data, source = self._socket.recvfrom(DATAGRAM)
            except ConnectionRefusedError:
                continue
            if data.strip():
                self._take(Message(data, source[:2]))

    def _accept(self) -> None:
        while self._readable(self._socket):
            stream, source = self._socket.accept()
            if self.transport == "tls":
                assert self._server is not None
                try:
                    stream = self._server.wrap_socket(stream, server_side=True)
                except OSError:
                    stream.close()
                    continue
            self._adopt(stream, source[:2])

    def _adopt(self, stream: socket.socket, address: tuple[str, int]) -> None:
        with self._news:
            self._streams[address] = stream
        self._start(self._read, stream, address)

    def _stream(self, to: tuple[str, int]) -> socket.socket:
        found = self._streams.get(to)
        if found is not None:
            return found
        stream = socket.socket(self._socket.family, socket.SOCK_STREAM)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.settimeout(PATIENCE)
        stream.connect(to)
        if self.transport == "tls":
            assert self._client is not None
            stream = self._client.wrap_socket(stream, server_hostname="localhost")
        self._adopt(stream, to)
        return stream

    def _read(self, stream: socket.socket, address: tuple[str, int]) -> None:
        buffer = bytearray()
        while self._readable(stream):
            data = self._receive(stream)
            if data is None:
                continue
            if not data:
                break
            buffer += data
            while (message := cut(buffer)) is not None:
                self._take(Message(message, address))
        with self._news:
            if self._streams.get(address) is stream:
                del self._streams[address]
        stream.close()

    def _receive(self, stream: socket.socket) -> bytes | None:
        """What has come; nothing at the end of the stream, None where it was of no concern to us (TLS's own)."""
        with self._turn:
            stream.settimeout(0)
            try:
                return stream.recv(DATAGRAM)
            except (ssl.SSLWantReadError, BlockingIOError):
                return None
            except OSError:
                return b""
            finally:
                stream.settimeout(PATIENCE)

    def _take(self, message: Message) -> None:
        if self.alive and message.start.startswith("OPTIONS ") and "@" not in message.uri:
            self.heard.append(message)
            self.send(reply(message, "200 OK"), message.source)
            return
        # A 2xx to an INVITE is repeated until its ACK comes: the same tag means the same answer (RFC 3261 13.2.2.4).
        key = (message.branch, message.status, message.method, message.to_tag)
        with self._news:
            self.heard.append(message)
            if key not in self._seen:
                self._seen.add(key)
                self._fresh.append(message)
            self._news.notify_all()


def reply(request: Message, status: str, headers: list[str] | None = None, body: bytes = b"", tag: str = "") -> bytes:
    """A response with what RFC 3261 section 8.2.6.2 wants of the request, and Record-Route where it makes a dialog."""
    lines = [f"Via: {value}" for value in request.all("Via")]
    if status[0] in "12" and not status.startswith("100") and request.method == "INVITE":
        lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
    to = request.header("To")
    if tag and request.to_tag is None:
        to += f";tag={tag}"
    lines += [f"From: {request.header('From')}", f"To: {to}", f"Call-ID: {request.call_id}"]
    lines += [f"CSeq: {request.header('CSeq')}", *(headers or [])]
    return build(f"SIP/2.0 {status}", lines, body)
