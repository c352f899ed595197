"""Challenges: met for the configured peer and realm, twice at most, and never for a stranger in a dialog."""

import pytest

from proxy.agent.ports import Account
from proxy.sip.message import Request
from tests.kit.digest_server import challenge, is_good, read
from tests.kit.legs import ANSWER, LegWorld, sdp

ACCOUNT = Account("acme", "secret", None)


def legs_of(realm: str | None = None) -> LegWorld:
    return LegWorld(accounts={("trunk", "main"): ACCOUNT._replace(realm=realm)})


@pytest.fixture
def legs() -> LegWorld:
    return legs_of()


def asks(realm: str = "carrier", nonce: str = "n1", algorithm: str = "SHA-256", *, stale: bool = False,
         proxy: bool = True) -> bytes:
    name = b"Proxy-Authenticate: " if proxy else b"WWW-Authenticate: "
    return name + challenge(realm, nonce, algorithm, stale=stale)


def accepted(request: Request, nonce: str = "n1") -> bool:
    return is_good(request.value(b"proxy-authorization") or b"", request.method, request.uri, username="acme",
                   password="secret", realm="carrier", nonce=nonce)


def test_met_once(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk", asks(algorithm="MD5"), asks())
    invite = legs["trunk"].request("INVITE")
    assert accepted(invite)
    assert read(invite.value(b"proxy-authorization") or b"")["algorithm"] == "SHA-256"
    assert invite.cseq.number == 2
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    ack = legs["trunk"].request("ACK")
    assert ack.value(b"proxy-authorization") == invite.value(b"proxy-authorization")
    assert leg.answered
    assert legs.told == ["sent", "sent", "answered"]


@pytest.mark.parametrize("status", [401, 407])
def test_for_ever(legs: LegWorld, status: int) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    proxy = status == 407
    legs.step(f"trunk > {status} : ACK > trunk, INVITE > trunk", asks(nonce="n1", proxy=proxy))
    legs.step(f"trunk > {status} : ACK > trunk", asks(nonce="n2", proxy=proxy))
    assert legs.told[-1] == f"ended {status} far"
    legs.assert_all_over()


def test_stale_for_ever(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk", asks(nonce="n1"))
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk", asks(nonce="n2", stale=True))
    assert accepted(legs["trunk"].request("INVITE"), "n2")
    legs.step("trunk > 407 : ACK > trunk", asks(nonce="n3", stale=True))
    assert legs.told[-1] == "ended 407 far"


def test_wrong_realm() -> None:
    legs = legs_of("carrier")
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 401 : ACK > trunk", asks("evil", proxy=False))
    assert legs.told[-1] == "ended 401 far"


def test_the_first_realm_stays(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk", asks())
    legs.play("trunk > 486 : ACK > trunk")
    legs.place(call="leg-2")
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk", asks("evil"))
    assert legs.told[-1] == "ended 407 far"


def test_no_account(legs: LegWorld) -> None:
    legs.place(side="pbx")
    legs.play("wait 0 : INVITE > pbx")
    legs.step("pbx > 401 : ACK > pbx", asks(proxy=False))
    assert legs.told[-1] == "ended 401 far"


def test_in_a_dialog_with_the_trunk_itself(legs: LegWorld) -> None:
    leg = legs.up()
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    legs.step("trunk > 407 BYE : BYE > trunk", asks())
    assert accepted(legs["trunk"].request("BYE"))
    legs.play("trunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 us"


@pytest.mark.parametrize("fields", [
    (b"Record-Route: <sip:127.0.0.1:5070;lr>",),
    (b"Contact: <sip:customer@127.0.0.1:5082>",),
])
def test_in_a_dialog_with_somebody_behind_the_trunk(legs: LegWorld, fields: tuple[bytes, ...]) -> None:
    far = "trunk" if b"Record" in fields[0] else "udp:127.0.0.1:5082"
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs["trunk"].contact = fields[0].partition(b": ")[2] if far != "trunk" else legs["trunk"].contact
    legs.say(f"trunk > 200 : ACK > {far}", sdp("8 PCMA"), *(fields if far == "trunk" else ()))
    leg.hang_up(legs.now)
    legs.play(f"wait 0 : BYE > {far}")
    bye = legs.last[0].request
    legs["trunk"].received.append(bye)
    legs.step("trunk > 407 BYE :", asks())
    assert legs.told[-1] == "ended 200 us"
    legs.assert_all_over()
