"""`kill -9` before each single event of a request's life, and a new process over what was on disk.

Both sides of a place end, a request that was promised is kept, and nobody is dialled twice.
"""

from collections.abc import Callable
from functools import partial

import pytest

from routing.identity import Answers
from tests.kit.callback_site import NUMBER, Call, Plan, Site
from tests.kit.queue_pbx import Takes
from tests.kit.queue_scene import ENABLED, FIRST, SECOND, THIRD, QueueScene

DOWN = 0.5
"""Seconds until the next process is there."""
ONE = Takes(after=0.5, keys=((1.0, "1"),), away=True)
TWO = Takes(after=0.5, keys=((1.0, "2"),), away=True)
OUR_RING = Plan(ring=0.2, answer=0.5, keys=((0.5, "1"),))
"""What an agent does whom we ring ourselves."""


def press(site: Site, call: Call, key: str) -> None:
    """A caller presses a key, if anybody is there to hear it."""
    node = site.node
    if node is not None:
        for row in node.ledger.calls():
            if row.sip_call_id == call.call_id and row.id in node.media.sessions:
                node.media[row.id].press(key)


def live(scene: QueueScene, begin: Callable[[], None], crash_at: int | None, seconds: float) -> int:
    """Let it happen up to an event at which the node dies, and have it back; returns how many events there were."""
    site = scene.site
    before = site.events
    if crash_at is not None:
        site.crash_at = before + crash_at
    begin()
    site.run(seconds, until=lambda: site.node is None)
    site.crash_at = None
    events = site.events - before
    if site.node is None:
        site.run(DOWN)
        site.start()
        scene.queue.show_all()
    return events


class Story:
    """A caller who asks and hangs up, on a node that may die at any moment."""

    def __init__(self, answers: Answers, agents: dict[str, list[Takes]], more: str = "") -> None:
        self.scene = scene = QueueScene({"201": [], "202": []}, more, answers=answers)
        self.site, self.agents = scene.site, agents
        for agent in agents:
            self.site.pbx.plan(agent, OUR_RING)
        self.site.carrier.default = Plan(ring=0.2, answer=0.5, hang_up=6.0)
        self.calls: list[Call] = []
        self.told = False
        """The caller has heard that they are called back."""

    def begin(self) -> None:
        self._dial()
        for at in (2.5, 2.8):
            self.site.later(at, lambda: press(self.site, self.calls[0], "1"))
        self.site.later(4.0, lambda: self._hang_up(0))
        self.site.later(4.5, self._agents_come)

    def _agents_come(self) -> None:
        self.scene.queue.agents.update({name: list(takes) for name, takes in self.agents.items()})

    def rings_in(self, at: float, until: float) -> None:
        """They ring in again, at a moment."""
        self.site.later(at, self._dial)
        self.site.later(until, lambda: self._hang_up(1))

    def _dial(self) -> None:
        self.calls.append(self.site.carrier.dial(NUMBER, SECOND))

    def _hang_up(self, call: int) -> None:
        node, one = self.site.node, self.calls[call]
        if call == 0 and node is not None:
            self.told = any("confirmed" in " ".join(clip.prompt for clip in session.clips)
                            for session in node.media.sessions.values())
        one.hang_up()

    def run(self, crash_at: int | None, seconds: float) -> int:
        """Let it happen; returns how many events there were."""
        return live(self.scene, self.begin, crash_at, seconds)

    def settle(self) -> None:
        """After all: nobody is up, whoever was promised something is called, once."""
        site, scene = self.site, self.scene
        site.run(100)
        for call in self.calls:
            if call.open:
                call.hang_up()  # what rang when it died has no final answer
        site.run(3700)  # of a call that rang then nobody knows for an hour whether it was answered
        site.assert_nothing_left()
        requests = scene.requests()
        dialled = [one for one in site.attempts() if one.customer_at is not None]
        assert len(requests) <= 1
        assert len(site.carrier.to(SECOND)) <= len(dialled) <= 1, "without an attempt, or twice\n" + site.shown()
        assert requests or not self.told, "a promise is lost\n" + site.shown()
        if requests:
            assert requests[0].state in ("done", "failed"), (requests, site.shown())
        assert scene.queue.waiting() == []


Setup = Callable[[], Story]
STORIES: dict[str, Setup] = {
    "accepted": lambda: Story("before_queue", {"201": [ONE]}),
    "accepted on_agent": lambda: Story("on_agent", {"201": [ONE]}),
    "declined": lambda: Story("before_queue", {"201": [TWO], "202": [ONE]}),
    "dispatched": lambda: Story("before_queue", {"201": [TWO], "202": []}, 'declined = "dispatch"\n'),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_crash_before_each_event(name: str) -> None:
    whole = STORIES[name]()
    events = whole.run(None, 30)
    whole.settle()
    assert whole.scene.request.state == "done"
    assert whole.told
    assert events > 40
    kept = 0
    for number in range(events + 1):
        story = STORIES[name]()
        story.run(number, 30)
        story.settle()
        kept += len(story.scene.requests())
    assert events // 3 < kept <= events


@pytest.mark.parametrize(("at", "until"), [(5.0, 9.0), (4.6, 30.0)])
def test_a_crash_while_they_are_back_in_their_place(at: float, until: float) -> None:
    def story(crash_at: int | None) -> tuple[Story, int]:
        one = Story("before_queue", {"201": [Takes(after=5.0, keys=((1.0, "1"),), away=True)]})
        one.rings_in(at, until)
        return one, one.run(crash_at, 40)

    whole, events = story(None)
    whole.settle()
    assert whole.scene.request.state == "done"
    for number in range(30, events + 1):
        one, _ = story(number)
        one.settle()


CALLERS = (FIRST, SECOND, THIRD)
"""As they begin to wait."""
ASK = (THIRD, FIRST, SECOND)
"""As they ask."""


class Three:
    """Three callers who wait, and ask in another order; then one agent comes, for all of them."""

    def __init__(self) -> None:
        policy = ENABLED.replace('agents = ["201", "202"]', 'agents = ["201"]')
        self.scene = scene = QueueScene({"201": []}, policy=policy)
        scene.site.pbx.plan("201", OUR_RING)
        scene.site.carrier.default = Plan(ring=0.2, answer=0.5, hang_up=6.0)
        self.calls = {caller: scene.calls(caller) for caller in CALLERS}

    def begin(self) -> None:
        site = self.scene.site
        for turn, caller in enumerate(ASK):
            for at in (0.5, 0.8):
                site.later(at + turn, partial(press, site, self.calls[caller], "1"))
        for place, caller in enumerate(CALLERS):  # whose call goes on as the node dies is called later than the others
            site.later(4.0 + place, self.calls[caller].hang_up)
        site.later(7.0, lambda: self.scene.queue.agents.update({"201": [ONE, ONE, ONE]}))

    def settle(self) -> tuple[list[str], list[str]]:
        """After all: who was promised a callback, as they began to wait, and who was called, in order. Whose call was
        written down and the node died before or after it was dialled is not dialled again: a ticket says so."""
        site = self.scene.site
        site.run(300)
        for call in self.calls.values():
            if call.open:
                call.hang_up()  # what rang when it died has no final answer
        site.run(3700)
        site.assert_nothing_left()
        called = [call.invite.user for call in site.carrier.calls if not call.caller]
        kept = {request.customer for request in self.scene.requests() if request.state == "done"}
        lost = {request.customer for request in self.scene.requests() if request.state != "done"}
        assert len(lost) <= 1, self.scene.requests()
        return [caller for caller in CALLERS if caller in kept | (lost & set(called))], called


def test_three_callers_keep_their_order_over_a_crash() -> None:
    """Who began to wait first is called first, whoever asked first, with a place that is held or after the crash."""
    whole = Three()
    events = live(whole.scene, whole.begin, None, 60)
    assert whole.settle() == (list(CALLERS), list(CALLERS))
    promised = 0
    for number in range(events + 1):
        three = Three()
        live(three.scene, three.begin, number, 60)
        kept, called = three.settle()
        assert called == kept, (number, three.scene.site.shown())
        promised += len(kept)
    assert events < promised < 3 * events, "some died before they had asked"
