"""The comparison that the demo's claim of transparency rests on: it must see every octet that is not the proxy's."""

import pytest

from proxy.demo.compare import difference
from proxy.sip.parser import parse

SENT = (b"INVITE sip:1@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nX-One:  a,\r\n b\r\n"
        b"x-two: c\r\nContent-Length: 3\r\n\r\nabc")


def test_what_a_proxy_writes_may_differ() -> None:
    came = SENT.replace(b"sip:1@a", b"sip:1@b").replace(b"Via:", b"Via: SIP/2.0/UDP p;branch=z9hG4bK2\r\nv:")
    came = came.replace(b"Max-Forwards: 70", b"Record-Route: <sip:p;lr>\r\nmax-forwards:69")
    assert difference(parse(SENT), parse(came)) is None


@pytest.mark.parametrize(("old", "new", "said"), [
    (b"X-One:  a", b"X-One: a", "became"),
    (b"a,\r\n b", b"a, b", "became"),
    (b"x-two", b"X-Two", "became"),
    (b"x-two: c\r\n", b"", "became"),
    (b"Content-Length: 3\r\n", b"Content-Length: 3\r\nX: 1\r\n", "was added"),
    (b"\r\nContent-Length: 3", b"", "was lost"),
    (b"\r\n\r\nabc", b"\r\n\r\nabd", "the body"),
])
def test_anything_else_is_seen(old: bytes, new: bytes, said: str) -> None:
    assert old in SENT
    assert said in str(difference(parse(SENT), parse(SENT.replace(old, new))))
