"""A leg is handed from one owner to another, on the wire: what is told to whom, and what crosses that moment."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from proxy.callbacks.conversation import Conversation
from proxy.callbacks.farewells import Farewells
from proxy.callbacks.own_leg import OwnLeg, Role, Tools
from proxy.callbacks.reports import LegBook, Reports
from proxy.media.contract import Clip
from proxy.ua.contract import Leg
from proxy.ua.leg_events import LegAnswered, LegEnded, LegEvent, LegPressed
from routing.rows import LegRow
from tests.kit.fake_legs import ORDER, FakeDesk, FakeRecords, FakeStack
from tests.kit.legs import ANSWER, LegWorld, Listener, sdp

INFO = b"Content-Type: application/dtmf-relay"
GOODBYE = (Clip("goodbye"),)


@pytest.fixture
def legs() -> LegWorld:
    legs = LegWorld()
    legs.offered()
    return legs


@pytest.fixture
def heir() -> Listener:
    """Who gets the leg."""
    return Listener()


def ring_in(legs: LegWorld) -> Leg:
    """A caller whose call was handed to us, and who hears it ring."""
    legs.say("trunk > INVITE : 100 > trunk", ANSWER)
    legs.play("wait 0 :")
    assert legs.incoming is not None
    legs.incoming.ring(legs.now)
    legs.play("wait 0 : 180 > trunk")
    return legs.incoming


def test_the_new_owner_hears_what_comes_and_nothing_of_before(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    before = list(legs.told)
    assert leg.hand_over(heir)
    assert (leg.answered, leg.held, leg.over) == (True, False, False)
    legs.sound().press("5")
    legs.play("wait 0 :")
    legs.say("trunk > INVITE : 200 > trunk", sdp("8 PCMA", direction="sendonly"))
    legs.play("trunk > ACK :\ntrunk > BYE : 200 BYE > trunk")
    assert heir.told == ["digit 5", "held", "ended 200 far"]
    assert legs.told == before
    legs.assert_all_over()


def test_a_hold_of_before_is_seen(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    legs.say("trunk > INVITE : 200 > trunk", sdp("8 PCMA", direction="sendonly"))
    leg.hand_over(heir)
    assert leg.held
    legs.play("trunk > ACK :")
    legs.say("trunk > INVITE : 200 > trunk", ANSWER)
    legs.play("trunk > ACK :")
    assert heir.told == ["resumed"]


def test_what_the_owner_before_had_played_ends_for_nobody(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    leg.play(GOODBYE, 3)
    legs.sound().played()
    leg.hand_over(heir)
    legs.play("wait 0 :")
    assert heir.told == []
    leg.play(GOODBYE, 3)
    legs.sound().played()
    legs.play("wait 0 :")
    assert heir.told == ["played 3"]
    assert "played 3" not in legs.told


def test_back_to_the_first_owner(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    leg.play(GOODBYE, 3)
    legs.sound().played()
    assert leg.hand_over(heir)
    assert leg.hand_over(legs.listener)
    legs.play("wait 0 :\ntrunk > BYE : 200 BYE > trunk")
    assert legs.told[-2:] == ["answered", "ended 200 far"]
    assert heir.told == []


def test_a_press_that_comes_both_ways_is_one_across_it(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    legs.sound().press("1")
    legs.play("wait 0 :")
    leg.hand_over(heir)
    legs.step("trunk > INFO : 200 INFO > trunk", INFO, body=b"Signal=1\r\n")
    assert heir.told == []
    legs.play("wait 3 :")
    legs.step("trunk > INFO : 200 INFO > trunk", INFO, body=b"Signal=1\r\n")
    assert (legs.told[-1], heir.told) == ("digit 1", ["digit 1"])


def test_handed_over_while_the_disk_is_waited_for(legs: LegWorld, heir: Listener) -> None:
    legs.listener.slow = True
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 :", ANSWER)
    leg.hand_over(heir)
    legs.play("wait 0.1 :")
    legs.listener.written.pop()(legs.now)
    legs.play("wait 0 : ACK > trunk")
    assert (legs.told, heir.told) == (["sent"], ["answered"])


def test_handed_over_and_nobody_says_that_it_is_written(legs: LegWorld, heir: Listener) -> None:
    legs.listener.slow = True
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 :", ANSWER)
    leg.hand_over(heir)
    legs.play("wait 0.3 : ACK > trunk")
    assert (legs.told, heir.told) == (["sent"], ["answered"])


def test_handed_over_in_the_middle_of_an_event(legs: LegWorld, heir: Listener) -> None:
    def hand_over(leg: Leg, now: float) -> None:
        assert leg.hand_over(heir)

    legs.listener.then["answered"] = hand_over
    legs.up()
    legs.play("trunk > BYE : 200 BYE > trunk")
    assert legs.told == ["sent", "ringing", "answered"]
    assert heir.told == ["ended 200 far"]


def test_a_ringing_leg_rings_out_at_its_new_owner(legs: LegWorld, heir: Listener) -> None:
    leg = legs.place(ring_for=10.0)
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    leg.hand_over(heir)
    legs.play("wait 10 : CANCEL > trunk\ntrunk > 200 CANCEL :\ntrunk > 487 : ACK > trunk")
    assert heir.told == ["given up 487", "ended 487 us"]
    assert legs.told == ["sent", "ringing"]
    legs.assert_all_over()


def test_the_answer_to_a_bye_of_before(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    assert leg.hand_over(heir)
    legs.play("trunk > 200 BYE :")
    assert (legs.told[-1], heir.told) == ("answered", ["ended 200 us"])
    legs.assert_all_over()


def test_one_that_is_over_is_not_handed_over(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    legs.play("trunk > BYE : 200 BYE > trunk")
    assert not leg.hand_over(heir)
    assert (legs.told[-1], heir.told) == ("ended 200 far", [])


def test_the_media_process_ends_right_after_it(legs: LegWorld, heir: Listener) -> None:
    leg = legs.up()
    legs.sound().fail()
    leg.hand_over(heir)
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
    assert heir.told == ["ended 200 lost"]


def test_a_caller_gives_up_as_they_are_handed_over(legs: LegWorld, heir: Listener) -> None:
    leg = ring_in(legs)
    heir.slow = True
    leg.hand_over(heir)
    leg.answer(legs.now)
    legs.play("trunk > CANCEL : 200 CANCEL > trunk, 487 > trunk\ntrunk > ACK :")
    assert (legs.told, heir.told) == ([], ["ended 487 far"])
    legs.assert_all_over()


# From one room to another: the owners are those of callbacks, the wire is the same.


class Ledger(FakeRecords):
    """What the ledger is told of legs that an attempt has; by the name of the call."""

    def name(self, call: str) -> str:
        return call


@dataclass
class Pair:
    """Whose conversation it is."""

    told: list[tuple[Role, LegEvent]] = field(default_factory=list)

    def on_event(self, own: OwnLeg, event: LegEvent, now: float) -> None:
        self.told.append((own.role, event))


class Room:
    """A caller's leg and an agent's, each with an owner of its own so far, and somebody who joins them."""

    def __init__(self, legs: LegWorld) -> None:
        self.legs, self.pair = legs, Pair()
        self.desk, self.ledger = FakeDesk(FakeStack()), Ledger()
        book = cast(LegBook, self.ledger)
        self.tools = Tools(legs.agent, legs.media, self.desk, book, Reports(self.desk, self.ledger, book, legs.stack),
                           legs.stack, lambda: "unused", Farewells())

    def fill(self) -> None:
        """Both are answered, and neither knows of the other."""
        legs = self.legs
        self.caller = ring_in(legs)
        self.caller.answer(legs.now)
        legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
        self.place = legs.place(side="pbx", user="600", call="place")
        legs.play("wait 0 : INVITE > pbx")
        legs.say("pbx > 200 : ACK > pbx", ANSWER)

    def adopt(self, leg: Leg, role: Role) -> OwnLeg:
        own = OwnLeg(self.tools, self.pair, "attempt-1", role, leg.call)
        assert own.adopt(leg, self.legs.now)
        return own

    def join(self) -> Conversation:
        self.customer, self.agent = self.adopt(self.caller, "incoming"), self.adopt(self.place, "agent")
        return Conversation(ORDER, self.tools, self.agent, self.customer, self.legs.now, lambda: None)


@pytest.fixture
def room(legs: LegWorld) -> Room:
    room = Room(legs)
    room.fill()
    return room


def test_a_waiting_caller_and_an_agent_are_joined(room: Room) -> None:
    legs = room.legs
    before = list(legs.told)
    room.join()
    assert (room.agent.up, room.customer.up, room.customer.answering) == (True, True, True)
    assert legs.sound("place").doing == f"joined {room.caller.call}"
    assert room.desk.legs == {
        "place": LegRow("place", "attempt-1", "agent", room.place.memory()),
        room.caller.call: LegRow(room.caller.call, "attempt-1", "incoming", room.caller.memory()),
    }, "after a crash they are ended as what they are now"
    legs.step("trunk > INFO : 200 INFO > trunk", INFO, body=b"Signal=7\r\n")
    legs.play("trunk > BYE : 200 BYE > trunk")
    assert room.pair.told[0] == ("incoming", LegPressed("7", True))
    assert [role for role, event in room.pair.told if isinstance(event, LegEnded)] == ["incoming"]
    assert room.ledger.told == [f"{room.caller.call} ended 200 caller"]
    assert legs.told == before
    room.agent.hang_up(legs.now)
    legs.play("wait 0 : BYE > pbx\npbx > 200 BYE :")
    assert room.ledger.told[1:] == ["place ended 200 proxy"]
    assert room.desk.legs == {}


def test_nobody_is_told_of_an_answer_that_was_before(room: Room) -> None:
    room.join()
    room.legs.play("wait 1 :")
    assert not any(isinstance(event, LegAnswered) for _, event in room.pair.told)
    assert room.ledger.told == []


def test_a_caller_who_hangs_up_as_they_are_joined(room: Room) -> None:
    room.legs.play("trunk > BYE : 200 BYE > trunk")
    own = OwnLeg(room.tools, room.pair, "attempt-1", "incoming", room.caller.call)
    assert not own.adopt(room.caller, room.legs.now)
    assert (own.up, room.pair.told, room.desk.legs) == (False, [], {})


def test_a_place_that_still_rings_is_answered_at_its_new_owner(legs: LegWorld) -> None:
    room = Room(legs)
    place = legs.place(side="pbx", user="600", call="place")
    legs.play("wait 0 : INVITE > pbx\npbx > 180 :")
    own = room.adopt(place, "agent")
    assert own.answered_at is None
    legs.say("pbx > 200 : ACK > pbx", ANSWER)
    assert own.up
    assert room.pair.told == [("agent", LegAnswered())]
    assert room.ledger.told == ["place answered"]
