"""Challenges: met for the configured peer and realm, twice at most, and never for a stranger in a dialog."""

import pytest

from proxy.sip.message import Request
from proxy.ua.contract import Account
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


BEHIND = b"Record-Route: <sip:127.0.0.1:5070;lr>"


def talking_behind(legs: LegWorld, *fields: bytes) -> None:
    """A leg that was challenged, and whose trunk stays on the way."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk", asks())
    legs.say("trunk > 200 : ACK > trunk", sdp("8 PCMA"), *fields)
    leg.hang_up(legs.now)


def test_a_bye_behind_the_trunks_own_record_route_carries_credentials_unasked(legs: LegWorld) -> None:
    """A challenge to it could not be answered: the customer would stay in a call with nobody."""
    talking_behind(legs, BEHIND)
    legs.play("wait 0 : BYE > trunk")
    bye = legs["trunk"].request("BYE")
    assert accepted(bye)
    said = read(bye.value(b"proxy-authorization") or b"")
    assert (said["nc"], said["uri"]) == ("00000002", bye.uri.decode())
    legs.play("trunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 us"
    assert not [line for line in legs.world.notes.lines if line[0] == "bye_given_up"]


def test_a_bye_that_is_challenged_again_is_given_up_and_logged(legs: LegWorld) -> None:
    """A nonce from behind the trunk is anybody's: never answered."""
    talking_behind(legs, BEHIND)
    legs.play("wait 0 : BYE > trunk")
    legs.step("trunk > 407 BYE :", asks(nonce="n2", stale=True))
    assert legs.told[-1] == "ended 200 us"
    (line,) = [facts for event, facts in legs.world.notes.lines if event == "bye_given_up"]
    assert (line["call"], line["status"]) == ("leg-1", 407)
    legs.assert_all_over()


@pytest.mark.parametrize("fields", [(b"Record-Route: <sip:127.0.0.1:5082;lr>",),
                                    (b"Record-Route: <sip:127.0.0.1:5070;lr>, <sip:127.0.0.1:5082;lr>",)])
def test_nobody_else_gets_credentials_unasked(legs: LegWorld, fields: tuple[bytes, ...]) -> None:
    """The first hop of the BYE is somebody else's, though the trunk may be behind it."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk", asks())
    legs.say("trunk > 200 : ACK > udp:127.0.0.1:5082", sdp("8 PCMA"), *fields)
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > udp:127.0.0.1:5082")
    assert not legs.last[0].request.has(b"proxy-authorization")


def test_a_trunk_that_never_asked_gets_none(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > trunk", sdp("8 PCMA"), BEHIND)
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    assert not legs["trunk"].request("BYE").has(b"proxy-authorization")


@pytest.mark.parametrize("fields", [(b"Require: 100rel",), ()])
def test_an_extension_that_is_required_is_promised_once(legs: LegWorld, fields: tuple[bytes, ...]) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    assert not legs["trunk"].request("INVITE").has(b"require")
    legs.step("trunk > 421 : ACK > trunk, INVITE > trunk", *fields)
    invite = legs["trunk"].request("INVITE")
    assert invite.option_tags(b"require") == [b"100rel"]
    legs.step("trunk > 180 : PRACK > trunk", b"Require: 100rel", b"RSeq: 7")
    legs.say("trunk > 200 PRACK :")
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    assert leg.answered


@pytest.mark.parametrize("again", [b"Require: 100rel", b"Require: precondition", b"Require: 100rel, precondition"])
def test_an_extension_that_is_required_again_or_unknown_ends_it(legs: LegWorld, again: bytes) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    if again == b"Require: 100rel":
        legs.step("trunk > 421 : ACK > trunk, INVITE > trunk", again)
    legs.step("trunk > 421 : ACK > trunk", again)
    assert legs.told[-1] == "ended 421 far"
    legs.assert_all_over()
