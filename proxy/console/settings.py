"""What the console's process is told by the daemon that starts it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


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
    hosts: tuple[str, ...] = ()
    """Names by which browsers may ask, beside this machine's and the address that is listened on."""
    proxies: tuple[str, ...] = field(default=())
    """Addresses or networks of reverse proxies whose word on who asks is taken."""

    def as_json(self) -> str:
        """Return one line that `from_json` reads."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, line: str) -> "ConsoleSettings":
        """Read what `as_json` wrote."""
        said: dict[str, Any] = json.loads(line)
        paths = {name: Path(said[name]) for name in ("data", "socket", "database")}
        lists = {name: tuple(said[name]) for name in ("hosts", "proxies")}
        return cls(**{**said, **paths, **lists})
