"""Where the control socket is, found without reading the rest: the command asks it and has no time to lose."""

import tomllib
from pathlib import Path

from config.places import DATA, SOCKET_NAME


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
