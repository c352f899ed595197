"""Client transactions as flows: what comes in and when, what goes out and when."""

from typing import NamedTuple

import pytest

from proxy.sip.transaction import ClientTransaction, State
from tests.proxy.sip.transaction_kit import VALUES, Log, World, request, response

INVITE_SENDS: Log = [(t, "send INVITE") for t in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
"""Timer A: T1, then doubled without end, until B at 64*T1."""
OPTIONS_SENDS: Log = [(t, "send OPTIONS") for t in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)]
"""Timer E: T1, doubled up to T2."""


class Flow(NamedTuple):
    name: str
    method: str
    steps: list[tuple[float, int | str]]
    """A number is a response of that status; `fail`, `end` and `give up at N` are calls of the owner."""
    expected: Log
    reliable: bool = False
    ends: State = State.TERMINATED


FLOWS = [
    Flow("INVITE: no answer", "INVITE", [], [*INVITE_SENDS, (32, "timeout"), (32, "terminated")]),
    Flow("INVITE: no answer, reliable", "INVITE", [], [(0, "send INVITE"), (32, "timeout"), (32, "terminated")], True),
    Flow("INVITE: a 1xx stops A and B", "INVITE", [(1, 100), (20, 180)],
         [*INVITE_SENDS[:2], (1, "response 100"), (20, "response 180")], ends=State.PROCEEDING),
    Flow("INVITE: each 2xx reaches the user until M", "INVITE",
         [(1, 180), (2, 200), (2.5, 200), (33.9, 200), (35, 200)],
         [*INVITE_SENDS[:2], (1, "response 180"), (2, "response 200"), (2.5, "response 200"), (33.9, "response 200"),
          (34, "terminated")]),
    Flow("INVITE: M is 64*T1 on reliable transports too", "INVITE", [(1, 200), (2, 200)],
         [(0, "send INVITE"), (1, "response 200"), (2, "response 200"), (33, "terminated")], True),
    Flow("INVITE: nothing but a 2xx passes after a 2xx", "INVITE", [(0.1, 200), (0.2, 180), (0.3, 486), (0.4, "fail")],
         [(0, "send INVITE"), (0.1, "response 200"), (32.1, "terminated")]),
    Flow("INVITE: a refusal is acknowledged each time, told once", "INVITE",
         [(0.1, 486), (0.6, 486), (1.6, 503), (2, 180), (2.1, 200)],
         [(0, "send INVITE"), (0.1, "send ACK"), (0.1, "response 486"), (0.6, "send ACK"), (1.6, "send ACK"),
          (32.1, "terminated")]),
    Flow("INVITE: refused after ringing", "INVITE", [(0.1, 180), (40, 603)],
         [(0, "send INVITE"), (0.1, "response 180"), (40, "send ACK"), (40, "response 603"), (72, "terminated")]),
    Flow("INVITE: D is 0 on reliable transports", "INVITE", [(0.1, 404)],
         [(0, "send INVITE"), (0.1, "send ACK"), (0.1, "response 404"), (0.1, "terminated")], True),
    Flow("INVITE: transport error while calling", "INVITE", [(0.1, "fail")],
         [(0, "send INVITE"), (0.1, "transport error"), (0.1, "terminated")]),
    Flow("INVITE: transport error while ringing", "INVITE", [(0.1, 180), (1, "fail")],
         [(0, "send INVITE"), (0.1, "response 180"), (1, "transport error"), (1, "terminated")]),
    Flow("INVITE: transport error of the ACK", "INVITE", [(0.1, 500), (0.2, "fail")],
         [(0, "send INVITE"), (0.1, "send ACK"), (0.1, "response 500"), (0.2, "transport error"), (0.2, "terminated")]),
    Flow("INVITE: given up sooner", "INVITE", [(0, "give up at 4")],
         [*INVITE_SENDS[:4], (4, "timeout"), (4, "terminated")]),
    Flow("INVITE: given up later", "INVITE", [(0, "give up at 4"), (3, "give up at 6")],
         [*INVITE_SENDS[:4], (6, "timeout"), (6, "terminated")]),
    Flow("INVITE: a 1xx makes giving up void", "INVITE", [(0, "give up at 4"), (1, 100), (2, "give up at 4")],
         [*INVITE_SENDS[:2], (1, "response 100")], ends=State.PROCEEDING),
    Flow("INVITE: ended by the user", "INVITE", [(0.1, 180), (200, "end")],
         [(0, "send INVITE"), (0.1, "response 180"), (200, "terminated")]),
    Flow("OPTIONS: no answer", "OPTIONS", [], [*OPTIONS_SENDS, (32, "timeout"), (32, "terminated")]),
    Flow("OPTIONS: no answer, reliable", "OPTIONS", [],
         [(0, "send OPTIONS"), (32, "timeout"), (32, "terminated")], True),
    Flow("OPTIONS: E is T2 after a 1xx, F goes on", "OPTIONS", [(1, 100), (2, 183)],
         [(0, "send OPTIONS"), (0.5, "send OPTIONS"), (1, "response 100"), (1.5, "send OPTIONS"), (2, "response 183"),
          *[(1.5 + 4 * n, "send OPTIONS") for n in range(1, 8)], (32, "timeout"), (32, "terminated")]),
    Flow("OPTIONS: one final, repeats absorbed until K", "OPTIONS", [(0.1, 200), (0.6, 200), (1.6, 486), (1.7, 100)],
         [(0, "send OPTIONS"), (0.1, "response 200"), (5.1, "terminated")]),
    Flow("OPTIONS: refused after a 1xx", "OPTIONS", [(0.1, 100), (0.2, 404)],
         [(0, "send OPTIONS"), (0.1, "response 100"), (0.2, "response 404"), (5.2, "terminated")]),
    Flow("OPTIONS: K is 0 on reliable transports", "OPTIONS", [(0.1, 200)],
         [(0, "send OPTIONS"), (0.1, "response 200"), (0.1, "terminated")], True),
    Flow("OPTIONS: transport error", "OPTIONS", [(0.1, 100), (0.2, "fail"), (0.3, "fail")],
         [(0, "send OPTIONS"), (0.1, "response 100"), (0.2, "transport error"), (0.2, "terminated")]),
    Flow("OPTIONS: given up sooner", "OPTIONS", [(0, "give up at 1")],
         [*OPTIONS_SENDS[:2], (1, "timeout"), (1, "terminated")]),
    Flow("OPTIONS: a 1xx gives F its full time back", "OPTIONS",
         [(0, "give up at 1"), (0.2, 100), (0.3, "give up at 1")],
         [(0, "send OPTIONS"), (0.2, "response 100"), (0.5, "send OPTIONS"),
          *[(0.5 + 4 * n, "send OPTIONS") for n in range(1, 8)], (32, "timeout"), (32, "terminated")]),
    Flow("BYE: after its end nothing matters", "BYE", [(0.1, 200), (6, 200), (6, "fail"), (6, "end")],
         [(0, "send BYE"), (0.1, "response 200"), (5.1, "terminated")]),
]


def play(flow: Flow) -> tuple[World, ClientTransaction]:
    world, of = World(), request(flow.method)
    tx = world.client(of.copy(), flow.reliable)
    tx.start(0.0)
    for when, step in flow.steps:
        world.advance(when)
        if isinstance(step, int):
            tx.receive(response(of, step), when)
        elif step == "fail":
            tx.transport_failed(when)
        elif step == "end":
            tx.terminate(when)
        else:
            tx.give_up_at(float(step.removeprefix("give up at ")))
    world.advance(1000.0)
    return world, tx


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_flow(flow: Flow) -> None:
    world, tx = play(flow)
    assert world.log == flow.expected
    assert tx.state is flow.ends
    assert len(world.timers) == 0


def test_a_send_that_fails_at_once_ends_it_and_sets_no_timer() -> None:
    world, of = World(), request()
    tx = world.client(of)
    world.on["send INVITE"] = lambda: tx.transport_failed(0.0)
    tx.start(0.0)
    assert [what for _, what in world.log] == ["send INVITE", "transport error", "terminated"]
    assert len(world.timers) == 0


def test_an_ack_that_fails_at_once_does_not_lose_the_response() -> None:
    world, of = World(), request()
    tx = world.client(of.copy())
    world.on["send ACK"] = lambda: tx.transport_failed(0.0)
    tx.start(0.0)
    tx.receive(response(of, 486), 0.0)
    assert [what for _, what in world.log][2:] == ["response 486", "transport error", "terminated"]
    assert len(world.timers) == 0


def test_the_user_may_end_it_while_being_told() -> None:
    world, of = World(), request("OPTIONS")
    tx = world.client(of.copy())
    world.on["response 200"] = lambda: tx.terminate(0.0)
    tx.start(0.0)
    tx.receive(response(of, 200), 0.0)
    assert tx.state is State.TERMINATED
    assert [what for _, what in world.log] == ["send OPTIONS", "response 200", "terminated"]
    assert len(world.timers) == 0


@pytest.mark.parametrize(("reliable", "end"), [(False, 32.0), (True, 0.0)])
def test_a_fault_of_the_user_leaves_no_endless_transaction(reliable: bool, end: float) -> None:
    def fault() -> None:
        raise RuntimeError("ours")

    world, of = World(), request()
    tx = world.client(of.copy(), reliable)
    world.on["response 486"] = fault
    tx.start(0.0)
    with pytest.raises(RuntimeError, match="ours"):
        tx.receive(response(of, 486), 0.0)
    world.advance(100.0)
    assert tx.state is State.TERMINATED
    assert world.log[-1] == (end, "terminated")


def test_what_is_needed_no_more_is_dropped_when_the_user_has_seen_the_final() -> None:
    world, of = World(), request()
    tx = world.client(of.copy())
    seen = []
    world.on["response 200"] = lambda: seen.append(tx.request.method)
    tx.start(0.0)
    tx.receive(response(of, 200), 0.0)
    assert seen == [b"INVITE"]
    assert not hasattr(tx, "request")
    assert tx._data is None
    assert tx.key == (b"z9hG4bKa1", b"INVITE")


def test_a_response_is_handed_over_as_it_is() -> None:
    class Keeping(World):
        def on_response(self, tx: ClientTransaction, response: object, now: float) -> None:
            self.got = response

    world, of = Keeping(), request()
    tx = ClientTransaction(of.copy(), of.to_bytes(), world.sent, False, world.timers, world, VALUES)
    tx.start(0.0)
    final = response(of, 200)
    tx.receive(final, 0.0)
    assert world.got is final
