"""The command's root: the daemon itself, what it does now, and direct callbacks."""

from typing import Annotated, Final

import typer

from proxy import render
from proxy.cli import alarms, callbacks, calls, check, following, operations, policy, recordings, tickets
from proxy.cli.asking import (
    FAILED,
    HELP,
    Config,
    Json,
    Limit,
    Socket,
    ask,
    before_the_command,
    config_of,
    failure,
    show_rows,
    told,
)

app = typer.Typer(
    help="SIP callback proxy: a customer who calls back reaches the agent who tried to reach them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP,
)
direct_app = typer.Typer(help="Direct callbacks: calls of this customer go to this agent.", no_args_is_help=True)
app.add_typer(calls.app, name="calls")
app.command("trace")(calls.trace)
app.command("events")(following.events)
app.add_typer(following.log_app, name="log")
app.add_typer(direct_app, name="direct")
app.command("check")(check.check)
app.add_typer(policy.app, name="policy")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(callbacks.dnc_app, name="dnc")
app.add_typer(callbacks.campaigns_app, name="campaigns")
app.add_typer(tickets.app, name="tickets")
app.add_typer(alarms.app, name="alarms")
app.command("backup")(operations.backup)
app.command("restore")(operations.restore)
app.add_typer(recordings.app, name="recordings")


def main() -> None:
    """Run the command; never returns."""
    app(prog_name="boomerang")


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
def demo() -> None:
    """Show it: a carrier, a PBX and phones on loopback around a real Boomerang."""
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
    """Say which Boomerang this is."""
    from importlib import metadata

    try:
        number = metadata.version("boomerang")
    except metadata.PackageNotFoundError:
        raise failure("boomerang is not installed, so it has no version") from None
    if json:
        render.show_json({"version": number})
    else:
        render.show_line(f"boomerang {number}")


@app.command()
def status(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show how the daemon and its peers are."""
    data = ask(config, socket, "status")
    render.show_json(data) if json else render.show_status(data)


@app.command()
def agents(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the agents that are known.

    with: the customer whom a call engages them with; rel: callbacks that were taken from them today because they let
    them wait.
    """
    columns = {
        "extension": "extension",
        "name": "name",
        "groups": "groups",
        "type": "type",
        "state": "state",
        "since": "since",
        "with": "with",
        "released_today": "rel",
    }
    show_rows(ask(config, socket, "agents.list"), columns, "no agents", json)


@app.command()
def queues(
    group: Annotated[str | None, typer.Argument(help="Show this group's callers, agents and callbacks.")] = None,
    limit: Limit = 20,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Show who waits in each group, how long, who is there, and how its callbacks stand.

    wait: callers who wait for an agent; first s: seconds that the first of them has; open, due, run: callbacks that
    are promised, that wait for an agent, that are under way; today, kept, avg s: promised today, kept today, and the
    seconds from the missed call to the talk.
    """
    if group is None:
        show_rows(ask(config, socket, "queues.list"), _QUEUES, "no groups", json)
        return
    data = ask(config, socket, "queues.show", group=group, limit=limit)
    if json:
        render.show_json(data)
        return
    render.show_table([data], _QUEUES, "")
    render.show_table(data["callers"], {"customer": "caller", "number": "dialled", "since": "since",
                                        "wait_s": "waits s"}, "nobody waits")
    render.show_table(data["agents"], {"extension": "agent", "name": "name", "state": "state", "since": "since",
                                       "with": "with"}, "no agents")
    render.show_table(data["callbacks"], {"customer": "callback", "state": "state", "due": "due", "attempts": "made",
                                          "attempts_max": "of", "id": "id"}, "no callbacks")


_QUEUES: Final = {
    "group": "group", "waiting": "wait", "longest_wait_s": "first s", "agents_free": "free", "agents_busy": "busy",
    "agents_away": "away", "agents_unknown": "?", "callbacks_in_queue": "open", "callbacks_due": "due",
    "callbacks_running": "run", "callbacks_total": "today", "callbacks_kept": "kept",
    "average_callback_wait_s": "avg s",
}

_DIRECT_COLUMNS: Final = {
    "customer": "customer",
    "agent": "agent",
    "type": "type",
    "touched": "touched",
    "expires": "expires",
}


@direct_app.command("list")
def direct_list(limit: Limit = 50, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List live records, the one touched last first."""
    show_rows(ask(config, socket, "direct.list", limit=limit), _DIRECT_COLUMNS, "no direct callbacks", json)


@direct_app.command("show")
def direct_show(customer: str, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show the live records of a customer: the first one is where a call would go."""
    show_rows(ask(config, socket, "direct.show", customer=customer), _DIRECT_COLUMNS, f"nothing for {customer}", json)


@direct_app.command("remove")
def direct_remove(
    customer: str,
    agent: Annotated[str | None, typer.Option("--agent", help="Only this agent's record.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Remove the live records of a customer."""
    data = ask(config, socket, "direct.remove", customer=customer, agent=agent)
    render.show_json(data) if json else render.show_line(f"removed: {data['removed']}")
    if not data["removed"]:
        raise typer.Exit(FAILED)
