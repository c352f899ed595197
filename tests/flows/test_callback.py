"""A missed call is called back: the whole node on a virtual wire, from the first INVITE to the last BYE."""

from typing import Any

import pytest

from proxy.ua.contract import Account
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.sip_text import SDP

TAKES = Plan(answer=3.0, keys=((4.0, "1"),))
"""An agent who answers and accepts."""
TALKS = Plan(answer=5.0, hang_up=20.0)
"""A customer who answers and hangs up after a talk."""


def test_a_missed_call_is_called_back() -> None:
    site = Site()
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(60)
    agent, customer = site.pbx.to("201"), site.carrier.to(CUSTOMER)
    assert (len(agent), len(customer)) == (1, 1), site.shown()
    assert agent[0].shown == CUSTOMER
    assert customer[0].shown == NUMBER
    assert agent[0].up_at is not None
    assert agent[0].up_at + 4 < customer[0].began_at
    assert site.task.state == "done"
    assert [(one.step, one.result) for one in site.attempts()] == [("ended", "talked")]
    site.run(200)
    site.assert_nothing_left()


def test_the_agent_hangs_up_and_both_legs_end() -> None:
    site = Site()
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),), hang_up=20.0))
    site.carrier.plan(CUSTOMER, Plan(answer=1.0))
    site.miss()
    site.run(60)
    assert site.task.state == "done"
    assert not any(call.open for call in site.carrier.calls)
    site.run(200)
    site.assert_nothing_left()


@pytest.mark.parametrize(("after", "leg"), [(1.0, "agent"), (9.0, "customer"), (20.0, "agent"), (20.0, "customer")])
def test_an_operator_ends_a_callback_with_both_its_legs(after: float, leg: str) -> None:
    """While the agent's phone rings, while the customer's does, and in the middle of the talk."""
    site = Site()
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, Plan(ring=1.0, answer=5.0))
    site.miss()
    site.run(after)
    calls = {("agent" if call.direction == "inbound" else "customer"): call.id for call in site.alive.ledger.calls()}
    assert site.alive.runner.end_call(calls[leg], "ended by an operator", site.now)
    site.run(5)
    assert not any(call.open for call in (*site.pbx.calls, *site.carrier.calls))
    assert site.alive.ledger.calls() == ()
    assert not site.alive.runner.end_call(calls[leg], "ended by an operator", site.now), "it is over"


def test_our_calls_are_calls_like_any_other() -> None:
    """Both legs stand in the ledger, and the talk is the agent's talk with this customer."""
    site = Site()
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(12)
    assert site.alive.ledger.attendance.agent_state("201") == "busy"
    site.run(60)
    assert site.alive.ledger.attendance.agent_state("201") == "free"
    site.store.flush()
    rows = [row for row in site.store.rows.values() if row.reason == "callback"]
    assert [(row.direction, row.agent, row.customer, row.number) for row in rows] == [
        ("inbound", "201", CUSTOMER, NUMBER), ("outbound", "201", CUSTOMER, NUMBER)]
    assert rows[1].talk_s is not None
    assert 19.9 < rows[1].talk_s < 20.1
    assert site.store.calls.last_talk(CUSTOMER, 5.0) is not None


def test_two_agents_one_declines() -> None:
    site = Site(POLICY.replace('agents = ["201"]', 'agents = ["201", "202"]'))
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "2"),)))
    site.pbx.plan("202", TAKES)
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(90)
    declined = [one.agent for one in site.attempts() if one.result == "declined"]
    assert set(declined) <= {"201"}
    assert site.task.state == "done"
    assert [one.agent for one in site.attempts()][-1] == "202"
    assert len(site.carrier.to(CUSTOMER)) == 1
    assert site.task.attempts == 1


def connected(site: Site) -> list[dict[str, Any]]:
    """What was told of agents and customers who hear each other."""
    return [event.data for event in site.store.events if event.kind == "callback.connected"]


def test_a_voicemail_is_no_talk() -> None:
    """It answers for long, and presses no key."""
    site = Site(POLICY.replace("[group.sales]", '[callback]\nconfirm_key = "5"\n[group.sales]'))
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, Plan(answer=1.0), Plan(answer=1.0, keys=((3.0, "5"),), hang_up=20.0))
    site.miss()
    site.run(90)
    assert [one.result for one in site.attempts()] == ["no_key"]
    assert connected(site) == []
    assert (site.task.state, site.task.attempts) == ("open", 1)
    assert site.store.calls.last_talk(CUSTOMER, 5.0) is None
    site.run(24 * 3600)
    assert [one.result for one in site.attempts()] == ["no_key", "talked"]
    [event] = connected(site)
    assert event["attempt"] == site.attempts()[-1].id
    assert site.task.state == "done"
    site.assert_nothing_left()


def test_a_customer_who_talks_elsewhere_is_not_dialled() -> None:
    """While the agent is asked: the step is refused, and the agent is told that nobody comes."""
    site = Site(POLICY + '[number."+3614445599"]\nkind = "direct"\nagent = "205"\n')
    site.pbx.plan("201", Plan(answer=1.0, keys=((8.0, "1"),)))
    site.pbx.plan("+3614445599", Plan(answer=0.5))
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(3)
    call = site.carrier.dial("+3614445599", CUSTOMER)
    site.run(8)
    assert call.state == "up"
    assert site.carrier.to(CUSTOMER) == []
    agent = site.pbx.to("201")[0]
    assert site.alive.media[agent.call_id].doing == "play customer_not_reached goodbye"
    site.run(30)
    call.hang_up()
    site.run(100)
    assert site.carrier.to(CUSTOMER) == []
    assert site.task.state == "done", "they have talked"
    site.run(300)
    site.assert_nothing_left()


# The customer rings in


def rung_in(site: Site) -> Call:
    """The customer calls the front desk."""
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(0.1)
    return call


@pytest.mark.parametrize("phase", ["agent rings", "agent asked", "customer rings", "customer is busy with us",
                                   "voicemail"])
def test_the_customer_rings_in(phase: str) -> None:
    site = Site(POLICY.replace("[group.sales]", '[callback]\nconfirm_key = "5"\n[group.sales]')
                if phase == "voicemail" else POLICY)
    site.pbx.plan("201", Plan(answer=3.0, keys=((4.0, "1"),)))
    site.carrier.plan(CUSTOMER, Plan(answer=1.0) if phase == "voicemail" else Plan(answer=None))
    if phase == "customer is busy with us":
        site.carrier.plan(CUSTOMER, Plan(status=486, answer=0.3))
    site.miss()
    site.run({"agent rings": 1.0, "agent asked": 4.0}.get(phase, 9.0))
    call = rung_in(site)
    site.run(6)
    assert call.state == "up", site.shown()
    if phase.startswith("agent"):
        assert 180 in [message.status for message in call.heard], "they hear ringing until the agent is there"
    assert site.pbx.to(NUMBER) == site.pbx.to(NUMBER)[:1], "it went nowhere else"
    agent = site.pbx.to("201")[0]
    assert agent.state == "up"
    ours = [leg for leg in site.carrier.to(CUSTOMER) if leg.open]
    assert ours == [], "the other leg has ended"
    media = site.alive.media
    assert media[agent.call_id].doing.startswith("joined")
    site.run(10)
    call.hang_up()
    site.run(1)
    assert agent.state == "over"
    assert site.task.state == "done"
    assert [one.result for one in site.attempts()] == ["glare"]
    site.run(300)
    site.assert_nothing_left()


def test_the_customer_rings_in_and_the_agent_declines() -> None:
    """Then the call goes where it was headed, and the caller notices nothing."""
    site = Site()
    site.pbx.plan("201", Plan(answer=3.0, keys=((4.0, "2"),)))
    site.pbx.plan(NUMBER, Plan(answer=1.0))
    site.carrier.plan(CUSTOMER, Plan(answer=None))
    site.miss()
    site.run(1)
    call = rung_in(site)
    site.run(20)
    assert call.state == "up"
    assert site.pbx.to(NUMBER)[-1].state == "up"
    assert site.carrier.to(CUSTOMER) == []
    site.run(20)
    call.hang_up()
    site.run(300)
    assert site.task.state == "done", "they talked, whoever it was"
    site.assert_nothing_left()


def test_the_customer_rings_in_and_gives_up() -> None:
    site = Site()
    site.pbx.plan("201", Plan(answer=3.0, keys=((4.0, "1"),)))
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(1)
    call = rung_in(site)
    site.run(1)
    call.hang_up()
    site.run(60)
    assert len(site.carrier.to(CUSTOMER)) == 1
    assert site.task.state == "done"
    site.run(300)
    site.assert_nothing_left()


# Far ends that behave badly


CHALLENGE = 'Digest realm="carrier", nonce="n", algorithm=MD5, qop="auth"'
ACCOUNT = Account("acme", "secret", "carrier")


FOREIGN = SDP.replace(b"8 101", b"18 3 97").replace(b"rtpmap:8 PCMA", b"rtpmap:18 G729")
"""Three codecs, none of which is ours."""
BAD: dict[str, tuple[Plan, str, int | None]] = {
    "401 for ever": (Plan(challenge=CHALLENGE), "customer_failed", 401),
    "a wrong realm": (Plan(challenge=CHALLENGE.replace("carrier", "elsewhere")), "customer_failed", 401),
    "302": (Plan(status=302, answer=0.5, fields=("Contact: <sip:+36900000000@127.0.0.1:5070>",)), "customer_failed",
            302),
    "200 after CANCEL": (Plan(answer=None, cancel=False), "customer_no_answer", 487),
    "183 without end": (Plan(answer=None, early=True), "customer_no_answer", 487),
    "no 1xx and no answer": (Plan(dead=True), "customer_no_answer", None),
    "no codec of ours": (Plan(answer=1.0, body=FOREIGN), "customer_failed", 488),
    "no SDP": (Plan(answer=1.0, body=b""), "customer_failed", None),
    "BYE before ACK": (Plan(answer=1.0, bye_before_ack=True), "", None),
}


@pytest.mark.parametrize("what", BAD)
def test_a_customers_side_that_behaves_badly(what: str) -> None:
    plan, result, cause = BAD[what]
    site = Site(account=ACCOUNT)
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),)))
    site.carrier.plan(CUSTOMER, plan, TALKS)
    site.miss()
    site.run(250)
    first = site.attempts()[0]
    assert first.result == result or not result, (first, site.shown())
    assert cause is None or first.cause == cause
    invites = {message.branch for call in site.carrier.to(CUSTOMER)[:1] for message in [call.invite]}
    assert len(invites) == 1
    assert [call for call in site.carrier.calls if call.invite.user == "+36900000000"] == [], "302 is not followed"
    assert not any(call.open for call in site.carrier.to(CUSTOMER)[:1]), site.shown()
    assert not any(call.open for call in site.pbx.to("201")[:1])
    site.run(25 * 3600)
    site.assert_nothing_left()


def test_the_trunk_that_asks_for_a_password() -> None:
    site = Site(account=ACCOUNT)
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, Plan(answer=2.0, hang_up=10.0, challenge=CHALLENGE, accepts=True))
    site.miss()
    site.run(60)
    assert site.task.state == "done"
    assert site.task.attempts == 1


@pytest.mark.parametrize(("plan", "result"), [
    (Plan(answer=1.0, dead_after=2.0), "agent_silent"),
    (Plan(answer=1.0, hang_up=2.0), "agent_left"),
    (Plan(answer=None), "agent_no_answer"),
    (Plan(status=486, answer=0.5), "agent_busy"),
    (Plan(answer=1.0, body=FOREIGN), "agent_failed"),
    (Plan(dead=True), "agent_no_answer"),
    (Plan(answer=None, cancel=False), "agent_no_answer"),
])
def test_an_agents_side_that_behaves_badly(plan: Plan, result: str) -> None:
    site = Site()
    site.pbx.plan("201", plan, TAKES)
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(80)
    assert [one.result for one in site.attempts()][:1] == [result], site.shown()
    site.run(300)
    assert site.task.state == "done", site.shown()
    assert site.task.attempts == 1, "only what dialled the customer counts"
    site.run(300)
    site.assert_nothing_left()


def test_both_sides_reinvite_at_once() -> None:
    """re-INVITE glare while they talk: 491, and the talk goes on."""
    site = Site()
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, Plan(answer=1.0))
    site.miss()
    site.run(12)
    customer, agent = site.carrier.to(CUSTOMER)[0], site.pbx.to("201")[0]
    for call in (customer, agent):
        call.request("INVITE", body=SDP)
        call.request("UPDATE", body=SDP)
    site.run(10)
    assert customer.state == agent.state == "up"
    statuses = {message.status for call in (customer, agent) for message in call.heard if message.status}
    assert 200 in statuses
    customer.request("REFER", [f"Refer-To: <sip:+36900000000@{customer.phone.at}>"])
    site.run(1)
    assert customer.heard[-1].status == 603
    customer.hang_up()
    site.run(300)
    assert site.task.state == "done"
    site.assert_nothing_left()


PICKED_UP = ("P-Asserted-Identity: \"Bela\" <sip:202@pbx.example>",)
"""In the PBX's 200: a colleague has taken the call from the ringing phone, or the phone forwards to theirs."""


@pytest.mark.parametrize("customer_first", [False, True])
def test_a_colleague_takes_the_phone_that_a_callback_rings(customer_first: bool) -> None:
    """Journal, events, attempt, last talk and time with the card are theirs, not of whoever was rung."""
    setting = f'[callback]\ncustomer_first = {str(customer_first).lower()}\nwrap_up = "30s"\n'
    site = Site(POLICY.replace("[group.sales]", setting + "[group.sales]"))
    site.pbx.plan("201", Plan(answer=3.0, keys=((4.0, "1"),), fields=PICKED_UP))
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    ledger = site.alive.ledger
    site.run(20)
    assert (ledger.attendance.agent_state("201"), ledger.attendance.agent_state("202")) == ("free", "busy")
    site.run(60, lambda: site.task.state == "done" and not site.attempts_open())
    assert (ledger.attendance.agent_state("201"), ledger.attendance.agent_state("202")) == ("free", "wrap_up")
    [attempt] = site.attempts()
    assert (attempt.agent, attempt.result) == ("202", "talked")
    by_kind = {line.kind: line.agent for line in site.store.callbacks.journal(site.task.id)}
    assert {by_kind[kind] for kind in ("accepted", "result", "ended")} == {"202"}
    told = {event.kind: event.data["agent"] for event in site.store.events if event.kind.startswith("callback.")}
    assert (told["callback.connected"], told["callback.attempted"], told["callback.done"]) == ("202", "202", "202")
    found = site.store.calls.last_talk(CUSTOMER, 5.0)
    assert found is not None
    assert found[0] == "202"
    site.run(200)
    site.assert_nothing_left()


def test_a_colleague_who_declines_has_declined() -> None:
    site = Site(POLICY.replace('agents = ["201"]', 'agents = ["201", "202"]'))
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "2"),), fields=PICKED_UP), TAKES)
    site.pbx.plan("202", TAKES)
    site.carrier.plan(CUSTOMER, TALKS)
    site.miss()
    site.run(90)
    first = site.attempts()[0]
    assert (first.agent, first.result) == ("202", "declined")
    assert site.attempts()[-1].agent == "201", "whoever has not declined is asked"
    assert site.task.state == "done"


# Nobody waits for somebody else's silence


def test_an_agent_is_let_go_when_the_carrier_says_nothing() -> None:
    """And is rung for the next customer, while the first one's leg waits until it may be cancelled."""
    site = Site(POLICY.replace("[group.sales]", '[callback]\ncustomer_ring_for = "10s"\nwrap_up = "0s"\n[group.sales]'))
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, Plan(dead=True))
    site.carrier.plan("+36207654321", TALKS)
    site.miss()
    site.miss("+36207654321")
    site.run(90)
    [first, second] = site.pbx.to("201")[:2]
    [dead] = site.carrier.to(CUSTOMER)
    assert first.over_at is not None
    assert first.over_at <= dead.began_at + 10 + 12.5, "ring_for and the last words"
    assert second.shown == "+36207654321"
    assert second.began_at < dead.began_at + 32, "before the INVITE has timed out"
    assert site.carrier.to("+36207654321")[0].up_at is not None
    results = [(one.customer, one.result) for one in site.attempts()]
    assert sorted(results) == [(CUSTOMER, "customer_no_answer"), ("+36207654321", "talked")]
    site.run(300)
    site.assert_nothing_left()


def test_who_answers_after_the_agent_was_let_go_is_hung_up() -> None:
    site = Site(POLICY.replace("[group.sales]", '[callback]\ncustomer_ring_for = "10s"\n[group.sales]'))
    site.pbx.plan("201", TAKES)
    site.carrier.plan(CUSTOMER, Plan(trying=False, ring=None, answer=25.0))
    site.miss()
    site.run(60)
    [late] = site.carrier.to(CUSTOMER)
    assert late.up_at is not None
    assert not late.open
    assert [one.result for one in site.attempts()] == ["customer_no_answer"]
    site.run(300)
    assert len(site.carrier.to(CUSTOMER)) == 1
    site.assert_nothing_left()


def test_the_next_colleague_does_not_wait_for_the_last_words() -> None:
    site = Site(POLICY.replace('agents = ["201"]', 'agents = ["201", "202"]'))
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "2"),)))
    site.pbx.plan("202", TAKES)
    site.carrier.plan(CUSTOMER, TALKS)
    site.alive.ledger.dialog_event("201", "free", None, site.wall())
    site.miss()
    site.run(90)
    [declines], [takes] = site.pbx.to("201"), site.pbx.to("202")
    assert declines.up_at is not None
    assert declines.over_at is not None
    assert takes.began_at < declines.up_at + 1.0 + 1.5
    assert takes.began_at < declines.over_at - 5, "the last words are still played"
    assert site.task.state == "done"
    site.run(300)
    site.assert_nothing_left()
