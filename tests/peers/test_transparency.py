"""What is not the proxy's passes byte for byte, both ways: the whole of an unusual but legal call.

Compared is the text of each message with Via, Record-Route, Route and Max-Forwards taken out, and with them the
Request-URI; everything else must be the same octets in the same order.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.call import Call, Incoming, Outgoing, incoming
from tests.kit.sip_text import SDP, Message
from tests.kit.site import SHARED, Site

CUSTOMER, AGENT = "+36201234567", "201"

_OURS = re.compile(rb"(?im)^(?:via|v|record-route|route|max-forwards)[ \t]*:.*\r\n(?:[ \t].*\r\n)*")

ODD = [
    *(f'{"x-" if n % 2 else "X-"}oDD-{n}{" " * (n % 3)}:{" " * (n % 4)}value {n}; a="q,;{n}"' for n in range(50)),
    *(f"X-Folded-{n}: begins,\r\n\tgoes on\r\n   and ends {n}" for n in range(10)),
    "Identity: eyJhbGciOiJFUzI1NiJ9.e30.c2ln;info=<https://cert.example/c.pem>;alg=ES256;ppt=shaken",
    "Date: Sat, 13 Nov 2010 23:29:00 GMT",
    "History-Info: <sip:bob@example.com>;index=1, <sip:carol@example.com?Reason=SIP%3Bcause%3D302>;index=1.1",
    "Diversion: <sip:+3611111111@example.com>;reason=unconditional",
    "Session-Expires: 1800;refresher=uac",
    "Supported: timer, 100rel,replaces",
    "Privacy: none",
    "s:  compact subject ",
    "Subject-Twice: one",
    "subject-twice: two",
]

SRTP = (
    SDP.replace(b"RTP/AVP", b"RTP/SAVP")
    + b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"
    b"m=image 40002 udptl t38\r\na=T38FaxVersion:0\r\n"
)

MULTIPART = (
    b"--unique-1\r\nContent-Type: application/sdp\r\n\r\n"
    + SDP
    + b"\r\n--unique-1\r\nContent-Type: application/octet-stream\r\n\r\n\x00\x01\xff\xfe\r\n\r\n--unique-1--\r\n"
)


def kept(raw: bytes) -> bytes:
    """A message without what a proxy changes."""
    start, _, rest = raw.partition(b"\r\n")
    head, blank, body = rest.partition(b"\r\n\r\n")
    if not start.startswith(b"SIP/"):
        method, _, version = start.split(b" ")
        start = method + b" " + version
    return start + b"\r\n" + _OURS.sub(b"", head + b"\r\n") + blank[2:] + body


def same(sent: bytes, got: Message) -> None:
    assert kept(sent) == kept(got.raw)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


@pytest.fixture(params=["inbound", "outbound"])
def call(request: pytest.FixtureRequest, site: Site) -> tuple[Outgoing, Incoming]:
    """A call with everything odd in its INVITE, as it left and as it arrived."""
    body = {"headers": [*ODD, "Content-Type: multipart/mixed;boundary=unique-1"], "body": MULTIPART}
    if request.param == "inbound":
        there, here, dialled, caller = site.pbx, site.carrier, SHARED, CUSTOMER
    else:
        there, here, dialled, caller = site.carrier, site.pbx, CUSTOMER, AGENT
    out = Outgoing(here, site.hop, dialled, caller, **body)  # type: ignore[arg-type]
    return out, incoming(there, call_id=out.call_id)


def both_ways(one: Call, other: Call, method: str, headers: list[str], body: bytes = b"") -> None:
    """A request and its answer, each from either side."""
    for near, far in ((one, other), (other, one)):
        sent = near.request(method, headers, body)
        got = far.expect(method)
        same(sent, got)
        assert got.uri == near.target
        answer = far.answer(got, "202 Accepted", ["X-answer :  odd  "], b"text")
        same(answer, near.expect(202))


def test_a_call_with_everything(call: tuple[Outgoing, Incoming]) -> None:
    out, there = call
    same(out.invite, there.invite)
    assert there.invite.user == out.dialled

    ringing = there.reply("183 Session Progress", ["Require: 100rel", "RSeq: 77", *ODD[:9]], SRTP)
    heard = out.expect(183)
    same(ringing, heard)
    out.learn(heard)
    prack = out.request("PRACK", ["RAck: 77 1 INVITE"])
    got = there.expect("PRACK")
    same(prack, got)
    same(there.answer(got), out.expect(200))

    answer = there.reply("200 OK", [*ODD, "Require: timer"], SRTP)
    same(answer, out.expect(200))
    out.ack()
    there.expect("ACK")

    both_ways(out, there, "UPDATE", ["Content-Type: application/sdp", *ODD[50:55]], SRTP)
    both_ways(out, there, "INFO", ["Info-Package: dtmf", "Content-Type: application/dtmf-relay"], b"Signal=5\r\n")
    both_ways(out, there, "REFER", ["Refer-To: <sip:+36301112222@example.com?Replaces=a%40b%3Bto-tag%3Dc>"])
    both_ways(out, there, "NOTIFY", ["Event: refer", "Content-Type: message/sipfrag"], b"SIP/2.0 100 Trying\r\n")
    both_ways(out, there, "FOO.bar", ["Unknown-Header: \u00e1rv\u00edz"], bytes(range(256)))
    both_ways(out, there, "INVITE", ["Contact: <sip:new@127.0.0.1:9>", *ODD[:5]], SRTP)


def test_a_session_ends_as_it_lived(site: Site) -> None:
    """BYE with a body and its answer."""
    call, there = site.customer_dials(CUSTOMER)
    there.pick_up_with(call)
    sent = call.request("BYE", ['Reason: Q.850;cause=16;text="Terminated"', "Content-Type: text/plain"], b"bye")
    got = there.expect("BYE")
    same(sent, got)
    same(there.answer(got, "200 OK", ["X-Stats: a=1"]), call.expect(200))


def test_a_redirected_call_differs_by_its_header_only(site: Site) -> None:
    """To an agent: Request-URI and X-Boomerang, To untouched; the fallback is as if nothing had been tried."""
    site.agent_misses(AGENT, CUSTOMER)
    call, first = site.customer_dials(CUSTOMER)
    assert first.invite.user == AGENT
    mark = b"X-Boomerang: direct; agent=201; type=1; dialled=+3614445555\r\n"
    assert mark in first.invite.raw
    assert kept(first.invite.raw.replace(mark, b"")) == kept(call.invite)
    first.ring()
    first.refuse()
    second = incoming(site.pbx, call_id=call.call_id)
    same(call.invite, second.invite)
    second.pick_up_with(call)
    assert call.statuses() == [180, 200]
    call.request("BYE")
    second.hung_up()
    call.bye_answered()
