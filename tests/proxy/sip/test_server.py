"""Server transactions as flows: what comes in and when, what goes out and when."""

from typing import NamedTuple

import pytest

from proxy.sip.reply import build_response
from proxy.sip.transaction import ServerTransaction, State
from tests.proxy.sip.transaction_kit import Log, World, request

BUSY_SENDS: Log = [(t, "send 486") for t in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)]
"""Timer G: T1, doubled up to T2."""


class Flow(NamedTuple):
    name: str
    method: str
    steps: list[tuple[float, int | str]]
    """A number is a response of the user; `again` and `ACK` come from outside; `fail` and `end` from the owner."""
    expected: Log
    reliable: bool = False
    ends: State = State.TERMINATED


FLOWS = [
    Flow("INVITE: nothing to repeat before the first response", "INVITE", [(0.1, "again"), (1, "ACK")], [],
         ends=State.PROCEEDING),
    Flow("INVITE: a repeat gets the latest 1xx", "INVITE", [(0, 100), (0.5, "again"), (1, 180), (1.5, "again")],
         [(0, "send 100"), (0.5, "send 100"), (1, "send 180"), (1.5, "send 180")], ends=State.PROCEEDING),
    Flow("INVITE: refused, no ACK: G and H", "INVITE", [(0, 486)],
         [*BUSY_SENDS, (32, "timeout"), (32, "terminated")]),
    Flow("INVITE: no G on reliable transports, but H", "INVITE", [(0, 486)],
         [(0, "send 486"), (32, "timeout"), (32, "terminated")], True),
    Flow("INVITE: the ACK stops G and H, I absorbs", "INVITE",
         [(0, 486), (0.7, "ACK"), (0.8, "ACK"), (0.9, "again"), (1, 486), (1.1, "fail")],
         [*BUSY_SENDS[:2], (5.7, "terminated")]),
    Flow("INVITE: I is 0 on reliable transports", "INVITE", [(0, 486), (0.7, "ACK")],
         [(0, "send 486"), (0.7, "terminated")], True),
    Flow("INVITE: a repeat after the refusal gets it again, later responses do not leave", "INVITE",
         [(0, 486), (0.1, "again"), (0.2, 200), (0.3, 180), (0.4, 500), (0.45, "ACK")],
         [(0, "send 486"), (0.1, "send 486"), (5.45, "terminated")]),
    Flow("INVITE: 2xx of the user leave until L, repeats are absorbed", "INVITE",
         [(0, 180), (1, 200), (1.5, 200), (1.6, "again"), (2.5, 200), (3, 486), (3, 180), (34, 200)],
         [(0, "send 180"), (1, "send 200"), (1.5, "send 200"), (2.5, "send 200"), (33, "terminated")]),
    Flow("INVITE: L is 64*T1 on reliable transports too", "INVITE", [(1, 200)],
         [(1, "send 200"), (33, "terminated")], True),
    Flow("INVITE: an ACK of the same branch after a 2xx is the user's", "INVITE", [(1, 200), (2, "ACK")],
         [(1, "send 200"), (2, "ack"), (33, "terminated")]),
    Flow("INVITE: a transport error is told and changes nothing before a final", "INVITE",
         [(0, 100), (1, "fail"), (2, 180)], [(0, "send 100"), (1, "transport error"), (2, "send 180")],
         ends=State.PROCEEDING),
    Flow("INVITE: a transport error after a refusal ends it", "INVITE", [(0, 486), (0.1, "fail")],
         [(0, "send 486"), (0.1, "transport error"), (0.1, "terminated")]),
    Flow("INVITE: a transport error after a 2xx is told", "INVITE", [(0, 200), (0.1, "fail"), (0.2, 200)],
         [(0, "send 200"), (0.1, "transport error"), (0.2, "send 200"), (32, "terminated")]),
    Flow("OPTIONS: repeats are absorbed before the first response", "OPTIONS", [(0.5, "again"), (1, "fail")], [],
         ends=State.TRYING),
    Flow("OPTIONS: a repeat gets the final again until J", "OPTIONS", [(0.5, 200), (0.6, "again"), (32.4, "again")],
         [(0.5, "send 200"), (0.6, "send 200"), (32.4, "send 200"), (32.5, "terminated")]),
    Flow("OPTIONS: J is 0 on reliable transports", "OPTIONS", [(0.5, 200)],
         [(0.5, "send 200"), (0.5, "terminated")], True),
    Flow("OPTIONS: a 1xx, repeated, then refused", "OPTIONS",
         [(0.1, 100), (0.2, "again"), (0.3, 183), (0.4, 404), (0.5, 200), (0.6, 100)],
         [(0.1, "send 100"), (0.2, "send 100"), (0.3, "send 183"), (0.4, "send 404"), (32.4, "terminated")]),
    Flow("OPTIONS: a transport error of a 1xx", "OPTIONS", [(0.1, 100), (0.2, "fail")],
         [(0.1, "send 100"), (0.2, "transport error"), (0.2, "terminated")]),
    Flow("OPTIONS: a transport error of the final", "OPTIONS", [(0.1, 200), (0.2, "fail"), (0.3, "again")],
         [(0.1, "send 200"), (0.2, "transport error"), (0.2, "terminated")]),
    Flow("OPTIONS: left without an answer", "OPTIONS", [(32, "end"), (33, 408)], [(32, "terminated")]),
]


def play(flow: Flow) -> tuple[World, ServerTransaction]:
    world, of = World(), request(flow.method)
    ack = request("ACK", to="<sip:600@pbx.example>;tag=t1")
    tx = world.server(of.copy(), flow.reliable)
    tx.start(0.0)
    for when, step in flow.steps:
        world.advance(when)
        if isinstance(step, int):
            tx.respond(build_response(of, step, to_tag=b"t1"), step, when)
        elif step == "fail":
            tx.transport_failed(when)
        elif step == "end":
            tx.terminate(when)
        else:
            tx.receive(ack if step == "ACK" else of.copy(), when)
    world.advance(1000.0)
    return world, tx


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_flow(flow: Flow) -> None:
    world, tx = play(flow)
    assert world.log == flow.expected
    assert tx.state is flow.ends
    assert len(world.timers) == 0


def test_a_response_that_cannot_be_sent_at_once() -> None:
    world, of = World(), request("OPTIONS")
    tx = world.server(of)
    world.on["send 200"] = lambda: tx.transport_failed(0.0)
    tx.start(0.0)
    tx.respond(b"SIP/2.0 200 OK\r\n\r\n", 200, 0.0)
    assert [what for _, what in world.log] == ["send 200", "transport error", "terminated"]
    assert len(world.timers) == 0


@pytest.mark.parametrize(("method", "status", "kept"), [
    ("INVITE", 200, None),
    ("INVITE", 486, b"SIP/2.0 486 X\r\n\r\n"),
    ("OPTIONS", 200, b"SIP/2.0 200 X\r\n\r\n"),
])
def test_only_what_may_be_repeated_is_kept_after_the_final(method: str, status: int, kept: bytes | None) -> None:
    world = World()
    tx = world.server(request(method, body=b"v=0\r\n" * 100))
    tx.start(0.0)
    tx.respond(b"SIP/2.0 %d X\r\n\r\n" % status, status, 0.0)
    assert not hasattr(tx, "request")
    assert tx._data == kept
    assert tx.key == (b"z9hG4bKa1", b"192.0.2.1:5060", method.encode())
