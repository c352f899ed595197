"""What every command does alike: its options, the question to the daemon, errors and exit codes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from config.node import read_socket
from config.problem import ConfigError, Problem
from proxy import render
from proxy.control import ControlClient, ControlError

DEFAULT_CONFIGS: Final = (Path("boomerang.toml"), Path("/etc/boomerang/boomerang.toml"))
"""Where the configuration is looked for, in this order."""

FAILED: Final = 1
WRONG: Final = 2

Config = Annotated[
    Path | None, typer.Option("-c", "--config", help="boomerang.toml of the node; else ./ and /etc/boomerang.")
]
Socket = Annotated[
    Path | None, typer.Option("--socket", help="Control socket of the daemon; else that of boomerang.toml.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")]

HELP: Final = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command."""


def show_rows(rows: list[dict[str, Any]], columns: dict[str, str], empty: str, json: bool) -> None:
    """Print rows as a table (`columns`: key to heading; `empty` where there are none) or as JSON."""
    render.show_json(rows) if json else render.show_table(rows, columns, empty)


def ask(config: Path | None, socket: Path | None, verb: str, **args: Any) -> Any:
    """Ask the daemon and return its data; typer.Exit where it cannot be asked or says no."""
    with told():
        return ControlClient(socket_of(config, socket)).call(verb, **args)


def socket_of(config: Path | None, socket: Path | None) -> Path:
    """Return the control socket to ask. Raises ConfigError."""
    return socket or read_socket(config_of(config))


def config_of(config: Path | None) -> Path:
    """Return the boomerang.toml that is meant. Raises ConfigError where there is none."""
    found = config or next((path for path in DEFAULT_CONFIGS if path.exists()), None)
    if found is None:
        names = " and no ".join(map(str, DEFAULT_CONFIGS))
        raise ConfigError([Problem("boomerang", "", 0, f"there is no {names}: name one with -c")])
    return found


@contextmanager
def told() -> Iterator[None]:
    """Turn errors that are the operator's to know into lines on standard error and an exit code."""
    try:
        yield
    except ConfigError as error:
        tell(error.problems, sys.stderr)
        raise typer.Exit(WRONG) from None
    except ControlError as error:
        problems = [Problem(**problem) for problem in error.problems]
        if not problems:
            raise failure(str(error)) from None
        tell(problems, sys.stderr)
        raise typer.Exit(WRONG) from None


def tell(problems: list[Problem], stream: Any) -> None:
    """Write problems, one line each."""
    for problem in problems:
        stream.write(f"{problem}\n")


def failure(text: str) -> typer.Exit:
    """Say what went wrong, and return what is to be raised."""
    sys.stderr.write(f"boomerang: {text}\n")
    return typer.Exit(FAILED)
