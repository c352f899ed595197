"""IP addresses as text, the way the rest of the proxy sees them: no brackets, no zone, no IPv4 in IPv6 clothes."""

import ipaddress
import socket

MAPPED = "::ffff:"
SOURCE_BYTES = 8
PROBE_PORT = 5060
"""Any port does: a UDP connect() sends nothing, it only asks the kernel for a route."""


def family_of(host: str) -> socket.AddressFamily:
    """Return the address family of an IP address in text form."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def plain_host(host: str) -> str:
    """Return a socket's address without its zone (`%eth0`), an IPv4-mapped one as IPv4."""
    host = host.partition("%")[0]
    if host.startswith(MAPPED) and "." in host:
        return host[len(MAPPED) :]
    return host


def source_of(host: str) -> bytes:
    """Return what one sender cannot vary at will: all of an IPv4 address, the network part (/64) of an IPv6 one."""
    family = family_of(host)
    return socket.inet_pton(family, host)[:SOURCE_BYTES]


def bracketed(host: str) -> str:
    """Return an IP address as it stands in a URI or Via: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def canonical(host: str) -> str | None:
    """Return the one spelling of an IP address (brackets removed), or None if `host` is no IP address."""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_wildcard(host: str) -> bool:
    """Say whether a socket bound to `host` takes what comes to any address."""
    return host in ("0.0.0.0", "::", "")


def address_towards(host: str) -> str | None:
    """Return the source address that the kernel would use towards `host`; None where it has no route."""
    try:
        socket.inet_pton(family_of(host), host)  # connect() would ask DNS for a name, and wait
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            probe.connect((host, PROBE_PORT))
            return plain_host(str(probe.getsockname()[0]))
    except (OSError, ValueError):
        return None
