"""How the command shows what the daemon answered: tables for people, JSON for machines."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.toml import to_value
from proxy.control import MOMENTS
from proxy.ladder import printable

PIPE_WIDTH: Final = 1000
"""Columns where the output is no terminal: nothing is cut."""

NOTHING: Final = "-"

_STYLES: Final = {"up": "green", "running": "green", "down": "red", "draining": "yellow"}


def show_json(data: Any) -> None:
    """Print data as JSON."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def show_json_line(data: Any) -> None:
    """Print one item of a stream as one line of JSON, at once."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_line(text: str) -> None:
    """Print one line as it is, at once; signs that a terminal would obey become dots."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def show_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str) -> None:
    """Print rows as a table; `columns`: key of the row to heading. `empty` is said where there are no rows."""
    if not rows:
        show_line(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(key, row.get(key)) for key in columns))
    _console().print(table)


def show_pairs(data: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Print one thing as a line for each of its keys."""
    wide = max(map(len, keys))
    for key in keys:
        value = data.get(key)
        if isinstance(value, Mapping | list | tuple):
            value = json.dumps(value, ensure_ascii=False)
        _console().print(Text(f"{key:{wide}}  ", style="bold") + _cell(key, value))


def show_status(status: Mapping[str, Any]) -> None:
    """Print what `status` answers."""
    calls, direct = status.get("calls", {}), status.get("direct", {})
    console = _console()
    head = f"{status.get('node')} {status.get('version')}: {status.get('state')} since {moment(status.get('since'))}"
    console.print(Text(printable(head), style="bold"))
    show_line(f"calls: {calls.get('active')} in progress, {calls.get('today')} today, "
              f"{calls.get('answered_today')} answered")
    show_line(f"direct callbacks: {direct.get('live')} live")
    callbacks = status.get("callbacks", {})
    show_line(f"callbacks: {callbacks.get('in_queue')} in the queue, {callbacks.get('due')} due, "
              f"{callbacks.get('running')} running; today {calls.get('callbacks_dialled_today')} dialled, "
              f"{calls.get('callbacks_answered_today')} answered")
    peers = [{"kind": kind, "name": name, **peer} for kind, name, peer in _peers(status)]
    columns = {"kind": "", "name": "name", "state": "state", "since": "since", "latency_ms": "ms"}
    show_table(peers, columns, "no peers")
    for alarm in status.get("alarms", ()):
        text = f"ALARM {alarm.get('name')} since {moment(alarm.get('since'))}: {alarm.get('text')}"
        console.print(Text(printable(text), style="red"))


def show_changes(changes: Iterable[Mapping[str, Any]]) -> None:
    """Print what a change of the policy changed."""
    lines = [f"{change['key']}: {_toml(change['old'])} -> {_toml(change['new'])}" for change in changes]
    for line in lines or ["nothing changed"]:
        show_line(line)


def details(data: Mapping[str, Any]) -> str:
    """Write a line's details one after the other."""
    def word(name: str, value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, list) else _cell(name, value).plain

    return "  ".join(f"{name}: {word(name, value)}" for name, value in data.items())


def moment(seconds: float | None) -> str:
    """Write seconds since the epoch as local date and time."""
    if seconds is None:
        return NOTHING
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _toml(value: Any) -> str:
    return "(not set)" if value is None else to_value(value)


def _peers(status: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for key, kind in (("trunks", "trunk"), ("pbxs", "pbx")):
        for name, peer in status.get(key, {}).items():
            yield kind, name, peer


def _cell(key: str, value: Any) -> Text:
    if key in MOMENTS and isinstance(value, float | None):
        return Text(moment(value))
    if value is None or value == "":
        return Text(NOTHING)
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return Text(printable(text), style=_STYLES.get(text, ""))


def _console() -> Console:
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False)
