"""Among several servers of a trunk: which one gets a request, and that the one that asked gets the credentials."""

from collections.abc import Iterator

import pytest

from proxy.core.peers import Peer
from proxy.sip.choices import Choice
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, TRUNK, World, address

SECOND = ("127.0.0.1", 5072)
EQUALS = (Choice(0, 50, (address(TRUNK).hop,)), Choice(0, 50, (address(SECOND).hop,)))
ASKED = [b'Proxy-Authenticate: Digest realm="carrier", nonce="nB", algorithm=MD5']
ANSWER = [b'Proxy-Authorization: Digest username="u", realm="c", cnonce="nA", nonce="nB", uri="sip:x", response="0"']


def script(choices: tuple[Choice, ...] = (), **more: str) -> Script:
    trunk = Peer("trunk", "main", addresses=(address(TRUNK), address(SECOND)), choices=choices)
    call = Script(World(peers=[trunk, Peer("pbx", "office", addresses=(address(PBX),), register_to="main")]))
    call.add(Actor("second", SECOND))
    return call


@pytest.fixture
def call() -> Iterator[Script]:
    call = script()
    yield call
    call.assert_nothing_left()


def test_weights_are_drawn_for_each_request() -> None:
    """RFC 2782: thirty calls within a few seconds, and both servers get some, each its share."""
    call = script(EQUALS)
    seen = []
    for number in range(30):
        call.world.draw = number / 30
        call["pbx"].dialog = None
        seen.append(call.world.give(call["pbx"].write("INVITE"), PBX)[1].to)
        call.world.wait(0.1)
    assert seen == [TRUNK] * 15 + [SECOND] * 15


def test_who_was_not_drawn_is_tried_next() -> None:
    call = script(EQUALS)
    call.world.draw = 0.9
    call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > second
        second > 503      : ACK > second, INVITE > trunk
        trunk > 486       : ACK > trunk, 486 > pbx
        pbx > ACK
    """)
    call.assert_nothing_left()


@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER"])
def test_other_requests_are_drawn_too(method: str) -> None:
    call = script(EQUALS)
    for draw, who in ((0.9, "second"), (0.1, "trunk")):
        call.world.draw = draw
        call["pbx"].dialog = None
        call.play(f"pbx > {method} : {method} > {who}\n{who} > 200 {method} : 200 {method} > pbx")
    call.assert_nothing_left()


def test_credentials_go_to_the_server_that_asked(call: Script) -> None:
    """RFC 3261 section 22.3. The first server was silent, and would be asked first again."""
    call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        wait 4.1          : 3x INVITE > trunk, INVITE > second
    """)
    call.step("second > 407 : ACK > second, 407 > pbx", *ASKED)
    call.play("pbx > ACK")
    call.step("pbx > INVITE : 100 > pbx, INVITE > second", *ANSWER)
    call.play("""
        second > 200      : 200 > pbx
        pbx > ACK         : ACK > second
        pbx > BYE         : BYE > second
        second > 200 BYE  : 200 BYE > pbx
    """)


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "MESSAGE"])
def test_credentials_go_there_though_the_list_is_drawn_anew(method: str) -> None:
    call = script(EQUALS)
    call.world.draw = 0.9
    trying = "100 > pbx, " if method == "INVITE" else ""
    acknowledged = "ACK > second, " if method == "INVITE" else ""
    status = "407" if method == "INVITE" else f"407 {method}"
    call.play(f"pbx > {method} : {trying}{method} > second")
    call.step(f"second > {status} : {acknowledged}{status} > pbx", *ASKED)
    if method == "INVITE":
        call.play("pbx > ACK")
    call.world.draw = 0.1
    call.step(f"pbx > {method} : {trying}{method} > second", *ANSWER)
    other = [ANSWER[0].replace(b'nonce="nB"', b'nonce="nX"')]
    call["pbx"].dialog = None
    call.step(f"pbx > {method} : {trying}{method} > trunk", *other)


def test_the_newest_nonces_are_remembered(monkeypatch: pytest.MonkeyPatch, call: Script) -> None:
    monkeypatch.setattr("proxy.core.challengers.LIMIT", 3)
    for number in range(9):
        call["pbx"].dialog = None
        call.play("pbx > MESSAGE : MESSAGE > trunk")
        field = ASKED[0].replace(b"nB", b"n%d" % number)
        call.step("trunk > 407 MESSAGE : 407 MESSAGE > pbx", field)
    assert list(call.world.proxy.sender.challengers._asked) == [b"n6", b"n7", b"n8"]
