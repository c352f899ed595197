"""What callers in a real Asterisk's queue may do beside asking: name another number, ask for nothing, ring in again.

Who they and their agents are: see test_queue_callback.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.far_call import FarCall, Plan
from tests.kit.queue_center import CUSTOMER_TONE, QueueCenter, line
from tests.kit.spoken import number_told, told
from tests.kit.tones import alaw_encode
from tests.kit.waiting import PATIENCE, eventually, stays
from tests.peers.test_queue_callback import asks, customer, hears, taken, takes, they_talk, waits

pytestmark = pytest.mark.usefixtures("pjsip")

TYPED, NOTHING, WITHHELD, AGAIN, MEETS, GLARE = (line(place) for place in range(18, 30, 2))
LINES = (TYPED, NOTHING, WITHHELD, AGAIN, MEETS, GLARE)


@pytest.fixture(scope="module")
def site(asterisk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueCenter]:
    with QueueCenter(asterisk, tmp_path_factory.mktemp("callers"), LINES) as made:
        yield made


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
