"""What is over is gone at once: nothing of a call, a leg or an attempt waits for the collector of cycles.

Its thresholds are hardly ever reached by what a callback leaves, so cycles would add up for hours. Here it is off.
"""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest

from proxy.ua.contract import Account
from routing.identity import Answers
from tests.flows.test_queue_room import CAMPAIGN
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.sip_text import SDP

ROUNDS = 20
OVER = 400.0
"""Seconds after which nothing of a call is remembered."""
OURS = ("proxy.ua", "proxy.callbacks", "proxy.presence", "proxy.core", "proxy.services", "proxy.daemon", "proxy.sip",
        "routing.callbacks.task", "routing.calls", "routing.dialogs", "routing.facts", "tests.kit.fake_media")
KEPT = ("NameAddr", "Uri", "CSeq", "Identity", "Task")
"""Values that a cache of fixed size remembers, and tasks in the agenda, which is swept when most of it is stale."""
REQUESTS = POLICY.replace("missed_callback = { enabled = true", "missed_callback = { enabled = false") + """
[queue_callback]
enabled = true
offer_after = "2s"
[guard]
number_per_hour = 100
number_per_day = 1000
"""
CHALLENGE = 'Digest realm="carrier", nonce="n", algorithm=MD5, qop="auth"'
TAKES = Plan(answer=1.0, keys=((1.0, "1"),))


def site_of(policy: str = POLICY, *, answers: Answers = "on_agent", account: Account | None = None,
            agent: tuple[Plan, ...] = (TAKES,), customer: tuple[Plan, ...] = (Plan(answer=1.0, hang_up=10.0),)) -> Site:
    site = Site(policy, answers=answers, account=account)
    site.pbx.plan("201", *agent)
    site.carrier.plan(CUSTOMER, *customer)
    return site


def missed(site: Site) -> None:
    site.miss()
    site.run(40)


def rung_in(site: Site) -> None:
    """The customer rings in while the agent is asked."""
    site.miss()
    site.run(1.5)
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(15)
    call.hang_up()
    site.run(30)


def rung_in_and_gave_up(site: Site) -> None:
    site.miss()
    site.run(0.5)
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(0.5)
    call.hang_up()
    site.run(40)


def changed(site: Site) -> None:
    """Both sides ask for this and that while they talk."""
    site.miss()
    site.run(5)
    for call in (*site.carrier.to(CUSTOMER), *site.pbx.to("201")):
        for method in ("INVITE", "UPDATE", "OPTIONS", "REFER", "INFO"):
            call.request(method, body=SDP if method in ("INVITE", "UPDATE") else b"")
    site.run(40)


def cancelled(site: Site) -> None:
    """An operator takes the promise back while the agent rings."""
    site.miss()
    site.run(0.5)
    for row in site.alive.desk.admin.open_tasks():
        site.alive.desk.admin.cancel(row.id, site.wall())
    site.run(40)


def waited(site: Site) -> None:
    """A caller who waits presses the key, and is called back."""
    site.pbx.plan(NUMBER, Plan(ring=0.2, answer=1.0))
    site.carrier.dial(NUMBER, CUSTOMER)
    site.run(4)
    [row] = [row for row in site.alive.ledger.calls() if not row.own and row.direction == "inbound"]
    site.alive.media[row.id].press("5")
    site.run(20)
    site.skip()
    site.run(40)


def waited_in_vain(site: Site) -> None:
    """A caller hangs up in the queue."""
    site.pbx.plan(NUMBER, Plan(ring=0.2, answer=1.0))
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(10)
    call.hang_up()
    site.run(40)


def asked(site: Site) -> Call:
    """A caller asks for a callback and hangs up; returns their place."""
    site.pbx.plan(NUMBER, Plan(ring=0.2, answer=0.5))
    call = site.carrier.dial(NUMBER, CUSTOMER)
    for seconds, key in ((2.5, ""), (0.3, "1"), (0.3, "1")):
        site.run(seconds)
        for row in site.alive.ledger.calls():
            if row.sip_call_id == call.call_id:
                site.alive.media[row.id].press(key)
    site.run(1)
    call.hang_up()
    site.run(1)
    assert len(site.alive.places) == 1
    return site.pbx.to(NUMBER)[0]


def place_accepted(site: Site) -> None:
    asked(site).press("1")
    site.run(40)


def place_declined(site: Site) -> None:
    """By the first agent; the second one accepts."""
    asked(site).press("2")
    site.run(20)
    site.pbx.to(NUMBER)[1].press("1")
    site.run(40)


def place_dropped(site: Site) -> None:
    """By the PBX: we ring an agent ourselves."""
    asked(site).hang_up()
    site.skip()
    site.run(40)


def place_left(site: Site) -> None:
    """The request is cancelled."""
    asked(site)
    for row in site.alive.desk.admin.open_tasks():
        site.alive.desk.admin.cancel(row.id, site.wall())
    site.skip()
    site.run(40)


def back_in_their_place(site: Site) -> None:
    """And out of it again, before an agent accepts."""
    place = asked(site)
    again = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(3)
    again.hang_up()
    site.run(1)
    place.press("1")
    site.run(40)


def passed(site: Site) -> None:
    """Calls that only pass: answered, refused, given up."""
    for plan in (Plan(answer=1.0, hang_up=5.0), Plan(status=486, answer=0.5), Plan(answer=None)):
        site.pbx.plan("+3614449999", plan)
        call = site.carrier.dial("+3614449999", CUSTOMER)
        site.run(8)
        if call.open:
            call.hang_up()
        site.run(2)


SCENES: dict[str, tuple[Callable[[], Site], Callable[[Site], None]]] = {
    "talked": (site_of, missed),
    "customer first": (lambda: site_of(POLICY + '[callback]\ncustomer_first = true\nrecord = true\n'), missed),
    "busy": (lambda: site_of(customer=(Plan(status=486, answer=0.5),)), missed),
    "no answer": (lambda: site_of(agent=(Plan(answer=None),)), missed),
    "not a word": (lambda: site_of(agent=(Plan(dead=True),)), missed),
    "declined": (lambda: site_of(agent=(Plan(answer=1.0, keys=((1.0, "2"),)),)), missed),
    "early media": (lambda: site_of(customer=(Plan(early=True, answer=2.0, hang_up=5.0),)), missed),
    "no codec": (lambda: site_of(customer=(Plan(answer=1.0, body=SDP.replace(b"8 101", b"18 3 97")),)), missed),
    "asks for a password": (lambda: site_of(
        account=Account("acme", "secret", "carrier"),
        customer=(Plan(answer=1.0, hang_up=5.0, challenge=CHALLENGE, accepts=True),)), missed),
    "answers all the same": (lambda: site_of(agent=(Plan(answer=None, cancel=False),)), missed),
    "the plug is pulled": (lambda: site_of(customer=(Plan(answer=1.0, dead_after=2.0),)), missed),
    "rung in": (lambda: site_of(customer=(Plan(answer=None),)), rung_in),
    "rung in and gave up": (site_of, rung_in_and_gave_up),
    "changed": (site_of, changed),
    "cancelled": (site_of, cancelled),
    "waited": (lambda: site_of(POLICY + CAMPAIGN, answers="before_queue"), waited),
    "waited in vain": (lambda: site_of(POLICY + CAMPAIGN, answers="before_queue"), waited_in_vain),
    "passed": (site_of, passed),
    **{happens.__name__.replace("_", " "): (lambda: site_of(REQUESTS, answers="before_queue"), happens)
       for happens in (place_accepted, place_declined, place_dropped, place_left, back_in_their_place)},
}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("scene", SCENES)
def test_what_is_over_is_gone(scene: str) -> None:
    make, happens = SCENES[scene]
    site = make()
    play(site, happens, 3)
    gc.collect()
    before = alive()
    gc.set_debug(gc.DEBUG_SAVEALL)
    play(site, happens, ROUNDS)
    after = alive()
    gc.collect()
    assert count(gc.garbage, ()) == {}, "in cycles"
    assert {name: more for name, more in (after - before).items() if more > ROUNDS // 10} == {}, "kept by something"


HELD = 100
HELD_BYTES = 12_000
"""Most that a call in progress may hold, with its share of the messages that are kept for a while and its events."""


def test_a_call_in_progress_holds_little() -> None:
    site = site_of()
    hold(site, 10)
    gc.collect()
    tracemalloc.start()
    try:
        before = traced()
        hold(site, HELD)
        gc.collect()
        assert (traced() - before) / HELD < HELD_BYTES
    finally:
        tracemalloc.stop()
    assert len(site.alive.ledger.calls()) == HELD + 10


def hold(site: Site, calls: int) -> None:
    """Set up calls that nobody ends, and let pass what is remembered of a call's beginning."""
    site.pbx.plan("+3614449999", Plan(answer=0.2))
    for _ in range(calls):
        site.carrier.dial("+3614449999", CUSTOMER)
        site.run(1)
    site.run(OVER)
    for phone in (site.pbx, site.carrier):
        phone.calls.clear()


def traced() -> int:
    """Bytes that are held by what our code has made."""
    ours = [tracemalloc.Filter(True, f"*/{room}/*") for room in ("proxy", "routing", "config")]
    others = [tracemalloc.Filter(False, "*/tests/*"), tracemalloc.Filter(False, "*/site-packages/*")]
    found = tracemalloc.take_snapshot().filter_traces(ours).filter_traces(others)
    return sum(each.size for each in found.statistics("filename"))


def play(site: Site, happens: Callable[[Site], None], rounds: int) -> None:
    """Let it happen again and again, and forget what the test itself keeps."""
    for _ in range(rounds):
        happens(site)
        for task in site.alive.desk.admin.open_tasks():
            site.alive.desk.admin.cancel(task.id, site.wall())
        site.run(OVER)
        for phone in (site.pbx, site.carrier):
            phone.calls.clear()
        site.alive.media.past.clear()


def alive() -> Counter[str]:
    return count(gc.get_objects())


def count(objects: list[object], without: tuple[str, ...] = KEPT) -> Counter[str]:
    """Objects of ours by type."""
    kinds = (type(each) for each in objects)
    return Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds
                   if str(kind.__module__).startswith(OURS) and kind.__qualname__ not in without)
