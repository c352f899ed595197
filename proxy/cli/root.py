"""The command's root: the daemon itself, what it does now, direct callbacks and the policy."""

import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from config.lines import format_key
from config.node import load_node, load_seed
from config.policy import check_policy, flat
from config.problem import ConfigError
from config.toml import to_value
from proxy import render
from proxy.cli import callbacks, tickets
from proxy.cli.asking import (
    FAILED,
    HELP,
    WRONG,
    Config,
    Json,
    Limit,
    Socket,
    ask,
    config_of,
    failure,
    show_rows,
    socket_of,
    tell,
    told,
)
from proxy.control import ControlClient
from proxy.ladder import Ladder

app = typer.Typer(
    help="SIP callback proxy: a customer who calls back reaches the agent who tried to reach them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)
direct_app = typer.Typer(help="Direct callbacks: calls of this customer go to this agent.", no_args_is_help=True)
policy_app = typer.Typer(help="The policy: what changes while the daemon runs.", no_args_is_help=True)
app.add_typer(direct_app, name="direct")
app.add_typer(policy_app, name="policy")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(callbacks.dnc_app, name="dnc")
app.add_typer(callbacks.campaigns_app, name="campaigns")
app.add_typer(tickets.app, name="tickets")


def main() -> None:
    """Run the command; never returns."""
    app(prog_name="boomerang")


@app.command()
def demo() -> None:
    """Show it: a carrier, a PBX and phones on loopback around a real Boomerang."""
    from proxy.demo import main as play

    raise typer.Exit(play())


@app.command()
def run(config: Config = None) -> None:
    """Run the daemon in the foreground."""
    from proxy.app import run as serve

    with told():
        raise typer.Exit(serve(config_of(config)))


@app.command()
def check(file: Path, json: Json = False) -> None:
    """Check boomerang.toml and everything it names: every problem at once."""
    try:
        config = load_node(file)
        policy = load_seed(config)
    except ConfigError as error:
        if json:
            render.show_json([problem._asdict() for problem in error.problems])
        else:
            tell(error.problems, sys.stdout)
        raise typer.Exit(WRONG) from None
    if json:
        render.show_json([])
        return
    seed = f", {len(policy.agent)} agents and {len(policy.number)} numbers in the policy" if policy else ""
    counts = f"listeners: {len(config.listen)}, trunks: {len(config.trunk)}, PBXs: {len(config.pbx)}{seed}"
    render.show_line(f"{file} is good ({counts})")


@app.command()
def version(json: Json = False) -> None:
    """Say which Boomerang this is."""
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
def calls(
    active: Annotated[bool, typer.Option("--active", help="Only calls in progress.")] = False,
    limit: Limit = 50,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """List calls, the latest first."""
    data = ask(config, socket, "calls.list", limit=limit, active=active)
    columns = {
        "time": "time",
        "direction": "direction",
        "customer": "customer",
        "agent": "agent",
        "dialled": "dialled",
        "state": "state",
        "cause": "cause",
        "by": "ended by",
        "talk": "talk s",
        "id": "id",
    }
    show_rows(data, columns, "no calls", json)


@app.command()
def agents(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the agents that are known."""
    columns = {
        "extension": "extension",
        "name": "name",
        "groups": "groups",
        "type": "type",
        "state": "state",
        "since": "since",
        "with": "with",
        "released_today": "released",
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
    """Show who waits in each group, how long, for whom, and how its callbacks stand."""
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
    "group": "group", "waiting": "wait", "longest_wait_s": "longest", "agents_free": "free", "agents_busy": "busy",
    "agents_unknown": "?", "callbacks_in_queue": "queued", "callbacks_due": "due", "callbacks_running": "run",
    "callbacks_total": "today", "callbacks_kept": "kept", "average_callback_wait_s": "avg s",
}

_DIRECT_COLUMNS: Final = {
    "customer": "customer",
    "agent": "agent",
    "type": "type",
    "created": "created",
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


@policy_app.command("show")
def policy_show(
    agent: Annotated[str | None, typer.Option("--agent", help="What is in force for this extension.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Show every setting, or what is in force for one agent."""
    data = ask(config, socket, "policy.show")
    if agent is not None:
        policy, _ = check_policy(data)
        if policy is None:
            raise failure("the daemon's policy cannot be read by this version of the command")
        data = policy.direct_for(agent).model_dump(mode="json")
    if json:
        render.show_json(data)
        return
    for key, value in flat(data).items():
        render.show_line(f"{format_key(key)} = {to_value(value)}")


@policy_app.command("export")
def policy_export(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Print the policy as policy.toml."""
    data = ask(config, socket, "policy.export")
    render.show_json(data) if json else sys.stdout.write(data["toml"])


@policy_app.command("apply")
def policy_apply(file: Path, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Make a policy.toml the policy, whole, and say what changed."""
    from config.loading import read_text

    with told():
        text = read_text(file)
    _changes(ask(config, socket, "policy.apply", toml=text, name=str(file)), json)


@policy_app.command("set")
def policy_set(key: str, value: str, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Change one setting, such as: direct_callback.type 3"""
    _changes(ask(config, socket, "policy.set", key=key, value=value), json)


@app.command()
def trace(
    of: Annotated[str | None, typer.Argument(metavar="[NUMBER_OR_CALL]", help="Nothing: every call.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="End after so many seconds.")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many messages.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Follow a number or a call as a ladder, until Ctrl-C."""
    began = time.monotonic()
    seen = 0
    try:
        with told():
            client = ControlClient(socket_of(config, socket))
            seen = _follow(client.stream("trace", seconds=seconds, of=of), count, json)
    except KeyboardInterrupt:
        return
    over = seconds is not None and time.monotonic() - began >= seconds
    if not over and (count is None or seen < count):
        raise failure("the daemon ended the trace")


def _follow(items: Iterator[Any], count: int | None, json: bool) -> int:
    """Draw messages as they come; return how many there were."""
    ladder = Ladder(())
    seen = 0
    for item in items:
        if "columns" in item:
            ladder = Ladder(item["columns"])
            if not json:
                render.show_line(ladder.head())
            continue
        if json:
            render.show_json_line(item)
        else:
            row = ladder.line(item["time"], item["from"], item["to"], item["line"], item.get("note") or "")
            render.show_line(row)
        seen += 1
        if seen == count:
            break
    return seen


def _changes(data: dict[str, Any], json: bool) -> None:
    render.show_json(data) if json else render.show_changes(data["changes"])
