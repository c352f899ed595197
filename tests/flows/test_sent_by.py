"""CANCEL, ACK and repetition whose Via names another host or port than the request's: one peer, one transaction."""

import pytest

from proxy.core.call_names import AGE
from proxy.core.peers import Peer
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, PBX_2, TRUNK, World, address

OWN = b"SIP/2.0/UDP 127.0.0.1:5070"
OTHERS = [b"SIP/2.0/UDP 127.0.0.1:40001", b"SIP/2.0/UDP 198.51.100.7:5070", b"SIP/2.0/UDP sbc.carrier.example",
          b"SIP/2.0/UDP 127.0.0.1"]
RINGING = "trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk"


def elsewhere(data: bytes, sent_by: bytes) -> bytes:
    start, via, rest = data.partition(b"Via: SIP/2.0/UDP ")
    assert via
    return start + b"Via: " + sent_by + rest[rest.index(b";"):]


def titles(call: Script, data: bytes, who: str = "trunk") -> list[str]:
    """Send these very bytes; what leaves is received, and named."""
    sent = call.send(call[who], data)
    for one in sent:
        call._deliver(one)
    return [one.title for one in sent]


@pytest.mark.parametrize("sent_by", OTHERS)
def test_cancel(call: Script, sent_by: bytes) -> None:
    """It is for this call by all that names a call; a phone would ring on for want of a port number."""
    call.play(RINGING)
    assert titles(call, elsewhere(call["trunk"].write("CANCEL"), sent_by)) == ["200 CANCEL", "CANCEL"]
    call.play("""
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ringing 0", "ended 487 caller"]


@pytest.mark.parametrize("sent_by", OTHERS)
def test_ack_of_a_failure_and_repetition(call: Script, sent_by: bytes) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    assert titles(call, elsewhere(call["trunk"].sent[-1], sent_by)) == ["100 INVITE"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk")
    assert titles(call, elsewhere(call["trunk"].write("ACK"), sent_by)) == []
    call.play("wait 40")  # acknowledged: the 486 is not sent again


def test_repetition_of_another_request(call: Script) -> None:
    call.play("trunk > MESSAGE : MESSAGE > pbx\npbx > 200 MESSAGE : 200 MESSAGE > trunk")
    assert titles(call, elsewhere(call["trunk"].sent[-1], OTHERS[0])) == ["200 MESSAGE"]


@pytest.mark.parametrize(("old", "new"), [
    (b"branch=z9hG4bK-trunk-1", b"branch=z9hG4bK-trunk-9"), (b"Call-ID: call-1", b"Call-ID: call-9"),
    (b"tag=trunk", b"tag=other"), (b"CSeq: 1 ", b"CSeq: 2 ")])
def test_cancel_of_something_else(call: Script, old: bytes, new: bytes) -> None:
    call.play(f"wait {AGE}\n" + RINGING)  # no longer can it be for a call of the process before this one
    cancel = elsewhere(call["trunk"].write("CANCEL"), OTHERS[0])
    assert old in cancel
    assert titles(call, cancel.replace(old, new)) == ["481 CANCEL"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


@pytest.mark.parametrize("sent_by", [OWN, *OTHERS])
def test_cancel_from_somebody_else(sent_by: bytes) -> None:
    other = Peer("trunk", "second", addresses=(address(("192.0.2.9", 5060)),))
    world = World(peers=[Peer("trunk", "main", addresses=(address(TRUNK),)), other,
                         Peer("pbx", "office", addresses=(address(PBX),))])
    call = Script(world)
    call.add(Actor("second", ("192.0.2.9", 5060)))
    call.play(RINGING)
    assert titles(call, elsewhere(call["trunk"].write("CANCEL"), sent_by), "second") == ["481 CANCEL"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


def test_cancel_from_another_address_of_the_same_peer() -> None:
    place = ("192.0.2.9", 5060)
    call = Script(World(peers=[Peer("trunk", "main", addresses=(address(TRUNK), address(place))),
                               Peer("pbx", "office", addresses=(address(PBX), address(PBX_2)))]))
    call.add(Actor("second", place))
    call.play(RINGING)
    assert titles(call, elsewhere(call["trunk"].write("CANCEL"), b"SIP/2.0/UDP 192.0.2.9:5060"), "second") == [
        "200 CANCEL", "CANCEL"]
