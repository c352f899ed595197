"""What every command does alike: its options, the question to the daemon, errors and exit codes.

A command that asks the daemon imports nothing slow: what it needs besides (the policy's models, say) it imports itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from config.control_socket import find_socket
from config.problem import ConfigError
from proxy import render
from proxy.cli.said import FAILED, complain, explain, find_config
from proxy.control_client import ControlClient, ControlError

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
    return find_config(config or _given[0].config)


@contextmanager
def told() -> Iterator[None]:
    """Turn errors that are the operator's to know into lines on standard error and an exit code."""
    try:
        yield
    except (ConfigError, ControlError) as error:
        raise typer.Exit(explain(error)) from None


def failure(text: str) -> typer.Exit:
    """Say what went wrong, and return what is to be raised."""
    complain(text)
    return typer.Exit(FAILED)
