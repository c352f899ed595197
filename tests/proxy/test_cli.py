"""The command: what it asks the daemon, what it shows, its exit codes."""

import asyncio
import base64
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from config.policy import (
    TYPES,
    Policy,
    diff_policies,
    export_policy,
    means,
    parse_policy,
    plain_policy,
    set_key,
    unset_key,
)
from config.problem import ConfigError, Problem
from proxy.build import build
from proxy.cli.root import app
from proxy.control import ControlServer
from proxy.control_client import ControlError
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.catalogue import BY_NAME
from routing.store.sqlite import sqlite_store
from tests.kit.answering import Plain
from tests.kit.told import Told
from tests.kit.waiting import PATIENCE

NODE = '[node]\nname = "edge1"\ndata = "."\n'
GOOD = NODE + '[[listen]]\nuri = "udp://127.0.0.1:5060"\n[trunk.a]\npeers = ["sip:a"]\n[pbx.b]\npeers = ["sip:b"]\n'

ROOT = Path(__file__).resolve().parents[2]

RECORD = {"customer": "+36301234567", "agent": "201", "type": 2, "created": 0.0, "touched": 60.0, "expires": None}
MESSAGES: dict[str, Any] = {
    "columns": ["main", "edge1", "office"], "calls": [], "kept": "memory", "since": 0.0,
    "messages": [{"time": 0.0, "call": "x", "from": "main", "to": "edge1", "line": "INVITE sip:600@pbx",
                  "transport": "udp", "source": "192.0.2.1:5060", "destination": "192.0.2.2:5060",
                  "data": base64.b64encode(b"INVITE sip:600@pbx SIP/2.0\r\n\r\n").decode()}],
}
CALL = {
    "id": "0193a2b4-0000-7000-8000-0123456789ab",
    "time": 0.0,
    "kind": "call",
    "direction": "inbound",
    "customer": "+36301234567",
    "agent": "201",
    "dialled": "+3614445555",
    "trunk": "main",
    "pbx": "office",
    "state": "ended",
    "cause": 200,
    "by": "caller",
    "talk": 12.34,
}
STATUS = {
    "node": "edge1",
    "version": "0.1.0",
    "build": "compiled",
    "since": 0.0,
    "state": "running",
    "calls": {"active": 3, "today": 120, "answered_today": 90, "callbacks_dialled_today": 8,
              "callbacks_answered_today": 6},
    "trunks": {"main": {"state": "up", "since": 0.0, "latency_ms": 1.25}},
    "pbxs": {"office\x1b[2J": {"state": "down", "since": None, "latency_ms": None}},
    "alarms": [{"name": "store", "text": "database is locked", "since": 0.0}],
    "direct": {"live": 5},
    "callbacks": {"in_queue": 7, "due": 2, "running": 1, "places_held": 2},
    "queues": {
        "sales": {"waiting": 3, "estimated_wait_s": 240.0, "places_held": 2, "offers_made": 9, "offers_taken": 4},
        "vip": {"waiting": 1, "estimated_wait_s": None, "places_held": 0, "offers_made": 0, "offers_taken": 0},
        "quiet": {"waiting": 0, "estimated_wait_s": None, "places_held": 0, "offers_made": 0, "offers_taken": 0},
    },
}


class Daemon:
    """The verbs of a daemon that holds a policy, one record and one call; remembers what it was asked."""

    def __init__(self) -> None:
        self.policy = Policy()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.verbs: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            "status": lambda _: STATUS,
            "calls.list": lambda _: [CALL],
            "calls.end": lambda args: {"id": args["id"]},
            "calls.show": lambda args: {**CALL, "id": args["id"], "reason": "direct", "direct": {"why": "followed"}},
            "calls.messages": lambda args: MESSAGES | ({"messages": []} if args["id"] == "gone" else {}),
            "agents.list": lambda _: [],
            "direct.list": lambda _: [RECORD],
            "direct.show": lambda args: [RECORD] if args["customer"] == RECORD["customer"] else [],
            "direct.remove": self.remove,
            "policy.show": lambda _: plain_policy(self.policy),
            "policy.export": lambda _: {"toml": export_policy(self.policy)},
            "policy.apply": lambda args: self.change(parse_policy(args["toml"], args["name"])),
            "policy.set": lambda args: self.change(set_key(self.policy, args["key"], args["value"], new=args["new"])),
            "policy.unset": lambda args: self.change(unset_key(self.policy, args["key"])),
            "trace": self.trace,
            "events": self.events,
            "recordings.list": lambda _: [{"name": name, "time": 0.0, "bytes": 6, "customer": "+36301234567",
                                           "agent": "201", "task": None, "talk": 5.0} for name in ("ab.wav", "ac.wav")],
            "recordings.get": self.recording,
            "log.level": lambda args: {"level": args["level"] or "info"},
        }

    def handlers(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        def handler(verb: str) -> Callable[[dict[str, Any]], Any]:
            def handle(args: dict[str, Any]) -> Any:
                self.asked.append((verb, args))
                return self.verbs[verb](args)

            return handle

        return {verb: handler(verb) for verb in self.verbs}

    def remove(self, args: dict[str, Any]) -> dict[str, int]:
        if args["customer"] == "x":
            raise ControlError("'x' is no number")
        return {"removed": int(args["agent"] in (None, "201"))}

    def change(self, policy: Policy) -> dict[str, Any]:
        changes = diff_policies(self.policy, policy)
        self.policy = policy
        return {"changes": [{**change._asdict(), "means": means(change.key, change.new)} for change in changes]}

    async def events(self, args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"following": args["kinds"]}
        for number in (1, 2):
            yield {"schema": 1, "id": "x", "seq": number, "time": 0.0, "kind": "call.ended", "node": "edge1",
                   "data": {"customer": "+36301234567\x1b[2J", "agent": None, "cause": 200}}
        if args["kinds"] != ["over"]:
            await asyncio.Event().wait()

    def recording(self, args: dict[str, Any]) -> dict[str, Any]:
        if args["name"] not in ("ab.wav", "ac.wav"):
            raise ControlError(f"there is no recording {args['name']!r}")
        offset = args.get("offset", 0)
        return {"name": args["name"], "bytes": 6, "offset": offset, "next_offset": offset + 3 if offset < 3 else None,
                "data": base64.b64encode(b"abcdef"[offset:offset + 3]).decode()}

    async def trace(self, args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"columns": ["main", "edge1", "office"]}
        yield {"time": 0.0, "call": "x", "from": "main", "to": "edge1", "line": "INVITE \x1b[2J", "note": None}
        yield {"time": 0.0, "call": "x", "from": "edge1", "to": "office", "line": "INVITE 201", "note": "direct"}
        if args["of"] != "over":
            await asyncio.Event().wait()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A control server with these verbs, on a loop and thread of its own."""
    daemon = Daemon()
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        server = ControlServer(tmp_path / "control.sock", Plain(daemon.handlers()), lambda: "Europe/Budapest")
        await server.start()
        stop = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        await server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    loop, stop = ready.result(PATIENCE)
    yield daemon
    loop.call_soon_threadsafe(stop.set)
    thread.join(PATIENCE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a folder with a boomerang.toml."""
    (tmp_path / "boomerang.toml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)

    def command(*args: str) -> Result:
        return CliRunner().invoke(app, list(args))

    return command


Run = Callable[..., Result]


def test_status(run: Run, daemon: Daemon) -> None:
    result = run("status")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "edge1 0.1.0 (compiled): running since 1970-01-01 01:00:00+01:00"
    assert lines[1:4] == ["calls: 3 in progress, 120 today, 90 answered", "direct callbacks: 5 live",
                          "callbacks: 7 in the queue, 2 due, 1 running; today 8 dialled, 6 answered"]
    assert lines[4:6] == [
        "queue sales: 3 waiting, about 240 s; 2 places held; 9 offered, 4 asked today",
        "queue vip: 1 waiting; 0 places held; 0 offered, 0 asked today"]
    lines = lines[2:]
    assert lines[4].split() == ["name", "state", "since", "+01:00", "ms"]
    assert lines[5].split() == ["trunk", "main", "up", "1970-01-01", "1.2"]
    assert lines[6].split() == ["pbx", "office·[2J", "down", "-", "-"]
    assert lines[7] == "ALARM store since 1970-01-01 01:00:00+01:00: database is locked"


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (["status"], answers.write(BY_NAME["status"], STATUS)),
        (["calls"], [CALL | {"time": "1970-01-01T00:00:00.000Z"}]),
        (["calls", "list"], [CALL | {"time": "1970-01-01T00:00:00.000Z"}]),
        (["agents"], []),
        (["direct", "list"], answers.write(BY_NAME["direct.list"], [RECORD])),
        (["direct", "show", "+36301234567"], answers.write(BY_NAME["direct.list"], [RECORD])),
        (["direct", "remove", "+36301234567"], {"removed": 1}),
        (["policy", "show"], plain_policy(Policy())),
        (["policy", "export"], {"toml": export_policy(Policy())}),
        (
            ["policy", "set", "direct_callback.type", "3"],
            {"changes": [{"key": "direct_callback.type", "old": 1, "new": 3, "means": TYPES[3]}]},
        ),
        (["version"], {"version": "0.1.0", "build": build()}),
    ],
)
def test_json(run: Run, daemon: Daemon, command: list[str], data: Any) -> None:
    result = run(*command, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == data


def test_calls(run: Run, daemon: Daemon) -> None:
    result = run("calls", "--active", "--limit", "7")
    assert daemon.asked == [("calls.list", {"limit": 7, "active": True})]
    head, row = result.stdout.splitlines()
    assert head == "time +01:00  dir  customer      agent  dialled      state  s   id"
    assert row == "1970-01-01   in   +36301234567  201    +3614445555  200    12  456789ab"


def test_a_call_is_shown_by_the_end_of_its_id(run: Run, daemon: Daemon) -> None:
    result = run("calls", "show", "456789ab")
    assert daemon.asked[-1] == ("calls.show", {"id": CALL["id"]})
    assert "why" in result.stdout
    assert "followed" in result.stdout


def test_messages_of_a_call_are_a_ladder_and_a_capture(run: Run, daemon: Daemon, tmp_path: Path) -> None:
    result = run("calls", "messages", "456789ab", "--pcap", str(tmp_path / "call.pcap"))
    assert daemon.asked[-1] == ("calls.messages", {"id": CALL["id"]})
    head, arrow = result.stdout.splitlines()
    assert head.split() == ["main", "edge1", "office"]
    assert "INVITE sip:600@pbx" in arrow
    captured = (tmp_path / "call.pcap").read_bytes()
    assert captured.startswith(b"\xa1\xb2\xc3\xd4")
    assert captured.endswith(b"INVITE sip:600@pbx SIP/2.0\r\n\r\n")
    assert json.loads(run("calls", "messages", "456789ab", "--json").stdout)["kept"] == "memory"
    assert run("calls", "messages", "gone").stdout == "no messages are kept of it any more\n"
    assert run("calls", "messages", "456789ab", "--pcap", str(tmp_path / "none" / "x")).exit_code == 1


def test_a_call_is_ended(run: Run, daemon: Daemon) -> None:
    assert run("calls", "end", "456789ab").stdout == "call 456789ab is being ended\n"
    assert daemon.asked == [("calls.end", {"id": "456789ab"})]


def test_the_legs_of_a_callback_are_told_from_calls(run: Run, daemon: Daemon) -> None:
    legs = [CALL | {"kind": "callback"}, CALL | {"kind": "callback", "direction": "outbound", "state": "talking"}]
    daemon.verbs = {**daemon.verbs, "calls.list": lambda _: legs}
    rows = [line.split() for line in run("calls").stdout.splitlines()[1:]]
    assert [(row[1], row[5]) for row in rows] == [("agent", "200"), ("cust", "talking")]


def test_lists_that_are_empty(run: Run, daemon: Daemon) -> None:
    assert run("agents").stdout == "no agents\n"
    assert run("direct", "show", "+3611111111").stdout == "nothing for +3611111111\n"


def test_direct(run: Run, daemon: Daemon) -> None:
    assert "+36301234567  201    2" in run("direct", "list").stdout
    assert run("direct", "remove", "+36301234567", "--agent", "201").stdout == "removed: 1\n"
    assert daemon.asked[-1] == ("direct.remove", {"customer": "+36301234567", "agent": "201"})
    nothing = run("direct", "remove", "+36301234567", "--agent", "202")
    assert (nothing.exit_code, nothing.stdout) == (1, "removed: 0\n")
    refused = run("direct", "remove", "x")
    assert (refused.exit_code, refused.stderr) == (1, "boomerang: 'x' is no number\n")


def test_policy_is_applied_twice_and_changes_once(run: Run, daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[direct_callback]\ntype = 3\nring_for = "7s"\n[agent.201]\nname = "Anna"\n')
    assert run("policy", "apply", str(file)).stdout.splitlines() == [
        'agent.201.name: (not set) -> "Anna"',
        'direct_callback.ring_for: "20s" -> "7s"',
        "direct_callback.type: 1 -> 3",
        f"  3: {TYPES[3]}",
    ]
    assert run("policy", "apply", str(file)).stdout == "nothing changed\n"
    exported = run("policy", "export")
    assert parse_policy(exported.stdout) == parse_policy(file.read_text()) == daemon.policy


def test_one_setting_is_changed_and_taken_out(run: Run, daemon: Daemon) -> None:
    assert run("policy", "set", "direct_callback.type", "3").stdout.splitlines() == [
        "direct_callback.type: 1 -> 3", f"  3: {TYPES[3]}"]
    refused = run("policy", "set", "agent.201.name", "Anna")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "the policy lists no agent '201': to make a new one, say so with --new" in refused.stderr
    assert run("policy", "set", "--new", "agent.201.name", "Anna").stdout == 'agent.201.name: (not set) -> "Anna"\n'
    assert run("policy", "unset", "agent.201").stdout == 'agent.201.name: "Anna" -> (not set)\n'
    nothing = run("policy", "unset", "agent.201")
    assert (nothing.exit_code, nothing.stderr) == (2, "policy: agent.201: the policy lists no agent '201'\n")
    assert daemon.asked[-1] == ("policy.unset", {"key": "agent.201"})


def test_warnings_of_a_policy_stand_apart(run: Run, daemon: Daemon) -> None:
    warning = {"file": "p.toml", "key": "group.a", "line": 2, "text": "is doubtful", "level": "warning"}
    daemon.verbs = {**daemon.verbs, "policy.set": lambda _: {"changes": [], "warnings": [warning]}}
    shown = run("policy", "set", "a", "b")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (
        0, "nothing changed\n", "p.toml:2: warning: group.a: is doubtful\n")
    assert json.loads(run("policy", "set", "a", "b", "--json").stdout)["warnings"] == [warning]


def test_policy_show(run: Run, daemon: Daemon) -> None:
    daemon.policy = set_key(Policy(), "agent.201.direct_callback.type", "4", new=True)
    shown = run("policy", "show").stdout.splitlines()
    assert 'direct_callback.expires_after = "8h"' in shown
    assert f"agent.201.direct_callback.type = 4  # {TYPES[4]}" in shown
    in_force = run("policy", "show", "--agent", "201").stdout.splitlines()
    assert in_force[:2] == [f"type = 4  # {TYPES[4]}", 'expires_after = "8h"']
    assert run("policy", "show", "--agent", "202").stdout.splitlines()[0] == f"type = 1  # {TYPES[1]}"


def test_a_policy_of_another_version(run: Run, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.verbs = {**daemon.verbs, "policy.show": lambda _: {"new_key": 1}}
    assert run("policy", "show").stdout == "new_key = 1\n"
    result = run("policy", "show", "--agent", "201")
    assert result.exit_code == 1
    assert "cannot be read by this version" in result.stderr


def test_problems_of_a_policy(run: Run, daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("x = 1\n[direct_callback]\ntype = 9\n")
    result = run("policy", "apply", "bad.toml")
    assert (result.exit_code, result.stderr) == (
        2,
        "bad.toml:1: x: unknown key\nbad.toml:3: direct_callback.type: must be 4 at most\n",
    )
    result = run("policy", "set", "nothing.like.this", "1")
    assert (result.exit_code, result.stderr) == (2, "policy: nothing.like.this: there is no such setting\n")
    result = run("policy", "apply", "none.toml")
    assert (result.exit_code, result.stderr) == (2, "none.toml: cannot be read: No such file or directory\n")
    assert daemon.policy == Policy()


def test_trace(run: Run, daemon: Daemon) -> None:
    result = run("trace", "+36301234567", "--count", "2")
    assert result.exit_code == 0
    assert daemon.asked == [("trace", {"of": "+36301234567"})]
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["main", "edge1", "office"]
    assert "─ INVITE ·[2J ─" in first
    assert "─ INVITE 201 ─" in second
    assert second.endswith("direct")
    assert run("trace", "--seconds", "0.2").stdout.splitlines()[1:] == [first, second]
    lines = run("trace", "--count", "1", "--json").stdout.splitlines()
    assert [json.loads(line)["from"] for line in lines] == ["main"]


def test_events(run: Run, daemon: Daemon) -> None:
    shown = run("events", "call", "ticket.opened", "--count", "2")
    assert shown.exit_code == 0
    assert daemon.asked == [("events", {"kinds": ["call", "ticket.opened"]})]
    assert shown.stdout.splitlines() == [
        "1970-01-01 01:00:00+01:00  call.ended  customer: +36301234567·[2J  cause: 200"] * 2
    lines = run("events", "--json", "--seconds", "0.2").stdout.splitlines()
    assert [(json.loads(line)["seq"], json.loads(line)["time"]) for line in lines] == [
        (1, "1970-01-01T00:00:00.000Z"), (2, "1970-01-01T00:00:00.000Z")]
    ended = run("events", "over")
    assert (ended.exit_code, ended.stderr) == (1, "boomerang: the daemon ended the stream of events\n")


def test_recordings(run: Run, daemon: Daemon, tmp_path: Path) -> None:
    assert "ab.wav" in run("recordings", "list").stdout
    fetched = run("recordings", "get", "b.w")
    assert (fetched.exit_code, fetched.stdout) == (0, "ab.wav: 6 bytes\n")
    assert (tmp_path / "ab.wav").read_bytes() == b"abcdef"
    assert run("recordings", "get", "ac.wav", "-o", "-").stdout_bytes == b"abcdef"
    there = run("recordings", "get", "ab.wav")
    assert (there.exit_code, there.stderr) == (1, "boomerang: ab.wav: File exists\n")
    for name, text in (("a", "'a' is in the names of 2 recordings: name more of it"),
                       ("x", "there is no recording 'x'")):
        result = run("recordings", "get", name)
        assert (result.exit_code, result.stderr) == (1, f"boomerang: {text}\n")


def test_log_level(run: Run, daemon: Daemon) -> None:
    assert run("log", "level", "debug").stdout == "the log's level is debug\n"
    assert json.loads(run("log", "level", "--json").stdout) == {"level": "info"}


def test_a_trace_that_the_daemon_ends(run: Run, daemon: Daemon) -> None:
    result = run("trace", "over")
    assert (result.exit_code, result.stderr) == (1, "boomerang: the daemon ended the trace\n")


def test_a_trace_ends_with_ctrl_c(run: Run, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("proxy.render.show_line", interrupted)
    result = run("trace")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["calls"],
        ["agents"],
        ["direct", "list"],
        ["policy", "export"],
        ["policy", "set", "a", "b"],
        ["trace"],
    ],
)
def test_no_daemon_is_one_clear_line(run: Run, tmp_path: Path, command: list[str]) -> None:
    result = run(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"boomerang: no daemon is running at {tmp_path}/control.sock\n"


def test_where_the_socket_is(run: Run, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.toml").write_text('[node]\ndata = ".."\n')
    assert run("status", "-c", "other/b.toml").exit_code == 0
    (tmp_path / "boomerang.toml").unlink()
    assert run("status", "--socket", "control.sock").exit_code == 0
    monkeypatch.setattr("proxy.cli.said.DEFAULT_CONFIGS", (tmp_path / "a.toml", tmp_path / "other" / "b.toml"))
    assert run("status").exit_code == 0
    monkeypatch.setattr("proxy.cli.said.DEFAULT_CONFIGS", (Path("a.toml"),))
    result = run("status")
    assert (result.exit_code, result.stderr) == (2, "boomerang: there is no a.toml: name one with -c\n")


def test_options_stand_before_the_command_or_behind_it(run: Run, daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.toml").write_text('[node]\ndata = ".."\n')
    (tmp_path / "boomerang.toml").unlink()
    assert run("-c", "other/b.toml", "status").exit_code == 0
    assert run("--socket", "control.sock", "calls", "--limit", "1").exit_code == 0
    assert run("-c", "none.toml", "status", "-c", "other/b.toml").exit_code == 0
    assert run("status").exit_code == 2, "it held for that one command"


def test_check_finds_its_file_like_the_others(run: Run, tmp_path: Path) -> None:
    for words in ([], ["-c", "boomerang.toml"], ["boomerang.toml"]):
        result = run("check", *words)
        assert (result.exit_code, result.stdout) == (0, "boomerang.toml is good (listeners: 1, trunks: 1, PBXs: 1)\n")
    assert run("-c", "boomerang.toml", "check").exit_code == 0


def test_version_as_an_option(run: Run) -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, run("version").stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """The script that a shell loads, and what it then asks the command."""
    asked = subprocess.run([sys.executable, "-m", "proxy"], capture_output=True, text=True, check=False, timeout=60,
                           env={"_BOOMERANG_COMPLETE": f"source_{shell}", "PATH": "/bin"})
    assert "_BOOMERANG_COMPLETE" in asked.stdout
    words = {"bash": {"COMP_WORDS": "boomerang callb", "COMP_CWORD": "1"},
             "zsh": {"_TYPER_COMPLETE_ARGS": "boomerang callb"},
             "fish": {"_TYPER_COMPLETE_ARGS": "boomerang callb", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}}[shell]
    answered = subprocess.run([sys.executable, "-m", "proxy"], capture_output=True, text=True, check=False, timeout=60,
                              env={"_BOOMERANG_COMPLETE": f"complete_{shell}", "PATH": "/bin", **words})
    assert "callbacks" in answered.stdout


def test_a_command_loads_nothing_that_is_slow(daemon: Daemon, run: Run, tmp_path: Path) -> None:
    """What takes the time of a command is what it imports."""
    slow = {"config.policy", "config.sections", "asyncio", "rich", "fastapi", "phonenumbers", "holidays",
            "sqlite_utils", "aiomqtt"}
    code = ("import sys; from proxy.cli.root import app; app(sys.argv[1:], standalone_mode=False); "
            f"print(*sorted({slow!r} & set(sys.modules)), file=sys.stderr)")
    for words in (["status"], ["calls"], ["direct", "list"], ["policy", "export"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True,
                              timeout=60, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
        assert done.stderr == "\n", words


def test_check(run: Run, tmp_path: Path) -> None:
    good = run("check", "boomerang.toml")
    assert (good.exit_code, good.stdout) == (0, "boomerang.toml is good (listeners: 1, trunks: 1, PBXs: 1)\n")
    assert json.loads(run("check", "boomerang.toml", "--json").stdout) == []
    (tmp_path / "policy.toml").write_text("[agent.201]\n")
    (tmp_path / "boomerang.toml").write_text(GOOD + '[policy]\nseed = "policy.toml"\n')
    assert "policy: agents 1, numbers 0" in run("check", "boomerang.toml").stdout
    (tmp_path / "bad.toml").write_text(GOOD.replace("udp:", "udb:") + "x = 1\n")
    bad = run("check", "bad.toml")
    assert bad.exit_code == 2
    assert [line.split(": ")[0] for line in bad.stdout.splitlines()] == ["bad.toml:5", "bad.toml:10"]
    as_json = run("check", "bad.toml", "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)[1] == {
        "file": "bad.toml", "key": "pbx.b.x", "line": 10, "text": "unknown key", "level": "error"}


def test_a_warning_is_shown_and_is_an_error_only_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('region = "HU"\n[group.a]\ntarget = "6"\nmissed_callback.enabled = true\n')
    (tmp_path / "boomerang.toml").write_text(GOOD + '[policy]\nseed = "policy.toml"\n')
    shown = run("check", "boomerang.toml")
    first, last = shown.stdout.splitlines()
    assert shown.exit_code == 0
    assert first.startswith(f"{tmp_path}/policy.toml:2: warning: group.a: neither hours nor guard.quiet_hours are set")
    assert last.endswith("with 1 to think about")
    (told,) = json.loads(run("check", "boomerang.toml", "--json").stdout)
    assert (told["level"], told["key"], told["line"]) == ("warning", "group.a", 2)
    for json_too in ([], ["--json"]):
        assert run("check", "boomerang.toml", "--strict", *json_too).exit_code == 2


def test_a_policy_file_that_is_not_in_force_is_named(run: Run, tmp_path: Path) -> None:
    text = '[direct_callback]\ntype = 2\n'
    (tmp_path / "policy.toml").write_text(text)
    (tmp_path / "boomerang.toml").write_text(GOOD + '[policy]\nseed = "policy.toml"\n')
    store = sqlite_store(tmp_path / "boomerang.db", lambda what: what(), lambda: 0.0, "edge1", Told())
    store.save_policy(text, 1.0)
    store.close()
    assert json.loads(run("check", "boomerang.toml", "--json").stdout) == []
    (tmp_path / "policy.toml").write_text(text.replace("2", "3") + '[agent.201]\nname = "Anna"\n')
    (told,) = json.loads(run("check", "boomerang.toml", "--json").stdout)
    assert told["level"] == "warning"
    assert told["file"] == str(tmp_path / "policy.toml")
    assert "in agent.201.name, direct_callback.type: `boomerang policy apply" in told["text"]
    (tmp_path / "boomerang.db").write_text("no database")
    (told,) = json.loads(run("check", "boomerang.toml", "--json").stdout)
    assert "cannot be read" in told["text"]


def test_the_examples_are_good(run: Run) -> None:
    folder = Path(__file__).parents[2] / "docker"
    assert run("check", "--strict", str(folder / "boomerang.toml")).exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ["nothing"],
        ["calls", "--limit", "0"],
        ["policy", "set", "a"],
        ["-c"],
        ["trace", "--count", "x"],
        ["run", "x"],
    ],
)
def test_wrong_usage(run: Run, command: list[str]) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_the_daemon_s_exit_code_is_the_command_s(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Path, bool]] = []

    def serve(config: Path, take_over: bool) -> int:
        served.append((config, take_over))
        if len(served) > 1:
            raise ConfigError([Problem("boomerang.toml", "listen[0].uri", 4, "is taken")])
        return 1

    monkeypatch.setitem(sys.modules, "proxy.app", SimpleNamespace(run=serve))
    assert run("run", "-c", "boomerang.toml").exit_code == 1
    result = run("run", "--take-over")
    assert (result.exit_code, result.stderr) == (2, "boomerang.toml:4: listen[0].uri: is taken\n")
    assert served == [(Path("boomerang.toml"), False), (Path("boomerang.toml"), True)]


def test_the_demo_s_exit_code_is_the_command_s(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "proxy.demo", SimpleNamespace(main=lambda: 1))
    assert run("demo").exit_code == 1


def test_a_version_that_nobody_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    result = run("version")
    assert (result.exit_code, result.stdout) == (1, "")


def test_both_names_of_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "proxy", "version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"boomerang 0.1.0 ({build()})\n"
    beside = Path(sys.executable).with_name("boomerang")
    assert (
        subprocess.run([beside, "version"], capture_output=True, text=True, check=True, timeout=60).stdout
        == done.stdout
    )
