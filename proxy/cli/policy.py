"""`boomerang policy`: what changes while the daemon runs."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from config.problem import Problem
from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, failure, told
from proxy.cli.asks import Given, asks, group, rest
from proxy.cli.said import tell
from proxy.verbs.shapes.policy import APPLY, EXPORT, SET, SHOW, UNSET, VERBS

app = group("The policy: what changes while the daemon runs.")


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

    data = ask(config, socket, SHOW.name)
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
    data = ask(config, socket, EXPORT.name)
    render.show_json(data) if json else sys.stdout.write(data["toml"])


@app.command("apply")
def apply(file: Path, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Make a policy.toml the policy, whole, and say what changed."""
    from config.loading import read_text

    with told():
        text = read_text(file)
    data = ask(config, socket, APPLY.name, toml=text, name=str(file))
    render.show_json(data) if json else _changes(data)


@asks(app, "set", SET, about="Such as: direct_callback.type 3")
@asks(app, "unset", UNSET)
def changed(data: Any, given: Given) -> None:
    """Say what is another now."""
    _changes(data)


def _changes(data: dict[str, Any]) -> None:
    render.show_changes(data["changes"])
    tell([Problem(**problem) for problem in data.get("warnings", ())], sys.stderr)


rest(app, VERBS)
