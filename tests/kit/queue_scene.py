"""Callers in a queue who may ask for a callback, at a `callback_site`: what they press, and who takes their place."""

from __future__ import annotations

from routing.identity import Answers
from routing.rows import TaskRow
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.fake_media import FakeSession
from tests.kit.queue_pbx import QueuePbx, Takes

FIRST, SECOND, THIRD = "+36201111111", CUSTOMER, "+36203333333"
"""Three callers."""
BASE = POLICY.replace('agents = ["201"]\nmissed_callback = { enabled = true, window = "24h", attempts = 4 }\n',
                      'agents = ["201", "202"]\n')
ENABLED = BASE + '[queue_callback]\nenabled = true\nkey = "1"\noffer_after = "2s"\n'
ACCEPTS = Takes(keys=((4.0, "1"),))
DECLINES = Takes(keys=((2.0, "2"),), away=True)
TALKS = Takes(hang_up=20.0)
QUEUE = Plan(ring=0.2, answer=1.0)
"""A queue that answers."""


def calls_in(site: Site, plan: Plan = QUEUE, seconds: float = 4.0, customer: str = CUSTOMER) -> Call:
    """A customer calls a queue that does so, and that many seconds pass."""
    site.pbx.plan(NUMBER, plan)
    call = site.carrier.dial(NUMBER, customer)
    site.run(seconds)
    return call


class QueueScene:
    """A site with a queue behind its number."""

    def __init__(self, agents: dict[str, list[Takes]] | None = None, more: str = "", *, policy: str = ENABLED,
                 answers: Answers = "before_queue", shows: bool = True) -> None:
        """`agents`: who takes calls of the queue; nobody unless said. `more`: keys of queue_callback."""
        self.site = Site(policy + more, answers=answers)
        self.site.turns_by_the_clock = True
        self.queue = QueuePbx(self.site, agents or {"201": [], "202": []}, shows=shows,
                              answers=0.5 if answers == "before_queue" else None)
        self.site.carrier.default = Plan(answer=2.0, hang_up=20.0)

    # Callers

    def calls(self, caller: str = SECOND, fields: tuple[str, ...] = (), seconds: float = 3.0) -> Call:
        """Somebody calls, and waits."""
        call = self.site.carrier.dial(NUMBER, caller, fields)
        self.site.run(seconds)
        return call

    def hears(self, call: Call) -> FakeSession:
        """What a caller hears."""
        node = self.site.alive
        [row] = [row for row in node.ledger.calls() if row.sip_call_id == call.call_id]
        return node.media[row.id]

    def press(self, call: Call, keys: str, pause: float = 0.5) -> None:
        """They press keys, one after the other."""
        for key in keys:
            self.hears(call).press(key)
            self.site.run(pause)

    def asks(self, caller: str = SECOND, keys: str = "11", fields: tuple[str, ...] = ()) -> Call:
        """Somebody calls, asks for a callback and hangs up when they have heard that they get one."""
        call = self.calls(caller, fields)
        self.press(call, keys)
        self.site.run(1)
        assert self.requests(), self.site.shown()
        call.hang_up()
        self.site.run(1)
        assert not call.open
        return call

    def talks(self, call: Call) -> Call | None:
        """Whom a caller, or who was called, hears; None: nobody."""
        node = self.site.alive
        names = [row.id for row in node.ledger.calls() if call.call_id in (row.sip_call_id, row.id)]
        peer = node.media[names[0]].peer if names and names[0] in node.media.sessions else None
        return next((other for phone in (self.site.pbx, self.site.carrier) for other in phone.calls
                     if peer is not None and peer == other.call_id), None)

    # What is looked at

    def requests(self) -> list[TaskRow]:
        """Every request, oldest first."""
        self.site.store.flush()
        return sorted((task for task in self.site.store.all_tasks.values() if task.kind == "queue"),
                      key=lambda task: task.id)

    @property
    def request(self) -> TaskRow:
        """The only one."""
        [found] = self.requests()
        return found

    def journal(self) -> list[str]:
        """Kinds of the lines of the only request's journal."""
        task = self.request.id
        return [line.kind for line in self.site.store.all_journal if line.task == task]

    @property
    def place(self) -> Call:
        """The newest call in the queue."""
        return self.site.pbx.to(NUMBER)[-1]

    def words(self, call: Call) -> str:
        """What the far end of a leg of ours hears."""
        return self.site.alive.media[call.call_id].doing

    def settle(self) -> None:
        """Everybody is done, and nothing is left."""
        self.site.run(200)
        self.site.assert_nothing_left()
