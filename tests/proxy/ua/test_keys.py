import pytest

from proxy.ua.keys import SAME_PRESS, Presses, key_of
from tests.proxy.sip.transaction_kit import request


@pytest.mark.parametrize(("kind", "body", "key"), [
    ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"),
    ("application/dtmf-relay", b"Duration=160\r\nSignal= #\r\n", "#"),
    ("Application/DTMF-Relay;x=1", b"signal=d", "D"),
    ("application/dtmf-relay", b"Signal=10", "*"),
    ("application/dtmf-relay", b"Signal=55\r\n", ""),
    ("application/dtmf-relay", b"nothing", ""),
    ("application/dtmf", b"*", "*"),
    ("application/dtmf", b" 7\r\n", "7"),
    ("application/dtmf", b"11", "#"),
    ("application/dtmf", b"99", ""),
    ("application/media_control+xml", b"<x/>", None),
    ("application/dtmf", b"", ""),
])
def test_key_of(kind: str, body: bytes, key: str | None) -> None:
    assert key_of(request("INFO", extra=f"Content-Type: {kind}\r\n", body=body)) == key


def test_a_press_that_comes_both_ways_is_one() -> None:
    presses = Presses()
    assert presses.is_new("1", "rtp", 10.0)
    assert not presses.is_new("1", "info", 10.1)
    assert presses.is_new("1", "rtp", 10.5)
    assert presses.is_new("2", "info", 10.6)
    assert not presses.is_new("2", "rtp", 10.7)
    assert presses.is_new("2", "rtp", 10.6 + SAME_PRESS)
