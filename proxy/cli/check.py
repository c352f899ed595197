"""`boomerang check`: everything that is wrong with the configuration, or doubtful, without starting anything."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from config.problem import ConfigError
from proxy import render
from proxy.cli.asking import Config, Json, config_of, told
from proxy.cli.said import WRONG, tell


def check(
    file: Annotated[Path | None, typer.Argument(help="boomerang.toml; else that of -c, ./ and /etc/boomerang.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Also resolve names, ask OPTIONS, try ports, folders and the broker.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check boomerang.toml and everything it names: every problem at once. Exit code 2 where it cannot be used."""
    from proxy.check.examination import examine_all, look

    with told():
        file = config_of(file or config)
    try:
        found = examine_all(file)
        problems = [*found.problems, *(look(file, found.config) if live and found.config is not None else ())]
    except ConfigError as error:
        found, problems = None, error.problems
    if json:
        render.show_json([problem._asdict() for problem in problems])
    else:
        tell(problems, sys.stdout)
    problems = [problem for problem in problems if problem.level != "ok"]
    bad = [problem for problem in problems if strict or problem.level == "error"]
    if bad or found is None or found.config is None:
        raise typer.Exit(WRONG)
    if json:
        return
    node, seed = found.config, found.seed
    counted = f", policy: agents {len(seed.agent)}, numbers {len(seed.number)}" if seed else ""
    counts = f"listeners: {len(node.listen)}, trunks: {len(node.trunk)}, PBXs: {len(node.pbx)}{counted}"
    render.show_line(f"{file} is good ({counts})" + (f", with {len(problems)} to think about" if problems else ""))
