"""A caller who waits presses a key: their way through the queue room, on a virtual wire and clock."""

from typing import Any

import pytest

from routing.identity import Answers
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.queue_scene import QUEUE, calls_in
from tests.kit.sip_text import SDP

CAMPAIGN = '''
[campaign.10001]
name = "Winter"
group = "sales"
from = "2026-01-01"
add_key = "5"
language = "hu"
'''


def site_of(more: str = "", answers: Answers = "before_queue", policy: str = POLICY) -> Site:
    site = Site(policy + CAMPAIGN + more, answers=answers)
    site.pbx.plan("201", Plan(answer=2.0, keys=((2.0, "1"),)))
    site.carrier.plan(CUSTOMER, Plan(answer=2.0, hang_up=20.0))
    return site


def media_of(site: Site) -> Any:
    """The media session of the only caller who waits."""
    [row] = [row for row in site.alive.ledger.calls() if not row.own and row.direction == "inbound"]
    return site.alive.media[row.id]


def test_the_key_of_the_campaign() -> None:
    site = site_of()
    call = calls_in(site)
    assert call.state == "up"
    [place] = site.pbx.to(NUMBER)
    assert place.shown == CUSTOMER
    assert media_of(site).peer == place.call_id
    media_of(site).press("5")
    site.run(0.5)
    assert site.task.campaign == "10001"
    assert [place.open for place in site.pbx.to(NUMBER)] == [False], "the place is given up"
    assert "BYE" not in [one.method for one in call.heard], "the caller is told first"
    assert media_of(site).doing == "play will_call_back goodbye"
    site.run(20)
    assert "BYE" in [one.method for one in call.heard]
    assert site.journal()[:2] == ["missed", "queued"]
    site.skip()
    site.run(60)
    assert site.task.state == "done"
    assert site.pbx.to("201")[0].shown == CUSTOMER
    assert len(site.carrier.to(CUSTOMER)) == 1
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound" and row.reason == "normal"]
    assert row.ended_by == "proxy"
    site.run(200)
    site.assert_nothing_left()


def test_whoever_presses_nothing_is_in_a_call_like_any_other() -> None:
    site = site_of()
    call = calls_in(site)
    media_of(site).press("4")
    site.run(30)
    assert call.state == "up"
    site.pbx.to(NUMBER)[0].hang_up()
    site.run(2)
    assert not call.open
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound"]
    assert (row.ended_by, row.cause) == ("callee", 200)
    assert not [task for task in site.store.all_tasks.values() if task.campaign is not None]


def test_who_hangs_up_is_missed_as_ever() -> None:
    site = site_of()
    call = calls_in(site, seconds=10)
    call.hang_up()
    site.run(2)
    assert not site.pbx.to(NUMBER)[0].open
    assert site.task.campaign is None
    assert site.task.kind == "missed"


def test_a_campaign_says_in_its_own_words_that_they_are_called_back() -> None:
    site = site_of('confirm_prompt = "winter_thanks"')
    calls_in(site)
    media_of(site).press("5")
    site.run(0.5)
    assert media_of(site).doing == "play winter_thanks goodbye"


def test_an_operator_ends_the_call_of_one_who_waits() -> None:
    site = site_of()
    call = calls_in(site)
    [entry] = site.alive.ledger.calls()
    assert not site.alive.room.end_call("another", "ended by an operator", site.now)
    assert site.alive.room.end_call(entry.id, "ended by an operator", site.now)
    site.run(2)
    assert "BYE" in [one.method for one in call.heard]
    assert [place.open for place in site.pbx.to(NUMBER)] == [False]


def test_they_are_told_of_the_key_once() -> None:
    site = site_of('add_prompt = "winter"')
    calls_in(site)
    assert media_of(site).doing == "play winter"
    media_of(site).played()
    site.run(5)
    assert media_of(site).doing != "play winter"


@pytest.mark.parametrize("plan", [Plan(ring=0.2, early=True, answer=30.0), Plan(ring=0.2, answer=30.0)])
def test_a_pbx_that_rings_first(plan: Plan) -> None:
    """Early media is heard, and the key in it."""
    site = site_of(answers="on_agent")
    call = calls_in(site, plan)
    assert call.state == "ringing"
    ringing = {message.status for message in call.heard}
    assert ringing == ({100, 183} if plan.early else {100, 180})
    if not plan.early:
        site.run(40)
        assert call.state == "up"
        return
    media_of(site).press("5")
    site.run(1)
    assert site.task.campaign == "10001"
    site.run(20)
    assert not call.open
    site.skip()
    site.run(100)
    assert site.task.state == "done"


def test_a_caller_who_gives_up_takes_their_place_along() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(answer=None))
    call.hang_up()
    site.run(2)
    assert not site.pbx.to(NUMBER)[0].open
    site.skip()
    site.run(60)
    assert site.task.reason == "talked"


def test_a_refusal_after_ringing_is_the_callers() -> None:
    """And the PBX is not asked a second time."""
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, status=486, answer=2.0))
    assert [message.status for message in call.heard][-1] == 486
    assert len(site.pbx.to(NUMBER)) == 1
    assert site.task.kind == "missed"


def test_a_refusal_at_once_sends_the_call_its_normal_way() -> None:
    site = site_of()
    call = calls_in(site, Plan(ring=None, status=503, answer=0.1, fields=("X-Why: full",)))
    assert call.heard[-1].header("X-Why") == "full", "the PBX's own answer"
    assert len(site.pbx.to(NUMBER)) == 2


def test_without_a_codec_of_ours_the_call_passes_untouched() -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    body = SDP.replace(b"RTP/AVP 8", b"RTP/SAVP 8")
    assert body != SDP
    call = site.carrier.dial(NUMBER, CUSTOMER, body=body)
    site.run(4)
    assert call.state == "up"
    assert [place.invite.body for place in site.pbx.to(NUMBER) if place.open] == [body]


VIDEO = b"m=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


@pytest.mark.parametrize("body", [
    SDP + VIDEO, SDP[:SDP.index(b"m=")] + VIDEO + SDP[SDP.index(b"m="):],
    SDP + b"m=image 40004 udptl t38\r\n", SDP + SDP[SDP.index(b"m="):],
    SDP.replace(b"RTP/AVP", b"RTP/SAVP"), SDP[:SDP.index(b"m=")] + VIDEO, b"",
])
def test_media_that_we_do_not_carry_pass_untouched(body: bytes) -> None:
    """Video, T.38, two streams, SRTP, and whoever leaves the offer to the PBX."""
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    call = site.carrier.dial(NUMBER, CUSTOMER, body=body)
    site.run(4)
    assert call.state == "up"
    assert [place.invite.body for place in site.pbx.to(NUMBER)] == [body], "the PBX is called once"
    assert site.alive.agent.legs == 0
    call.hang_up()
    site.run(2)
    site.assert_nothing_left()


def test_a_stream_that_is_offered_refused_is_none() -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    site.carrier.dial(NUMBER, CUSTOMER, body=SDP + VIDEO.replace(b"40002", b"0"))
    site.run(4)
    assert site.alive.agent.legs == 2


def test_an_agent_who_took_the_call_ends_the_offer() -> None:
    site = site_of()
    call = calls_in(site)
    ledger, now = site.alive.ledger, site.wall()
    ledger.dialog_event("201", "ringing", CUSTOMER, now)
    ledger.dialog_event("201", "busy", None, now + 1)
    media_of(site).press("5")
    site.run(5)
    assert call.state == "up"
    assert not site.store.all_tasks
    call.hang_up()
    site.run(2)
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound"]
    assert (row.agent, row.evidence) == ("201", "dialog_event")


def test_who_answers_behind_us_is_known() -> None:
    """By what the PBX's answer says of them, as on the proxy path."""
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, answer=1.0, fields=("P-Asserted-Identity: <sip:202@pbx.example>",)))
    call.hang_up()
    site.run(2)
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound"]
    assert (row.agent, row.evidence) == ("202", "identity")


def test_whoever_the_guard_refuses_is_offered_nothing() -> None:
    """Their call passes as if there were no campaign."""
    site = site_of()
    calls_in(site, customer="+4915112345678")
    assert site.alive.agent.legs == 0


def test_the_database_in_trouble_promises_nothing() -> None:
    site = site_of()
    call = calls_in(site)
    site.store.broken = True
    media_of(site).press("5")
    site.run(5)
    assert call.state == "up"


def test_killed_while_they_wait_both_legs_are_ended() -> None:
    site = site_of()
    call = calls_in(site)
    site.crash()
    site.run(1)
    site.start()
    site.run(5)
    assert not call.open
    assert not site.pbx.to(NUMBER)[0].open
    site.run(100)
    assert [row for row in site.store.rows.values() if row.ended_at is None] == []


def test_killed_after_the_key_the_promise_is_kept() -> None:
    site = site_of()
    calls_in(site)
    media_of(site).press("5")
    site.run(0.3)
    site.crash()
    site.run(1)
    site.start()
    site.run(100)
    assert site.task.state == "done"
    assert len(site.carrier.to(CUSTOMER)) == 1


def test_headers_of_the_caller_reach_the_pbx() -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    site.carrier.dial(NUMBER, CUSTOMER, fields=("X-Skill: wine", "Diversion: <sip:+3612223344@c.example>",
                                                "X-Boomerang: forged"))
    site.run(4)
    invite = site.pbx.to(NUMBER)[0].invite
    assert invite.header("X-Skill") == "wine"
    assert invite.header("Diversion") == "<sip:+3612223344@c.example>"
    assert invite.all("X-Boomerang") == []


def test_a_crash_before_each_event_of_it() -> None:
    """Nobody stays up, nobody is dialled twice, and whoever was told that they are called back is."""
    def begun(crash_at: int | None) -> Site:
        site = site_of()
        site.pbx.plan(NUMBER, QUEUE)
        site.crash_at = crash_at
        site.carrier.dial(NUMBER, CUSTOMER)
        return site

    def goes_on(site: Site) -> bool:
        """Up to the end of the call; says whether they were told of their callback."""
        site.run(3, until=lambda: site.node is None)
        if site.node is not None:
            media_of(site).press("5")
        site.run(20, until=lambda: site.node is None or not site.carrier.calls[0].open)
        return site.node is not None

    whole = begun(None)
    assert goes_on(whole)
    assert whole.events > 15
    promised = 0
    for number in range(whole.events + 1):
        site = begun(number)
        told = goes_on(site)
        site.crash_at = None
        if site.node is None:
            site.run(0.5)
            site.start()
        site.run(80)
        for call in site.carrier.calls:
            if call.caller and call.open:
                call.hang_up()  # what rang when it died has no final answer
        site.run(80)
        site.run(25 * 3600)
        tasks = list(site.store.all_tasks.values())
        assert len(tasks) <= 1
        assert [task.campaign for task in tasks] == ["10001"] or not told
        assert all(task.state == "done" for task in tasks), site.shown()
        assert len(site.carrier.to(CUSTOMER)) == len(tasks)
        site.assert_nothing_left()
        promised += sum(task.campaign == "10001" for task in tasks)
    assert 3 < promised < whole.events


def statuses(call: Call) -> list[int]:
    return [message.status for message in call.heard if message.status is not None]


def test_a_call_that_goes_round_in_circles_ends() -> None:
    """RFC 7332: the place's Max-Forwards is what is left of the caller's."""
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    site.carrier.dial(NUMBER, CUSTOMER)
    site.run(4)
    assert site.pbx.to(NUMBER)[0].invite.header("Max-Forwards") == "69"


def test_a_pbx_that_hangs_up_gives_no_cause() -> None:
    site = site_of()
    call = calls_in(site)
    site.pbx.to(NUMBER)[0].hang_up()
    site.run(2)
    [bye] = [message for message in call.heard if message.method == "BYE"]
    assert bye.all("Reason") == []


def test_a_redirection_after_ringing_is_for_the_caller() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, status=302, answer=1.0))
    assert statuses(call) == [100, 180, 302]


def test_a_silent_pbx_costs_no_more_time_than_without_us() -> None:
    site = site_of()
    call = calls_in(site, Plan(dead=True), seconds=33)
    assert statuses(call) == [100, 408]
    assert len(site.pbx.to(NUMBER)) == 1
    site.run(100)
    site.assert_nothing_left()


def test_a_pbx_that_stops_talking_is_given_up() -> None:
    """Timer C, as on the proxy path."""
    site = site_of()
    call = calls_in(site, Plan(ring=None, answer=None), seconds=195)
    assert statuses(call) == [100, 408]
    assert not site.pbx.to(NUMBER)[0].open
    assert len(site.pbx.to(NUMBER)) == 1


def test_it_rings_as_long_as_the_pbx_says_so() -> None:
    """Each of its words passes, and proxies on the way hear of it every minute (RFC 3261 section 13.3.1.1)."""
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(answer=None), seconds=0)
    for _ in range(4):
        site.run(100)
        site.pbx.to(NUMBER)[0].ring()
    assert call.state == "ringing"
    assert statuses(call) == [100] + 8 * [180]
    site.run(200)
    assert statuses(call)[-1] == 408
    site.run(100)
    site.assert_nothing_left()


def test_a_disk_that_hangs_holds_no_caller() -> None:
    site = site_of()
    soon = site.store.later
    site.store.later = lambda delay, action: soon(20.0, action)
    assert calls_in(site, seconds=2).state == "up"


def test_an_agent_who_takes_the_call_before_the_key_is_on_disk_keeps_it() -> None:
    site = site_of()
    call = calls_in(site)
    soon = site.store.later
    site.store.later = lambda delay, action: soon(3.0, action)
    media_of(site).press("5")
    site.run(1)
    ledger, now = site.alive.ledger, site.wall()
    ledger.dialog_event("201", "ringing", CUSTOMER, now)
    ledger.dialog_event("201", "busy", None, now + 1)
    site.run(30)
    assert call.state == "up"
    assert site.pbx.to(NUMBER)[0].open
    call.hang_up()
    site.store.later = soon
    site.run(5)
    assert (site.task.state, site.task.reason) == ("done", "talk")
    assert site.carrier.to(CUSTOMER) == []


def test_the_database_fails_as_the_key_is_written() -> None:
    """Nothing is promised that is not on disk."""
    site = site_of()
    call = calls_in(site)
    media_of(site).press("5")
    site.run(0.02, until=lambda: site.store.all_tasks or site.alive.ledger.calls()[0].asked)
    site.store.broken = True
    site.run(20)
    assert call.state == "up"


def test_where_a_campaign_is_closed_there_is_no_key() -> None:
    site = site_of(policy=POLICY + 'hours = ["sat 10:00-11:00"]\n')
    call = calls_in(site)
    assert site.alive.agent.legs == 0
    assert call.state == "up"
    assert not site.store.all_tasks


def test_a_customer_who_is_being_called_waits_once_that_came_to_nothing() -> None:
    """Their leg that waited for the agent is over before their leg in the queue begins."""
    site = site_of()
    site.pbx.plan("201", Plan(answer=None))
    site.miss()
    site.run(3)
    call = calls_in(site, seconds=40)
    assert call.state == "up"
    assert media_of(site).peer == site.pbx.to(NUMBER)[-1].call_id
    assert len([leg for leg in site.store.all_legs.values() if leg.role in ("waiting", "place")]) == 2


@pytest.mark.parametrize("fields", [("Replaces: a;to-tag=1;from-tag=2",), ("Join: a;to-tag=1;from-tag=2",)])
def test_a_call_that_replaces_another_passes_untouched(fields: tuple[str, ...]) -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    site.carrier.dial(NUMBER, CUSTOMER, fields=fields)
    site.run(4)
    assert site.alive.agent.legs == 0
    assert site.pbx.to(NUMBER)[0].open


@pytest.mark.parametrize(("theirs", "other"), [
    (b"INVITE sip:", b"INVITE sips:"),
    (b"Content-Type: application/sdp", b"Content-Type: multipart/mixed;boundary=x"),
])
def test_tls_on_the_whole_way_and_other_bodies_pass_untouched(theirs: bytes, other: bytes) -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    send = site.carrier.send
    site.carrier.send = lambda data: send(data.replace(theirs, other))  # type: ignore[method-assign]
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(4)
    assert call.state == "up"
    assert site.alive.agent.legs == 0


def test_a_media_process_that_hangs_holds_no_caller() -> None:
    site = site_of()
    site.alive.media.dead = True
    call = calls_in(site)
    assert call.state == "up"
    assert len(site.pbx.to(NUMBER)) == 1


def test_white_space_in_headers_stays_white_space() -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    site.carrier.dial(NUMBER, CUSTOMER, fields=("X-Skill: red\twine,\r\n\twhite", "Content-Language: hu"))
    site.run(4)
    invite = site.pbx.to(NUMBER)[0].invite
    assert invite.header("X-Skill") == "red wine, white"
    assert invite.all("Content-Language") == []


@pytest.mark.parametrize("what", ["media", "stopped"])
def test_whom_we_cut_off_while_they_wait_is_called_back(what: str) -> None:
    site = site_of()
    call = calls_in(site)
    if what == "media":
        for session in tuple(site.alive.media.sessions.values()):
            session.fail()
    else:
        site.alive.room.hang_up(site.now)
    site.run(5)
    assert not call.open
    assert not site.pbx.to(NUMBER)[0].open
    assert site.task.kind == "missed"
    line = next(line for line in site.store.all_journal if line.kind == "missed")
    assert "cut_off_here" in line.data["evidence"]


@pytest.mark.parametrize(("fields", "shown"), [
    (("P-Asserted-Identity: <sip:201@pbx>",), True),
    (("P-Asserted-Identity: <sip:201@pbx>", "Privacy: id"), False),
    (("Remote-Party-ID: <sip:201@pbx>;privacy=full",), False),
])
def test_whom_the_pbx_rings_is_shown_unless_it_is_private(fields: tuple[str, ...], shown: bool) -> None:
    site = site_of()
    call = calls_in(site)
    site.pbx.to(NUMBER)[0].request("UPDATE", fields=fields)
    site.run(1)
    assert any(message.method == "INVITE" and message.all("P-Asserted-Identity") for message in call.heard) is shown


def test_a_number_in_a_context_goes_on_as_it_came() -> None:
    """Else the PBX would show, and call, somebody else."""
    site = site_of()
    site.pbx.plan("14445555;phone-context=+36", QUEUE)
    call = site.carrier.dial("14445555;phone-context=+36", "201234567;phone-context=+49")
    site.run(4)
    assert call.state == "up"
    [place] = site.pbx.calls
    assert place.invite.user == "14445555;phone-context=+36"
    assert place.shown == "201234567;phone-context=+49"
    [row] = [row for row in site.alive.ledger.calls() if row.direction == "inbound"]
    assert (row.customer, row.number) == ("+49201234567", NUMBER)


def test_whom_the_pbx_rings_in_a_context_of_somebody_else_is_no_agent() -> None:
    site = site_of()
    calls_in(site)
    place = site.pbx.to(NUMBER)[0]
    place.request("UPDATE", fields=("P-Asserted-Identity: <tel:201;phone-context=+49>",))
    site.run(1)
    assert "connected_line" not in [row.evidence for row in site.alive.ledger.calls()]
