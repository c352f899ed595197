"""A caller in a real Asterisk's queue asks for a callback, hangs up, and keeps the place.

Customers are phones of the carrier that a test moves, agents are PJSIP phones. Who hears whom is told by tones, what a
customer is told by the prompts in the audio. Each test has a number, a queue and two agents of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.far_call import FarCall
from tests.kit.phones import PjsipPhone
from tests.kit.queue_center import AGENT_TONE, CUSTOMER_TONE, Line, QueueCenter, line
from tests.kit.tones import heard
from tests.kit.waiting import PATIENCE, eventually, stays

pytestmark = pytest.mark.usefixtures("pjsip")

RINGALL, LINEAR, RRMEMORY = line(10), line(12, strategy="linear"), line(14, strategy="rrmemory")
UNANSWERED = line(16, before="")
BOX = "VoiceMail(100@default,u)"
LEFT, RECORDED = line(30, patience=12, after=BOX), line(32, patience=8, after=BOX)
"""Behind both is a voicemail box; the places of the first are left in time."""
LINES = (RINGALL, LINEAR, RRMEMORY, UNANSWERED, LEFT, RECORDED)
GROUPS = {LEFT.queue: {"queue_callback": {"place_for": "8s"}}}


@pytest.fixture(scope="module")
def site(asterisk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueCenter]:
    with QueueCenter(asterisk, tmp_path_factory.mktemp("queues"), LINES, groups=GROUPS) as made:
        yield made


def customer(one: Line, number: int) -> str:
    """A customer of a line: nobody else's tests have them."""
    return f"+36201{one.queue}{number:03}"


def waits(site: QueueCenter, one: Line, caller: str, tone: float = CUSTOMER_TONE) -> FarCall:
    """A customer calls and is the last in the queue."""
    before = site.in_queue(one.queue)
    call = site.calls(one.number, caller, tone, waits=False)
    eventually(lambda: site.in_queue(one.queue) == before + 1, f"{caller} is in the queue")
    site.until(call, "up")
    return call


def hears(site: QueueCenter, call: FarCall, prompt: str, since: int = 0, timeout: float = PATIENCE) -> None:
    """Wait until a customer has been told something."""
    eventually(lambda: prompt in site.told(call, since=since), f"{call.shown} hears {prompt}", timeout, 0.2)


def asks(site: QueueCenter, call: FarCall) -> None:
    """A customer asks to be called on the number that they call from, and is hung up on."""
    hears(site, call, "offer_callback")
    site.press(call, "1")
    hears(site, call, "menu_this")
    site.press(call, "1")
    site.until(call, "over")
    assert call.ended_by == "far"
    assert site.told(call)[-2:] == ["confirmed", "goodbye"]


def takes(phone: PjsipPhone, caller: str, seen: int = 0) -> None:
    """An agent's phone rings for this caller, and is picked up."""
    assert caller in phone.rings(after=seen)
    phone.pick_up()
    phone.talks(after=seen)


def they_talk(site: QueueCenter, call: FarCall, agent: PjsipPhone) -> None:
    """The customer hears the agent's tone; whether the agent hears theirs, their recording will say."""
    eventually(lambda: heard(site.heard(call), AGENT_TONE, [CUSTOMER_TONE]), f"{call.user} hears {agent.user}")


def taken(site: QueueCenter, task: str, times: int = 1) -> None:
    """Wait until Boomerang has seen an agent pick up the place."""
    eventually(lambda: [kind for kind, _ in site.journal(task)].count("place_taken") >= times, "the place is taken")


@pytest.mark.parametrize("one", [RINGALL, LINEAR, RRMEMORY, UNANSWERED],
                         ids=["ringall", "linear", "rrmemory", "on_agent"])
def test_three_callers_are_served_in_their_order(site: QueueCenter, one: Line) -> None:
    """The second asks and hangs up; one agent declines, the other accepts; nobody is rung twice."""
    callers = [customer(one, number) for number in range(3)]
    calls = [waits(site, one, caller) for caller in callers]
    asks(site, calls[1])
    task = site.task(callers[1], lambda row: row["kind"] == "queue" and row["state"] == "open", "a request")
    assert site.in_queue(one.queue) == 3, "their place stays"

    anna = site.agent(one.agents[0])
    takes(anna, callers[0])
    they_talk(site, calls[0], anna)
    ben = site.agent(one.agents[1])
    takes(ben, callers[1])
    taken(site, task["id"])
    seen = len(ben.lines)
    ben.press("2")
    takes(ben, callers[2], seen)
    they_talk(site, calls[2], ben)
    eventually(lambda: ("declined", ben.user) in site.journal(task["id"]), "the journal says who declined")
    eventually(lambda: site.in_queue(one.queue) == 1, "back in the queue, at its end")

    seen = len(anna.lines)
    anna.hang_up()
    site.until(calls[0], "over")
    takes(anna, callers[1], seen)
    taken(site, task["id"], 2)
    assert not site.carrier.to(callers[1]), "nobody is dialled before the agent accepts"
    anna.press("1")
    there = site.reaches(callers[1])
    assert there.shown == one.number, "the number that they had dialled"
    site.until(there, "up")
    they_talk(site, there, anna)
    stays(lambda: there.state == "up", "they talk", 1.5)
    seen = len(anna.lines)
    site.hang_up(there)
    anna.ended(after=seen)
    done = site.task(callers[1], lambda row: row["state"] == "done", "the promise is kept")
    assert (done["reason"], done["attempts"], done["number"]) == ("talked", 1, one.number)
    assert len(site.carrier.to(callers[1])) == 1
    assert (anna.rang(), ben.rang()) == (2, 2)
    assert anna.hears(2).seconds_of(CUSTOMER_TONE) > 1
    assert ("accepted", anna.user) in site.journal(task["id"])
    site.hang_up(calls[2])
    eventually(lambda: site.in_queue(one.queue) == 0 and not site.carrier.open_calls(), "all is over")


def left(site: QueueCenter, one: Line) -> None:
    """Wait until no call to this number is at the PBX."""
    eventually(lambda: not site.asterisk.in_dialplan(one.number), "the place is left")


def test_a_voicemail_box_behind_the_queue(site: QueueCenter) -> None:
    """A place is left before the queue's time-out, or at the tone of the box; an agent is rung then by ourselves."""
    callers = {one: customer(one, 0) for one in (LEFT, RECORDED)}
    for one, caller in callers.items():
        asks(site, waits(site, one, caller))
    for one, caller in callers.items():
        left(site, one)
        agent = site.agent(one.agents[0])
        agent.rings()
        agent.pick_up()
        agent.talks()
        agent.press("1")
        there = site.reaches(caller)
        site.until(there, "up")
        they_talk(site, there, agent)
        site.task(caller, lambda row: row["state"] == "done", "the promise is kept")
        site.hang_up(there)
        agent.ended()
        assert len(site.carrier.to(caller)) == 1
