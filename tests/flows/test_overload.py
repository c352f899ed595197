"""More calls than can be carried: new ones get 503 at once, whatever belongs to a call is served."""

import pytest

from proxy.core.overload import PATIENCE, REMEMBERED, SUSTAINED
from tests.kit.actor import Actor
from tests.kit.script import Script

TALK = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
"""
BYE = "trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk"
OLD = 0.2
"""Seconds that what is read has waited."""


@pytest.fixture
def call() -> Script:
    script = Script()
    script.world.now += PATIENCE
    return script


def too_much(call: Script) -> None:
    """From now on everything has waited for long, and has for a while."""
    call.world.waited = OLD
    call.world.proxy.admission.overload.late(OLD, call.world.now)
    call.world.now += SUSTAINED


def refused(call: Script) -> int:
    return call.world.proxy.counters.refused.get("overload", 0)


def nothing_is_kept(call: Script) -> None:
    proxy = call.world.proxy
    kept = proxy.transactions
    assert (len(proxy.relays.by_key), len(kept.servers), len(kept.clients), len(proxy.timers)) == (0, 0, 0, 0)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_new_call_is_told_to_come_later(transport: str) -> None:
    """RFC 3261 section 8.2.7: without a transaction, so nothing is repeated and nothing waits for the ACK."""
    call = Script(trunk=transport)  # type: ignore[arg-type]
    call.world.now += PATIENCE
    too_much(call)
    call.play("trunk > INVITE : 503 > trunk")
    response = call["trunk"].response("503")
    assert response.value(b"retry-after") == b"10"
    assert response.to.tag
    request = call["trunk"].sent[-1]
    for name in (b"From", b"Call-ID", b"CSeq"):
        line = next(line for line in request.split(b"\r\n") if line.startswith(name + b":"))
        assert line in response.fields
    nothing_is_kept(call)
    assert refused(call) == 1
    assert call.facts == []
    call.play("trunk > ACK branch=invite")
    assert "ack_without_token" not in call.world.proxy.counters.refused


def test_its_copy_gets_the_same(call: Script) -> None:
    """Also where there is room again: whoever was told 503 has gone elsewhere, and nobody's phone may ring for them."""
    too_much(call)
    call.play("trunk > INVITE : 503 > trunk")
    invite, first = call["trunk"].sent[-1], call.last[0].data
    call.world.waited = 0.0
    call.play("trunk > again : 503 > trunk")
    assert call.last[0].data == first
    call.play("wait 20")
    assert [one.data for one in call.send(call["trunk"], invite)] == [first]
    call.play("trunk > CANCEL : 200 CANCEL > trunk")
    call.play(f"wait {3 * REMEMBERED:g}")
    assert [one.title for one in call.send(call["trunk"], invite)] == ["100 INVITE", "INVITE"]


def test_what_belongs_to_a_call_is_served(call: Script) -> None:
    call.play(TALK)
    too_much(call)
    call.play("""
        pbx > INFO         : INFO > trunk
        trunk > 200 INFO   : 200 INFO > pbx
        trunk > INVITE     : 100 > trunk, INVITE > pbx
        pbx > 200          : 200 > trunk
        trunk > ACK        : ACK > pbx
    """)
    call.play(BYE)
    assert refused(call) == 0


def test_a_call_that_was_taken_goes_on(call: Script) -> None:
    """Its copy is a copy; its answers pass; its CANCEL is one."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    too_much(call)
    call.play("trunk > again : 100 > trunk\npbx > 180 : 180 > trunk\ntrunk > again : 180 > trunk")
    call.play("trunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx")
    call.play("pbx > 200 CANCEL\npbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK branch=invite")
    assert refused(call) == 0


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE"])
def test_other_requests_are_served(call: Script, method: str) -> None:
    too_much(call)
    call.play(f"trunk > {method} : {method} > pbx\npbx > 200 {method} : 200 {method} > trunk")


def test_a_stranger_is_told_what_strangers_are_told(call: Script) -> None:
    call.add(Actor("stranger", ("127.0.0.1", 5999)))
    too_much(call)
    call.play("stranger > INVITE : 403 > stranger")


def test_it_is_over_when_something_young_is_read(call: Script) -> None:
    too_much(call)
    call.play("trunk > INVITE : 503 > trunk")
    call.play("trunk > ACK branch=invite")
    call.world.waited = 0.0
    call["trunk"].dialog = None
    call.play(TALK)


def test_a_call_that_cannot_be_read_is_told_so(call: Script) -> None:
    too_much(call)
    data = call["trunk"].write("INVITE").replace(b"Via: SIP/2.0/UDP", b"Via: SIP 2.0 UDP")
    assert [one.title for one in call.send(call["trunk"], data)] == ["400 INVITE"]
    assert refused(call) == 0
