"""Who has a call that was picked up from a colleague's ringing phone, or whose phone forwards: a real Asterisk."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.call_center import CallCenter
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.usefixtures("pjsip")

CUSTOMER = "+36201234567"
NUMBER = "+3614445555"
"""Asterisk answers it, then queues."""
UNANSWERED = "+3614445556"
"""Asterisk queues it without an answer."""
POLICY = {
    "direct_callback": {"type": 0, "min_talk": "2s"},
    "number": {NUMBER: {"group": "sales"}, UNANSWERED: {"group": "sales"}},
    "group": {
        "sales": {
            "target": "600",
            "agents": ["201", "202"],
            "missed_callback": {"enabled": True, "min_wait": "1s"},
            "callback": {"min_talk": "1s", "wrap_up": "30s"},
        }
    },
}

Build = Callable[[str], CallCenter]


@pytest.fixture
def build(asterisk: Path, tmp_path: Path) -> Iterator[Build]:
    """Build a call center whose queue rings one phone at a time; it ends with the test."""
    built: list[CallCenter] = []

    def make(answers: str) -> CallCenter:
        site = CallCenter(
            asterisk, tmp_path, customers=[CUSTOMER], policy=POLICY, pbx={"answers": answers}, strategy="rrmemory"
        )
        built.append(site.__enter__())
        for agent in ("201", "202"):
            site.agent_becomes(agent, "free")
        return site

    yield make
    for site in built:
        print(site.boomerang.report())  # shown where the test has failed
        site.__exit__(None, None, None)


def calls(site: CallCenter) -> list[dict[str, Any]]:
    """Rows of the customers' own calls that are over."""
    rows = site.boomerang.sql("SELECT * FROM calls WHERE reason != 'callback' AND ended_at IS NOT NULL ORDER BY id")
    return [dict(row) for row in rows]


@pytest.mark.parametrize(("number", "answers"), [(NUMBER, "before_queue"), (UNANSWERED, "on_agent")])
@pytest.mark.parametrize("dial", ["*8", "**201"])
def test_a_customers_call_is_of_whoever_picked_it_up(build: Build, number: str, answers: str, dial: str) -> None:
    site = build(answers)
    first, colleague = site.agent("201", answer="silent"), site.agent("202", answer="486")
    customer = site.customer(CUSTOMER)
    customer.dial(number)
    assert CUSTOMER in first.rings()
    site.agent_becomes("201", "ringing")
    colleague.dial(dial)
    colleague.talks()
    first.ended()
    site.agent_becomes("202", "busy")
    stays(lambda: customer.running, "they talk", 3)
    customer.hang_up()
    (call,) = eventually(lambda: calls(site), "the call's row")
    assert (call["agent"], call["evidence"]) == ("202", "pickup" if answers == "before_queue" else "identity")
    assert call["talk_s"] > 2
    site.agent_becomes("202", "free")
    stays(lambda: site.tasks() == [], "nobody is called back", 1)


@pytest.mark.parametrize("how", ["picked up", "forwarded"])
def test_a_callback_is_of_whoever_took_it(build: Build, how: str) -> None:
    """Our leg rings 201; 202 takes it, accepts and talks."""
    site = build("before_queue")
    customer = site.customer(CUSTOMER)
    forwards = how == "forwarded"
    first = site.agent("201", answer="silent 202")
    customer.dial(NUMBER)
    customer.wait_for("^phone call state=CONFIRMED")
    first.rings()
    stays(lambda: customer.running, "the customer waits", 1.5)
    seen, rung = len(customer.lines), len(first.lines)
    customer.hang_up()
    customer.ended(after=seen)
    # 202, who is idle longer, has no phone until 201 rings: nobody else can be rung
    assert CUSTOMER in first.rings(after=rung)
    colleague = site.agent("202", answer="silent")
    if forwards:
        first.say("answer 302")
        assert CUSTOMER in colleague.rings()
        colleague.pick_up()
    else:
        colleague.dial("**201")
    colleague.talks()
    began = len(customer.lines)
    colleague.press("1")
    customer.rings(after=began)
    customer.talks(after=began)
    stays(lambda: customer.running, "they talk", 2)
    eventually(lambda: site.agents() == {"201": "free", "202": "busy"}, "who took it is busy")
    customer.hang_up()
    task = site.task(lambda row: row["state"] == "done", "the task is done")
    eventually(lambda: site.agents() == {"201": "free", "202": "wrap_up"}, "202 has the card")
    eventually(lambda: not site.boomerang.sql("SELECT 1 FROM calls WHERE ended_at IS NULL"), "every row is closed")
    query = "SELECT * FROM attempts WHERE customer_at IS NOT NULL AND ended_at IS NOT NULL"
    (attempt,) = eventually(lambda: [dict(row) for row in site.boomerang.sql(query)], "the attempt is over")
    assert (attempt["agent"], attempt["result"]) == ("202", "talked")
    lines = site.boomerang.sql("SELECT kind, agent, data FROM journal WHERE task = ? ORDER BY seq", task["id"])
    assert {row["agent"] for row in lines if row["kind"] in ("accepted", "answered", "result", "ended")} == {"202"}, [
        (row["kind"], row["agent"], json.loads(row["data"])) for row in lines
    ]
    legs = site.boomerang.sql("SELECT direction, agent FROM calls WHERE reason = 'callback' ORDER BY id DESC LIMIT 2")
    assert {(row["direction"], row["agent"]) for row in legs} == {("inbound", "202"), ("outbound", "202")}
