"""What every command does alike: its options, the question to the daemon, errors and exit codes.

A command that asks the daemon imports nothing slow: what it needs besides (the policy's models, say) it imports itself.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from config.control_socket import find_socket
from config.problem import ConfigError, Problem
from proxy import render
from proxy.control_client import ControlClient, ControlError

DEFAULT_CONFIGS: Final = (Path("boomerang.toml"), Path("/etc/boomerang/boomerang.toml"))
"""Where the configuration is looked for, in this order."""

FAILED: Final = 1
WRONG: Final = 2

CONFIG: Final = typer.Option("-c", "--config", help="boomerang.toml of the node; else ./ and /etc/boomerang.")
SOCKET: Final = typer.Option("--socket", help="Control socket of the daemon; else that of boomerang.toml.")
Config = Annotated[Path | None, CONFIG]
Socket = Annotated[Path | None, SOCKET]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

HELP: Final = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command."""


class _Given(NamedTuple):
    """What was said before the command's name: `boomerang -c FILE status`."""

    config: Path | None = None
    socket: Path | None = None


_given = [_Given()]


def before_the_command(config: Path | None, socket: Path | None) -> None:
    """Take options that stand before the command: they hold where it has none of its own."""
    _given[0] = _Given(config, socket)


def ask(config: Path | None, socket: Path | None, verb: str, /, **args: Any) -> Any:
    """Ask the daemon and return its data; typer.Exit where it cannot be asked or says no."""
    with told():
        client = client_of(config, socket)
        data = client.call(verb, **args)
        render.show_times_in(client.zone)
        return data


def client_of(config: Path | None, socket: Path | None) -> ControlClient:
    """Return who asks the daemon that is meant. Raises ConfigError."""
    return ControlClient(socket or _given[0].socket or find_socket(config_of(config)))


def config_of(config: Path | None) -> Path:
    """Return the boomerang.toml that is meant. Raises ConfigError where there is none."""
    found = config or _given[0].config or next((path for path in DEFAULT_CONFIGS if path.exists()), None)
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
        problems = [Problem(**problem) for problem in error.problems if problem["file"]]
        if not problems:  # none, or one of the arguments: the error says it
            raise failure(str(error)) from None
        tell(problems, sys.stderr)
        raise typer.Exit(WRONG) from None


def tell(problems: list[Problem], stream: Any) -> None:
    """Write problems, one line each."""
    for problem in problems:
        stream.write(f"{problem}\n")


def complain(text: str) -> None:
    """Say what went wrong."""
    sys.stderr.write(f"boomerang: {text}\n")


def failure(text: str) -> typer.Exit:
    """Say what went wrong, and return what is to be raised."""
    complain(text)
    return typer.Exit(FAILED)
