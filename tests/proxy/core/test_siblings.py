"""Where the other nodes are, as their Via says it."""

import pytest

from proxy.core.siblings import Siblings
from proxy.sip.hop import Listener, Transport
from proxy.sip.requests import via_field

ALL = Siblings((("203.0.113.6", 5070), ("edge2.example", None), ("2001:db8::6", None)), True)


@pytest.mark.parametrize(("transport", "port"), [("udp", 5060), ("tcp", 5060), ("tls", 5061)])
def test_what_differs_is_the_sent_by(transport: Transport, port: int) -> None:
    own = Listener(0, transport, "203.0.113.5", 5080, "0.0.0.0", 5080)
    found = ALL.listeners_like(own)
    assert found[0] == own
    assert [via_field(one, b"z") for one in found[1:]] == [
        b"Via: SIP/2.0/%s %s;branch=z;rport" % (transport.upper().encode(), sent_by)
        for sent_by in (b"203.0.113.6:5070", b"edge2.example:%d" % port, b"[2001:db8::6]:%d" % port)]
    assert {one.bound_host for one in found} == {"0.0.0.0"}


def test_a_node_alone() -> None:
    own = Listener(0, "udp", "203.0.113.5", 5060, "0.0.0.0", 5060)
    assert (Siblings().listeners_like(own), Siblings().begin_calls) == ([own], False)
