"""Something breaks at each single event of a request's life: a caller who was promised nothing hears the queue, and a
request that was promised is kept.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.flows.test_queue_callback_crash import ONE, TWO, Story
from tests.kit.builds import replaces_parts
from tests.kit.callback_site import NUMBER, Site
from tests.kit.queue_pbx import Takes
from tests.kit.queue_scene import SECOND

LASTS = 12.0
"""Seconds until it is whole again."""


def disk_refuses(site: Site) -> Callable[[], None]:
    store = site.store
    store.broken = True

    def mend() -> None:
        store.broken = False

    return mend


def disk_hangs(site: Site) -> Callable[[], None]:
    soon = site.store.later
    site.store.later = lambda delay, action: soon(delay + LASTS, action)

    def mend() -> None:
        site.store.later = soon

    return mend


def _bug(*arguments: Any, **named: Any) -> Any:
    raise ZeroDivisionError("a bug")


def _bugs_in(thing: object, *names: str) -> Callable[[], None]:
    for name in names:
        setattr(thing, name, _bug)

    def mend() -> None:
        for name in names:
            delattr(thing, name)

    return mend


def ledger_bug(site: Site) -> Callable[[], None]:
    return _bugs_in(site.alive.ledger.queue, "offer", "note_offered", "typed", "ask", "press", "came_back")


def requests_bug(site: Site) -> Callable[[], None]:
    return _bugs_in(site.alive.desk.calls, "queue_offer", "offered", "named", "request", "stayed", "place_of",
                    "rang_in")


def places_bug(site: Site) -> Callable[[], None]:
    return _bugs_in(site.alive.desk.places, "place_taken", "place_declined", "place_returned", "place_accepted")


def media_says_nothing(site: Site) -> Callable[[], None]:
    media = site.alive.media
    media.dead = True

    def mend() -> None:
        media.dead = False

    return mend


FAULTS = [disk_refuses, disk_hangs, pytest.param(ledger_bug, marks=replaces_parts), requests_bug, places_bug,
          media_says_nothing]


class Broken(Story):
    """A story in which something breaks at one event."""

    def play(self, fault: Callable[[Site], Callable[[], None]], number: int) -> None:
        site, before = self.site, self.site.on_event
        first = site.events
        broke: list[int] = []

        def heed() -> None:
            before()
            if site.events - first == number + 1 and not broke:
                broke.append(number)
                site.later(LASTS, fault(site))

        site.on_event = heed
        self.begin()
        site.run(3.9)
        self.look()
        site.run(60)

    def look(self) -> None:
        """The caller is about to hang up, or waits on: they hear that they are called back, or the queue."""
        call, node = self.calls[0], self.site.alive
        assert call.state == "up", self.site.shown()
        sessions = node.media.sessions
        [row] = [row for row in node.ledger.calls() if row.sip_call_id == call.call_id]
        if row.id not in sessions:  # it went its normal way
            assert [one.open for one in self.site.pbx.to(NUMBER)][-1:] == [True], self.site.shown()
            return
        session = sessions[row.id]
        assert session.peer or session.doing, self.site.shown()
        if session.peer is not None:
            assert session.peer in [one.call_id for one in self.site.pbx.to(NUMBER) if one.open], self.site.shown()

    def settle_broken(self) -> None:
        """Whoever was promised a callback has it; nobody is left up; nobody is called twice."""
        site, scene = self.site, self.scene
        for call in self.calls:
            if call.open:
                call.hang_up()
        scene.queue.agents["202"] = [Takes(after=0.5, keys=((1.0, "1"),))]
        site.run(300)
        requests = scene.requests()
        dialled = [one for one in site.attempts() if one.customer_at is not None]
        assert len(site.carrier.to(SECOND)) <= len(dialled) <= 1, site.shown()
        assert requests or not self.told, site.shown()
        assert [one for one in requests if one.state not in ("done", "failed", "cancelled")] == [], site.shown()
        assert [call.invite.user for phone in (site.pbx, site.carrier) for call in phone.calls if call.open] == [], \
            site.shown()
        assert not len(site.alive.places)
        assert not len(site.alive.room)
        assert site.alive.runner.running() == ()
        assert site.alive.media.sessions == {}, site.shown()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_each_event(fault: Callable[[Site], Callable[[], None]]) -> None:
    def story() -> Broken:
        return Broken("before_queue", {"201": [TWO], "202": [ONE]})

    events = story().run(None, 30)
    promised = 0
    for number in range(events + 1):
        one = story()
        one.play(fault, number)
        one.settle_broken()
        promised += one.told
    assert promised
