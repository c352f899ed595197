"""The command's root, and what runs here without asking a daemon."""

from typing import Annotated

import typer

from proxy import render
from proxy.cli.asking import HELP, Config, Json, Socket, before_the_command, config_of, failure, told
from proxy.cli.lazy import LazyGroup

app = typer.Typer(
    cls=LazyGroup,
    help="SIP callback proxy: a customer who calls back reaches the agent who tried to reach them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    config: Config = None,
    socket: Socket = None,
    show_version: Annotated[bool, typer.Option("--version", help="Say which Boomerang this is.", is_eager=True,
                                               callback=_say_version)] = False,
) -> None:
    """SIP callback proxy: a customer who calls back reaches the agent who tried to reach them."""
    before_the_command(config, socket)


@app.command()
def demo(console: Annotated[bool, typer.Option(
    "--console", help="Play a small company at work instead, until Ctrl-C, to look at its console in a browser.",
)] = False) -> None:
    """Show it: a carrier, a PBX and phones on loopback around a real Boomerang."""
    if console:
        from proxy.demo.company import main as play_company

        raise typer.Exit(play_company())
    from proxy.demo import main as play

    raise typer.Exit(play())


@app.command()
def run(
    config: Config = None,
    take_over: Annotated[bool, typer.Option(
        "--take-over", help="Take the place of the daemon that runs on the same data folder: no call is refused.",
    )] = False,
) -> None:
    """Run the daemon in the foreground."""
    from proxy.app import run as serve

    with told():
        raise typer.Exit(serve(config_of(config), take_over))


@app.command()
def version(json: Json = False) -> None:
    """Say which Boomerang this is, and whether it is compiled."""
    from importlib import metadata

    from proxy.build import build

    try:
        number = metadata.version("boomerang")
    except metadata.PackageNotFoundError:
        raise failure("boomerang is not installed, so it has no version") from None
    if json:
        render.show_json({"version": number, "build": build()})
    else:
        render.show_line(f"boomerang {number} ({build()})")
