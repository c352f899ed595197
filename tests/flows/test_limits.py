"""The largest requests that are accepted: their answers come back, and what follows in their dialogs goes on.

Messages are plain octets here, for what leaves the proxy is larger than what it would take.
"""

from collections.abc import Sequence

import pytest

from proxy.sip.limits import MAX_HOPS
from tests.kit.world import PBX, TRUNK, World, address

VIA = [b"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKlimits;rport"]
WHO = [b"From: <sip:+36201234567@carrier.example>;tag=caller", b"To: <sip:+3614445555@127.0.0.1>", b"Call-ID: limits"]


def message(start: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join((start, *lines, b"Content-Length: 0", b"", b""))


def invite(*more: bytes) -> bytes:
    return message(b"INVITE sip:+3614445555@127.0.0.1:5060 SIP/2.0", *VIA, *more, *WHO, b"CSeq: 1 INVITE",
                   b"Max-Forwards: 70", b"Contact: <sip:trunk@127.0.0.1:5070>")


def lines_of(data: bytes, *names: bytes) -> list[bytes]:
    return [line for line in data.split(b"\r\n") if line.partition(b":")[0] in names]


def answered(request: bytes, status: bytes = b"200 OK") -> bytes:
    kept = [line + b";tag=pbx" if line.startswith(b"To:") else line for line in lines_of(
        request, b"Via", b"Record-Route", b"From", b"To", b"Call-ID", b"CSeq")]
    return message(b"SIP/2.0 " + status, *kept, b"Contact: <sip:pbx@127.0.0.1:5080>")


def titles(sent: Sequence[object]) -> list[bytes]:
    return [one.data.split(b"\r\n")[0] for one in sent]  # type: ignore[attr-defined]


@pytest.mark.parametrize("folded", [False, True])
def test_as_many_via_as_are_accepted(folded: bool) -> None:
    """The far end may write all of them in one line."""
    world = World()
    below = [b"SIP/2.0/UDP 192.0.2.%d;branch=z9hG4bK%d" % (number, number) for number in range(1, MAX_HOPS)]
    _, forwarded = world.give(invite(*(b"Via: " + one for one in below)), TRUNK)
    assert len(lines_of(forwarded.data, b"Via")) == MAX_HOPS + 1
    answer = answered(forwarded.data)
    if folded:
        vias = b"Via: " + b", ".join(line[5:] for line in lines_of(answer, b"Via"))
        rest = [line for line in answer.split(b"\r\n")[1:-3] if not line.startswith(b"Via:")]
        answer = message(b"SIP/2.0 200 OK", vias, *rest)
    sent = world.give(answer, PBX)
    assert titles(sent) == [b"SIP/2.0 200 OK"]
    assert sent[0].to == TRUNK
    assert len(sent[0].response.value(b"via") or b"") > 0
    assert world.router.told("answered")


def test_more_via_than_are_accepted() -> None:
    below = [b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d" % number for number in range(MAX_HOPS)]
    assert titles(World().give(invite(*below), TRUNK)) == [b"SIP/2.0 400 Too many Via"]


def test_as_many_record_routes_as_are_accepted() -> None:
    """Ours come on top of them, two where the call changes transports, and into the Route of all that follows."""
    world = World(pbx=(address(PBX, "tcp"),))
    below = [b"Record-Route: <sip:127.0.0.1:5070;lr;n=%d>" % number for number in range(MAX_HOPS)]
    _, forwarded = world.give(invite(*below), TRUNK)
    routes = [line.replace(b"Record-Route", b"Route") for line in lines_of(forwarded.data, b"Record-Route")]
    assert len(routes) == MAX_HOPS + 2
    assert titles(world.give(answered(forwarded.data), PBX, "tcp")) == [b"SIP/2.0 200 OK"]
    bye = message(b"BYE sip:trunk@127.0.0.1:5070 SIP/2.0", b"Via: SIP/2.0/TCP 127.0.0.1:5080;branch=z9hG4bKbye",
                  *routes, b"From: <sip:+3614445555@127.0.0.1>;tag=pbx",
                  b"To: <sip:+36201234567@carrier.example>;tag=caller", b"Call-ID: limits", b"CSeq: 1 BYE")
    sent = world.give(bye, PBX, "tcp")
    assert titles(sent) == [b"BYE sip:trunk@127.0.0.1:5070 SIP/2.0"]
    assert len(lines_of(sent[0].data, b"Route")) == MAX_HOPS
