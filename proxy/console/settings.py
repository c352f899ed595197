"""What the console's process is told by the daemon that starts it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

Level = Literal["debug", "info", "warning", "error"]
_PATHS: Final = ("data", "socket", "database")
_LISTS: Final = ("hosts", "proxies")


@dataclass(frozen=True)
class LogSettings:
    """How the console logs: as the daemon does."""

    level: Level = "info"
    json: bool = False
    mask: bool = True


@dataclass(frozen=True)
class ConsoleSettings:
    """Settings of one console."""

    node: str
    """Name of the node."""
    version: str
    data: Path
    """The data folder, in which the console keeps a file of its own."""
    socket: Path
    """The daemon's control socket."""
    database: Path
    """The daemon's database, which is only read here."""
    listen: str = "127.0.0.1"
    """Address that is listened on, IPv6 without brackets."""
    hosts: tuple[str, ...] = ()
    """Names by which browsers may ask, beside this machine's and the address that is listened on."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies whose word on who asks is taken."""
    secure: bool = False
    """Browsers come by https alone."""
    zone: str = "UTC"
    """Time zone (IANA name) in which people are shown times until the daemon has said another."""
    log: LogSettings = LogSettings()

    def as_json(self) -> str:
        """Return one line that `from_json` reads."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, line: str) -> "ConsoleSettings":
        """Read what `as_json` wrote."""
        said: dict[str, Any] = json.loads(line)
        paths = {name: Path(said[name]) for name in _PATHS}
        lists = {name: tuple(said[name]) for name in _LISTS}
        return cls(**{**said, **paths, **lists, "log": LogSettings(**said["log"])})
