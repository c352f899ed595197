"""Real sockets on loopback for the transport tests: a network, what it received, raw peers, certificates."""

import asyncio
import datetime
import ipaddress
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.sip.hop import Flow, Hop
from proxy.transports.limits import StreamLimits
from proxy.transports.network import ListenSpec, Network
from tests.kit.waiting import PATIENCE

T = TypeVar("T")


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine, with a limit, so that a hang is a failure."""

    async def limited() -> T:
        async with asyncio.timeout(3 * PATIENCE):
            return await scenario

    return asyncio.run(limited())


async def until(condition: Callable[[], object]) -> None:
    """Let the loop work until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


@dataclass
class Inbox:
    """Everything a network told its owner."""

    messages: list[tuple[bytes, Flow]] = field(default_factory=list)
    lost: list[tuple[int, Hop, str]] = field(default_factory=list)
    unreachable: list[Hop] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    """Of each message, in seconds."""
    answer: Callable[[bytes, Flow], None] | None = None

    def receive(self, data: bytes, flow: Flow, waited: float) -> None:
        self.messages.append((data, flow))
        self.waited.append(waited)
        if self.answer is not None:
            self.answer(data, flow)

    def network(self, *specs: ListenSpec, limits: StreamLimits | None = None) -> Network:
        """A network, not bound yet."""
        return Network(specs, limits)

    def serve(self, network: Network) -> None:
        """Have a network that is bound tell everything to this."""
        network.serve(self.receive, failed=lambda number, hop, reason: self.lost.append((number, hop, reason)),
                      unreachable=self.unreachable.append)

    @property
    def bodies(self) -> list[bytes]:
        return [data for data, _ in self.messages]


@asynccontextmanager
async def running(*specs: ListenSpec, limits: StreamLimits | None = None) -> AsyncIterator[tuple[Network, Inbox]]:
    inbox = Inbox()
    network = inbox.network(*specs, limits=limits)
    await network.bind()
    inbox.serve(network)
    network.resume()
    try:
        yield network, inbox
    finally:
        await network.close()


def udp(host: str = "127.0.0.1", **more: Any) -> ListenSpec:
    return ListenSpec("udp", host, 0, **more)


def tcp(host: str = "127.0.0.1", **more: Any) -> ListenSpec:
    return ListenSpec("tcp", host, 0, **more)


def peer_socket(host: str = "127.0.0.1") -> socket.socket:
    """A plain UDP socket of a peer, to be used with the loop's sock_* calls."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    return sock


def free_port(kind: socket.SocketKind) -> int:
    """A port that nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def options(number: int = 1, body: bytes = b"", length: bytes | None = None) -> bytes:
    """A request; `length` replaces the value of Content-Length."""
    return b"\r\n".join(
        (
            b"OPTIONS sip:proxy.test SIP/2.0",
            b"Via: SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bK%d" % number,
            b"From: <sip:a@peer.test>;tag=1",
            b"To: <sip:proxy.test>",
            b"Call-ID: %d@peer.test" % number,
            b"CSeq: %d OPTIONS" % number,
            b"Max-Forwards: 70",
            b"Content-Length: " + (b"%d" % len(body) if length is None else length),
            b"",
            body,
        )
    )


class Server:
    """A bare TCP or TLS server in the part of a peer; keeps what came, by connection."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[bytearray] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        self.received.append(kept)
        self.writers.append(writer)
        try:
            while data := await reader.read(65536):
                kept += data
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def server(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    peer = Server()
    listening = await asyncio.start_server(peer._serve, host, 0, ssl=tls)
    peer.port = listening.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        listening.close()
        for writer in peer.writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


_serial = itertools.count(1)


class Authority:
    """A certificate authority that lives for one test run."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._build(self._name, self._key.public_key(), [], authority=True)
        self.file = str(folder / f"ca-{next(_serial)}.pem")
        Path(self.file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str) -> str:
        """Write certificate and key for `sip:` URIs, IP addresses and DNS names into one file; return its path."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "common.name.test")])
        certificate = self._build(subject, key.public_key(), [_general_name(name) for name in names])
        path = self.folder / f"cert-{next(_serial)}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(path)

    def server(self, *names: str, verify_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(*names))
        if verify_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file)
        return context

    def client(self, *names: str) -> ssl.SSLContext:
        """A context that trusts this authority; with names it presents a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.file)
        if names:
            context.load_cert_chain(self.issue(*names))
        return context

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        names: list[x509.GeneralName],
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    if ":" in name and name.startswith("sip"):
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
