"""What a person sees: times in the policy's zone with its offset, short ids, eighty columns, colours on a terminal."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy import render
from proxy.cli import callbacks, direct, queues
from proxy.cli.calls import _COLUMNS as CALLS
from routing.events import rfc3339

ROOT = Path(__file__).resolve().parents[2]
ID = "0193a2b4-0000-7000-8000-0123456789ab"


@pytest.fixture(autouse=True)
def budapest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    render.show_times_in("Europe/Budapest")


def test_times_are_of_the_zone_with_its_offset(capsys: pytest.CaptureFixture[str]) -> None:
    summer, winter = "2025-07-01T10:00:00.000Z", "2025-12-01T10:00:00.000Z"
    render.show_table([{"time": summer}, {"time": winter}, {"time": None}], {"time": "time"}, "")
    assert capsys.readouterr().out.splitlines() == ["time +02:00", "2025-07-01", "2025-12-01+01:00", "-"]
    render.show_pairs({"id": ID, "time": summer}, ("id", "time"))
    assert capsys.readouterr().out.splitlines() == [f"id    {ID}", "time  2025-07-01 12:00:00+02:00"]
    now = datetime.now(UTC).timestamp()
    render.show_table([{"time": rfc3339(now)}], {"time": "time"}, "")
    assert capsys.readouterr().out.splitlines()[1] == render.moment(rfc3339(now))[11:19], "of today only the time"


def test_a_zone_that_is_not_known_here_is_that_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    render.show_times_in("Mars/Olympus")
    here = datetime.fromisoformat("2025-07-01T10:00:00+00:00").astimezone()
    assert render.moment("2025-07-01T10:00:00.000Z") == f"{here:%Y-%m-%d %H:%M:%S}{here.isoformat()[-6:]}"


def test_details_of_a_journal_have_times_too() -> None:
    assert render.details({"planned": "2025-07-01T10:00:00.000Z", "shown": ["a", "b"], "cause": None}) == \
        "planned: 2025-07-01 12:00:00+02:00  shown: a, b  cause: -"


MOMENT = "2025-11-29T10:11:12.000Z"
NUMBER = "+36201234567"
ROWS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "calls": (CALLS, {"time": MOMENT, "dir": "agent", "customer": NUMBER, "agent": "201", "dialled": "+3614445555",
                      "shown": "talking", "seconds": 3600, "id": ID}),
    "callbacks": (callbacks._COLUMNS, {"customer": NUMBER, "group": "sales", "kind": "campaign", "state": "cancelled",
                                       "next": MOMENT, "tried": "10/10", "responsible": "201", "id": ID}),
    "callbacks that ended": (callbacks._COLUMNS, {
        "customer": NUMBER, "group": "sales", "kind": "campaign", "state": "cancelled", "next": "asked_in_queue",
        "tried": "10/10", "responsible": "201", "id": ID}),
    "attempts": (callbacks._ATTEMPTS, {"serial": 1, "claimed": MOMENT, "agent": "201", "became": "customer_no_answer",
                                       "cause": 480, "talk": 1234.5, "ended": MOMENT}),
    "figures": (callbacks._FIGURES, {"of": "campaign 10001", "offers_made": 300, "offers_taken": 100, "promised": 1000,
                                     "dialled": 2000, "kept": 900, "called_meanwhile": 10, "tickets": 0,
                                     "failed": 10, "expired": 10, "cancelled": 1, "average_wait_s": 1234.5}),
    "direct": (direct._DIRECT_COLUMNS, {"customer": NUMBER, "agent": "201", "type": 2, "touched": MOMENT,
                                      "expires": MOMENT}),
    "queues": (queues._QUEUES, {"group": "support", "waiting": 12, "longest_wait_s": 1234.5, "agents_free": 10,
                              "agents_busy": 10, "agents_away": 2, "agents_unknown": 0, "estimated_wait_s": 1234.5}),
    "callbacks of queues": (queues._CALLBACKS, {
        "group": "support", "offers_made": 1000, "offers_taken": 300, "places_held": 12, "callbacks_in_queue": 100,
        "callbacks_due": 20, "callbacks_running": 5, "callbacks_total": 1000, "callbacks_kept": 900,
        "average_callback_wait_s": 1234.5}),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_usual_fits_into_eighty_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    columns, row = ROWS[name]
    render.show_table([row, row], columns, "")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3, "one line a row"
    assert max(map(len, lines)) <= 80
    assert ID not in lines[1]


def test_forty_columns_are_blocks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    columns, row = ROWS["calls"]
    render.show_table([row], columns, "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["time", "+01:00", "2025-11-29"]
    assert len(lines) == len(columns)


def test_whoever_reads_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    render.show_table([{"note": "word " * 40}], {"note": "note"}, "")
    assert len(capsys.readouterr().out.splitlines()[1]) == 200


@pytest.mark.parametrize("plain", [False, True])
def test_a_terminal_has_colours_unless_they_are_unwanted(plain: bool) -> None:
    code = "from proxy import render; render.show_table([{'state': 'down'}], {'state': 'state'}, '')"
    ours, theirs = pty.openpty()
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **({"NO_COLOR": "1"} if plain else {})}
    subprocess.run([sys.executable, "-c", code], stdout=theirs, check=True, timeout=60, env=env)
    os.close(theirs)
    shown = os.read(ours, 1000).decode()
    os.close(ours)
    assert ("\x1b[31mdown\x1b[0m" in shown) is not plain
