"""`[console]` of boomerang.toml: where API and pages are, and by which names they are reached."""

import ipaddress
import re
from typing import Annotated, Final

from config.address import is_address, parse_host_port, parse_source
from config.broker import is_loopback
from config.checks import AfterValidator, Field
from config.loading import Found
from config.node_fields import HttpListen
from config.section import Section

_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII)
_NAME_SIGNS: Final = 253
"""Longest name of a host (RFC 1035)."""


def _host(text: str) -> str:
    if is_address(text.strip("[]")) or (_NAME.fullmatch(text) and len(text) <= _NAME_SIGNS):
        return text
    if "://" in text or "/" in text:
        raise ValueError(f"{text!r} is a web address: write the host alone, such as console.example.com")
    if ":" in text:
        raise ValueError(f"{text!r} names a port: write the host alone")
    raise ValueError(f"{text!r} is no name of a host")


def _proxy(text: str) -> str:
    if parse_source(text).port is not None:
        raise ValueError(f"{text!r} names a port, and a proxy asks from any: write the address alone")
    return text


class Console(Section):
    """The web server of API and pages."""

    listen: HttpListen = Field(
        default="off", description="address:port to serve API and pages on, such as 127.0.0.1:8088, or off."
    )
    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        default=(), description="Names by which browsers reach the console, beside this machine's own names and "
        "addresses."
    )
    proxies: tuple[Annotated[str, AfterValidator(_proxy)], ...] = Field(
        default=(), description="Reverse proxies, as address or network, whose X-Forwarded headers are believed."
    )
    secure: bool = Field(
        default=False, description="Browsers come by https alone: cookies never travel otherwise."
    )

    @property
    def address(self) -> tuple[str, int] | None:
        """Host (IPv6 without brackets) and port; None where it is off."""
        if self.listen == "off":
            return None
        host, port = parse_host_port(self.listen)
        return host, port or 0

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The proxies, parsed."""
        return tuple(parse_source(text).network for text in self.proxies)


def doubts(console: Console) -> list[Found]:
    """Return what can be used and is dangerous, as (path, text)."""
    address = console.address
    if address is None or is_loopback(address[0]) or console.secure:
        return []
    return [(("console", "listen"),
             f"passwords would cross the network from and to {address[0]} as plain text: listen on 127.0.0.1 behind a "
             "reverse proxy with TLS, or, where that one is on another machine, set console.secure = true")]
