"""The root's commands, each imported when it is said: what takes the time of a command is what it imports."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group


class Where(NamedTuple):
    """Where a command is until somebody says it."""

    module: str
    name: str = "app"
    """A group of commands, or the function of one."""


COMMANDS: Final[Mapping[str, Where]] = {
    "status": Where("status", "status"), "calls": Where("calls"), "trace": Where("calls", "trace"),
    "events": Where("following", "events"), "direct": Where("direct"), "agents": Where("agents"),
    "queues": Where("queues", "queues"), "callbacks": Where("callbacks"), "dnc": Where("do_not_call"),
    "campaigns": Where("campaigns"), "tickets": Where("tickets"), "recordings": Where("recordings"),
    "prompts": Where("prompts"), "policy": Where("policy"), "users": Where("people", "users"),
    "tokens": Where("people", "tokens"),
    "audit": Where("audit", "audit"), "alarms": Where("alarms"), "log": Where("following", "log_app"),
    "nodes": Where("nodes"), "cluster": Where("cluster"),
    "check": Where("check", "check"), "backup": Where("operations", "backup"),
    "restore": Where("operations", "restore"),
}
"""Commands in files of their own, in the order in which they are listed after the root's own."""


class LazyGroup(TyperGroup):
    """The root's commands, and those of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        return own if own is not None or cmd_name not in COMMANDS else _load(cmd_name)


def _load(name: str) -> Any:
    where = COMMANDS[name]
    found: Any = getattr(import_module(f"proxy.cli.{where.module}"), where.name)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name = name
        return group
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(name)(found)
    return get_command(app)
