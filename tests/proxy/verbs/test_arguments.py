"""Every argument of every verb, fed with what it cannot be: one clear error, nothing lost, nobody else held up."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest

from config.policy import Peers, export_policy, parse_policy
from config.problem import ConfigError
from proxy.control import ControlServer
from proxy.control_client import ControlClient, ControlError
from proxy.daemon.source import DaemonSource
from proxy.daemon.tracing import MessageTracer
from proxy.status import commands
from proxy.status.commands import CommandError, Message
from proxy.verbs.doors import CommandDoor, SocketDoor
from proxy.verbs.handlers.looking import LookAnswers, Sides
from proxy.verbs.handlers.policy import PolicyAnswers
from proxy.verbs.handlers.recordings import RecordingAnswers
from proxy.verbs.shapes.fields import MOST_ROWS
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.verbs.on_disk import NOW
from tests.proxy.verbs.test_callbacks import CUSTOMER, Node

VALID: Final[dict[str, dict[str, Any]]] = {
    "calls.list": {"limit": 5, "active": False},
    "direct.list": {"limit": 5},
    "direct.show": {"customer": "+36209999999"},
    "direct.remove": {"customer": "+36209999999", "agent": "201"},
    "policy.apply": {"toml": 'region = "HU"\n[group.sales]\n[group.vip]\n', "name": "policy.toml"},
    "policy.set": {"key": "direct_callback.expires_after", "value": "8h", "new": True},
    "policy.unset": {"key": "direct_callback.expires_after"},
    "policy.history": {"limit": 5, "before": 9},
    "policy.at": {"version": "1"},
    "callbacks.list": {"limit": 5, "state": "open", "customer": CUSTOMER, "group": "sales"},
    "callbacks.show": {"id": "TASK"},
    "callbacks.add": {
        "customer": "+36208888888", "group": "sales", "number": "+3614445555", "campaign": "10001",
        "responsible": "201", "responsible_wait": 30, "language": "hu", "preview": 5, "at": NOW + 60, "window": "2h",
        "attempts": 2, "note": "n", "by": "Anna"},
    "callbacks.accept": {"id": "TASK", "agent": "201"},
    "callbacks.decline": {"id": "TASK", "agent": "201", "reason": "r"},
    "agents.desk": {"agent": "201"},
    "agents.done": {"agent": "201"},
    "agents.pause": {"agent": "202", "reason": "lunch"},
    "agents.resume": {"agent": "202"},
    "callbacks.cancel": {"id": "nothing", "reason": "r", "by": "Anna"},
    "callbacks.hold": {"id": "TASK", "reason": "r", "by": "Anna"},
    "callbacks.resume": {"id": "TASK", "reason": "r", "by": "Anna"},
    "callbacks.call-now": {"id": "TASK", "reason": "r", "by": "Anna", "force": True},
    "callbacks.reassign": {"id": "TASK", "responsible": "201", "reason": "r", "by": "Anna"},
    "callbacks.bulk": {"act": "hold", "ids": ["nothing"], "reason": "r", "responsible": "201", "by": "Anna"},
    "callbacks.plan": {"id": "TASK"},
    "callbacks.example": {"group": "sales", "at": NOW, "window": "24h", "attempts": 6},
    "dnc.list": {"limit": 5},
    "dnc.add": {"customer": "+36207777777", "reason": "r"},
    "dnc.import": {"text": "+36207777779", "reason": "r"},
    "dnc.remove": {"customer": "+36207777777"},
    "campaigns.show": {"id": "10001"},
    "campaigns.preview": {"id": "10001", "limit": 5},
    "campaigns.add": {"id": "30000", "name": "n", "group": "sales", "from": "2026-11-18", "to": "2026-11-19",
                      "delay": "10s", "wrap_up": "10s", "remove_after": "10m", "retries": 1, "parity": 1, "rank": 1,
                      "do_not_call": ["+36201111111"], "hours": ["mon-fri 08:00-17:00"], "record": True},
    "campaigns.remove": {"id": "39999"},
    "campaigns.renumber": {"id": "10001", "to": "10009"},
    "tickets.list": {"limit": 5, "state": "open", "customer": CUSTOMER},
    "tickets.show": {"id": "1"},
    "tickets.comment": {"id": "1", "text": "t", "author": "Anna", "internal": True},
    "tickets.call": {"id": "1", "group": "sales", "note": "n", "by": "Anna"},
    "tickets.close": {"id": "2"},
    "policy.edit": {"changes": [{"key": "group.sales.hours", "value": ["mon-fri 08:00-17:00"]}], "new": True},
    "recordings.list": {"limit": 5, "customer": CUSTOMER},
    "recordings.get": {"name": "one.wav", "offset": 0},
}
"""Every verb that takes arguments, with good ones; TASK stands for the id of a task that is there."""
WITHOUT: Final = {"policy.show", "policy.export", "callbacks.running", "campaigns.list"}
"""Verbs that take none."""
TOLD: Final = ("there is no c", "there is no v", "is open", "nobody is being rung")
"""What is said where a verb of the table finds nothing to do."""
APART: Final = {"status", "trace"}
"""`trace` has a test of its own; `status` asks the whole daemon."""

PEERS: Final = Peers(("main",), ("office",), ("^[23]..$",))
EXTREMES: Final[dict[str, Any]] = {
    "a megabyte": "x" * 1_000_000, "digits": "9" * 5000, "a long number": "+36" + "1" * 200, "NUL": "a\0b",
    "escape": "\x1b[2J", "line ends": "a\r\nb", "half a pair": "a\ud800", "direction": "\u202e123", "nothing": "",
    "blank": "   ", "null": None, "minus one": -1, "zero": 0, "a half": 0.5, "large": 10 ** 30, "huge": 10 ** 400,
    "1e308": 1e308, "-1e308": -1e308, "nan": float("nan"), "inf": float("inf"), "2**63": 2 ** 63, "-2**63": -(2 ** 63),
    "true": True, "a list": [], "a deep list": [[[[[["x"]]]]]], "a table": {}, "a deep table": {"a": {"b": {"c": 1}}},
    "many": ["201"] * 100_000, "year 9999": "9999-12-31T23:59:59Z", "beyond 9999": "9999-12-31T23:59:59-23:59",
    "year 1": "0001-01-01T00:00:00+23:59", "a date": "9999-12-31", "days": "99999999d", "more days": "999999999d",
    "no time": "0s", "negative time": "-1s", "TOML": "[" * 100_000, "a key": "a." * 200 + "b", "percent": "%s%n%00",
    "SQL": "'; DROP TABLE tasks; --", "path": "../../../etc/passwd",
}
LONGEST_ERROR: Final = 5000
"""Characters: an error does not give a megabyte back."""


class Whole(Node):
    """Every verb of a daemon but `status` and `trace` over one database, with a task and two tickets."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        look = LookAnswers(self.ledger, self.store, self.reader, cast(DaemonSource, None), cast(MessageTracer, None),
                           "0", Sides(("main",), "edge1", ("office",)), lambda: NOW, lambda call: None)
        self.bound += [one for one in look.bound() if one.verb.name not in APART]
        folder = path.parent / "recordings"
        folder.mkdir()
        (folder / "one.wav").write_bytes(b"RIFF")
        self.bound += RecordingAnswers(folder, self.reader, lambda: "HU").bound()
        self.bound += PolicyAnswers(self.ledger, PEERS, path.parent, self.store, self.reader, self.put_policy).bound()
        self.task = self.ask("callbacks.add", customer=CUSTOMER, group="sales", note="the good one")["id"]
        row = self.desk.admin.open_tasks()[0]
        for _ in range(2):
            tickets = self.desk.admin.tickets
            self.store.put(tickets.open(row, "unreached", "Callback %number%", "Europe/Budapest", NOW)[1])
        self.policy = export_policy(self.ledger.policy)

    def begin_anew(self) -> None:
        """Put the policy back that the verbs were meant for."""
        self.put_policy(parse_policy(self.policy, "policy.toml", PEERS))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Whole]:
    node = Whole(tmp_path / "boomerang.db")
    yield node
    node.close()


def test_every_verb_is_in_the_table(node: Whole) -> None:
    assert set(node.verbs.names("socket")) == set(VALID) | WITHOUT
    for verb, args in VALID.items():
        try:
            node.ask(verb, **{key: node.task if value == "TASK" else value for key, value in args.items()})
        except ControlError as error:
            assert any(told in str(error) for told in TOLD), f"{verb}: {error}"  # noqa: PT017
        node.begin_anew()


@pytest.mark.parametrize("verb", VALID)
def test_an_argument_that_cannot_be_is_one_error_and_hides_nothing(node: Whole, verb: str) -> None:
    for key in VALID[verb]:
        for name, value in EXTREMES.items():
            args = {**VALID[verb], key: value}
            try:
                node.ask(verb, **{key: node.task if value == "TASK" else value for key, value in args.items()})
            except (ControlError, ConfigError) as error:
                assert str(error).strip(), f"{verb} {key}={name}"  # noqa: PT017
                assert len(str(error)) < LONGEST_ERROR, f"{verb} {key}={name}"  # noqa: PT017
        node.begin_anew()
    every(node)


def every(node: Whole) -> None:
    """Everything can be listed and shown through every door, and is on the disk as it is in memory."""
    async def play() -> None:
        node.loop = asyncio.get_running_loop()
        gate = CommandDoor(node.verbs, node.loop, "api")
        try:
            for verb in (*WITHOUT, "calls.list", "direct.list", "callbacks.list", "dnc.list", "tickets.list"):
                args = {} if verb in WITHOUT else {"limit": MOST_ROWS}
                json.dumps(await gate.run(verb, args), allow_nan=False).encode()
            shown = [await gate.run("callbacks.show", {"id": row["id"]})
                     for row in await gate.run("callbacks.list", {"limit": MOST_ROWS})]
            assert node.task in [row["id"] for row in shown]
            json.dumps(shown, allow_nan=False).encode()
        finally:
            node.loop = None

    asyncio.run(play())
    assert node.store.well
    stored = {row.id: row for row in node.reader.callbacks.tasks(MOST_ROWS)}
    assert [stored.get(row.id) for row in node.desk.admin.open_tasks()] == [*node.desk.admin.open_tasks()]
    node.desk.turn(NOW)


@pytest.mark.parametrize("line", [
    b'{"verb": "callbacks.list", "args": {"limit": NaN}}', b'{"verb": "callbacks.list", "args": {"limit": -Infinity}}',
    b"[" * 200_000, b'{"verb": "' + b"x" * 1_000_000 + b'"}', b'{"verb": "dnc.list", "args": {"limit": 1' + b"0" * 5000
    + b"}}", b'{"verb": "dnc.list", "args": []}', b'{"verb": 1}', b"\xff\xfe", b'"\\ud800"', b'{"verb": "\\ud800"}',
    b'{"verb": "dnc.add", "args": {"customer": "\\ud800"}}',
])
def test_the_socket_refuses_what_is_no_request(node: Whole, tmp_path: Path, line: bytes) -> None:
    async def play() -> None:
        node.loop = asyncio.get_running_loop()
        path = tmp_path / "control.sock"
        server = ControlServer(path, SocketDoor(node.verbs), lambda: "UTC")
        await server.start()
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 24)
            writer.write(line + b"\n")
            said = json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))
            writer.close()
            assert said["ok"] is False
            assert len(said["error"]) < LONGEST_ERROR
            assert "internal" not in said["error"]
            assert len(await asyncio.to_thread(ControlClient(path).call, "callbacks.list")) == 1
        finally:
            await server.close()
            node.loop = None

    asyncio.run(play())


@pytest.mark.parametrize("payload", [
    b'{"limit": NaN}', b"[" * 60_000, b"x" * 70_000, b'{"limit": 1' + b"0" * 5000 + b"}", b"\xff", b'{"limit": "5"}',
])
def test_mqtt_refuses_what_is_no_command(node: Whole, payload: bytes) -> None:
    async def play() -> None:
        gate = CommandDoor(node.verbs, asyncio.get_running_loop(), "api")
        reply = await commands.answer(Message("callbacks.list", payload, "answers/me"), gate, "boomerang/edge1")
        assert reply is not None
        said = json.loads(reply.payload)
        assert (said["ok"], "internal" in said["error"]) == (False, False)

    asyncio.run(play())


def test_what_an_argument_cannot_be_is_told_with_its_name(node: Whole) -> None:
    """So the API answers 422 and not that something stands in the way."""
    async def play() -> None:
        gate = CommandDoor(node.verbs, asyncio.get_running_loop(), "api")
        for key, value in (("window", "99999999d"), ("at", "9999-12-31T23:59:59Z"), ("attempts", 11),
                           ("note", "x" * 501), ("responsible_wait", 1e9), ("language", "xx"), ("customer", "12"),
                           ("by", "\x1b[2J"), ("at", float("nan"))):
            with pytest.raises(CommandError) as error:
                await gate.run("callbacks.add", {**VALID["callbacks.add"], key: value})
            assert [problem["key"] for problem in error.value.problems] == [key]

    asyncio.run(play())


def test_a_window_to_the_end_of_the_day(node: Whole) -> None:
    made = node.ask("callbacks.add", customer="+36208888888", group="sales", window="end_of_day")
    assert made["options"] == {"window": None}
    assert made["expires"] == 1_795_042_800.0, "midnight in Budapest"


@pytest.mark.parametrize(("column", "value"), [
    ("expires_at", 1e18), ("expires_at", -1e18), ("expires_at", "soon"), ("due_at", 1e18), ("due_at", "now"),
    ("created_at", 1e18), ("missed_at", "x"), ("options", "{"), ("options", "[]"), ("options", "null"),
    ("declined", "{}"), ("declined", "x"),
])
def test_one_bad_row_hides_no_other(tmp_path: Path, column: str, value: object) -> None:
    """Whatever stands in the database: the others are listed, restored and due."""
    node = Whole(tmp_path / "boomerang.db")
    bad = node.ask("callbacks.add", customer="+36208888888", group="vip")["id"]
    node.close()
    with sqlite3.connect(node.path) as disk:
        assert disk.execute(f'UPDATE tasks SET "{column}"=? WHERE id=?', (value, bad)).rowcount == 1
    disk.close()
    again = Node(node.path)
    try:
        every_row(again, {node.task, bad})
        again.desk.turn(NOW)
        eventually(lambda: node.task in [order.task for order in again.orders], "the good one is called")
        every_row(again, {node.task, bad})
    finally:
        again.close()


def every_row(node: Node, names: set[str]) -> None:
    async def play() -> None:
        node.loop = asyncio.get_running_loop()
        gate = CommandDoor(node.verbs, node.loop, "api")
        try:
            assert {row["id"] for row in await gate.run("callbacks.list", {})} == names
            for name in names:
                await gate.run("callbacks.show", {"id": name})
        finally:
            node.loop = None

    asyncio.run(play())


def test_a_bad_event_is_published_without_what_cannot_be_read(node: Whole) -> None:
    with sqlite3.connect(node.path) as disk:
        disk.execute("UPDATE outbox SET data='{' WHERE seq=1")
    disk.close()
    events = node.reader.events_after(0, 10)
    assert [event.data for event in events][:1] == [{}]
    assert node.store.events_after(0, 1)[0].data == {}
