"""What the grammar says of every kind of twisted message: ours, and those of RFC 4475 and RFC 5118 where they are here.

Lists name the kinds by the RFCs' own messages.

Tolerated of RFC 5118: a port inside the brackets that reads as a part of the address (port-ambiguous), three colons
(ipv6-bug-abnf-3-colons), `received` with and without brackets. Not tolerated of RFC 4475: trws, lwsstart.
"""

import pytest

from proxy.sip.errors import SipError
from proxy.sip.framing import Framer
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response, with_received
from proxy.sip.request_error import request_of
from proxy.sip.validate import validate, validate_forwarding
from proxy.sip.via import Via
from tests.kit.twisted import KINDS, MESSAGES, MISSING, OWN, RFCS, SDP, of_kinds

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


def judge(data: bytes) -> Request | Response:
    message = parse(data)
    if isinstance(message, Request):
        validate(message)
    else:
        _ = message.via, message.cseq, message.call_id  # all that a response is routed by
    return message


def test_every_kind_has_a_verdict_and_a_message_of_ours() -> None:
    kinds = {one.like for one in OWN}
    assert kinds == {*GOOD, *BAD, *DROPPED}
    assert len(OWN) == len(kinds) == len({one.name for one in OWN}) == 61
    assert not {one.name for one in OWN} & kinds


@pytest.mark.skipif(not RFCS, reason=MISSING)
def test_the_rfcs_own_messages_are_here() -> None:
    assert {one.like for one in RFCS} == {one.like for one in OWN}
    assert not {one.data for one in RFCS} & {one.data for one in OWN}


@pytest.mark.parametrize("name", of_kinds(GOOD))
def test_good(name: str) -> None:
    data = MESSAGES[name]
    message = judge(data)
    kept = message.to_bytes()
    assert data.startswith(kept)
    assert (kept == data) == (KINDS[name] not in LONGER_THAN_THEIR_LENGTH)
    if isinstance(message, Request):
        assert judge(build_response(message, 200, to_tag=b"t")).cseq == message.cseq


@pytest.mark.parametrize("name", of_kinds(BAD))
def test_bad_is_answered(name: str) -> None:
    with pytest.raises(SipError) as caught:
        judge(MESSAGES[name])
    error = caught.value
    assert str(error) == BAD[KINDS[name]]
    refused = request_of(error)
    assert refused is not None
    with_received(refused, "192.0.2.99", 5060)
    answer = parse(build_response(refused, error.status, error.reason, b"t"), stream=True)
    assert isinstance(answer, Response)
    assert answer.status == error.status
    assert answer.has(b"via")


@pytest.mark.parametrize("name", of_kinds(DROPPED))
def test_bad_response_is_dropped(name: str) -> None:
    with pytest.raises(SipError) as caught:
        judge(MESSAGES[name])
    assert str(caught.value) == DROPPED[KINDS[name]]
    assert request_of(caught.value) is None


@pytest.mark.parametrize("name", of_kinds(["zeromf", "bext01"]))
def test_good_but_not_forwarded(name: str) -> None:
    message = judge(MESSAGES[name])
    assert isinstance(message, Request)
    with pytest.raises(SipError) as caught:
        validate_forwarding(message)
    assert caught.value.status == {"zeromf": 483, "bext01": 420}[KINDS[name]]


@pytest.mark.parametrize("name", of_kinds(["dblreq"]))
def test_two_in_one_are_two_messages_on_a_stream(name: str) -> None:
    data = MESSAGES[name][:-5]  # its second body is longer than it says: those octets are the next message
    for step in (1, len(data)):
        framer = Framer()
        messages = [each for at in range(0, len(data), step) for each in framer.feed(data[at : at + step])]
        assert [judge(each).cseq.method for each in messages] == [b"REGISTER", b"INVITE"]
        parse(messages[1], stream=True)


@pytest.mark.parametrize("name", of_kinds(["clerr", "ncl", "mcl01"]))
def test_bad_length_on_a_stream(name: str) -> None:
    framer = Framer()
    if KINDS[name] == "clerr":  # the octets it promises never come: a matter for the deadline
        assert framer.feed(MESSAGES[name]) == []
        assert framer.pending
    else:
        with pytest.raises(SipError, match="Content-Length"):
            framer.feed(MESSAGES[name])


def test_what_our_valid_ones_say() -> None:
    folded = judge(MESSAGES["folded-everywhere"])
    assert isinstance(folded, Request)
    assert folded.via == Via(b"UDP", b"quay7.example", None, {b"branch": b"z9hG4bKfolded-1"})
    assert folded.from_.display == b'Ilona \\ "the crane" '
    assert (folded.to.tag, folded.from_.tag) == (b"far-end-77", b"inland-5")
    assert (folded.max_forwards, folded.cseq) == (59, (41, b"INVITE"))
    assert folded.body == SDP
    assert folded.routes[0].parsed_uri.params[b"lr"] is None
    assert folded.contacts[0].params == {b"fresh": b"paint", b"dry": None, b"q": b"0.7"}

    odd = judge(MESSAGES["odd-signs"])
    assert isinstance(odd, Request)
    assert odd.method == odd.cseq.method
    assert odd.from_.tag == b".!%*_+`'~t"
    assert odd.to.display == b"tab\x09 null\x00 end\x7f"

    semicolon = judge(MESSAGES["semicolon-in-user"])
    assert isinstance(semicolon, Request)
    assert semicolon.uri == b"sip:600;dock=b%40sea@harbour.example"
    assert judge(MESSAGES["cookie-and-no-branch"]).via.branch is None
    assert len(judge(MESSAGES["long-all-over"]).values(b"via")) == 28
    assert judge(MESSAGES["every-transport"]).via.host == b"quay7.example"
    assert judge(MESSAGES["percent-is-no-escape"]).contacts[1].uri == b"sip:third@quay7.example"
    assert judge(MESSAGES["received-with-brackets"]).via.received == b"2001:db8:77::8"
    assert judge(MESSAGES["received-without-brackets"]).via.received == b"2001:db8:77::8"


@pytest.mark.skipif(not RFCS, reason=MISSING)
def test_what_the_valid_ones_of_the_rfcs_say() -> None:
    wsinv = judge(MESSAGES["wsinv"])
    assert isinstance(wsinv, Request)
    assert not wsinv.via.is_rfc3261
    assert wsinv.via == Via(b"UDP", b"192.0.2.2", None, {b"branch": b"390skdjuw"})
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
