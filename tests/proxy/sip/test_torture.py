"""What the grammar says of every message of RFC 4475 and RFC 5118 (sip.md, "what is owed").

Tolerated of RFC 5118: a port inside the brackets that reads as a part of the address (port-ambiguous), three colons
(ipv6-bug-abnf-3-colons), `received` with and without brackets. Not tolerated of RFC 4475: trws, lwsstart.
"""

import pytest

from proxy.sip.errors import SipError
from proxy.sip.framing import Framer
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response, with_received
from proxy.sip.validate import validate, validate_forwarding
from tests.proxy.sip.samples import DATA, torture

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"torture messages are not here: {DATA}")

# fmt: off
GOOD = (
    "badbranch", "bcast", "bext01", "cparam01", "cparam02", "dblreq", "esc01", "esc02", "escnull", "intmeth",
    "inv2543", "invut", "longreq", "lwsdisp", "mpart01", "noreason", "regaut01", "regescrt", "sdp01", "semiuri",
    "transports", "unksm2", "unreason", "wsinv", "zeromf", "ipv4-mapped-ipv6", "ipv6-bug-abnf-3-colons",
    "ipv6-correct-abnf-2-colons", "ipv6-good", "ipv6-in-sdp", "mult-ip-in-header", "mult-ip-in-sdp",
    "port-ambiguous", "port-unambiguous", "via-received-param-no-delim", "via-received-param-with-delim",
)
# fmt: on
BAD = {
    "badaspec": "400 Bad To",
    "baddate": "400 Bad Date",
    "baddn": "400 Bad From",
    "badinv01": "400 Bad header parameter",
    "badvers": "505 Version not supported",
    "clerr": "400 Content-Length does not match body",
    "escruri": "400 Header part in Request-URI",
    "insuf": "400 Missing To",
    "ltgtruri": "400 Angle brackets around Request-URI",
    "lwsruri": "400 White space or bad method in request line",
    "lwsstart": "400 White space or bad method in request line",
    "mcl01": "400 Differing Content-Length",
    "mismatch01": "400 CSeq method does not match",
    "mismatch02": "400 CSeq method does not match",
    "multi01": "400 More than one To",
    "ncl": "400 Bad Content-Length",
    "novelsc": "416 Unsupported URI Scheme",
    "quotbal": "400 Bad To",
    "regbadct": "400 Bad Contact",
    "scalar02": "400 Bad CSeq",
    "trws": "400 White space or bad method in request line",
    "unkscm": "416 Unsupported URI Scheme",
    "ipv6-bad": "400 Bad sip URI",
}
DROPPED = {"bigcode": "400 Bad start line", "scalarlg": "400 Bad CSeq"}
LONGER_THAN_THEIR_LENGTH = {"dblreq", "ipv4-mapped-ipv6", "ipv6-in-sdp", "mult-ip-in-sdp"}

MESSAGES = {path.stem: path.read_bytes() for folder in ("rfc4475", "rfc5118") for path in torture(folder)}


def judge(data: bytes) -> Request | Response:
    message = parse(data)
    if isinstance(message, Request):
        validate(message)
    else:
        _ = message.via, message.cseq, message.call_id  # all that a response is routed by
    return message


def test_every_message_has_a_verdict() -> None:
    assert set(MESSAGES) == {*GOOD, *BAD, *DROPPED}
    assert len(MESSAGES) == 61


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    data = MESSAGES[name]
    message = judge(data)
    kept = message.to_bytes()
    assert data.startswith(kept)
    assert (kept == data) == (name not in LONGER_THAN_THEIR_LENGTH)
    if isinstance(message, Request):
        assert judge(build_response(message, 200, to_tag=b"t")).cseq == message.cseq


@pytest.mark.parametrize("name", BAD)
def test_bad_is_answered(name: str) -> None:
    with pytest.raises(SipError) as caught:
        judge(MESSAGES[name])
    error = caught.value
    assert str(error) == BAD[name]
    assert error.request is not None
    with_received(error.request, "192.0.2.99", 5060)
    answer = parse(build_response(error.request, error.status, error.reason, b"t"), stream=True)
    assert isinstance(answer, Response)
    assert answer.status == error.status
    assert answer.has(b"via")


@pytest.mark.parametrize("name", DROPPED)
def test_bad_response_is_dropped(name: str) -> None:
    with pytest.raises(SipError) as caught:
        judge(MESSAGES[name])
    assert str(caught.value) == DROPPED[name]
    assert caught.value.request is None


@pytest.mark.parametrize(("name", "status"), [("zeromf", 483), ("bext01", 420)])
def test_good_but_not_forwarded(name: str, status: int) -> None:
    message = judge(MESSAGES[name])
    assert isinstance(message, Request)
    with pytest.raises(SipError) as caught:
        validate_forwarding(message)
    assert caught.value.status == status


def test_dblreq_on_a_stream_is_two_messages() -> None:
    data = MESSAGES["dblreq"][:-5]  # its second body is longer than it says: those octets are the next message
    for step in (1, len(data)):
        framer = Framer()
        messages = [each for at in range(0, len(data), step) for each in framer.feed(data[at : at + step])]
        assert [judge(each).cseq.method for each in messages] == [b"REGISTER", b"INVITE"]
        parse(messages[1], stream=True)


@pytest.mark.parametrize("name", ["clerr", "ncl", "mcl01"])
def test_bad_length_on_a_stream(name: str) -> None:
    framer = Framer()
    if name == "clerr":  # the octets it promises never come: a matter for the deadline
        assert framer.feed(MESSAGES[name]) == []
        assert framer.pending
    else:
        with pytest.raises(SipError, match="Content-Length"):
            framer.feed(MESSAGES[name])


def test_what_the_valid_ones_say() -> None:
    wsinv = judge(MESSAGES["wsinv"])
    assert isinstance(wsinv, Request)
    assert not wsinv.via.is_rfc3261
    assert wsinv.via == (b"UDP", b"192.0.2.2", None, {b"branch": b"390skdjuw"})
    assert wsinv.from_.display == b'J Rosenberg \\"'
    assert wsinv.to.tag == b"1918181833n"
    assert wsinv.max_forwards == 68
    assert wsinv.cseq == (9, b"INVITE")
    assert len(wsinv.body) == 150
    assert wsinv.routes[0].parsed_uri.params[b"lr"] is None
    assert wsinv.contacts[0].params == {b"newparam": b"newvalue", b"secondparam": None, b"q": b"0.33"}

    intmeth = judge(MESSAGES["intmeth"])
    assert isinstance(intmeth, Request)
    assert intmeth.method == b"!interesting-Method0123456789_*+`.%indeed'~"
    assert intmeth.from_.tag == b"_token~1'+`*%!-."
    assert intmeth.to.display == b"BEL:\x07 NUL:\x00 DEL:\x7f"

    semiuri = judge(MESSAGES["semiuri"])
    assert isinstance(semiuri, Request)
    assert judge(MESSAGES["badbranch"]).via.branch is None
    assert semiuri.uri == b"sip:user;par=u%40example.net@example.com"
    assert len(judge(MESSAGES["longreq"]).values(b"via")) == 34
    assert judge(MESSAGES["transports"]).via.host == b"t1.example.com"
    assert judge(MESSAGES["esc02"]).contacts[1].uri == b"sip:alias3@host3.example.com"
    assert judge(MESSAGES["via-received-param-with-delim"]).via.received == b"2001:db8::9:255"
    assert judge(MESSAGES["via-received-param-no-delim"]).via.received == b"2001:db8::9:255"
