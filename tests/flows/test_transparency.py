"""What one side writes the other side reads, byte for byte: all but Via, Record-Route, Route, Max-Forwards and URI."""

import pytest

from proxy.sip.message import Message
from tests.kit.actor import Actor
from tests.kit.script import Script

OURS = (b"via", b"record-route", b"route", b"max-forwards")
SDP = (b"v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8 101\r\n"
       b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n")
FAX = b"v=0\r\no=- 1 2 IN IP4 198.51.100.1\r\ns=-\r\nt=0 0\r\nm=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n"
MULTIPART = (b"--b1\r\nContent-Type: application/sdp\r\n\r\n" + SDP +
             b"\r\n--b1\r\nContent-Type: application/pidf+xml\r\n\r\n"
             b"<presence>\xc3\xa9\x00\xff</presence>\r\n--b1--\r\n")
ODD = tuple(
    b"%s%s:%s%s" % (name, blank, fold, value)
    for number in range(15)
    for name, blank, fold, value in (
        (b"X-oDd-%d" % number, b"", b" ", b"plain"), (b"x-Odd-%d" % number, b" \t", b"\t", b"a,  b ;c=\"d,e\""),
        (b"P-Thing.%d" % number, b"", b"\r\n  ", b"folded\r\n\tand\r\n   folded again"),
        (b"!%d" % number, b" ", b"", b"")))
KNOWN = (
    b"Identity: eyJhbGciOiJFUzI1NiJ9..sig;info=<https://cert.example/p.cer>;alg=ES256;ppt=shaken",
    b"DATE: Sat, 13 Nov 2010 23:29:00 GMT", b"History-Info: <sip:a@b.example>;index=1",
    b"Diversion: <sip:+49@x>;reason=busy", b"Subject:", b"s:  two ",
    b"Session-Expires : 1800;refresher=uac", b"x: 90", b"Min-SE:90", b"k: timer,100rel , replaces", b"Require: timer",
    b"Privacy: none", b"P-Asserted-Identity: \"A, B\" <sip:+36201234567@x>, <tel:+36201234567>",
    b"User-Agent: \xc3\x89t\xc3\xa9", b"Contact-Info: <sip:x>", b"o: presence", b"P-Charging-Vector: icid-value=1",
    b"Via-Info: no Via", b"Router: no Route",
)
assert len(ODD) == 60


def passed(message: Message) -> list[bytes]:
    """The header fields that must be the same on both sides, as they stand."""
    return [field for name, field in zip(message.names, message.fields, strict=True) if name not in OURS]


def same(sender: Actor, receiver: Actor, title: str) -> None:
    """What `receiver` got under this title is what `sender` sent last."""
    got = receiver.last(title)
    left = sender.sent[-1]
    head, _, body = left.partition(b"\r\n\r\n")
    assert got.body == body
    assert passed(got) == [field for field in _fields(head) if _name(field) not in (b"via", b"route", b"record-route",
                                                                                   b"max-forwards")]


def _fields(head: bytes) -> list[bytes]:
    fields: list[bytes] = []
    for line in head.split(b"\r\n")[1:]:
        if line[:1] in (b" ", b"\t"):
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return fields


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def both(call: Script, sender: str, receiver: str, method: str, fields: tuple[bytes, ...] = ODD + KNOWN,
         body: bytes = SDP) -> None:
    """One request and its 200, compared on both sides."""
    more = f"100 > {sender}, " if method == "INVITE" else ""
    call.step(f"{sender} > {method} : {more}{method} > {receiver}", *fields, body=body)
    same(call[sender], call[receiver], method)
    title = "200" if method == "INVITE" else f"200 {method}"
    call.step(f"{receiver} > {title} : {title} > {sender}", *fields, body=body)
    same(call[receiver], call[sender], title)


@pytest.mark.parametrize(("caller", "callee"), [("trunk", "pbx"), ("pbx", "trunk")])
def test_call_with_everything(call: Script, caller: str, callee: str) -> None:
    call.step(f"{caller} > INVITE : 100 > {caller}, INVITE > {callee}", *ODD, *KNOWN, body=SDP)
    same(call[caller], call[callee], "INVITE")
    call.step(f"{callee} > 183 : 183 > {caller}", *ODD, b"RSeq: 1", b"Require: 100rel", body=SDP)
    same(call[callee], call[caller], "183")
    both(call, caller, callee, "PRACK", (b"RAck: 1 1 INVITE", *ODD))
    both(call, caller, callee, "UPDATE")
    both(call, callee, caller, "UPDATE")
    call.step(f"{callee} > 200 : 200 > {caller}", *ODD, *KNOWN, body=SDP)
    same(call[callee], call[caller], "200")
    call.step(f"{caller} > ACK : ACK > {callee}", *ODD, body=SDP)
    same(call[caller], call[callee], "ACK")
    for one, other in ((caller, callee), (callee, caller)):
        both(call, one, other, "INVITE", body=FAX)
        call.step(f"{one} > ACK : ACK > {other}", *ODD)
        same(call[one], call[other], "ACK")
        both(call, one, other, "INFO", (b"Content-Type: application/dtmf-relay",), b"Signal=5\r\nDuration=160\r\n")
        both(call, one, other, "REFER", (b"Refer-To: <sip:202@pbx.example?Replaces=x%3Bto-tag%3Dy>", *ODD), b"")
        both(call, other, one, "NOTIFY", (b"Event: refer", b"Subscription-State: terminated"), b"SIP/2.0 200 OK\r\n")
        both(call, one, other, "WHATEVER", body=bytes(range(256)))
        both(call, one, other, "MESSAGE", (b"Content-Type: multipart/mixed;boundary=b1",), MULTIPART)
        both(call, one, other, "OPTIONS", ())
    both(call, callee, caller, "BYE", (b"Reason: Q.850;cause=16", *ODD), b"")


@pytest.mark.parametrize("status", [302, 404, 486, 488, 606])
def test_failures(call: Script, status: int) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    call.step(f"pbx > {status} : ACK > pbx, {status} > trunk", *ODD, b"Warning: 399 x \"why, not\"", body=SDP)
    same(call["pbx"], call["trunk"], str(status))
    call.play("trunk > ACK")


@pytest.mark.parametrize(("sender", "receiver"), [("trunk", "pbx"), ("pbx", "trunk")])
@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "OPTIONS", "nonsense!"])
def test_requests_outside_calls(call: Script, sender: str, receiver: str, method: str) -> None:
    call[sender].dialled = b"sip:someone@elsewhere.example"
    both(call, sender, receiver, method)


def test_subscription(call: Script) -> None:
    call["trunk"].dialled = b"sip:600@127.0.0.1"
    both(call, "trunk", "pbx", "SUBSCRIBE")
    both(call, "pbx", "trunk", "NOTIFY")
    both(call, "trunk", "pbx", "SUBSCRIBE")


def test_refused_inside_the_dialog(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    call.play("pbx > INVITE : 100 > pbx, INVITE > trunk")
    call.step("trunk > 491 : ACK > trunk, 491 > pbx", *ODD)
    same(call["trunk"], call["pbx"], "491")
    call.play("""
        pbx > ACK
        pbx > UPDATE       : UPDATE > trunk
        trunk > 500 UPDATE : 500 UPDATE > pbx
        pbx > INVITE       : 100 > pbx, INVITE > trunk
        trunk > 180        : 180 > pbx
        pbx > CANCEL       : 200 CANCEL > pbx, CANCEL > trunk
        trunk > 200 CANCEL
        trunk > 487        : ACK > trunk, 487 > pbx
        pbx > ACK
        trunk > BYE        : BYE > pbx
        pbx > 200 BYE      : 200 BYE > trunk
    """)
    assert call.facts == ["answered 0", "ended 200 caller"]


def test_signs_of_life(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    call.step("pbx > 200 : 200 > trunk", b"Session-Expires: 1800;refresher=uas")
    call.play("trunk > ACK : ACK > pbx")
    both(call, "pbx", "trunk", "UPDATE", (b"x: 90",), b"")
    both(call, "pbx", "trunk", "INFO", (), b"")
    both(call, "pbx", "trunk", "INVITE", (), b"")
    heard = call.world.router.heard
    assert [(one.what, *one.facts[-2:]) for one in heard] == \
        [("answered", 1800.0, "pbx"), ("alive", 90.0, "pbx"), ("alive", None, "pbx")]


def test_nobody_gets_a_1xx_or_a_408_but_for_an_invite(call: Script) -> None:
    """RFC 4320 sections 4.1 and 4.2. The 100 is ours, and comes when the sender's Timer E has come to T2."""
    call.play("""
        trunk > MESSAGE     : MESSAGE > pbx
        pbx > 100 MESSAGE
        pbx > 180 MESSAGE
        pbx > 408 MESSAGE
        trunk > INFO        : INFO > pbx
        wait 3.4            : 2x INFO > pbx
        trunk > again
        wait 0.2            : 100 INFO > trunk, INFO > pbx
        trunk > again       : 100 INFO > trunk
        pbx > 100 INFO
        wait 28.3           : 7x INFO > pbx
        wait 0.2
        pbx > 200 INFO      : 200 INFO > trunk
    """)


def test_a_request_that_is_answered_in_time_gets_no_100(call: Script) -> None:
    call.play("""
        trunk > MESSAGE     : MESSAGE > pbx
        wait 3.4            : 2x MESSAGE > pbx
        pbx > 200 MESSAGE   : 200 MESSAGE > trunk
        wait 5
    """)


def test_no_1xx_keeps_a_callers_via_from_a_dead_end(call: Script) -> None:
    """A response that has lost every Via but ours leads to nobody (RFC 3261 section 16.7 item 3)."""
    def without_way(data: bytes) -> bytes:
        return b"\r\n".join(line for line in data.split(b"\r\n") if b"-trunk-" not in line)

    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    for status in (100, 183):
        assert call.send(call["pbx"], without_way(call["pbx"].answer(status))) == []
    broken = call["pbx"].answer(486).replace(b"\r\nVia: SIP/2.0/UDP 127.0.0.1:5070", b", x")
    assert [one.title for one in call.send(call["pbx"], broken)] == ["ACK", "502 INVITE"]
    call["trunk"].dialog = None
    call.play("trunk > MESSAGE : MESSAGE > pbx")
    lost = call.send(call["pbx"], without_way(call["pbx"].answer(200, "MESSAGE")))
    assert [one.title for one in lost] == ["502 MESSAGE"]
