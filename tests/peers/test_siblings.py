"""Two nodes with one key behind a Kamailio: one is killed, and its calls go on to their end by the other."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kit.cluster import ClusterSite
from tests.kit.ports import free_port
from tests.kit.sipp import Logged, Sipp
from tests.kit.site import SHARED
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("sipp", "kamailio")

CALLS: Final = 24
LONG_MS: Final = 10_000
"""How long calls stay as they are: all are there, and one node is killed, well before."""


class Stand:
    """SIPp calls SIPp through the site of docker/cluster: Kamailio, one of two nodes, and Kamailio again. SIPp answers
    where a call began, whatever the Via says, and so must not see which node it is."""

    def __init__(self, folder: Path, stack: ExitStack, *, ring_ms: int, talk_ms: int) -> None:
        self._folder, self._stack, self._talk_ms = folder, stack, talk_ms
        self.callee = stack.enter_context(Sipp("callee", folder, pause_ms=ring_ms))
        self._site = ClusterSite(folder, carrier=free_port(), pbx=self.callee.port)
        self.nodes = {name: stack.enter_context(self._site.node(name)) for name in "ab"}
        stack.enter_context(self._site.dispatcher())

    def call(self) -> Sipp:
        return self._stack.enter_context(Sipp(
            "caller", self._folder, remote=self._site.front, service=SHARED,
            keys={"caller": "+36201234567"}, calls=CALLS, rate=CALLS, pause_ms=self._talk_ms))

    def replace(self, name: str, by: str) -> None:
        """A node takes over the address of one that was killed, and has nothing of it but the key."""
        self.nodes[by] = self._stack.enter_context(self._site.node(name, data=by))

    def kill(self, name: str, seen: str) -> None:
        """Kill a node whose calls are in the database, with this."""
        node = self.nodes[name]
        eventually(lambda: node.sql("SELECT 1 FROM calls"), "both nodes have calls")
        eventually(lambda: not node.sql(f"SELECT 1 FROM calls WHERE {seen} IS NULL"), "all is written")
        node.kill9()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """What all nodes have written, by Call-ID."""
        found: dict[str, list[dict[str, Any]]] = {}
        for name, node in self.nodes.items():
            for row in node.sql("SELECT * FROM calls"):
                found.setdefault(row["sip_call_id"], []).append({**dict(row), "at": name})
        return found

    def each_is_one_call_and_over(self) -> None:
        eventually(lambda: all(any(row["ended_at"] for row in rows) for rows in self.rows().values()), "all are over")
        rows = self.rows()
        assert len(rows) == CALLS
        assert all(len({row["id"] for row in of_one}) == 1 for of_one in rows.values()), "one name, whoever wrote it"
        ended = [row for of_one in rows.values() for row in of_one if row["ended_at"]]
        assert {(row["cause"], row["ended_by"]) for row in ended} == {(200, "caller")}
        begun_at_a = [of_one for of_one in rows.values() if any(row["at"] == "a" for row in of_one)]
        assert begun_at_a
        assert all({row["reason"] for row in of_one if row["at"] != "a"} == {"adopted"} for of_one in begun_at_a)


def names(messages: list[Logged]) -> set[str | None]:
    """The calls that they belong to."""
    return {message.header("Call-ID") for message in messages}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def test_a_node_that_is_killed_in_talks(tmp_path: Path, stack: ExitStack) -> None:
    stand = Stand(tmp_path, stack, ring_ms=100, talk_ms=LONG_MS)
    caller = stand.call()
    eventually(lambda: len(names(stand.callee.received("ACK "))) == CALLS, "all talk")
    stand.kill("a", "answered_at")
    caller.finish(60)
    stand.each_is_one_call_and_over()


def test_a_node_that_is_killed_while_phones_ring(tmp_path: Path, stack: ExitStack) -> None:
    """Its address goes to another one, as an address that moves between machines does: that one gets the answers."""
    stand = Stand(tmp_path, stack, ring_ms=LONG_MS, talk_ms=500)
    caller = stand.call()
    eventually(lambda: len(names(caller.received("SIP/2.0 180"))) == CALLS, "all ring")
    stand.kill("a", "id")
    stand.replace("a", by="c")
    caller.finish(60)
    stand.each_is_one_call_and_over()
