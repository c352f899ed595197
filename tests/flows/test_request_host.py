"""`trunk.NAME.request_host`: a carrier that checks it sees its host in the Request-URI, and nothing else changes."""

import pytest

from proxy.sip.message import Request
from proxy.sip.uri import at_host
from tests.kit.script import Script
from tests.kit.world import PBX, TRUNK

WANTED = b"sip.carrier.example:5066"


@pytest.fixture
def checked(call: Script) -> Script:
    call.world.trunk.request_host = WANTED
    return call


def sent(call: Script, method: str, uri: str, source: tuple[str, int] = PBX) -> list[Request]:
    """What leaves when such a request comes; an INVITE's 100 left out."""
    name = "pbx" if source == PBX else "trunk"
    data = call[name].write(method)
    _, _, rest = data.partition(b"\r\n")
    return [one.request for one in call.world.give(f"{method} {uri} SIP/2.0".encode() + b"\r\n" + rest, source)
            if isinstance(one.message, Request)]


@pytest.mark.parametrize(("came", "goes"), [
    ("sip:+36201234567@203.0.113.5:5060", "sip:+36201234567@sip.carrier.example:5066"),
    ("sip:06;ext=7@203.0.113.5;user=phone;Odd=%41", "sip:06;ext=7@sip.carrier.example:5066;user=phone;Odd=%41"),
    ("sips:+36201234567@pbx.example", "sips:+36201234567@sip.carrier.example:5066"),
    ("sip:+36201234567@[2001:db8::5]:5070", "sip:+36201234567@sip.carrier.example:5066"),
    ("tel:+36201234567", "tel:+36201234567"),
])
def test_a_call_to_the_trunk(checked: Script, came: str, goes: str) -> None:
    [request] = sent(checked, "INVITE", came)
    assert request.uri == goes.encode()
    assert WANTED not in request.to.uri, "To is the caller's"


def test_our_own_requests_have_it_too(checked: Script) -> None:
    hop = checked.world.trunk.hops[0]
    assert checked.world.trunk.uri_host(hop) == WANTED
    assert checked.world.pbx.uri_host(hop) != WANTED


def test_unless_it_is_set_the_request_uri_stays(call: Script) -> None:
    [request] = sent(call, "INVITE", "sip:+36201234567@203.0.113.5:5060")
    assert request.uri == b"sip:+36201234567@203.0.113.5:5060"


def test_calls_to_the_pbx_keep_theirs(checked: Script) -> None:
    [request] = sent(checked, "INVITE", "sip:+3614445555@203.0.113.5:5060", TRUNK)
    assert request.uri == b"sip:+3614445555@203.0.113.5:5060"


def test_a_message_has_it_too_and_a_registration_keeps_its_domain(checked: Script) -> None:
    [request] = sent(checked, "MESSAGE", "sip:+36201234567@203.0.113.5")
    assert request.uri == b"sip:+36201234567@" + WANTED
    checked.world.pbx.register_to = "main"
    [request] = sent(checked, "REGISTER", "sip:carrier.example")
    assert request.uri == b"sip:carrier.example"


def test_a_whole_call(checked: Script) -> None:
    checked.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 183       : 183 > pbx
        trunk > 200       : 200 > pbx
        pbx > ACK         : ACK > trunk
        pbx > BYE         : BYE > trunk
        trunk > 200 BYE   : 200 BYE > pbx
    """)
    uri = checked["trunk"].request("INVITE").uri
    assert uri.endswith(b"@" + WANTED)
    assert WANTED not in checked["trunk"].request("BYE").uri, "inside a dialog the far end's Contact counts"


def test_a_call_that_is_taken_back(checked: Script) -> None:
    checked.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 180       : 180 > pbx
        pbx > CANCEL      : 200 CANCEL > pbx, CANCEL > trunk
        trunk > 200 CANCEL :
        trunk > 487       : ACK > trunk, 487 > pbx
    """)
    assert checked["trunk"].request("CANCEL").uri == checked["trunk"].request("INVITE").uri
    assert checked["trunk"].request("ACK").uri == checked["trunk"].request("INVITE").uri


@pytest.mark.parametrize(("uri", "written"), [
    (b"sip:host", b"sip:h:1"), (b"sip:host:5060;lr", b"sip:h:1;lr"), (b"sip:a:b@host?x=y", b"sip:a:b@h:1?x=y"),
    (b"SIP:A@Host;P", b"SIP:A@h:1;P"), (b"sip:[::1]:5;lr", b"sip:h:1;lr"), (b"urn:x@y", b"urn:x@y"),
])
def test_the_host_alone_is_another(uri: bytes, written: bytes) -> None:
    assert at_host(uri, b"h:1") == written
