"""`boomerang policy`: what changes while the daemon runs."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from config.problem import Problem
from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, failure, tell, told

app = typer.Typer(help="The policy: what changes while the daemon runs.", no_args_is_help=True)


@app.command("show")
def show(
    agent: Annotated[str | None, typer.Option("--agent", help="What is in force for this extension.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Show every setting, or what is in force for one agent."""
    from config.lines import format_key
    from config.policy import check_policy, flat, means
    from config.toml import to_value

    data = ask(config, socket, "policy.show")
    prefix: tuple[str, ...] = ()
    if agent is not None:
        policy, _ = check_policy(data, kept=True)
        if policy is None:
            raise failure("the daemon's policy cannot be read by this version of the command")
        data, prefix = policy.direct_for(agent).model_dump(mode="json"), ("direct_callback",)
    if json:
        render.show_json(data)
        return
    for key, value in flat(data).items():
        said = means(format_key((*prefix, *key)), value)
        render.show_line(f"{format_key(key)} = {to_value(value)}" + (f"  # {said}" if said else ""))


@app.command("export")
def export(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Print the policy as policy.toml."""
    data = ask(config, socket, "policy.export")
    render.show_json(data) if json else sys.stdout.write(data["toml"])


@app.command("apply")
def apply(file: Path, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Make a policy.toml the policy, whole, and say what changed."""
    from config.loading import read_text

    with told():
        text = read_text(file)
    _changes(ask(config, socket, "policy.apply", toml=text, name=str(file)), json)


@app.command("set")
def set_(
    key: str,
    value: str,
    new: Annotated[
        bool, typer.Option("--new", help="Make the agent, number, group or campaign that the key names.")
    ] = False,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Change one setting, such as: direct_callback.type 3"""
    _changes(ask(config, socket, "policy.set", key=key, value=value, new=new), json)


@app.command("unset")
def unset(key: str, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Take out one setting (agent.201.name), or all of an agent, number, group or campaign (group.sales)."""
    _changes(ask(config, socket, "policy.unset", key=key), json)


def _changes(data: dict[str, Any], json: bool) -> None:
    if json:
        render.show_json(data)
        return
    render.show_changes(data["changes"])
    tell([Problem(**problem) for problem in data.get("warnings", ())], sys.stderr)
