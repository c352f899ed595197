"""Where the control socket is, found without reading the rest: the command asks it and has no time to lose."""

import tomllib
from pathlib import Path
from typing import Final

DATA: Final = "/var/lib/boomerang"
"""Folder of the database, the control socket and the keys, unless `node.data` says another."""
SOCKET_NAME: Final = "control.sock"
"""Name of the control socket in the data folder."""
DATABASE_NAME: Final = "boomerang.db"
"""Name of the database beside it."""


def find_socket(path: str | Path) -> Path:
    """Return the control socket that boomerang.toml says. ConfigError where it says something that is none."""
    try:
        with Path(path).open("rb") as file:
            node = tomllib.load(file).get("node", {})
        data = node.get("data", DATA)
        if isinstance(data, str) and data and "\0" not in data:
            return Path(path).resolve().parent / data / SOCKET_NAME
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    from config.node import read_socket

    return read_socket(path)  # says what is wrong, and where
