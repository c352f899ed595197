"""What is around a held place goes away and comes back: broker, database, media process, the PBX itself.

Requests are kept, each customer is dialled once, and whoever waits stays in the PBX's queue and hears it. All of it on
one Asterisk and one daemon; what else a real PBX must have shown once is at the end.
"""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.far_call import FarCall
from tests.kit.mosquitto import Mosquitto, Subscriber, broker, listening
from tests.kit.phones import PjsipPhone
from tests.kit.queue_center import AGENT_TONE, CUSTOMER_TONE, Line, QueueCenter, line
from tests.kit.spoken import told
from tests.kit.tones import alaw_encode, heard
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.usefixtures("pjsip", "mosquitto")

DISPATCH, LIMIT = line(10), line(12)
AROUND, IN_ORDER, KILLED = (line(place)._replace(agents=(f"2{place}",)) for place in range(14, 20, 2))
LINES = (AROUND, IN_ORDER, KILLED, DISPATCH, LIMIT)
SOON = {"min_talk": "200ms", "retry_agent": "1s", "wrap_up": "0s"}
GROUPS: dict[str, dict[str, Any]] = {
    **{one.queue: {"callback": SOON} for one in LINES},
    DISPATCH.queue: {"callback": SOON, "queue_callback": {"declined": "dispatch"}},
    LIMIT.queue: {"callback": SOON, "queue_callback": {"limit": "5s", "language": "de"}, "tickets": {"enabled": True}},
}
REMEMBERS = "allow_anonymous true\npersistence true\npersistence_location {}/\n"
"""A broker that keeps for its subscribers what comes while they are away."""
LISTENS = 6.0
"""Seconds in which an agent hears once at least what a place is about."""


class Center(NamedTuple):
    """The site, its broker, and who listens there."""

    site: QueueCenter
    server: Mosquitto
    mqtt: Subscriber


@pytest.fixture(scope="module")
def center(asterisk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    folder = tmp_path_factory.mktemp("outages")
    with (
        broker(folder, REMEMBERS.format(folder)) as server,
        listening(server.port, "boomerang/#", arguments=("-c", "-i", "test", "-x", "600")) as mqtt,
        QueueCenter(asterisk, folder, LINES, groups=GROUPS, mqtt=f"mqtt://127.0.0.1:{server.port}", music=True,
                    extra={"media": {"inband_keys": True}}) as site,
    ):
        mqtt.wait_for("boomerang/edge1/status", "online")
        yield Center(site, server, mqtt)


# What customers do


def customer(one: Line, number: int) -> str:
    return f"+36202{one.queue}{number:03}"


def call_in(site: QueueCenter, one: Line, numbers: Sequence[int], tone: float = CUSTOMER_TONE) -> list[FarCall]:
    """Customers call and are in the queue."""
    before = site.in_queue(one.queue)
    calls = [site.calls(one.number, customer(one, number), tone, waits=False) for number in numbers]
    eventually(lambda: site.in_queue(one.queue) == before + len(calls), "they are in the queue", every=0.2)
    return [site.until(call, "up") for call in calls]


def all_hear(site: QueueCenter, calls: Sequence[FarCall], prompt: str, language: str = "en") -> None:
    eventually(lambda: all(prompt in site.told(call, language) for call in calls), f"they hear {prompt}", every=0.2)


def five_ask(site: QueueCenter, one: Line) -> list[str]:
    """Five customers ask to be called back, all at once, and hang up; who they are."""
    calls = call_in(site, one, range(5))
    for prompt in ("offer_callback", "menu_this"):
        all_hear(site, calls, prompt)
        for call in calls:
            site.press(call, "1")
    for call in calls:
        site.until(call, "over")
        assert site.told(call)[-2:] == ["confirmed", "goodbye"]
    asked = [customer(one, number) for number in range(5)]
    assert open_requests(site, asked) == asked
    assert site.in_queue(one.queue) == 5
    return asked


def open_requests(site: QueueCenter, asked: Sequence[str]) -> list[str]:
    """Which of them wait for their callback still."""
    return [one for one in asked if [(row["kind"], row["state"]) for row in site.tasks(one)] == [("queue", "open")]]


def each_was_called_once(site: QueueCenter, asked: Sequence[str]) -> None:
    rows = [row for one in asked for row in site.tasks(one)]
    assert [(row["state"], row["reason"], row["attempts"]) for row in rows] == len(asked) * [("done", "talked", 1)]
    assert [len(site.carrier.to(one)) for one in asked] == len(asked) * [1]


# What agents do


def ringing(phone: PjsipPhone) -> tuple[int, str] | None:
    """Which line of its output says that it rings now, and that line."""
    lines = list(phone.lines)
    at = max((at for at, each in enumerate(lines) if each.startswith("phone ringing")), default=-1)
    over = any(each.startswith("phone call state=DISCONN") for each in lines[at:])
    return None if at < 0 or over else (at, lines[at])


def took(site: QueueCenter, who: str) -> bool:
    """Whether Boomerang has seen an agent pick up, by their place or its own call."""
    [task] = site.tasks(who)
    return "place_taken" in [kind for kind, _ in site.journal(task["id"])] or \
        bool(site.boomerang.sql("SELECT 1 FROM attempts WHERE task = ? AND ended_at IS NULL", task["id"]))


def take(site: QueueCenter, phone: PjsipPhone, asked: Sequence[str]) -> tuple[int, str]:
    """An agent picks up what rings, and it is seen; since which line, and for whom."""
    seen, shown = eventually(lambda: ringing(phone), f"{phone.user} rings") or (0, "")
    who = next(one for one in asked if one in shown)
    phone.pick_up()
    phone.talks(after=seen)
    eventually(lambda: took(site, who), f"{phone.user} has {who}", every=0.1)
    return seen, who


def serve(site: QueueCenter, phone: PjsipPhone, asked: Sequence[str], listens: float = 0.0) -> str:
    """An agent calls back whoever is next: the customer hears the agent, and hangs up.

    `listens`: seconds before they press 1.
    """
    seen, who = take(site, phone, asked)
    stays(lambda: phone.running, f"{phone.user} listens", listens)
    phone.press("1")
    there = site.until(site.reaches(who), "up")
    eventually(lambda: heard(site.heard(there), AGENT_TONE), f"{who} hears {phone.user}")
    site.hang_up(there)
    phone.ended(after=seen)
    site.task(who, lambda row: row["state"] == "done", "the promise is kept")
    return who


# Outages


def test_broker_database_and_media_process_go_and_come(center: Center) -> None:
    """An agent calls somebody back in each of the outages; who waits notices nothing."""
    site, server, mqtt = center
    asked = five_ask(site, AROUND)
    waiting = call_in(site, AROUND, (5, 6))
    eventually(lambda: all(site.hears_music(call) for call in waiting), "they hear the PBX's music", every=0.2)
    agent = site.agent(AROUND.agents[0])
    left, held = list(asked), len(asked)

    def nothing_is_lost() -> None:
        since = [site.heard_so_far(call) for call in waiting]
        eventually(lambda: all(site.hears_music(call, packets) for call, packets in zip(waiting, since, strict=True)),
                   "they hear the PBX's music", every=0.2)
        assert all(call.state == "up" for call in waiting)
        assert open_requests(site, asked) == left
        assert site.in_queue(AROUND.queue) == held + len(waiting)

    server.stop_cleanly()
    nothing_is_lost()
    left.remove(serve(site, agent, left))
    held -= 1
    server.start()
    mqtt.wait_for("boomerang/edge1/status", "online")
    [done] = set(asked) - set(left)
    eventually(lambda: {"place.taken", "callback.connected", "callback.done"} <= events_of(mqtt, done),
               "what happened meanwhile is told")
    nothing_is_lost()

    seen, who = take(site, agent, left)
    with closing(sqlite3.connect(site.boomerang.data / "boomerang.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        agent.press("1")
        agent.ended(after=seen)
        assert not site.carrier.to(who), "nobody is dialled whose dial is not on disk"
        held -= 1  # and the agent was told so
        nothing_is_lost()
        other.execute("ROLLBACK")

    worker = media_process(site.boomerang)
    os.kill(worker, signal.SIGKILL)
    nothing_is_lost()
    assert media_process(site.boomerang) != worker
    for call in waiting:
        site.hang_up(call)
    left.remove(serve(site, agent, left, listens=LISTENS))
    assert "callback_for" in told(alaw_encode(b"".join(agent.hears(3).windows)))
    while left:
        left.remove(serve(site, agent, left))
    each_was_called_once(site, asked)
    agent.leave()
    eventually(lambda: site.in_queue(AROUND.queue) == 0, "all is over", every=0.2)


def events_of(mqtt: Subscriber, who: str) -> set[str]:
    """Kinds of the events about a customer so far."""
    payloads = [message.json() for message in mqtt.of("/event/")]
    return {payload["kind"] for payload in payloads if payload["data"].get("customer") == who}


def media_process(boomerang: Boomerang) -> int:
    """Its process id, once there is one."""
    assert boomerang.process is not None
    pid = boomerang.process.pid

    def found() -> int:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next((int(one) for one in children if b"proxy.media.worker" in command_line(one)), 0)

    return eventually(found, "a media process")


def command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


@pytest.mark.parametrize("one", [IN_ORDER, KILLED], ids=["in_order", "killed"])
def test_the_pbx_is_restarted(center: Center, one: Line) -> None:
    """It forgets its queue; the requests go on without a place, and agents are rung for each."""
    site = center.site
    asked = five_ask(site, one)
    [waiting] = call_in(site, one, [5])
    eventually(lambda: site.hears_music(waiting), "they hear the PBX's music")
    if one is IN_ORDER:
        site.asterisk.restart_in_order()
    else:  # its silence is what says so
        site.asterisk.restart()
    site.until(waiting, "over")
    assert waiting.ended_by == "far"
    assert open_requests(site, asked) == asked
    assert not any(site.carrier.to(who) for who in asked)
    agent, left = site.agent(one.agents[0]), list(asked)
    while left:
        left.remove(serve(site, agent, left))
    each_was_called_once(site, asked)
    agent.leave()


# Once each


def test_keys_in_band_and_declined_is_dispatched(center: Center) -> None:
    """Who says no is not asked again: the next one is rung by ourselves, at once."""
    site = center.site
    who = customer(DISPATCH, 0)
    [call] = call_in(site, DISPATCH, [0], tone=0)
    for prompt in ("offer_callback", "menu_this"):
        all_hear(site, [call], prompt)
        site.press_in_band(call, "1")
    site.until(call, "over")
    assert site.told(call)[-2:] == ["confirmed", "goodbye"]
    anna = site.agent(DISPATCH.agents[0])
    take(site, anna, [who])
    ben = site.agent(DISPATCH.agents[1])
    anna.press("2")
    ben.rings()
    assert site.in_queue(DISPATCH.queue) == 0, "no place any more"
    serve(site, ben, [who])
    each_was_called_once(site, [who])
    lines = site.journal(site.tasks(who)[0]["id"])
    assert [agent for kind, agent in lines if kind in ("declined", "accepted")] == [anna.user, ben.user]
    assert (anna.rang(), ben.rang()) == (1, 1)


def test_keys_by_info_german_and_the_limit(center: Center) -> None:
    """Nobody takes it in time: the place is left, a ticket is opened, and the group's figures say so."""
    site, mqtt = center.site, center.mqtt
    who = customer(LIMIT, 0)
    [call] = call_in(site, LIMIT, [0])
    for prompt in ("offer_callback", "menu_this"):
        all_hear(site, [call], prompt, "de")
        site.press_by_info(call, "1")
    site.until(call, "over")
    assert site.told(call, "de")[-2:] == ["confirmed", "goodbye"]
    row = site.task(who, lambda row: row["state"] != "open", "the limit is over", 30)
    assert (row["state"], row["reason"], row["attempts"]) == ("expired", "limit", 0)
    eventually(lambda: site.in_queue(LIMIT.queue) == 0, "the place is left", every=0.2)
    assert not site.carrier.to(who)
    ticket = eventually(lambda: [one.json()["data"] for one in mqtt.of("/event/ticket.opened")], "a ticket")[0]
    assert (ticket["customer"], ticket["subject"], ticket["reason"]) == (who, f"Callback {who}", "expired")

    def figures() -> bool:
        group = json.loads(mqtt.topics().get(f"boomerang/edge1/group/g{LIMIT.queue}", "{}"))
        return bool(group) and (group["places_held"], group["callbacks_in_queue"], group["offers_taken"]) == (0, 0, 1)

    eventually(figures, "the group's figures")
