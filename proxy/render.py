"""How the command shows what the daemon answered: tables for people, JSON for machines.

A person reads times in the policy's time zone, with its offset; JSON has them as they came, RFC 3339 in UTC.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from proxy.ladder import printable
from proxy.tables import Cell, blocks, layout

NOTHING: Final = "-"
SHORT: Final = 8
"""Signs at the end of an id that are shown in lists: commands take as much of the end as is unique."""

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STYLES: Final = {"up": "green", "running": "green", "down": "red", "draining": "yellow"}
_CODES: Final = {"bold": "1", "green": "32", "red": "31", "yellow": "33"}
"""SGR parameters (ECMA-48 section 8.3.117)."""


class _Clock:
    """In which time zone times are shown."""

    def __init__(self) -> None:
        self.name: str | None = None

    @property
    def zone(self) -> tzinfo | None:
        """None: that of this machine."""
        if self.name is None:
            return None
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(self.name)
        except (ValueError, OSError):  # the daemon's zone is not known here (ZoneInfoNotFoundError is a KeyError)
            return None
        except KeyError:
            return None


_clock: Final = _Clock()


def show_times_in(zone: str | None) -> None:
    """Show times in a zone (IANA name) from now on; None: in that of this machine."""
    _clock.name = zone


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
    """Print rows as a table; `columns`: key of the row to heading. `empty` is said where there are no rows.

    Ids are short, times of today without their day; the offset of times stands in the heading.
    """
    if not rows:
        show_line(empty)
        return
    headings, table = [], [list[Cell]() for _ in rows]
    for key, heading in columns.items():
        values = [row.get(key) for row in rows]
        offset = next((_offset(value) for value in values if _is_moment(value)), "")
        headings.append(f"{heading} {offset}".strip())
        for line, value in zip(table, values, strict=True):
            line.append(_short(value, offset))
    width = _width()
    for cells in layout(headings, table, width) or blocks(headings, table, width):
        _show(cells)


def show_pairs(data: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Print one thing as a line for each of its keys."""
    wide = max(map(len, keys))
    for key in keys:
        value = data.get(key)
        if isinstance(value, Mapping | list | tuple):
            value = json.dumps(value, ensure_ascii=False)
        _show([Cell(f"{key:{wide}}  ", "bold"), _cell(value)])


def show_status(status: Mapping[str, Any]) -> None:
    """Print what `status` answers."""
    calls, direct = status.get("calls", {}), status.get("direct", {})
    head = (f"{status.get('node')} {status.get('version')} ({status.get('build')}): {status.get('state')} since "
            f"{moment(status.get('since'))}")
    _show([Cell(printable(head), "bold")])
    show_line(f"calls: {calls.get('active')} in progress, {calls.get('today')} today, "
              f"{calls.get('answered_today')} answered")
    show_line(f"direct callbacks: {direct.get('live')} live")
    callbacks = status.get("callbacks", {})
    show_line(f"callbacks: {callbacks.get('in_queue')} in the queue, {callbacks.get('due')} due, "
              f"{callbacks.get('running')} running; today {calls.get('callbacks_dialled_today')} dialled, "
              f"{calls.get('callbacks_answered_today')} answered")
    for name, queue in status.get("queues", {}).items():
        if any(queue.values()):
            show_line(f"queue {name}: {_queue(queue)}")
    peers = [{"kind": kind, "name": name, **peer} for kind, name, peer in _peers(status)]
    columns = {"kind": "", "name": "name", "state": "state", "since": "since", "latency_ms": "ms"}
    show_table(peers, columns, "no peers")
    for alarm in status.get("alarms", ()):
        text = f"ALARM {alarm.get('name')} since {moment(alarm.get('since'))}: {alarm.get('text')}"
        _show([Cell(printable(text), "red")])


def _queue(queue: Mapping[str, Any]) -> str:
    wait = queue.get("estimated_wait_s")
    about = "" if wait is None else f", about {wait:.0f} s"
    return (f"{queue.get('waiting')} waiting{about}; {queue.get('places_held')} places held; "
            f"{queue.get('offers_made')} offered, {queue.get('offers_taken')} asked today")


def show_changes(changes: Iterable[Mapping[str, Any]]) -> None:
    """Print what a change of the policy changed."""
    lines: list[str] = []
    for change in changes:
        lines.append(f"{change['key']}: {_toml(change['old'])} -> {_toml(change['new'])}")
        if change.get("means"):
            lines.append(f"  {change['new']}: {change['means']}")
    for line in lines or ["nothing changed"]:
        show_line(line)


def details(data: Mapping[str, Any]) -> str:
    """Write a line's details one after the other."""
    return "  ".join(f"{name}: {_cell(value).text}" for name, value in data.items())


def moment(text: str | None) -> str:
    """Write a moment (RFC 3339) as date and time of the zone in force, with its offset."""
    return NOTHING if text is None else f"{_local(text):%Y-%m-%d %H:%M:%S}{_offset(text)}"


def time_of_day(seconds: float) -> str:
    """Write seconds since the epoch as the time of day in the zone in force, with milliseconds."""
    return f"{datetime.fromtimestamp(seconds, _clock.zone):%H:%M:%S.%f}"[:-3]


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _MOMENT.fullmatch(value) is not None


def _local(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    try:
        return found.astimezone(_clock.zone)
    except (ValueError, OverflowError):  # in that zone it is not in the years that there are
        return found


def _offset(text: Any) -> str:
    return _local(str(text)).isoformat()[-6:]


def _toml(value: Any) -> str:
    from config.toml import to_value

    return "(not set)" if value is None else to_value(value)


def _peers(status: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for key, kind in (("trunks", "trunk"), ("pbxs", "pbx")):
        for name, peer in status.get(key, {}).items():
            yield kind, name, peer


def _short(value: Any, offset: str) -> Cell:
    """Return a cell of a table; a time whose offset is another than that in the heading says its own."""
    if _is_moment(value):
        at, today = _local(value), datetime.fromtimestamp(time.time(), _clock.zone)
        form = "%H:%M:%S" if at.date() == today.date() else "%m-%d %H:%M" if at.year == today.year else "%Y-%m-%d"
        own = _offset(value)
        return Cell(f"{at:{form}}{own if own != offset else ''}", whole=True)
    if isinstance(value, str) and _UUID.fullmatch(value):
        return Cell(value[-SHORT:], whole=True)
    cell = _cell(value)
    return cell._replace(whole=not isinstance(value, str | list) or cell.text == NOTHING)


def _cell(value: Any) -> Cell:
    if _is_moment(value):
        return Cell(moment(value))
    if value is None or value in ("", []):
        return Cell(NOTHING)
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return Cell(printable(text), _STYLES.get(text, ""))


def _show(cells: Sequence[Cell]) -> None:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    sys.stdout.write("".join(
        cell.text if plain or not cell.style else f"\x1b[{_CODES[cell.style]}m{cell.text}\x1b[0m"
        for cell in cells) + "\n")


def _width() -> int | None:
    """Return the places of a line: of the terminal, or as COLUMNS says; None where nobody says, and nothing is cut."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None if sys.stdout.isatty() else None
    except (OSError, ValueError):
        return None
