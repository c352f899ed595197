"""Where the MQTT broker is: `mqtt://host:port`, `mqtts://host:port`, `embedded`, `off`."""

import ipaddress
import re
from typing import Final, NamedTuple

from config.address import parse_host_port

DEFAULT_PORT: Final = {"mqtt": 1883, "mqtts": 8883, "embedded": 1883}
EMBEDDED_HOST: Final = "127.0.0.1"

_URL: Final = re.compile(r"(mqtts?|embedded)://([^/?#@]+)/?")


class BrokerAddress(NamedTuple):
    """One broker."""

    host: str
    """Name or address, IPv6 without brackets."""
    port: int
    tls: bool
    embedded: bool
    """The broker is ours, started in this process, listening at `host` and `port`."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_broker(url: str) -> BrokerAddress | None:
    """Read the URL; None for `off`, ValueError for what is none. `embedded://host:port` moves the broker of ours."""
    if url == "off":
        return None
    if url == "embedded":
        return BrokerAddress(EMBEDDED_HOST, DEFAULT_PORT["embedded"], tls=False, embedded=True)
    match = _URL.fullmatch(url)
    if match is None:
        hint = ": user name and password have settings of their own" if "@" in url else ""
        raise ValueError(
            f"not a broker{hint or f': {url!r}'}; write mqtt://host:port, mqtts://host:port, embedded or off"
        )
    host, port = parse_host_port(match[2])
    return BrokerAddress(host, port or DEFAULT_PORT[match[1]], match[1] == "mqtts", match[1] == "embedded")
