"""`kill -9` before each single event of an attempt, and a new process over what was on disk.

No customer is dialled twice for one attempt or without it counting, no leg stays up, no task is lost.
"""

from collections.abc import Callable

import pytest

from proxy.ua.contract import Account
from routing.callbacks.clicks import Click
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site

DOWN = 0.5
"""Seconds until the next process is there."""
CUSTOMER_FIRST = POLICY.replace("[group.sales]", "[callback]\ncustomer_first = true\n[group.sales]")
CONFIRM = POLICY.replace("[group.sales]", '[callback]\nconfirm_key = "5"\n[group.sales]')

PREVIEW = POLICY.replace("[group.sales]", '[callback]\npreview = "5s"\n[group.sales]')


def talk(site: Site) -> None:
    """The agent accepts, the customer answers, they talk."""
    site.pbx.plan("201", Plan(answer=2.0, keys=((2.0, "1"),)))
    site.carrier.plan(CUSTOMER, Plan(answer=2.0, keys=((1.0, "5"),), hang_up=15.0))


def busy(site: Site) -> None:
    """The customer is busy at first."""
    talk(site)
    site.carrier.plans[CUSTOMER].insert(0, Plan(answer=1.0, status=486))


def nobody(site: Site) -> None:
    """Nobody answers at first."""
    talk(site)
    site.carrier.plans[CUSTOMER].insert(0, Plan(answer=None))


def declined(site: Site) -> None:
    """The agent declines at first."""
    talk(site)
    site.pbx.plans["201"].insert(0, Plan(answer=1.0, keys=((1.0, "2"),)))


def digest(site: Site) -> None:
    """The carrier asks for a password: the INVITE leaves twice."""
    talk(site)
    site.log_in(Account("acme", "secret", None))
    site.carrier.plans[CUSTOMER][0].challenge = 'Digest realm="carrier", nonce="n", algorithm=MD5, qop="auth"'
    site.carrier.plans[CUSTOMER][0].accepts = True


def at_once(site: Site) -> None:
    """Both answer without a word before: a queue that answers first, a voicemail."""
    site.pbx.plan("201", Plan(trying=False, ring=None, answer=0.0, keys=((2.0, "1"),)))
    site.carrier.plan(CUSTOMER, Plan(trying=False, ring=None, answer=0.0, hang_up=15.0))


def clicked(site: Site) -> None:
    """The agent accepts by a click while they look at the card, in whatever process, and presses 1 all the same."""
    talk(site)
    _click(site, Click.ACCEPT, 60.0, lambda: False)


def declined_by_click(site: Site) -> None:
    """The agent declines by a click while they look at the card, once."""
    talk(site)
    _click(site, Click.DECLINE, 60.0, lambda: any(one.result == "declined" for one in site.attempts()))


def _click(site: Site, click: Click, seconds: float, enough: Callable[[], bool]) -> None:
    """For so long a person sits there who clicks whatever comes up."""
    def look(left: float) -> None:
        if site.node is not None and not enough():
            for one in site.node.runner.running():
                if one.phase == "preview":
                    site.node.runner.click(one.attempt, click, "201", "", site.now)
        if left > 0:
            site.later(0.5, lambda: look(left - 0.5))

    look(seconds)


class Watch:
    """Looks after each event."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.on_event = self.look

    def calls(self) -> list[Call]:
        return self.site.carrier.to(CUSTOMER)

    def look(self) -> None:
        up = [call for call in self.calls() if call.open]
        assert len(up) <= 1, "two legs of one customer\n" + self.site.shown()

    def settle(self) -> None:
        """After all: what was promised is kept or still planned, and nothing is up."""
        site = self.site
        site.run(900)
        site.assert_nothing_left()
        task = site.task
        dialled = [one for one in site.attempts() if one.customer_at is not None]
        assert len(self.calls()) <= len(dialled), "dialled without an attempt\n" + site.shown()
        assert task.attempts == len(dialled)
        assert task.state == "done" or (task.state == "open" and task.due_at is not None), site.shown()
        site.run(25 * 3600)
        task = site.task
        assert task.state == "done", (task, site.shown())
        assert task.attempts <= task.attempts_max
        site.assert_nothing_left()


SCENES: list[tuple[str, str, Callable[[Site], None]]] = [
    ("talk", POLICY, talk), ("busy", POLICY, busy), ("nobody", POLICY, nobody), ("declined", POLICY, declined),
    ("digest", POLICY, digest), ("at_once", POLICY, at_once),
    ("clicked", PREVIEW, clicked), ("declined_by_click", PREVIEW, declined_by_click),
    ("customer_first", CUSTOMER_FIRST, talk), ("confirm", CONFIRM, talk),
]


def begin(policy: str, scene: Callable[[Site], None], crash_at: int | None) -> Site:
    """A site with a missed call, which dies at this event after it."""
    site = Site(policy)
    scene(site)
    site.miss()
    if crash_at is not None:
        site.crash_at = site.events + crash_at
    return site


def die_and_begin_anew(site: Site, seconds: float) -> None:
    """Let it run up to the crash, if it comes in that time, and start the next process."""
    site.run(seconds, until=lambda: site.node is None)
    site.crash_at = None
    if site.node is None:
        site.run(DOWN)
        site.start()


@pytest.mark.parametrize(("policy", "scene"), [one[1:] for one in SCENES], ids=[one[0] for one in SCENES])
def test_a_crash_before_each_event(policy: str, scene: Callable[[Site], None]) -> None:
    whole = begin(policy, scene, None)
    before = whole.events
    whole.run(120)
    assert whole.events - before > 10
    for number in range(whole.events - before + 1):
        site = begin(policy, scene, number)
        watch = Watch(site)
        die_and_begin_anew(site, 120)
        watch.settle()


def test_a_crash_while_they_ring_in() -> None:
    """Glare: the call that came in ends with the process, and the promise stays."""
    def begun(crash_at: int | None) -> Site:
        site = begin(POLICY, nobody, None)
        site.run(30, until=lambda: any(call.state == "ringing" for call in site.carrier.to(CUSTOMER)))
        if crash_at is not None:
            site.crash_at = site.events + crash_at
        site.carrier.dial(NUMBER, CUSTOMER)
        return site

    whole = begun(None)
    before = whole.events
    whole.run(20)
    for number in range(whole.events - before + 1):
        site = begun(number)
        die_and_begin_anew(site, 30)
        site.run(20)
        for call in site.carrier.calls:
            if call.caller and call.open:
                call.hang_up()
        site.run(25 * 3600)
        assert site.task.state == "done", site.shown()
        site.assert_nothing_left()
