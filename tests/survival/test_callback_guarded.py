"""What the guard and tickets do with real calls, while the policy changes: product.md sections 6 and 8."""

import datetime
import hashlib
import hmac
import json
import time
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kit.callback_floor import (
    ACCEPTS,
    BRIEF,
    LISTENS,
    NOBODY,
    STAYS,
    TALK,
    TALKS,
    Floor,
    Group,
    Running,
    kinds,
    refuses,
)
from tests.kit.mosquitto import MISSING
from tests.kit.waiting import eventually, stays
from tests.proxy.delivery.receivers import Hook, Post, mail_server, web_server

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

SECRET = "a key that both know"
FLOOR = Floor(tickets={"enabled": True, "subject": "%group%: call %number%",
                       "on": ["closed", "unreached", "expired", "guard"]})


class Office(NamedTuple):
    """A running daemon and who gets its tickets."""

    it: Running
    hook: Hook
    post: Post


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("floor")
    (folder / "secret").write_text(SECRET)
    with web_server() as hook, mail_server() as post:
        channels = {"webhook": hook.url, "webhook_secret": f"file:{folder / 'secret'}",
                    "smtp": f"smtp://127.0.0.1:{post.port}", "mail_from": "boomerang@example.com",
                    "mail_to": ["desk@example.com"]}
        with FLOOR.running(folder, {"tickets": channels}) as it:
            yield Office(it, hook, post)


@pytest.fixture
def sets(office: Office) -> Iterator[Callable[[str, str, str], None]]:
    """Change a key of the policy for this test alone: key, value, and what it is set to afterwards."""
    back: list[tuple[str, str]] = []

    def change(key: str, value: str, then: str) -> None:
        back.append((key, then))
        office.it.boomerang.cli("policy", "set", key, value)

    yield change
    for key, then in back:
        office.it.boomerang.cli("policy", "set", key, then)


STOP = FLOOR.group("stop")


def test_the_stop_switch(office: Office, sets: Callable[[str, str, str], None]) -> None:
    it = office.it
    it.pbx.plans[STOP.agent] = ACCEPTS
    it.carrier.plans[STOP.customer] = TALKS
    sets("guard.stop", "true", "false")
    it.miss(STOP)
    stays(lambda: not it.pbx.to(STOP.agent), "nobody is rung while it is set", 1.5)

    def refused() -> list[str]:
        lines = it.task(STOP.customer, state="open")["journal"]
        return [line["data"]["reason"] for line in lines if line["kind"] == "refused"]

    assert eventually(refused, "the journal says why") == ["stop"]
    it.boomerang.cli("policy", "set", "guard.stop", "false")
    it.rings(STOP.agent)
    it.task(STOP.customer, state="done")


CAP = FLOOR.group("cap", missed_callback={"window": "16s", "attempts": 4})


def test_cap_per_number(office: Office, sets: Callable[[str, str, str], None]) -> None:
    it = office.it
    it.pbx.plans[CAP.agent] = BRIEF
    it.carrier.plans[CAP.customer] = refuses(480)
    sets("guard.number_per_hour", "2", "10")
    it.miss(CAP)
    row = it.task(CAP.customer, state="expired")
    assert (row["attempts"], row["reason"]) == (2, "number_cap")
    assert len(it.carrier.to(CAP.customer)) == 2
    assert it.event("callback.expired", CAP.customer)["text"]
    assert it.event("ticket.opened", CAP.customer)["reason"] == "guard"


QUIET = FLOOR.group("quiet")


def test_quiet_hours(office: Office, sets: Callable[[str, str, str], None]) -> None:
    it = office.it
    it.pbx.plans[QUIET.agent] = ACCEPTS
    sets("guard.quiet_hours", '["mon-sun 00:00-24:00"]', "[]")
    it.miss(QUIET)
    assert "refused" in kinds(it.task(QUIET.customer, reason="quiet_hours"))
    assert it.pbx.to(QUIET.agent) == []


TRUNK, TRUNK_TOO = FLOOR.group("trunk"), FLOOR.group("trunk_too")


def test_concurrent_legs_on_a_trunk(office: Office, sets: Callable[[str, str, str], None]) -> None:
    it = office.it
    sets("guard.trunk_legs", "1", "0")
    for group in (TRUNK, TRUNK_TOO):
        it.pbx.plans[group.agent] = ACCEPTS
        it.carrier.plans[group.customer] = STAYS
        it.miss(group)
    first = eventually(lambda: it.carrier.to(TRUNK.customer) + it.carrier.to(TRUNK_TOO.customer), "one is rung")[0]
    other = next(group for group in (TRUNK, TRUNK_TOO) if group.customer != first.user)
    it.up(first)
    stays(lambda: not it.carrier.to(other.customer), "the other waits", 1.5)
    eventually(lambda: "refused" in kinds(it.task(other.customer)), "the journal says so")
    assert "trunk" in json.dumps(it.task(other.customer)["journal"])
    it.hang_up(first)
    it.hang_up(it.up(it.reaches(other.customer)))


STARTED = FLOOR.group("started", tickets={"on_start": True}, missed_callback={"attempts": 1})


def test_a_ticket_when_an_agent_starts_and_a_note_when_nobody_answers(office: Office) -> None:
    it = office.it
    it.pbx.plans[STARTED.agent] = BRIEF
    it.carrier.plans[STARTED.customer] = refuses(480)
    it.miss(STARTED)
    opened = it.event("ticket.opened", STARTED.customer)
    assert (opened["reason"], opened["agent"]) == ("started", STARTED.agent)
    assert opened["subject"] == f"started: call {STARTED.customer}"
    it.task(STARTED.customer, state="failed")

    def noted() -> list[dict[str, Any]]:
        return [one for one in it.ask("tickets.show", id=opened["ticket"])["comments"] if one["internal"]]

    eventually(lambda: any(STARTED.agent in one["text"] for one in noted()), "an internal note of the try")
    assert len(it.events("ticket.opened", STARTED.customer)) == 1

    def posted() -> list[tuple[dict[str, str], bytes]]:
        return [one for one in office.hook.got if STARTED.customer.encode() in one[1]]

    eventually(lambda: len(posted()) >= 2, "ticket and note at the webhook")
    for headers, body in posted():
        stamp, signature = headers["x-boomerang-signature"].split(",")
        signed = stamp.removeprefix("t=").encode() + b"." + body
        assert signature == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    eventually(lambda: any(STARTED.customer in str(mail["Subject"]) for mail in office.post.mails), "a mail")


FIRST = FLOOR.group("first", callback={"customer_first": True})


def test_customer_first(office: Office) -> None:
    it = office.it
    it.pbx.plans[FIRST.agent] = ACCEPTS
    it.carrier.plans[FIRST.customer] = STAYS
    it.miss(FIRST)
    customer = it.up(it.reaches(FIRST.customer))
    agent = it.up(it.rings(FIRST.agent))
    assert (customer.shown, agent.shown) == (FIRST.number, FIRST.customer)
    assert customer.up_at is not None
    assert customer.up_at < agent.began_at
    time.sleep(TALK)
    it.hang_up(agent)
    it.over(customer)
    it.task(FIRST.customer, state="done", attempts=1)


SILENT = FLOOR.group("silent", agents=2, callback={"accept_within": "1s", "agent_ring_for": "1s"})


def test_agents_who_do_not_answer_or_press_nothing_are_no_attempt(office: Office) -> None:
    it = office.it
    it.pbx.plans[SILENT.agents[0]] = it.pbx.plans[SILENT.agents[1]] = NOBODY
    it.pbx.plans[SILENT.agents[0]] = LISTENS
    it.miss(SILENT)
    for agent in SILENT.agents:
        it.over(it.rings(agent))
    eventually(lambda: {one["result"] for one in it.events("callback.attempted", SILENT.customer)} == {
        "agent_silent", "agent_no_answer"}, "why nobody took it")
    row = it.task(SILENT.customer)
    assert (row["state"], row["attempts"]) == ("open", 0)
    assert it.carrier.to(SILENT.customer) == []


QUEUED: Group = FLOOR.group("queue_only", agents=0, target="6000")


def test_a_group_that_is_a_queue_extension(office: Office) -> None:
    it = office.it
    it.pbx.plans["6000"] = ACCEPTS
    it.carrier.plans[QUEUED.customer] = TALKS
    it.miss(QUEUED)
    assert it.rings("6000").shown == QUEUED.customer
    assert it.reaches(QUEUED.customer).shown == QUEUED.number
    it.task(QUEUED.customer, state="done")


TOMORROW = {status: FLOOR.group(f"tomorrow_{status}", missed_callback={"window": "24h", "attempts": 2})
            for status in (603, 607)}


def local_day(moment: str) -> datetime.date:
    return datetime.datetime.fromisoformat(moment).astimezone(zoneinfo.ZoneInfo("Europe/Budapest")).date()


@pytest.mark.parametrize("status", list(TOMORROW))
def test_not_again_today(office: Office, status: int) -> None:
    """Whatever the hour: of two moments in a day, one may have passed by midnight, and the window has not."""
    it, group = office.it, TOMORROW[status]
    it.pbx.plans[group.agent] = BRIEF
    it.carrier.plans[group.customer] = refuses(status)
    it.miss(group)
    it.event("callback.attempted", group.customer)
    row = it.task(group.customer, state="open", attempts=1)
    assert local_day(row["due"]) == local_day(row["missed_at"]) + datetime.timedelta(1)
    assert row["due"] < row["expires"]
