"""A missed customer is called back, with nothing but real peers.

Asterisk is the PBX, with a queue and PJSIP phones as agents; another Asterisk is the carrier, who asks for a login,
with the customer's phone behind it. Who hears whom is told by a tone each way.
"""

import json
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.call_center import AGENT_TONE, CUSTOMER_TONE, CallCenter
from tests.kit.phones import PjsipPhone
from tests.kit.tones import heard
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.usefixtures("pjsip")

CUSTOMER, OTHER = "+36201234567", "+36301112233"
NUMBER = "+3614445555"
"""Asterisk answers it, then queues."""
UNANSWERED = "+3614445556"
"""Asterisk queues it without an answer."""


def policy(talk: str, key: str | None = None, **callback: object) -> dict[str, object]:
    """Group `sales` with both agents and both numbers.

    `talk`: seconds that make a talk of somebody else's call. `key`: of a campaign, for callers who wait.
    """
    campaign = {"name": "Key", "group": "sales", "from": "2020-01-01", "add_key": key}
    return {
        "campaign": {} if key is None else {"10001": campaign},
        "direct_callback": {"type": 0, "min_talk": talk},
        "number": {NUMBER: {"group": "sales"}, UNANSWERED: {"group": "sales"}},
        "group": {
            "sales": {
                "target": "600",
                "agents": ["201", "202"],
                "missed_callback": {"enabled": True, "attempts": 3, "min_wait": "1s"},
                "callback": {"min_talk": "1s", "retry_agent": "2s", "retry_busy": "2s", **callback},
            }
        },
    }


Build = Callable[..., CallCenter]


@pytest.fixture
def build(asterisk: Path, tmp_path: Path) -> Iterator[Build]:
    """Build a call center; it ends with the test."""
    built: list[CallCenter] = []

    def make(**callback: Any) -> CallCenter:
        pbx = {"answers": callback.pop("answers", "before_queue")}
        kept = {name: callback.pop(name) for name in ("hints", "strategy") if name in callback}
        talk = callback.pop("talk", "1s")
        site = CallCenter(
            asterisk, tmp_path, customers=(CUSTOMER, OTHER), policy=policy(talk, **callback), pbx=pbx, **kept
        )
        built.append(site.__enter__())
        return site

    yield make
    for site in built:
        print(site.boomerang.report())  # shown where the test has failed
        site.__exit__(None, None, None)


def gives_up(customer: PjsipPhone, number: str = NUMBER, after: float = 1.5) -> None:
    """The customer calls and hangs up before anybody has them."""
    customer.dial(number)
    customer.wait_for("^phone call state=" + ("CONFIRMED" if number == NUMBER else "CALLING"))
    stays(lambda: customer.running, "the customer waits", after)
    seen = len(customer.lines)
    customer.hang_up()
    customer.ended(after=seen)


def accepts(agent: PjsipPhone, seen: int) -> None:
    """The agent's phone rings for the customer; the agent takes it, hears what it is about, and presses 1."""
    assert CUSTOMER in agent.rings(after=seen)
    agent.talks(after=seen)
    agent.press("1")


def journal(site: CallCenter, task: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = site.boomerang.sql("SELECT kind, agent, data FROM journal WHERE task = ? ORDER BY seq", task)
    return [(row["kind"], row["agent"], json.loads(row["data"])) for row in rows]


def quiet(site: CallCenter) -> None:
    """No call is up at either Asterisk."""
    eventually(lambda: site.pbx.channels() == 0 and site.carrier.channels() == 0, "no call is left")


@pytest.mark.parametrize(("who", "number", "answers"), [
    ("customer", NUMBER, "before_queue"), ("agent", UNANSWERED, "on_agent")])
def test_called_back(build: Build, who: str, number: str, answers: str) -> None:
    """From the missed call to the end of the talk; either side may hang up."""
    site = build(record=True, answers=answers)
    agent, customer = site.agent("201", answer="silent"), site.customer(CUSTOMER)
    site.agent_becomes("202", "free")
    gives_up(customer, number)
    agent.ended()
    seen, began = len(agent.lines), len(customer.lines)
    assert CUSTOMER in agent.rings(after=seen)
    agent.pick_up()
    agent.talks(after=seen)
    stays(lambda: customer.rang() == 0, "nobody is dialled before the agent accepts", 2)
    agent.press("1")
    assert number in customer.rings(after=began), "the number that they had dialled"
    customer.talks(after=began)
    stays(lambda: agent.running, "they talk", 3)
    call = 1 if answers == "on_agent" else 2
    agent.until_heard(CUSTOMER_TONE, 1)
    customer.until_heard(AGENT_TONE, 1, call)
    assert site.agents()["201"] == "busy"
    (customer if who == "customer" else agent).hang_up()
    agent.ended(after=seen)
    customer.ended(after=began)
    task = site.task(lambda row: row["state"] == "done", "the task is done")
    quiet(site)

    told, answered = agent.hears(), customer.hears(call)
    assert told.seconds_of(CUSTOMER_TONE) > 1
    assert told.seconds_before(CUSTOMER_TONE) > 1, "the prompt"
    assert answered.seconds_of(AGENT_TONE) > 1
    assert answered.seconds_before(AGENT_TONE) < 0.5, "of the prompt the customer hears nothing"
    lines = journal(site, task["id"])
    kinds = [kind for kind, _, _ in lines]
    assert kinds[:4] == ["missed", "queued", "due", "assigned"]
    assert kinds[-6:] == ["agent", "accepted", "attempt", "answered", "ended", "result"]
    assert (task["number"], task["attempts"], task["reason"]) == (number, 1, "talked")
    _check_recording(site, lines[-1][2]["recording"])


def _check_recording(site: CallCenter, file: str) -> None:
    """The agent on the left, the customer on the right."""
    with wave.open(str(site.boomerang.data / "recordings" / file)) as audio:
        assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (2, 2, 8000)
        pcm = audio.readframes(audio.getnframes())
    middle = len(pcm) // 8 * 4
    stretch = pcm[middle : middle + 4 * 1600]
    left = b"".join(stretch[at : at + 2] for at in range(0, len(stretch), 4))
    right = b"".join(stretch[at + 2 : at + 4] for at in range(0, len(stretch), 4))
    assert heard(left, AGENT_TONE, [CUSTOMER_TONE])
    assert heard(right, CUSTOMER_TONE, [AGENT_TONE])


def test_declined_it_goes_to_the_other(build: Build) -> None:
    site = build()
    customer = site.customer(CUSTOMER)
    gives_up(customer)
    first = site.agent("201")
    assert CUSTOMER in first.rings()
    first.talks()
    seen = len(first.lines)
    second = site.agent("202")
    first.press("2")
    first.ended(after=seen)
    accepts(second, 0)
    customer.rings()
    customer.hang_up()
    second.ended()
    task = site.task(lambda row: row["attempts"] >= 1, "an attempt that counts")
    kinds = [(kind, agent) for kind, agent, _ in journal(site, task["id"])]
    assert ("declined", "201") in kinds
    assert first.rang() == 1, "not again in this round"


def test_a_customer_who_is_busy_is_called_again_soon(build: Build) -> None:
    site = build()
    customer = site.customer(CUSTOMER)
    gives_up(customer)
    customer.leave()
    busy = site.customer(CUSTOMER, answer="486")
    agent = site.agent("201")
    accepts(agent, 0)
    busy.rings()
    agent.ended()
    seen = len(agent.lines)
    busy.leave()
    there = site.customer(CUSTOMER)
    accepts(agent, seen)
    there.talks()
    site.task(lambda row: row["state"] == "done", "the task is done")
    there.hang_up()
    task = site.tasks()[0]
    assert task["attempts"] == 2
    results = [data for kind, _, data in journal(site, task["id"]) if kind == "result" and data["counted"]]
    assert (results[0]["result"], results[0]["cause"]) == ("customer_busy", 486)


def test_whoever_rings_in_meanwhile_is_joined(build: Build) -> None:
    """The customer calls while the agent hears the prompt: their call is the talk, and they are not dialled."""
    site = build(accept_within="30s")
    customer = site.customer(CUSTOMER)
    gives_up(customer)
    agent = site.agent("201")
    agent.rings()
    agent.talks()
    seen = len(customer.lines)
    customer.dial(NUMBER)
    customer.wait_for("state=EARLY", after=seen)
    agent.press("1")
    customer.talks(after=seen)
    agent.until_heard(CUSTOMER_TONE, 1.5)
    customer.until_heard(AGENT_TONE, 1.5, 2)
    customer.hang_up()
    agent.ended()
    assert customer.rang() == 0
    assert agent.hears().seconds_of(CUSTOMER_TONE) > 1.5
    assert customer.hears(2).seconds_of(AGENT_TONE) > 1.5
    site.task(lambda row: row["state"] == "done", "the task is done")
    quiet(site)


# The key of a waiting caller


def test_a_waiting_caller_presses_the_key(build: Build) -> None:
    """Their leg ends with a word of ours, their place in the queue is given up, and an agent calls them."""
    site = build(key="5")
    customer = site.customer(CUSTOMER)
    customer.dial(NUMBER)
    customer.talks()
    eventually(lambda: site.pbx.channels() == 1, "they are in the queue")
    stays(lambda: customer.running, "they wait", 1)
    customer.press("5")
    task = site.task(lambda row: row["campaign"] == "10001", "a task of the campaign")
    assert customer.said("^phone call state=DISCONN") is False, "they are told first"
    customer.ended()
    quiet(site)
    kind, _, data = journal(site, task["id"])[0]
    assert (kind, data["why"]) == ("missed", "key")
    began = len(customer.lines)
    accepts(site.agent("201"), 0)
    customer.talks(after=began)
    site.task(lambda row: row["state"] == "done", "the promise is kept")
    customer.hang_up()
    quiet(site)


def test_a_waiting_caller_who_is_taken_up_hears_the_agent(build: Build) -> None:
    """Their audio goes through us, and the key is the agent's then."""
    site = build(key="5")
    agent, customer = site.agent("201"), site.customer(CUSTOMER)
    customer.dial(NUMBER)
    agent.talks()
    site.agent_becomes("201", "busy")
    customer.press("5")
    stays(lambda: agent.running, "they talk", 2)
    agent.until_heard(CUSTOMER_TONE, 1.5)
    customer.until_heard(AGENT_TONE, 1.5)
    agent.hang_up()
    customer.ended()
    quiet(site)
    assert agent.hears().seconds_of(CUSTOMER_TONE) > 1.5
    assert customer.hears().seconds_of(AGENT_TONE) > 1.5
    row = eventually(
        lambda: [dict(row) for row in site.boomerang.sql("SELECT * FROM calls") if row["ended_at"]], "a closed call")[0]
    assert (row["agent"], row["evidence"], row["ended_by"]) == ("201", "dialog_event", "callee")
    assert not site.tasks()


# Who was missed


@pytest.mark.parametrize("hints", [True, False])
def test_abandoned_in_the_queue(build: Build, hints: bool) -> None:
    """Nobody was there at all: no phone rang."""
    site = build(hints=hints)
    gives_up(site.customer(CUSTOMER))
    task = site.task(lambda row: True, "a task")
    kind, _, data = journal(site, task["id"])[0]
    assert (kind, data["why"]) == ("missed", "abandoned")
    assert data["weight"] == ("certain" if hints else "likely")


@pytest.mark.parametrize(("seen_by", "talk", "shown"), [
    ("hints", "1s", "no_dialog_event"),
    ("nothing", "1s", "no_connected_line"),
    ("connected line", "5s", "hung_up_at_once"),
    ("connected line", "1s", None),
])
def test_rung_but_not_taken_up(build: Build, seen_by: str, talk: str, shown: str | None) -> None:
    """The phone rings for them and nobody picks up.

    Asterisk without hints shows the phone that rings in a connected line, unless its queue rings all. Nobody knows then
    whether it was picked up: who hangs up sooner than a talk lasts is missed, of the others nothing is claimed.
    """
    strategy = "rrmemory" if seen_by == "connected line" else "ringall"
    site = build(hints=seen_by == "hints", strategy=strategy, talk=talk)
    agent = site.agent("201", answer="silent")
    gives_up(site.customer(CUSTOMER), after=2)
    assert agent.rang() >= 1
    if shown is None:
        stays(lambda: not site.tasks(), "nobody knows whether they talked", 2)
        assert site.boomerang.sql("SELECT evidence FROM calls")[0][0] == "connected_line"
    else:
        task = site.task(lambda row: True, "a task")
        kind, _, data = journal(site, task["id"])[0]
        assert (kind, data["why"]) == ("missed", "abandoned")
        assert shown in data["evidence"]


def test_talked_to_in_the_queue_is_not_missed(build: Build) -> None:
    site = build()
    agent, customer = site.agent("202"), site.customer(CUSTOMER)
    customer.dial(NUMBER)
    agent.talks()
    stays(lambda: agent.running, "they talk", 2)
    customer.hang_up()
    agent.ended()
    row = eventually(
        lambda: [dict(row) for row in site.boomerang.sql("SELECT * FROM calls") if row["ended_at"]], "a closed call")[0]
    assert (row["agent"], row["evidence"]) == ("202", "dialog_event")
    assert row["talk_s"] < row["ended_at"] - row["answered_at"], "the talk began when 202 picked up"
    stays(lambda: not site.tasks(), "they talked", 1)


# kill -9


@pytest.mark.parametrize("moment", ["agent rings", "prompt", "customer rings", "talk"])
def test_killed_in_the_middle(build: Build, moment: str) -> None:
    """What we left up at either Asterisk is ended by the next process; nobody is dialled twice, no promise is lost."""
    site = build()
    late = moment in ("customer rings", "talk")
    customer = site.customer(CUSTOMER, answer="silent" if moment == "customer rings" else "auto")
    gives_up(customer)
    began = len(customer.lines)
    agent = site.agent("201", answer="silent")
    agent.rings()
    if moment != "agent rings":
        agent.pick_up()
        agent.talks()
    if late:
        agent.press("1")
        customer.rings(after=began)
    if moment == "talk":
        site.task(lambda row: row["state"] == "done", "they have talked")
    stays(lambda: agent.running, "it lasts", 0.5)
    site.boomerang.kill9()
    seen, rang = len(agent.lines), agent.rang()
    site.boomerang.restart()
    if late:
        customer.ended(after=began)
        agent.ended(after=seen)
        quiet(site)
        stays(lambda: customer.rang() == 1, "nobody is dialled twice", 3)
        task = site.tasks()[0]
        assert (task["state"], task["attempts"]) == ("done" if moment == "talk" else "open", 1)
        return
    agent.ended(after=seen)
    eventually(lambda: agent.rang() > rang, "the agent's phone rings again")
    agent.pick_up()
    agent.talks(after=seen)
    agent.press("1")
    customer.talks(after=began)
    site.task(lambda row: row["state"] == "done", "the promise is kept")
    customer.hang_up()
    agent.ended(after=seen)
    assert customer.rang() == 1
    assert len(site.tasks()) == 1
