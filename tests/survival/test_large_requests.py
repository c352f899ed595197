"""A request of ours too large for UDP, on real sockets: long credentials make a REGISTER so, and it comes by TCP."""

import select
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from tests.kit.boomerang import Boomerang
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_text import Message, build, cut
from tests.kit.waiting import PATIENCE, eventually

NONCE = "n" * 900


class Registrar:
    """A carrier on UDP and TCP of one port: answers OPTIONS, asks for credentials, registers whoever has some."""

    def __init__(self, closing: ExitStack) -> None:
        self.port = free_port()
        self.asked: list[tuple[str, Message]] = []
        """Each REGISTER, and what it came by."""
        self._closing = closing
        self._datagrams = closing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._datagrams.bind((LOOPBACK, self.port))
        self._door = closing.enter_context(socket.create_server((LOOPBACK, self.port)))
        self._streams: dict[socket.socket, bytearray] = {}

    def serve(self, requests: int) -> None:
        """Answer until so many REGISTER requests have come."""
        until = time.monotonic() + PATIENCE
        while len(self.asked) < requests:
            assert time.monotonic() < until, "a REGISTER is missing"
            for one in select.select([self._datagrams, self._door, *self._streams], [], [], 0.2)[0]:
                self._read(one)

    def _read(self, one: socket.socket) -> None:
        if one is self._door:
            self._streams[self._closing.enter_context(self._door.accept()[0])] = bytearray()
        elif one is self._datagrams:
            data, source = one.recvfrom(65_535)
            one.sendto(self._answer(Message(data), "udp"), source)
        else:
            data = one.recv(65_535)
            if not data:
                del self._streams[one]
                return
            self._streams[one] += data
            while (whole := cut(self._streams[one])) is not None:
                one.sendall(self._answer(Message(whole), "tcp"))

    def _answer(self, request: Message, way: str) -> bytes:
        status, more = "200 OK", []
        if request.method == "REGISTER":
            self.asked.append((way, request))
            if request.all("Authorization"):
                more = [f"Contact: {request.header('Contact')};expires=3600"]
            else:
                status = "401 Unauthorized"
                more = [f'WWW-Authenticate: Digest realm="carrier", nonce="{NONCE}", algorithm=MD5, qop="auth"']
        same = [f"{name}: {request.header(name)}" for name in ("Via", "From", "Call-ID", "CSeq")]
        return build(f"SIP/2.0 {status}", [*same, f"To: {request.header('To')};tag=registrar", *more])


def test_registration_with_long_credentials(tmp_path: Path) -> None:
    ours, secret = free_port(), tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    with ExitStack() as closing:
        carrier = Registrar(closing)
        places = [f"sip:{LOOPBACK}:{carrier.port};transport={way}" for way in ("udp", "tcp")]
        node = Boomerang(
            tmp_path, port=ours, listen=[{"uri": f"tcp://{LOOPBACK}:{ours}"}],
            trunks={"main": {"peers": places, "username": "acme", "password": f"file:{secret}", "register": True}},
            pbxs={"office": {"peers": [f"sip:{LOOPBACK}:{free_port()};transport=udp"]}})
        closing.callback(node.stop)
        node.start(ready=False)
        carrier.serve(2)
        (first_way, first), (second_way, second) = carrier.asked
        assert (first_way, second_way) == ("udp", "tcp"), node.report()
        assert len(second.raw) > 1300
        assert second.header("Via").startswith(f"SIP/2.0/TCP {LOOPBACK}:{ours};")
        assert second.header("Contact") == first.header("Contact"), "the binding stays the one by UDP"
        assert (first.cseq[0], second.cseq[0]) == (1, 2)
        eventually(lambda: any("trunk_registered" in line for line in node.log), "it is registered")
