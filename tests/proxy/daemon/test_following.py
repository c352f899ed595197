"""Following events, and the level of the log while it runs."""

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from proxy import log
from proxy.control import ControlError
from proxy.daemon import following
from proxy.daemon.following import EventFollowing
from proxy.daemon.journal import HEARD
from routing.events import Event


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log says, at level info."""
    root = logging.getLogger()
    before = list(root.handlers), root.level
    stream = io.StringIO()
    log.configure("info", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before[0]
    root.setLevel(before[1])


class Ledger:
    """Remembers which kinds are made."""

    def __init__(self) -> None:
        self.kinds: list[frozenset[str] | None] = []

    def listen_to(self, kinds: frozenset[str] | None) -> None:
        self.kinds.append(kinds)


def event(kind: str, number: int = 1) -> Event:
    return Event(kind, 1.5, f"id{number}", {"customer": "+36201234567"}, "edge1", number)


async def read(hub: EventFollowing, kinds: Any, *events: Event) -> list[dict[str, Any]]:
    """Follow, have these happen, and give what came."""
    stream = hub.events({"kinds": kinds})
    await anext(stream)
    hub.told(events)
    hub.told([event("alarm.cleared", 99), event("alarm.raised", 99)])
    found = []
    async for item in stream:
        if item["seq"] == 99:
            break
        found.append(item)
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    return found


@pytest.mark.parametrize(("kinds", "seen"), [
    (None, [1, 2, 3]), ([], [1, 2, 3]), (["call.ended", "alarm.raised"], [2]), (["call", "alarm"], [1, 2]),
    (["ticket.*", "alarm"], [3]),
])
def test_events_are_followed_by_kind(kinds: Any, seen: list[int]) -> None:
    hub = EventFollowing("info", True, Ledger().listen_to)
    happened = [event("call.started", 1), event("call.ended", 2), event("ticket.opened", 3)]
    found = asyncio.run(read(hub, kinds, *happened))
    assert [item["seq"] for item in found] == seen
    one = happened[seen[0] - 1]
    assert found[0] == {"schema": 1, "id": one.id, "seq": one.seq, "time": 1.5, "kind": one.kind, "node": "edge1",
                        "data": {"customer": "+36201234567"}}


@pytest.mark.parametrize("kinds", [["nothing"], ["call."], "call", [1], ["call"] * 101, ["calls"]])
def test_a_kind_that_there_is_not_is_refused(kinds: Any) -> None:
    with pytest.raises(ControlError, match="kinds: "):
        asyncio.run(read(EventFollowing("info", True, Ledger().listen_to), kinds))


def test_what_nobody_reads_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUEUE_LIMIT", 2)

    async def play() -> list[dict[str, Any]]:
        hub = EventFollowing("info", True, Ledger().listen_to)
        stream = hub.events({})
        await anext(stream)
        hub.told([event("call.started", number) for number in range(1, 6)])
        first = [await anext(stream), await anext(stream)]
        hub.told([event("call.started", 6)])
        return [*first, await anext(stream)]

    found = asyncio.run(play())
    assert [(item["seq"], item.get("missed")) for item in found] == [(1, None), (2, None), (6, 3)]


def test_events_are_made_for_whoever_follows_and_no_longer() -> None:
    ledger = Ledger()
    hub = EventFollowing("info", False, ledger.listen_to)
    assert ledger.kinds == [HEARD["info"]]
    asyncio.run(read(hub, ["agent", "alarm"]))
    assert ledger.kinds[1:] == [None, HEARD["info"]]
    all_the_time = Ledger()
    hub = EventFollowing("info", True, all_the_time.listen_to)
    asyncio.run(read(hub, None))
    assert set(all_the_time.kinds) == {None}


def test_the_level_is_set_while_it_runs(written: io.StringIO) -> None:
    ledger, said = Ledger(), structlog.get_logger()
    hub = EventFollowing("info", False, ledger.listen_to)
    said.debug("one")
    said.info("two")
    assert hub.log_level({}) == {"level": "info"}
    assert hub.log_level({"level": "debug"}) == {"level": "debug"}
    said.debug("three")
    logging.getLogger("library").debug("four")
    assert ledger.kinds[-1:] == [None], "every event has a line at this level"
    assert hub.log_level({"level": "error"}) == {"level": "error"}
    said.warning("five")
    logging.getLogger("library").warning("six")
    said.error("seven")
    words = [line.split()[2] for line in written.getvalue().splitlines()]
    assert words == ["two", "three", "library", "seven"]
    assert ledger.kinds[-1] == frozenset()
    with pytest.raises(ControlError, match="'loud' is none of debug, info, warning, error"):
        hub.log_level({"level": "loud"})
    assert hub.log_level({}) == {"level": "error"}
