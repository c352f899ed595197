"""Who watches sees every message, on the way in and on the way out."""

from proxy.sip.hop import Flow
from tests.kit.script import Script


class Ear:
    active = True

    def __init__(self) -> None:
        self.heard: list[str] = []

    def received(self, data: bytes, flow: Flow) -> None:
        self.heard.append(f"{flow.port} > {data.split(b' ')[0].decode()}")

    def sent(self, data: bytes, transport: str, host: str, port: int) -> None:
        self.heard.append(f"{data.split(b' ')[0].decode()} > {transport}:{host}:{port}")


def test_every_message(call: Script) -> None:
    ear = Ear()
    call.world.proxy.sender.tracer = ear
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    assert ear.heard == [
        "5070 > INVITE", "SIP/2.0 > udp:127.0.0.1:5070", "INVITE > udp:127.0.0.1:5080", "5080 > SIP/2.0",
        "ACK > udp:127.0.0.1:5080", "SIP/2.0 > udp:127.0.0.1:5070", "5070 > ACK"]


def test_what_is_counted(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        trunk > again     : 100 > trunk
        pbx > 180         : 180 > trunk
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    counters = call.world.proxy.counters
    assert counters.received_requests == {"INVITE": 2, "ACK": 1, "BYE": 1}
    assert counters.sent_requests == {"INVITE": 1, "ACK": 1, "BYE": 1}
    assert counters.received_responses == {"1xx": 1, "2xx": 2}
    assert counters.sent_responses == {"1xx": 3, "2xx": 2}
    assert (counters.retransmissions_absorbed, counters.calls) == (1, {"inbound.answered": 1})
