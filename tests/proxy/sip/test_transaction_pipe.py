"""Two machines on a line that loses, doubles and delays: whatever happens both end, and the user hears one final."""

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.keys import Key, client_key, server_key
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response
from proxy.sip.timers import Timers
from proxy.sip.transaction import ClientTransaction, ServerTransaction, State
from tests.proxy.sip.transaction_kit import VALUES, request

FATES = st.lists(st.sampled_from(("arrives", "lost", "lost", "twice", "late")), max_size=60)
DELAYS = {"arrives": [0.02], "lost": [], "twice": [0.02, 0.3], "late": [0.9]}
PATIENCE = 200.0
"""The user's own limit to an INVITE that rings (Timer C)."""


class Line:
    """Client user, client transaction, the line, server transaction, server user."""

    def __init__(self, method: str, plan: list[tuple[float, int]], fates: list[str]) -> None:
        self.timers = Timers()
        self.now = 0.0
        self.fates = iter(fates)
        self.plan = plan
        self.heard: list[int] = []
        self.ends: list[str] = []
        self.servers: dict[Key, ServerTransaction] = {}
        self.served = 0
        of = request(method)
        self.client = ClientTransaction(of, of.to_bytes(), partial(self.carry, self.at_server), False, self.timers,
                                        self, VALUES)
        self.client.start(0.0)
        self.timers.at(PATIENCE, self.client.terminate)
        while (when := self.timers.next()) is not None:
            self.now = when
            self.timers.run(when)

    def carry(self, deliver: Callable[[bytes, float], None], data: bytes) -> None:
        for delay in DELAYS[next(self.fates, "arrives")]:
            self.timers.at(self.now + delay, partial(deliver, data))

    def at_server(self, data: bytes, now: float) -> None:
        message = parse(data)
        assert isinstance(message, Request)
        tx = self.servers.get(server_key(message))
        if tx is not None:
            tx.receive(message, now)
        elif message.method != b"ACK":
            self.served += 1
            tx = ServerTransaction(message, server_key(message), partial(self.carry, self.at_client), False,
                                   self.timers, self, VALUES)
            self.servers[tx.key] = tx
            tx.start(now)
            for delay, status in self.plan:
                data = build_response(message, status, to_tag=b"t%d" % self.served)
                self.timers.at(now + delay, partial(self.respond, tx, data, status))

    def respond(self, tx: ServerTransaction, data: bytes, status: int, now: float) -> None:
        tx.respond(data, status, now)

    def at_client(self, data: bytes, now: float) -> None:
        message = parse(data)
        assert isinstance(message, Response)
        assert client_key(message) == self.client.key
        self.client.receive(message, now)

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.heard.append(response.status)

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        raise AssertionError("nobody acknowledges a 2xx here")

    def on_timeout(self, tx: ClientTransaction | ServerTransaction, now: float) -> None:
        if tx is self.client:
            self.ends.append("timeout")

    def on_transport_error(self, tx: ClientTransaction | ServerTransaction, now: float) -> None:
        raise AssertionError("the line loses without a word")

    def on_terminated(self, tx: ClientTransaction | ServerTransaction, now: float) -> None:
        assert tx.state is State.TERMINATED
        if tx is self.client:
            self.ends.append("terminated")
        else:
            assert self.servers.pop(tx.key) is tx

    def finals(self) -> list[int]:
        return [status for status in self.heard if status >= 200]


@given(fates=FATES, status=st.sampled_from((200, 404, 503)), after=st.sampled_from((0.0, 0.3, 3.0, 12.0)),
       trying=st.booleans())
def test_request(fates: list[str], status: int, after: float, trying: bool) -> None:
    line = Line("OPTIONS", [(0.0, 100), (after, status)] if trying else [(after, status)], fates)
    assert line.client.state is State.TERMINATED
    assert line.servers == {}
    assert line.ends in (["terminated"], ["timeout", "terminated"])
    assert line.finals() == ([] if "timeout" in line.ends else [status])
    if fates.count("lost") < 5:
        # More requests and answers are sent than can be lost.
        assert line.finals() == [status]


@given(fates=FATES, status=st.sampled_from((302, 486, 603)), after=st.sampled_from((0.0, 0.3, 3.0, 60.0)),
       ringing=st.booleans())
def test_invite_refused(fates: list[str], status: int, after: float, ringing: bool) -> None:
    line = Line("INVITE", [(0.0, 180), (after, status)] if ringing else [(after, status)], fates)
    assert line.client.state is State.TERMINATED
    assert line.servers == {}
    assert line.ends in (["terminated"], ["timeout", "terminated"])
    assert line.finals() in ([], [status])
    if fates.count("lost") < 5 and (ringing or after < 10):
        assert line.finals() == [status]


@given(fates=FATES, after=st.sampled_from((0.0, 0.3, 3.0)))
def test_invite_accepted(fates: list[str], after: float) -> None:
    # The user of the server repeats its 2xx (RFC 3261 section 13.3.1.4).
    repeats = [(after + sent, 200) for sent in (0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5)]
    line = Line("INVITE", [(0.0, 180), *repeats], fates)
    assert line.client.state is State.TERMINATED
    assert line.servers == {}
    assert set(line.finals()) <= {200}
    if fates.count("lost") < 5:
        assert line.finals()
