"""Addresses as the operator writes them: listeners, peers, sources, `host:port`."""

import ipaddress
import re
from typing import Final, Literal, NamedTuple

DEFAULT_PORT: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""RFC 3261 section 19.1.2."""
DNS_PORT: Final = 53
LOWEST_MEDIA_PORT: Final = 1024

Transport = Literal["udp", "tcp", "tls"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,9}))?")
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_PEER: Final = re.compile(r"(sips?):([^;@?]+)((?:;[^;?]*)*)", re.IGNORECASE)
_LISTEN: Final = re.compile(r"(udp|tcp|tls)://([^/?#@]+)")
_SOURCE_PORT: Final = re.compile(r"(?:\[([^\]]+)\]|([0-9.]+)):([0-9]{1,5})")


class SipPeer(NamedTuple):
    """Where requests to a trunk or PBX go, before RFC 3263 makes addresses of it."""

    transport: Transport | None
    """None: RFC 3263 chooses."""
    host: str
    """Name or address, IPv6 without brackets, lower case."""
    port: int | None
    """None: SRV or the transport's own port."""
    secure: bool
    """Written as `sips:`."""


class Source(NamedTuple):
    """Who else a trunk or PBX is."""

    network: Network
    port: int | None
    """None: any port."""


def parse_port(text: str) -> int:
    """Read a port number, 1 to 65535; ValueError otherwise."""
    port = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not 0 < port < 65536:
        raise ValueError(f"{text!r} is not a port: those are 1 to 65535")
    return port


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read `host`, `host:port` or `[IPv6]:port`; ValueError otherwise. The host comes back in lower case, bare."""
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{_without_rest(text)!r} is not an address: write host:port, IPv6 in brackets")
    bracketed, plain, port = match.groups()
    host = str(bracketed or plain).lower()
    if bracketed:
        _check_address(bracketed, 6)
    elif re.fullmatch(r"[0-9.]+", plain):
        _check_address(plain, 4)
    elif not all(_LABEL.fullmatch(label) for label in plain.removesuffix(".").split(".")):
        raise ValueError(f"{plain!r} is not a host name")
    return host, None if port is None else parse_port(port)


def _without_rest(text: str) -> str:
    """Return an address that is none as its refusal repeats it: what is no port after a colon may be a password."""
    host, colon, rest = text.partition(":")
    if not colon or re.fullmatch(r"[0-9A-Fa-f:.\[\]]*", text) or re.fullmatch(r"[0-9]*", rest):
        return text
    return f"{host}:***"


def parse_listen(uri: str) -> tuple[Transport, str, int]:
    """Read `udp://0.0.0.0:5060` into transport, address to bind (IPv6 without brackets) and port."""
    if "://*" in uri:
        raise ValueError(f"{uri!r}: every address of this machine is 0.0.0.0, or [::] with IPv6")
    match = _LISTEN.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not a listener: write udp://, tcp:// or tls:// and address:port")
    transport: Transport = match[1]  # type: ignore[assignment]  # the pattern admits these three only
    host, port = parse_host_port(match[2])
    if not is_address(host):
        raise ValueError(f"{host!r} is a name: a listener is bound to an address, such as 0.0.0.0 or [::]")
    return transport, host, port or DEFAULT_PORT[transport]


def parse_peer(uri: str) -> SipPeer:
    """Read `sip:host:port;transport=tcp` or `sips:host` (RFC 3261 section 19.1); no user part, no other parameter."""
    match = _PEER.fullmatch(uri)
    if "@" in uri:
        raise ValueError("a peer has no user part: write sip:host:port")
    if match is None or match[2].startswith("//"):
        form = "sip:host:port (without //)" if "//" in uri else "sip:host:port"
        raise ValueError(f"{uri!r} is not a peer: write {form}, with ;transport=tcp or tls where needed")
    secure = match[1].lower() == "sips"
    host, port = parse_host_port(match[2])
    transport: Transport | None = "tls" if secure else None
    for parameter in match[3].split(";")[1:]:
        name, _, value = parameter.lower().partition("=")
        if name != "transport" or value not in DEFAULT_PORT:
            raise ValueError(f"{parameter!r} has no meaning here: the only parameter is transport=udp, tcp or tls")
        if secure and value == "udp":
            raise ValueError("sips: cannot go over udp")
        transport = transport or value  # type: ignore[assignment]  # one of the three keys just tested
    return SipPeer(transport, host, port, secure)


def parse_source(text: str) -> Source:
    """Read an address, `address:port`, `[IPv6]:port` or a network (`198.51.100.0/24`); ValueError otherwise."""
    match = _SOURCE_PORT.fullmatch(text)
    address, port = (match[1] or match[2], parse_port(match[3])) if match else (text.strip("[]"), None)
    try:
        return Source(ipaddress.ip_network(address), port)
    except ValueError as error:
        raise ValueError(_no_source(text, "host bits" in str(error))) from None


def _no_source(text: str, host_bits: bool) -> str:
    """Say why `text` is no source, and what was meant."""
    if host_bits:
        return f"{text!r} is not a network: bits are set beyond its mask; " \
            f"write {ipaddress.ip_network(text, strict=False)}, or the address without a mask"
    text_only = f"{text!r} is not a source: write an address, address:port or a network"
    star = re.fullmatch(r"((?:[0-9]{1,3}\.){1,3})\*(?:\.\*)*", text)
    if star is not None:
        parts = star[1].count(".")
        return f"{text_only}, such as {star[1]}{'.'.join(['0'] * (4 - parts))}/{8 * parts}"
    if re.fullmatch(r"[0-9.]+\s*-\s*[0-9.]+", text):
        return f"{text_only}; a range is written as the networks that it is made of"
    if re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9.-]+", text):
        return f"{text_only}; names are not looked up here, only in peers"
    return text_only


def parse_range(text: str) -> tuple[int, int]:
    """Read `FIRST-LAST`, ports from 1024 on with an even one and its next among them; ValueError otherwise."""
    first, mark, last = text.partition("-")
    if not mark:
        raise ValueError(f"{text!r} is not a range of ports: write it as 16384-17383")
    low, high = parse_port(first), parse_port(last)
    if low > high:
        raise ValueError(f"{text!r} begins above its end: write the lower port first, {high}-{low}")
    if low < LOWEST_MEDIA_PORT:
        raise ValueError(f"{text!r} begins below {LOWEST_MEDIA_PORT}: those ports belong to the system")
    if low + low % 2 + 1 > high:
        raise ValueError(f"{text!r} holds no even port and the next one")
    return low, high


def parse_server(text: str) -> tuple[str, int]:
    """Read the address of a name server, `address` or `address:port` (IPv6 in brackets where a port follows)."""
    if is_address(text):
        return text, DNS_PORT
    host, port = parse_host_port(text)
    if not is_address(host):
        raise ValueError(f"{text!r} is a name: a name server is an address, port 53 unless named")
    return host, port or DNS_PORT


def is_address(host: str) -> bool:
    """Say whether a bare host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_address(text: str, version: int) -> None:
    try:
        if ipaddress.ip_address(text).version == version:
            return
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not an IPv{version} address")
