"""`boomerang check --live`: whether the world is as boomerang.toml says. It asks, and changes nothing.

Names are looked up, each address of each peer is asked by OPTIONS, ports are bound and let go again, folders are
written to, certificates read, and the broker, the mail server and the webhook's host are connected to. It may run
beside the daemon: what that one holds is not missed. OPTIONS leave from the listener's own address and port where that
is free, else from another port of it, which a far end that goes by ports may not answer.
"""

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiomqtt

from config.address import SipPeer
from config.node import Listen, NodeConfig
from config.problem import Level
from proxy.daemon import building
from proxy.sip.hop import Hop
from proxy.transports.resolver import ResolveError, Resolver

PATIENCE: Final = 4.0
"""Seconds that a far end has to answer or to take a connection."""
REPEATS: Final = (0.0, 0.5, 1.5, 3.0)
"""Seconds after which OPTIONS is sent over UDP: RFC 3261's Timer E, as far as our patience goes."""
LEAST_ROOM: Final = 1 << 30
"""Bytes that a data folder should have free."""
SOON: Final = 14 * 86_400.0
"""Seconds before the end of a certificate at which that is worth a word."""
UNREACHABLE: Final = {errno.ECONNREFUSED: "nobody listens there", errno.EHOSTUNREACH: "there is no way to that host",
                      errno.ENETUNREACH: "there is no way to that network"}

Key = tuple[str | int, ...]


class Look(NamedTuple):
    """One thing that was looked at."""

    key: Key
    """The setting that says so."""
    text: str
    level: Level


async def look_around(config: NodeConfig, running: bool) -> list[Look]:
    """Look at everything, at most some seconds long. `running`: our own daemon is up, and holds what it needs."""
    questions: list[Awaitable[list[Look]]] = [_peers(config), _database(config), _broker(config), _channels(config)]
    found = [*_ports(config, running), *_folders(config), *_certificates(config)]
    for looks in await asyncio.gather(*questions):
        found += looks
    return found


# Peers


async def _peers(config: NodeConfig) -> list[Look]:
    families = sorted({"AAAA" if ":" in listen.host else "A" for listen in config.listen})
    resolver = Resolver(nameservers=config.dns.addresses, transports={listen.transport for listen in config.listen},
                        families=families)  # type: ignore[arg-type]  # A and AAAA only
    try:
        questions = [_peer(config, resolver, (kind, name, "peers", number), peer)
                     for kind, table in (("trunk", config.trunk), ("pbx", config.pbx))
                     for name, section in table.items() for number, peer in enumerate(section.sip_peers)]
        return [look for looks in await asyncio.gather(*questions) for look in looks]
    finally:
        await resolver.close()


async def _peer(config: NodeConfig, resolver: Resolver, key: Key, peer: SipPeer) -> list[Look]:
    """Look one peer up and ask each of its addresses."""
    try:
        hops = await resolver.resolve(peer.host, peer.port, peer.transport, peer.secure)
    except ResolveError as error:
        return [Look(key, f"{peer.host} has no address: {error.reason}; no call can go there", "error")]
    return list(await asyncio.gather(*(_address(config, key, peer, hop) for hop in hops)))


async def _address(config: NodeConfig, key: Key, peer: SipPeer, hop: Hop) -> Look:
    where = f"{hop.transport}:{hop.host}:{hop.port}"
    listen = next((one for one in config.listen if one.transport == hop.transport
                   and (":" in one.host) == (":" in hop.host)), None)
    if listen is None:
        return Look(key, f"{where} is an address that no listener can reach", "error")
    began = time.monotonic()
    ask = _ask_datagram if hop.transport == "udp" else _ask_stream
    try:
        async with asyncio.timeout(PATIENCE):
            status = await ask(listen, peer, hop)
    except TimeoutError:
        return Look(key, f"{where} gives no answer to OPTIONS within {PATIENCE:.0f} s: is it on, is this address let "
                         "in, is a firewall between?", "error")
    except (OSError, EOFError) as error:
        return Look(key, f"{where} cannot be asked: {_reason(error)}", "error")
    took = (time.monotonic() - began) * 1000
    return Look(key, f"{where} answers OPTIONS with {status}, after {took:.0f} ms", "ok")


def _options(listen: Listen, own: tuple[str, int], peer: SipPeer, hop: Hop) -> bytes:
    """OPTIONS outside a dialog (RFC 3261 section 11.1)."""
    host = f"[{own[0]}]" if ":" in own[0] else own[0]
    at = building.address_of(peer, hop).uri_host.decode()
    mark = secrets.token_hex(8)
    return "\r\n".join((
        f"OPTIONS sip:{at} SIP/2.0",
        f"Via: SIP/2.0/{listen.transport.upper()} {host}:{own[1]};branch=z9hG4bK{mark};rport",
        "Max-Forwards: 70", f"From: <sip:{host}:{own[1]}>;tag={mark[:8]}", f"To: <sip:{at}>", f"Call-ID: {mark}@check",
        "CSeq: 1 OPTIONS", f"Contact: <sip:{host}:{own[1]}>", "Accept: application/sdp", "Content-Length: 0", "", "",
    )).encode()


class _Answers(asyncio.DatagramProtocol):
    """The first answer, or the error that came in its place."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        status = _status(data)
        if status is not None and not self.status.done():
            self.status.set_result(status)

    def error_received(self, exc: Exception) -> None:
        if not self.status.done():
            self.status.set_exception(exc)


async def _ask_datagram(listen: Listen, peer: SipPeer, hop: Hop) -> int:
    sock = _own_socket(listen, socket.SOCK_DGRAM)
    with contextlib.closing(sock):
        sock.connect((hop.host, hop.port))  # so that ICMP is heard, and the address is known that we are seen with
        transport, answers = await asyncio.get_running_loop().create_datagram_endpoint(_Answers, sock=sock)
        try:
            data = _options(listen, sock.getsockname()[:2], peer, hop)
            for before, after in zip(REPEATS, (*REPEATS[1:], PATIENCE), strict=True):
                transport.sendto(data)
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(answers.status), after - before)
            return await answers.status
        finally:
            if not answers.status.done():
                answers.status.cancel()
            transport.close()


async def _ask_stream(listen: Listen, peer: SipPeer, hop: Hop) -> int:
    context = None
    if hop.transport == "tls":
        context = ssl.create_default_context(cafile=None if listen.ca is None else str(listen.ca))
        if listen.certificate is not None:
            context.load_cert_chain(listen.certificate, listen.private_key)
    reader, writer = await asyncio.open_connection(hop.host, hop.port, ssl=context,
                                                   server_hostname=peer.host if context else None)
    try:
        writer.write(_options(listen, writer.get_extra_info("sockname")[:2], peer, hop))
        while True:
            line = await reader.readuntil(b"\r\n")
            status = _status(line)
            if status is not None:
                return status
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _status(data: bytes) -> int | None:
    parts = data[:32].split(b" ")
    return int(parts[1]) if parts[0] == b"SIP/2.0" and parts[1:] and parts[1].isdigit() and len(parts[1]) == 3 else None


def _own_socket(listen: Listen, kind: int) -> socket.socket:
    """A socket at the listener's port, or at another one of its address where that is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in listen.host else socket.AF_INET, kind)
    sock.setblocking(False)
    try:
        try:
            sock.bind((listen.host, listen.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            sock.bind((listen.host, 0))
    except OSError:
        sock.close()
        raise
    return sock


# What is ours: ports, folders, certificates


def _ports(config: NodeConfig, running: bool) -> Iterator[Look]:
    wanted: list[tuple[Key, int, str, int]] = [
        (("listen", number, "uri"), socket.SOCK_DGRAM if one.transport == "udp" else socket.SOCK_STREAM, one.host,
         one.port) for number, one in enumerate(config.listen)]
    if config.http.address is not None:
        wanted.append((("http", "listen"), socket.SOCK_STREAM, *config.http.address))
    if config.console.address is not None:
        wanted.append((("console", "listen"), socket.SOCK_STREAM, *config.console.address))
    broker = config.mqtt.broker
    if broker is not None and broker.embedded:
        wanted.append((("mqtt", "url"), socket.SOCK_STREAM, broker.host, broker.port))
    for key, kind, host, port in wanted:
        yield _port(key, kind, host, port, running)
    yield _media_ports(config, running)


def _port(key: Key, kind: int, host: str, port: int, running: bool) -> Look:
    name = f"{'udp' if kind == socket.SOCK_DGRAM else 'tcp'} {host}:{port}"
    error = _bound(kind, host, port)
    if error is None:
        return Look(key, f"{name} is free", "ok")
    if error.errno == errno.EADDRINUSE and running:
        return Look(key, f"{name} is held by the Boomerang that runs", "ok")
    why = {errno.EADDRINUSE: "another program has it: `ss -lnp` says which",
           errno.EADDRNOTAVAIL: "this machine has no such address",
           errno.EACCES: "ports below 1024 are for root, or for a unit with CAP_NET_BIND_SERVICE"}
    return Look(key, f"{name} cannot be bound: {why.get(error.errno or 0, _reason(error))}", "error")


def _media_ports(config: NodeConfig, running: bool) -> Look:
    host = config.media.bind or config.listen[0].host
    low, high = config.media.port_range
    errors = [error for port in range(low + low % 2, high + 1, 2)
              if (error := _bound(socket.SOCK_DGRAM, host, port)) is not None]
    key, count = ("media", "ports"), len(range(low + low % 2, high + 1, 2))
    wrong = next((error for error in errors if error.errno != errno.EADDRINUSE), None)
    if wrong is not None:
        named = ("media", "listen") if config.media.listen else key
        return Look(named, f"audio cannot be bound to {host}: {_reason(wrong)}", "error")
    if len(errors) * 2 > count and not running:
        return Look(key, f"{len(errors)} of {count} ports for audio are taken by other programs", "warning")
    return Look(key, f"{count - len(errors)} of {count} ports for audio are free", "ok")


def _bound(kind: int, host: str, port: int) -> OSError | None:
    """Bind a port and let it go; return the error."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            return error
    return None


def _folders(config: NodeConfig) -> Iterator[Look]:
    data, key = config.node.data, ("node", "data")
    place = next((one for one in (data, *data.parents) if one.exists()), Path("/"))
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        verb = "written to" if place == data else f"made in {place}"
        yield Look(key, f"{data} cannot be {verb} by user {os.geteuid()}: {_reason(error)}", "error")
        return
    room = shutil.disk_usage(place).free
    if room < LEAST_ROOM:
        yield Look(key, f"{data} has {room >> 20} MiB of room left", "warning")
    else:
        yield Look(key, f"{data} can be {'written to' if place == data else 'made'}, {room >> 30} GiB are free", "ok")


def _certificates(config: NodeConfig) -> Iterator[Look]:
    for number, listen in enumerate(config.listen):
        if listen.certificate is None:
            continue
        key = ("listen", number, "certificate")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(listen.certificate, listen.private_key)
            ends = _ends(listen.certificate)
        except (OSError, ValueError) as error:
            yield Look(key, f"certificate and private key cannot be used together: {_reason(error)}", "error")
            continue
        left = ends - time.time()
        day = time.strftime("%Y-%m-%d", time.gmtime(ends))
        if left < 0:
            yield Look(key, f"the certificate is over since {day}", "error")
        else:
            yield Look(key, f"the certificate is good until {day}", "warning" if left < SOON else "ok")


def _ends(certificate: Path) -> float:
    """Return when a certificate (PEM) ends, seconds since the epoch."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


# The database that nodes share


async def _database(config: NodeConfig) -> list[Look]:
    address = config.cluster.database
    if address is None or building.why_unshared(address) is not None:  # which the look at the files has said
        return []
    look = await asyncio.to_thread(_ask_database, address.get_secret_value())
    alone = await asyncio.to_thread(building.written_alone, config) if look.level == "ok" else None
    return [look, *([] if alone is None else [Look(look.key, alone, "error")])]


def _ask_database(text: str) -> Look:
    from routing.store.postgres.look import look_at

    key, began = ("cluster", "database"), time.monotonic()
    name, fault = look_at(text, PATIENCE)
    if fault is not None:
        return Look(key, f"{name} cannot be used, nothing can be shared: {fault}", "error")
    return Look(key, f"{name} takes us, after {(time.monotonic() - began) * 1000:.0f} ms", "ok")


# Where status and tickets go


async def _broker(config: NodeConfig) -> list[Look]:
    settings, broker = building.mqtt_settings(config), config.mqtt.broker
    if settings is None or broker is None or broker.embedded:
        return []
    settings = settings._replace(node=f"{settings.node}-check-{secrets.token_hex(4)}")
    where = f"{broker.host}:{broker.port}"
    context = ssl.create_default_context(cafile=settings.ca_file) if broker.tls else None
    reason: str | None = None
    for version in (aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311):
        reason = await _connects(aiomqtt.Client(
            broker.host, broker.port, identifier=settings.node, username=settings.username, password=settings.password,
            protocol=version, timeout=PATIENCE, tls_context=context))
        if reason is None:
            return [Look(("mqtt", "url"), f"the broker at {where} takes us", "ok")]
    return [Look(("mqtt", "url"), f"the broker at {where} cannot be used: {reason}", "error")]


async def _connects(client: aiomqtt.Client) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE + 1), client:
            return None
    except TimeoutError:
        return f"no answer within {PATIENCE:.0f} s"
    except (aiomqtt.MqttError, OSError) as error:
        return _reason(error)


async def _channels(config: NodeConfig) -> list[Look]:
    tickets = config.tickets
    wanted: list[tuple[str, str, int]] = []
    if tickets.webhook is not None:
        parts = urlsplit(tickets.webhook)
        wanted.append(("webhook", parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)))
    server = tickets.mail_server
    if server is not None:
        wanted.append(("smtp", server.host, server.port))
    return list(await asyncio.gather(*(_reached(("tickets", key), host, port) for key, host, port in wanted)))


async def _reached(key: Key, host: str, port: int) -> Look:
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Look(key, f"{host}:{port} takes no connection within {PATIENCE:.0f} s", "error")
    except OSError as error:
        return Look(key, f"{host}:{port} cannot be connected to: {_reason(error)}", "error")
    writer.close()
    return Look(key, f"{host}:{port} takes connections", "ok")


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    return UNREACHABLE.get(number or 0) or getattr(error, "strerror", None) or str(error) or type(error).__name__

