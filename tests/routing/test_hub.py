"""The hub: everybody hears what was committed, in order, whatever another listener does."""

from collections.abc import Sequence

from routing.events import Event, Outbox
from routing.hub import KINDS, EventHub, Follower


def event(kind: str, seq: int) -> Event:
    return Event(kind, 1.5, f"id{seq}", {}, "edge1", seq)


class Reports:
    """`Faults` that are kept."""

    def __init__(self) -> None:
        self.of: list[tuple[str, str]] = []

    def failure(self, where: str, error: BaseException, call: str = "") -> None:
        self.of.append((where, str(error)))


class Ears:
    """A listener with a list."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def on_events(self, events: Sequence[Event]) -> None:
        self.heard += [event.seq for event in events]


class Deaf:
    """A listener that raises at everything."""

    def on_events(self, events: Sequence[Event]) -> None:
        raise ValueError("what is that?")


class Bell:
    """`Wake` that counts."""

    def __init__(self) -> None:
        self.rung = 0

    def set(self) -> None:
        self.rung += 1


def test_everybody_hears_all_in_order_though_one_raises_each_time() -> None:
    reports, before, after = Reports(), Ears(), Ears()
    hub = EventHub(reports, outbox=Outbox.OFF)
    hub.listen("before", before)
    deaf = hub.listen("deaf", Deaf())
    hub.listen("after", after)
    hub.on_committed([event("call.started", 1), event("call.ended", 2)])
    hub.on_committed([event("call.started", 3)])
    assert before.heard == after.heard == [1, 2, 3]
    assert hub.faults == {"deaf": 2}
    assert reports.of == [("events to deaf", "what is that?")] * 2
    deaf.stop()
    hub.on_committed([event("call.started", 4)])
    assert len(reports.of) == 2
    assert after.heard == [1, 2, 3, 4]


def test_a_listener_hears_the_kinds_it_asked_for_until_it_asks_for_others() -> None:
    ears = Ears()
    hub = EventHub(Reports(), outbox=Outbox.OFF)
    hearing = hub.listen("ears", ears, ("call.ended",))
    hub.on_committed([event("call.started", 1), event("call.ended", 2)])
    hearing.change(None)
    hub.on_committed([event("call.started", 3)])
    hearing.change(frozenset())
    hub.on_committed([event("call.started", 4)])
    assert ears.heard == [2, 3]


def test_what_is_worth_making_is_what_anybody_hears() -> None:
    hub = EventHub(Reports(), outbox=Outbox.OFF)
    assert hub.wanted == frozenset()
    one = hub.listen("one", Ears(), ("call.ended",))
    two = hub.listen("two", Ears(), ("call.started", "call.ended"))
    assert hub.wanted == {"call.started", "call.ended"}
    two.stop()
    two.stop()
    wanted = [hub.wanted]
    one.change(None)
    wanted.append(hub.wanted)
    one.stop()
    assert [*wanted, hub.wanted] == [{"call.ended"}, None, frozenset()]
    kept = EventHub(Reports(), outbox=Outbox.PLAIN)
    kept.listen("one", Ears(), ()).stop()
    assert kept.wanted is None, "the outbox keeps every event"


def test_who_comes_while_others_are_told_hears_the_next_events() -> None:
    late = Ears()
    hub = EventHub(Reports(), outbox=Outbox.OFF)

    class Inviting:
        def on_events(self, events: Sequence[Event]) -> None:
            if events[0].seq == 1:
                hub.listen("late", late)

    hub.listen("inviting", Inviting())
    hub.on_committed([event("call.started", 1)])
    hub.on_committed([event("call.started", 2)])
    assert late.heard == [2]


def test_a_follower_that_does_not_read_holds_up_nobody_and_is_told_what_it_missed() -> None:
    bell, ears = Bell(), Ears()
    hub = EventHub(Reports(), outbox=Outbox.OFF)
    slow = Follower(KINDS, 2, bell)
    hub.listen("slow", slow)
    hub.listen("ears", ears)
    for seq in range(1, 6):
        hub.on_committed([event("call.started", seq)])
    assert ears.heard == [1, 2, 3, 4, 5]
    assert slow.left_out == 3
    assert bell.rung == 5
    taken = [slow.take(), slow.take(), slow.take()]
    assert [one and (one.event.seq, one.missed) for one in taken] == [(1, 0), (2, 0), None]
    hub.on_committed([event("call.started", 6), event("call.ended", 7)])
    taken = [slow.take(), slow.take()]
    assert [one and (one.event.seq, one.missed) for one in taken] == [(6, 3), (7, 0)]
