"""A caller in a real Asterisk's queue asks for a callback, hangs up, and keeps the place.

Customers are phones of the carrier that a test moves, agents are PJSIP phones. Who hears whom is told by tones, what a
customer is told by the prompts in the audio. Each test has a number, a queue and two agents of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.far_call import FarCall, Plan
from tests.kit.phones import PjsipPhone
from tests.kit.queue_center import AGENT_TONE, CUSTOMER_TONE, Line, QueueCenter, line
from tests.kit.spoken import number_told, told
from tests.kit.tones import alaw_encode, heard
from tests.kit.waiting import PATIENCE, eventually, stays

pytestmark = pytest.mark.usefixtures("pjsip")

RINGALL, LINEAR, RRMEMORY = line(10), line(12, strategy="linear"), line(14, strategy="rrmemory")
UNANSWERED = line(16, before="")
TYPED, NOTHING, WITHHELD, AGAIN, MEETS, GLARE = (line(place) for place in range(18, 30, 2))
BOX = "VoiceMail(100@default,u)"
LEFT, RECORDED = line(30, patience=12, after=BOX), line(32, patience=8, after=BOX)
"""Behind both is a voicemail box; the places of the first are left in time."""
LINES = (RINGALL, LINEAR, RRMEMORY, UNANSWERED, TYPED, NOTHING, WITHHELD, AGAIN, MEETS, GLARE, LEFT, RECORDED)
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
    assert site.in_queue(one.queue) == 1, "back in the queue, at its end"

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


def types(site: QueueCenter, call: FarCall, keys: str, answer: str) -> str:
    """A customer presses keys and hears the answer; gives the number that was read to them, if any."""
    since = site.heard_so_far(call)
    site.types(call, keys)
    hears(site, call, answer, since)
    if answer == "number_is":
        hears(site, call, "confirm", since)
    return number_told(site.told(call, since=since))


def test_a_number_is_typed(site: QueueCenter) -> None:
    """Each way to write one, and what is none; the last one is confirmed, and called in the place of the caller's."""
    caller, other = customer(TYPED, 0), "+36301112233"
    call = waits(site, TYPED, caller)
    hears(site, call, "offer_callback")
    types(site, call, "1", "menu_other")
    types(site, call, "2", "type_number")
    assert types(site, call, "0036301112233#", "number_is") == other
    types(site, call, "2", "type_number")
    types(site, call, "*36907777777#", "not_called")
    assert types(site, call, "06301112244#", "number_is") == "+36301112244"
    types(site, call, "2", "type_number")
    types(site, call, "112#", "invalid_number")
    assert types(site, call, "*36301112233#", "number_is") == other
    site.press(call, "1")
    site.until(call, "over")
    assert site.told(call)[-2:] == ["confirmed", "goodbye"]
    task = site.task(other, lambda row: row["kind"] == "queue", "a request for the other number")
    assert not site.tasks(caller)
    agent = site.agent(TYPED.agents[0])
    takes(agent, other)
    taken(site, task["id"])
    stays(lambda: agent.running, "they listen", 11)
    agent.press("1")
    there = site.reaches(other)
    site.until(there, "up")
    they_talk(site, there, agent)
    site.task(other, lambda row: row["state"] == "done", "the promise is kept")
    site.hang_up(there)
    agent.ended()
    assert not site.carrier.to(caller)
    heard_by_agent = told(alaw_encode(b"".join(agent.hears().windows)))
    assert number_told(heard_by_agent) == other, heard_by_agent


def test_who_asks_for_nothing_is_promised_nothing(site: QueueCenter) -> None:
    """Silence, nonsense, half a number and a hang-up: they are in the queue again, or gone, and nobody is called."""
    silent, wrong, half = (waits(site, NOTHING, customer(NOTHING, number)) for number in range(3))
    for call in (silent, wrong, half):
        hears(site, call, "offer_callback")
        site.press(call, "1")
    hears(site, half, "menu_other")
    types(site, half, "2", "type_number")
    site.types(half, "*3630111")
    site.hang_up(half)
    hears(site, wrong, "menu_other")
    types(site, wrong, "2", "type_number")
    for keys in ("0#", "*99912345678#"):
        types(site, wrong, keys, "invalid_number")
    types(site, wrong, "123456789012345678901234567890#", "back_in_queue")
    hears(site, silent, "back_in_queue", timeout=2 * PATIENCE)
    assert site.told(silent).count("menu_this") == 2, "once more, then the queue"
    assert site.in_queue(NOTHING.queue) == 2
    assert all(call.state == "up" for call in (silent, wrong))
    assert not [row for number in range(3) for row in site.tasks(customer(NOTHING, number))]
    for call in (silent, wrong):
        site.hang_up(call)
    eventually(lambda: site.in_queue(NOTHING.queue) == 0, "they have left")


def test_whose_number_is_withheld_names_another(site: QueueCenter) -> None:
    """1 is not in their menu; what they withheld stands nowhere."""
    hidden, other = "+36207654321", "+36301112255"
    call = site.calls(WITHHELD.number, "anonymous", headers=[
        f"P-Asserted-Identity: <sip:{hidden}@{site.carrier.at}>", "Privacy: id"])
    hears(site, call, "offer_callback")
    types(site, call, "1", "menu_other")
    assert "menu_this" not in site.told(call)
    types(site, call, "2", "type_number")
    assert types(site, call, "*36301112255#", "number_is") == other
    site.press(call, "1")
    site.until(call, "over")
    site.task(other, lambda row: row["kind"] == "queue", "a request for the other number")
    assert not [row for table in ("tasks", "journal", "attempts")
                for row in site.boomerang.sql(f"SELECT * FROM {table}") if hidden in str(tuple(row))]
    agent = site.agent(WITHHELD.agents[0])
    assert other in agent.rings()
    agent.pick_up()
    agent.talks()
    agent.press("1")
    there = site.reaches(other)
    site.until(there, "up")
    they_talk(site, there, agent)
    site.hang_up(there)
    agent.ended()


def test_they_ring_in_again_while_it_waits(site: QueueCenter) -> None:
    """They are in their own place again, and may hang up again; the agent who takes it has them."""
    caller = customer(AGAIN, 0)
    other = waits(site, AGAIN, customer(AGAIN, 1))
    asks(site, call := waits(site, AGAIN, caller))
    task = site.task(caller, lambda row: row["kind"] == "queue", "a request")
    for _ in range(2):
        call = site.calls(AGAIN.number, caller)
        hears(site, call, "back_in_place")
        assert site.in_queue(AGAIN.queue) == 2, "no place beside their own"
        site.hang_up(call)
        site.until(call, "over")
        assert site.task(caller, lambda row: True, "the request")["state"] == "open"
    assert site.in_queue(AGAIN.queue) == 2
    site.hang_up(other)
    call = site.calls(AGAIN.number, caller)
    agent = site.agent(AGAIN.agents[0])
    takes(agent, caller)
    they_talk(site, call, agent)
    stays(lambda: call.state == "up", "they talk", 1.5)
    agent.hang_up()
    site.until(call, "over")
    done = site.task(caller, lambda row: row["state"] == "done", "a talk ends the request")
    assert done["id"] == task["id"]
    assert not site.carrier.to(caller)
    assert agent.hears().seconds_of(CUSTOMER_TONE) > 0.5
    eventually(lambda: site.in_queue(AGAIN.queue) == 0, "nobody is left")


@pytest.mark.parametrize("moment", ["the agent hears what it is about", "their phone rings"])
def test_they_ring_in_again_while_the_agent_has_their_place(site: QueueCenter, moment: str) -> None:
    """They are joined with that agent; whom we were ringing is rung no more."""
    one, accepted = (MEETS, False) if moment.startswith("the agent") else (GLARE, True)
    caller = customer(one, 0)
    site.carrier.plans[caller] = Plan(answer=None)
    asks(site, waits(site, one, caller))
    task = site.task(caller, lambda row: row["kind"] == "queue", "a request")
    agent = site.agent(one.agents[0])
    takes(agent, caller)
    taken(site, task["id"])
    if accepted:
        agent.press("1")
        site.reaches(caller)
    call = site.calls(one.number, caller)
    they_talk(site, call, agent)
    stays(lambda: call.state == "up", "they talk", 1.5)
    seen = len(agent.lines)
    site.hang_up(call)
    agent.ended(after=seen)
    site.task(caller, lambda row: row["state"] == "done", "the promise is kept")
    assert agent.hears().seconds_of(CUSTOMER_TONE) > 0.5
    assert [each.ended_by for each in site.carrier.to(caller)] == (["far"] if accepted else [])
    eventually(lambda: site.in_queue(one.queue) == 0 and agent.rang() == 1, "rung once")


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
