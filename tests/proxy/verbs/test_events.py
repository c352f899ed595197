"""Following events, and the level of the log while it runs."""

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from proxy import log
from proxy.control_client import ControlError
from proxy.daemon.journal import kinds_at
from proxy.logger import Level, get_logger
from proxy.verbs.handlers import events
from proxy.verbs.handlers.events import EventAnswers
from proxy.verbs.shapes.events import EventItem, Follow, LogLevel
from routing.events import Event, Outbox
from routing.hub import EventHub
from tests.kit.logged import log_of_its_own
from tests.kit.told import Told


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log says, at level info."""
    stream = io.StringIO()
    with log_of_its_own():
        log.configure("info", stream=stream)
        yield stream


class Faults:
    """`routing.hub.Faults`, of which none may come."""

    def failure(self, where: str, error: BaseException, call: str = "") -> None:
        raise AssertionError(where) from error


class Followed:
    """The hub of a daemon whose log is at a level, and its verbs."""

    def __init__(self, level: Level, outbox: Outbox) -> None:
        self.hub = EventHub(Faults(), outbox)
        self.verbs = EventAnswers(level, self.hub, self.hub.listen("log", Told(), kinds_at(level)), kinds_at)


def event(kind: str, number: int = 1) -> Event:
    return Event(kind, 1.5, f"id{number}", {"customer": "+36201234567"}, "edge1", number)


async def read(of: Followed, kinds: Any, *events: Event) -> list[EventItem]:
    """Follow, have these happen, and give what came."""
    stream = of.verbs.events(Follow.read({"kinds": kinds}))
    await anext(stream)
    of.hub.on_committed(events)
    of.hub.on_committed([event("alarm.cleared", 99), event("alarm.raised", 99)])
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
    hub = Followed("info", Outbox.PLAIN)
    happened = [event("call.started", 1), event("call.ended", 2), event("ticket.opened", 3)]
    found = asyncio.run(read(hub, kinds, *happened))
    assert [item["seq"] for item in found] == seen
    one = happened[seen[0] - 1]
    assert found[0] == {"schema": 1, "id": one.id, "seq": one.seq, "time": 1.5, "kind": one.kind, "node": "edge1",
                        "data": {"customer": "+36201234567"}}


@pytest.mark.parametrize("kinds", [["nothing"], ["call."], "call", [1], ["call"] * 101, ["calls"]])
def test_a_kind_that_there_is_not_is_refused(kinds: Any) -> None:
    with pytest.raises(ControlError, match="kinds: "):
        asyncio.run(read(Followed("info", Outbox.PLAIN), kinds))


def test_what_nobody_reads_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "QUEUE_LIMIT", 2)

    async def play() -> list[EventItem]:
        of = Followed("info", Outbox.PLAIN)
        stream = of.verbs.events(Follow.read({}))
        await anext(stream)
        of.hub.on_committed([event("call.started", number) for number in range(1, 6)])
        first = [await anext(stream), await anext(stream)]
        of.hub.on_committed([event("call.started", 6)])
        return [*first, await anext(stream)]

    found = asyncio.run(play())
    assert [(item["seq"], item.get("missed")) for item in found] == [(1, None), (2, None), (6, 3)]


def test_events_are_made_for_whoever_follows_and_no_longer() -> None:
    of = Followed("info", Outbox.OFF)
    assert of.hub.wanted == kinds_at("info")

    async def follow() -> None:
        stream = of.verbs.events(Follow.read({"kinds": ["agent", "alarm"]}))
        await anext(stream)
        assert of.hub.wanted == (kinds_at("info") or frozenset()) | {"agent.state", "alarm.raised", "alarm.cleared"}
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    asyncio.run(follow())
    assert of.hub.wanted == kinds_at("info")
    of = Followed("info", Outbox.PLAIN)
    wanted = [of.hub.wanted]
    asyncio.run(read(of, None))
    assert [*wanted, of.hub.wanted] == [None, None], "MQTT hears all, all the time"


def test_the_level_is_set_while_it_runs(written: io.StringIO) -> None:
    of, said = Followed("info", Outbox.OFF), get_logger()
    hub = of.verbs
    said.debug("one")
    said.info("two")
    assert hub.log_level(LogLevel.read({})) == {"level": "info"}
    assert hub.log_level(LogLevel.read({"level": "debug"})) == {"level": "debug"}
    said.debug("three")
    logging.getLogger("library").debug("four")
    wanted = [of.hub.wanted]
    assert hub.log_level(LogLevel.read({"level": "error"})) == {"level": "error"}
    said.warning("five")
    logging.getLogger("library").warning("six")
    said.error("seven")
    words = [line.split()[2] for line in written.getvalue().splitlines()]
    assert words == ["two", "three", "library", "seven"]
    assert [*wanted, of.hub.wanted] == [None, frozenset()], "every event has a line at level debug, and none at error"
    with pytest.raises(ControlError, match="'loud' is none of debug, info, warning, error"):
        hub.log_level(LogLevel.read({"level": "loud"}))
    assert hub.log_level(LogLevel.read({})) == {"level": "error"}
