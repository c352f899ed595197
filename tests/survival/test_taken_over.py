"""Two daemons on one database, either of which gets what comes: a call that one has begun is the other one's to end,
and what is said to one holds at both.

A test alone shares a file so (`shared` of `tests.survival.faulty`).
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.call import Incoming, Outgoing, incoming
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import SipSocket, reply
from tests.kit.site import SHARED, peer
from tests.kit.waiting import PATIENCE, eventually
from tests.survival.scene import AGENT, CUSTOMER, Faulty

POLICY = {
    "region": "HU",
    "number": {SHARED: {"group": "sales"}},
    "group": {"sales": {"agents": [AGENT], "target": "600", "missed_callback": {"enabled": True}}},
    "guard": {"stop": True},
}


class Nodes:
    """Daemons `a` and `b` with one key, between one carrier and one PBX."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.carrier, self.pbx = (stack.enter_context(SipSocket()) for _ in range(2))
        key = folder / "node.key"
        key.write_text("5a" * 32)
        key.chmod(0o600)
        ports = {name: free_port() for name in "ab"}
        self.a, self.b = (Faulty(
            folder / name, port=ports[name], trunks={"main": peer(self.carrier.port)},
            pbxs={"office": peer(self.pbx.port)}, policy=POLICY,
            extra={"node": {"name": name, "data": folder / name / "data", "signing_key": f"file:{key}"},
                   "cluster": {"siblings": [f"{LOOPBACK}:{port}" for other, port in ports.items() if other != name]}})
            for name in "ab")
        self.database = folder / "shared.db"
        for node in (self.a, self.b):
            node.faults = {"shared": str(self.database)}
            stack.enter_context(node)

    def rings(self) -> tuple[Outgoing, Incoming]:
        """A customer calls through `a`, and their call is on disk."""
        call = Outgoing(self.carrier, self.a.hop, SHARED, CUSTOMER)
        there = incoming(self.pbx, call_id=call.call_id)
        there.ring()
        call.expect(180)
        eventually(lambda: self.row(call), "it is on disk")
        return call, there

    def sql(self, query: str, *values: object) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE)) as open_:
            open_.row_factory = sqlite3.Row
            return [dict(row) for row in open_.execute(query, values)]

    def row(self, call: Outgoing) -> dict[str, Any] | None:
        return next(iter(self.sql("SELECT * FROM calls WHERE sip_call_id=?", call.call_id)), None)

    def ended(self, call: Outgoing) -> dict[str, Any]:
        """How it ended, once that is on disk."""
        def found() -> dict[str, Any] | None:
            row = self.row(call)
            return None if row is None or row["ended_at"] is None else row

        row = eventually(found, "it is over")
        assert row is not None
        return row


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(tmp_path, stack)


def test_who_hangs_up_when_the_first_node_is_dead_is_promised_a_callback(nodes: Nodes) -> None:
    call, there = nodes.rings()
    nodes.a.kill9()
    call.hop = nodes.b.hop
    call.cancel()
    cancel = there.expect("CANCEL")
    nodes.pbx.send(reply(cancel, "200 OK", tag=there.tag), cancel.source)
    nodes.pbx.send(reply(there.invite, "487 Request Terminated", tag=there.tag), nodes.b.hop)  # as if it were there
    call.expect(487)
    row = nodes.ended(call)
    assert (row["node"], row["customer"], row["reason"], row["ended_by"], row["judged"]) == (
        "a", CUSTOMER, "normal", "caller", "missed")
    [task] = nodes.b.cli("callbacks", "list")
    assert (task["customer"], task["group"]) == (CUSTOMER, "sales")
    nodes.a.restart()
    eventually(lambda: [one["customer"] for one in nodes.a.cli("callbacks", "list")] == [CUSTOMER], "both know of it")
    assert nodes.a.cli("calls", "--active") == []
    assert nodes.row(call) == row, "it is not closed once more"
    assert [line["kind"] for line in nodes.sql("SELECT kind FROM journal WHERE kind='missed'")] == ["missed"]


def test_a_talk_that_goes_on_by_the_other_node_is_over_at_both(nodes: Nodes) -> None:
    call, there = nodes.rings()
    there.reply("200 OK", ["P-Asserted-Identity: <sip:201@pbx.example>"])
    call.learn(call.expect(200))
    eventually(lambda: (nodes.row(call) or {"agent": None})["agent"] == AGENT, "who answered is on disk")
    call.hop = nodes.b.hop
    call.ack()
    there.expect("ACK")
    assert eventually(lambda: nodes.b.cli("calls", "--active"), "it has it")[0]["agent"] == AGENT
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
    row = nodes.ended(call)
    assert (row["node"], row["customer"], row["agent"], row["reason"]) == ("a", CUSTOMER, AGENT, "normal")
    eventually(lambda: nodes.a.cli("calls", "--active") == [], "whoever began it lets it go")
    assert nodes.row(call) == row


def test_what_is_said_to_one_holds_at_both(nodes: Nodes) -> None:
    nodes.a.cli("policy", "set", "direct_callback.type", "3")
    eventually(lambda: nodes.b.cli("policy", "show")["direct_callback"]["type"] == 3, "it is in force")
    nodes.b.cli("agents", "pause", AGENT, "--reason", "lunch")
    eventually(lambda: nodes.a.cli("agents")[0]["state"] == "paused", "they are not rung")
    nodes.a.cli("agents", "resume", AGENT)
    eventually(lambda: nodes.b.cli("agents")[0]["state"] != "paused", "they are again")
