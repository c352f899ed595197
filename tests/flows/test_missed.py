"""Missed calls, talks and glare as the ledger learns them from whole calls on the virtual wire."""

import pytest

from proxy.core.local import LocalInvite
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from routing.facts import Ending
from tests.kit.actor import CUSTOMER
from tests.kit.house import House

TALKING = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
"""
BYE = "trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk"
PAI = b"P-Asserted-Identity: <sip:201@pbx.example>"


@pytest.mark.parametrize(("play", "why"), [
    ("pbx > 180 : 180 > trunk\ntrunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx\npbx > 200 CANCEL\n"
     "pbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK", "hung_up"),
    ("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK", "refused"),
    ("pbx > 503 : ACK > pbx, 503 > trunk\ntrunk > ACK", "refused"),
    ("wait 32 : 6x INVITE > pbx, 408 > trunk\ntrunk > ACK", "down"),
    ("pbx > 180 : 180 > trunk\nwait 190 : CANCEL > pbx, 408 > trunk\ntrunk > ACK\npbx > 200 CANCEL\n"
     "pbx > 487 : ACK > pbx", "refused"),
])
def test_nobody_reached(house: House, play: str, why: str) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\n" + play)
    assert (house.missed(), house.talks()) == ([(why, "certain")], [])


def test_completed_elsewhere(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk")
    house.call.step("trunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx", b"Reason: SIP;cause=200")
    house.call.play("pbx > 200 CANCEL\npbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK")
    assert house.missed() == []


@pytest.mark.parametrize("status", [302, 401, 482])
def test_not_refused(house: House, status: int) -> None:
    house.call.play(f"trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > {status} : ACK > pbx, {status} > trunk\n"
                    "trunk > ACK\nwait 60")
    assert (house.missed(), house.talks()) == ([], [])


def test_answered_by_an_agent(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    house.call.step("pbx > 200 : 200 > trunk", PAI)
    house.call.play("trunk > ACK : ACK > pbx\nwait 3\n" + BYE)
    assert (house.missed(), house.talks()) == ([], [])
    house.call["trunk"].dialog = None
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    house.call.step("pbx > 200 : 200 > trunk", PAI)
    house.call.play("trunk > ACK : ACK > pbx\nwait 8\n" + BYE)
    assert (house.missed(), house.talks()) == ([], [("201", 8.0)])


def test_an_agents_own_call(house: House) -> None:
    pbx = house.call["pbx"]
    pbx.dialled = f"sip:{CUSTOMER}@127.0.0.1:5060".encode()
    pbx.from_ = b"<sip:201@pbx.example>"
    house.call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 200       : 200 > pbx
        pbx > ACK         : ACK > trunk
        wait 20
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    assert (house.missed(), house.talks()) == ([], [("201", 20.0)])


@pytest.mark.parametrize(("watched", "waits", "missed"), [
    (True, 4, []), (True, 30, [("abandoned", "certain")]), (False, 4, []), (False, 30, [("abandoned", "likely")]),
])
def test_abandoned_in_a_queue(queue: House, watched: bool, waits: int, missed: list[tuple[str, str]]) -> None:
    if watched:
        queue.watched()
    queue.call.play(TALKING + f"wait {waits}\n" + BYE)
    assert (queue.missed(), queue.talks()) == (missed, [])


def test_a_queue_that_gives_up(queue: House) -> None:
    queue.watched()
    queue.call.play(TALKING + "wait 60\npbx > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > pbx")
    assert queue.missed() == [("refused", "certain")]


def rings_at_201(house: House) -> None:
    """As Asterisk tells it: the NOTIFY and the UPDATE come when the phone begins to ring, and none but the NOTIFY
    when it is taken up."""
    house.ledger.dialog_event("201", "ringing", CUSTOMER, house.wall)
    house.call.step("pbx > UPDATE : UPDATE > trunk", PAI)
    house.call.play("trunk > 200 UPDATE : 200 UPDATE > pbx\nwait 6")


def test_taken_out_of_a_queue(queue: House) -> None:
    queue.watched()
    queue.call.play(TALKING + "wait 30")
    assert queue.ledger.attendance.waiting("sales") == 1
    rings_at_201(queue)
    queue.ledger.dialog_event("201", "busy", None, queue.wall)
    assert queue.ledger.attendance.waiting("sales") == 0
    queue.call.play("wait 40\n" + BYE)
    assert (queue.missed(), queue.talks()) == ([], [("201", 40.0)])


def test_rang_and_was_not_taken_out_of_a_queue(queue: House) -> None:
    queue.watched()
    queue.call.play(TALKING + "wait 30")
    rings_at_201(queue)
    queue.ledger.dialog_event("201", "free", None, queue.wall)
    queue.call.play("wait 40\n" + BYE)
    assert (queue.missed(), queue.talks()) == ([("abandoned", "certain")], [])


@pytest.mark.parametrize(("after", "missed"), [(2, []), (0, [("abandoned", "likely")])])
def test_rang_where_nobody_sees_the_dialogs(queue: House, after: int, missed: list[tuple[str, str]]) -> None:
    queue.call.play(TALKING + "wait 30")
    queue.call.step("pbx > UPDATE : UPDATE > trunk", PAI)
    queue.call.play(f"trunk > 200 UPDATE : 200 UPDATE > pbx\nwait {4 + after}\n" + BYE)
    assert (queue.missed(), queue.talks()) == (missed, [])


class Answerer:
    """A user agent that has the attempt `a1`, and answers or refuses who rings in."""

    def __init__(self) -> None:
        self.offer: LocalInvite | None = None
        self.requests: list[bytes] = []

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        if request.to.tag != b"ours":
            return False
        self.requests.append(request.method)
        return True

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        return False

    def take(self, name: str, offer: LocalInvite, now: float) -> bool:
        assert name == "a1"
        self.offer = offer
        return True

    def say(self, status: int, now: float) -> None:
        assert self.offer is not None
        data = build_response(self.offer.request, status, None, b"ours", (b"Contact: <sip:us@127.0.0.1:5060>",))
        self.offer.respond(data, status, now)


def test_who_rings_in_is_handed_to_the_attempt(house: House) -> None:
    answerer = Answerer()
    house.world.proxy.local.open_to(answerer)
    house.ears.attempts[CUSTOMER] = "a1"
    house.call.play("trunk > INVITE : 100 > trunk")
    answerer.say(180, house.world.now)
    answerer.say(200, house.world.now)
    house.call.play("wait 0 : 180 > trunk, 200 > trunk\ntrunk > ACK")
    (entry,) = house.ledger.calls()
    assert (entry.attempt, entry.evidence, entry.reason) == ("a1", "callback", "glare")
    house.call.play("wait 30\ntrunk > BYE")
    assert answerer.requests == [b"ACK", b"BYE"]
    house.ledger.ended(entry.id, Ending(200, "caller"), house.wall)
    assert (house.missed(), house.talks()) == ([], [(None, 30.0)])


def test_who_is_refused_by_the_attempt_goes_on(house: House) -> None:
    answerer = Answerer()
    house.world.proxy.local.open_to(answerer)
    house.ears.attempts[CUSTOMER] = "a1"
    house.call.play("trunk > INVITE : 100 > trunk")
    answerer.say(480, house.world.now)
    house.call.play("""
        wait 0            : INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)
    assert house.missed() == [("refused", "certain")]


def test_a_bug_of_the_desk_costs_no_call(house: House) -> None:
    house.ears.broken = True
    house.call.play(TALKING + "wait 20\n" + BYE)
    assert list(house.ledger.alarms.up()) == ["callbacks"]
    house.ears.broken = False
    house.call["trunk"].dialog = None
    house.call.play(TALKING + "wait 20\n" + BYE)
    assert (house.talks()[-1], list(house.ledger.alarms.up())) == ((None, 20.0), [])
