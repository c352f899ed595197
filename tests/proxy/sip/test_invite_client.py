"""One INVITE with its CANCEL as flows: what comes in and when, what leaves and what is told, and when."""

from itertools import product

import pytest

from proxy.sip.client import ClientOwner
from proxy.sip.hop import Hop
from proxy.sip.invite_client import NEXT_ADDRESS_AFTER, TABLE, Act, Input, InviteClient, Stage
from proxy.sip.message import Request, Response
from proxy.sip.timers import Timers
from proxy.sip.transaction import ClientTransaction
from tests.proxy.sip.transaction_kit import VALUES, Log, World, request, response

HOP = Hop("udp", "192.0.2.9", 5060)
REASON = (b'Reason: SIP;cause=200;text="elsewhere"',)


class Stack:
    """The stack and the owner at once; everything is in the world's log."""

    def __init__(self) -> None:
        self.world = World()
        self.values = VALUES
        self.cancels: list[Request] = []
        self.tx: ClientTransaction | None = None
        """Of the INVITE."""

    @property
    def timers(self) -> Timers:
        return self.world.timers

    @timers.setter
    def timers(self, timers: Timers) -> None:
        self.world.timers = timers

    def start_client(self, request: Request, hop: Hop, owner: ClientOwner) -> ClientTransaction:
        method = request.method.decode()
        note = self.world.note
        tx = ClientTransaction(request, request.to_bytes(), lambda data: note(f"send {data.split()[0].decode()}"), True,
                               self.timers, owner, VALUES)
        if method == "INVITE":
            self.tx = tx
        else:
            self.cancels.append(request)
        tx.start(self.world.now)
        return tx

    def report(self, hop: Hop, well: bool) -> None:
        self.world.note("well" if well else "not well")

    def invite_provisional(self, invite: InviteClient, response: Response, now: float) -> None:
        self.world.note(f"provisional {response.status}")

    def invite_accepted(self, invite: InviteClient, response: Response, now: float) -> None:
        self.world.note(f"accepted {response.status}")

    def invite_refused(self, invite: InviteClient, response: Response, now: float) -> None:
        self.world.note(f"refused {response.status}")

    def invite_silent(self, invite: InviteClient, status: int, now: float) -> None:
        self.world.note(f"silent {status}")


def play(steps: list[tuple[float, int | str]], *, others: bool = False, until: float = 200.0) -> tuple[Log, Stack]:
    """Play one: numbers are responses of the far end; `cancel`, `leave`, `break` and `ring late` happen as they say."""
    stack = Stack()
    invite = InviteClient(stack, stack, request(), HOP)
    invite.start(0.0, others=others)
    assert stack.tx is not None
    for at, what in steps:
        stack.world.advance(at)
        if isinstance(what, int):
            stack.tx.receive(response(invite.request, what), at)
        elif what == "cancel":
            invite.cancel(REASON, at)
        elif what == "leave":
            invite.leave()
        elif what == "break":
            stack.tx.transport_failed(at)
        else:
            invite.works_after_all(response(invite.request, 180), REASON, at)
    stack.world.advance(until)
    assert len(stack.timers) == 0
    return [one for one in stack.world.log if one[1] != "send ACK"][1:], stack


FLOWS: dict[str, tuple[list[tuple[float, int | str]], Log]] = {
    "answered": ([(1, 100), (2, 180), (3, 200)], [(1, "well"), (2, "provisional 180"), (3, "accepted 200")]),
    "each 2xx is told": ([(1, 200), (2, 200), (20, 200)],
                         [(1, "well"), (1, "accepted 200"), (2, "accepted 200"), (20, "accepted 200")]),
    "refused": ([(1, 180), (2, 486)], [(1, "well"), (1, "provisional 180"), (2, "refused 486")]),
    "503 says that the address is not well": ([(1, 503)], [(1, "not well"), (1, "refused 503")]),
    "503 of somebody who worked": ([(1, 100), (2, 503)], [(1, "well"), (2, "refused 503")]),
    "silence": ([], [(32, "not well"), (32, "silent 408")]),
    "it cannot be sent": ([(1, "break")], [(1, "not well"), (1, "silent 503")]),
    "a wish to cancel waits for a 1xx": ([(1, "cancel"), (9, 100), (10, 487)],
                                         [(9, "well"), (9, "send CANCEL"), (10, "refused 487")]),
    "nothing is cancelled that never says a word": ([(1, "cancel")], [(32, "not well"), (32, "silent 408")]),
    "after a 1xx it leaves at once, and once": ([(1, 100), (5, "cancel"), (6, "cancel"), (6, 180), (7, 487)],
                                               [(1, "well"), (5, "send CANCEL"), (6, "provisional 180"),
                                                (7, "refused 487")]),
    "64*T1 after CANCEL it counts as cancelled": ([(1, 180), (5, "cancel")],
                                                  [(1, "well"), (1, "provisional 180"), (5, "send CANCEL"),
                                                   (37, "silent 408")]),
    "a 2xx that crosses CANCEL": ([(1, 180), (5, "cancel"), (5.1, 200), (6, 200)],
                                  [(1, "well"), (1, "provisional 180"), (5, "send CANCEL"), (5.1, "accepted 200"),
                                   (6, "accepted 200")]),
    "a 2xx before the wish": ([(1, 200), (2, "cancel")], [(1, "well"), (1, "accepted 200")]),
    "left alone": ([(1, 180), (2, "leave"), (3, 486)], [(1, "well"), (1, "provisional 180")]),
    "left alone, and a 2xx all the same": ([(1, "leave"), (3, 200)], [(3, "well"), (3, "accepted 200")]),
    "left alone while CANCEL waits for a 1xx": ([(1, "cancel"), (2, "leave"), (3, 180), (4, 487)],
                                                [(3, "well"), (3, "send CANCEL"), (3, "provisional 180"),
                                                 (4, "refused 487")]),
    "rings after it was given up": ([(40, "ring late"), (41, "ring late")],
                                    [(32, "not well"), (32, "silent 408"), (40, "send CANCEL")]),
    "rings after it was refused": ([(1, 486), (40, "ring late")], [(1, "well"), (1, "refused 486")]),
}


@pytest.mark.parametrize("name", FLOWS)
def test_flow(name: str) -> None:
    steps, expected = FLOWS[name]
    assert play(steps)[0] == expected


def test_the_next_address_has_its_turn_soon() -> None:
    log, _ = play([], others=True)
    assert log == [(NEXT_ADDRESS_AFTER, "not well"), (NEXT_ADDRESS_AFTER, "silent 408")]
    assert play([(3, 100), (50, 486)], others=True)[0] == [(3, "well"), (50, "refused 486")]


def test_cancel_says_why_as_the_first_wish_did() -> None:
    _, stack = play([(1, "cancel"), (2, 180), (3, 487)])
    (cancel,) = stack.cancels
    assert REASON[0] + b"\r\n" in cancel.to_bytes()
    assert (cancel.method, cancel.cseq.number, cancel.via.branch) == (b"CANCEL", 7, b"z9hG4bKa1")


def test_a_1xx_of_another_branch_is_not_ours_to_cancel() -> None:
    stack = Stack()
    invite = InviteClient(stack, stack, request(), HOP)
    invite.start(0.0, others=True)
    stack.world.advance(5)
    invite.works_after_all(response(request(branch="z9hG4bKother"), 180), REASON, 5)
    assert stack.cancels == []


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(product(Stage, Input))


def test_cancel_leaves_only_after_a_1xx() -> None:
    """In every row: what sends CANCEL is a 1xx that came, or a wish after one."""
    for (stage, what), (_, act) in TABLE.items():
        if act is Act.SEND_CANCEL:
            assert what is Input.PROVISIONAL or (stage, what) == (Stage.PROCEEDING, Input.CANCEL)
