"""Two nodes over real ledgers on one database: what begins at one and ends at the other is what it would be at one."""

import pytest

from proxy.core.relay import CANCEL_PATIENCE
from tests.kit.actor import CUSTOMER
from tests.kit.house import House
from tests.kit.world import PROXY
from tests.routing.memory_store import MemoryStore

OTHER = ("127.0.0.1", 5062)
PAI = b"P-Asserted-Identity: <sip:201@pbx.example>"
RINGS = """
    trunk > INVITE      : 100 > trunk, INVITE > pbx
    pbx > 180           : 180 > trunk
"""


class Houses:
    """Two nodes, `a` and `b`; one script is played at either."""

    def __init__(self) -> None:
        places = (PROXY, OTHER)
        stores = [MemoryStore("a")]
        stores.append(MemoryStore("b", beside=stores[0]))
        self.a, self.b = (
            House("on_agent", store, own, tuple(one for one in places if one != own))
            for store, own in zip(stores, places, strict=True))
        self.b.world.serial = 1_000  # names are given by nodes apart
        self.call = self.a.call
        for actor in self.call.actors.values():
            actor.minds_its_route = False

    def play(self, at: House, text: str, *fields: bytes) -> None:
        now = self.call.world.now
        self.call.world = at.world
        at.world.now = max(now, at.world.now)
        for line in text.splitlines():
            if line.strip():
                self.call.step(line.strip(), *fields)

    def hear(self) -> None:
        """Let each hear of what the other one has written."""
        for house in (self.a, self.b):
            house.store.hear()
            house.ledger.turn(house.wall)

    def said(self) -> list[str]:
        """What both have told of calls."""
        return [event.kind for house in (self.a, self.b) for event in house.store.events
                if event.kind in ("call.started", "call.ended")]


@pytest.fixture
def houses() -> Houses:
    return Houses()


def one_row(houses: Houses) -> tuple[str | None, ...]:
    [row] = houses.a.store.rows.values()
    return row.node, row.customer, row.reason, row.ended_by, row.judged


@pytest.mark.parametrize("comes", [True, False])
def test_who_hangs_up_at_the_other_node_is_missed(houses: Houses, comes: bool) -> None:
    """Whether the failure that the CANCEL brings about comes there, or goes to the node that has died."""
    houses.play(houses.a, RINGS)
    houses.play(houses.b, "trunk > CANCEL : 200 CANCEL > trunk, 2x CANCEL > pbx")
    if comes:
        houses.play(houses.b, "pbx > 487 : ACK > pbx, 487 > trunk")
    else:
        houses.play(houses.b, f"wait {CANCEL_PATIENCE:g}")
    assert houses.b.missed() == [("hung_up", "certain")]
    assert one_row(houses) == ("a", CUSTOMER, "normal", "caller", "missed")
    houses.hear()
    assert (houses.a.missed(), houses.a.ledger.calls(), houses.b.ledger.calls()) == ([], (), ())
    assert houses.said() == ["call.started", "call.ended"]


def test_who_hangs_up_because_somebody_else_has_answered_is_not_missed(houses: Houses) -> None:
    houses.play(houses.a, RINGS)
    houses.play(houses.b, "trunk > CANCEL : 200 CANCEL > trunk, 2x CANCEL > pbx", b"Reason: SIP;cause=200")
    houses.play(houses.b, f"wait {CANCEL_PATIENCE:g}")
    assert houses.b.missed() == []
    assert one_row(houses) == ("a", CUSTOMER, "normal", "caller", "neither")


def test_an_answer_that_crosses_the_cancel_is_a_talk(houses: Houses) -> None:
    houses.play(houses.a, RINGS)
    houses.play(houses.b, "trunk > CANCEL : 200 CANCEL > trunk, 2x CANCEL > pbx")
    houses.play(houses.b, "pbx > 200 : 200 > trunk", PAI)
    houses.play(houses.b, f"""
        trunk > ACK : ACK > pbx
        wait {2 * CANCEL_PATIENCE:g}
        trunk > BYE : BYE > pbx
        pbx > 200 BYE : 200 BYE > trunk
    """)
    assert (houses.b.missed(), houses.b.talks()) == ([], [("201", 2 * CANCEL_PATIENCE)])


@pytest.mark.parametrize("status", [486, 603])
def test_whom_the_pbx_refuses_by_the_other_node_is_missed(houses: Houses, status: int) -> None:
    houses.play(houses.a, RINGS)
    houses.play(houses.b, f"pbx > {status} : ACK > pbx, {status} > trunk")
    assert houses.b.missed() == [("refused", "certain")]
    assert one_row(houses) == ("a", CUSTOMER, "normal", "callee", "missed")
    houses.hear()
    assert houses.a.ledger.calls() == ()


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_talk_is_one_wherever_it_goes_on(houses: Houses, step: int) -> None:
    """From its answer, its ACK, its BYE or the answer to that on the other node has it."""
    steps = ("pbx > 200 : 200 > trunk", "trunk > ACK : ACK > pbx\nwait 8", "trunk > BYE : BYE > pbx",
             "pbx > 200 BYE : 200 BYE > trunk")
    houses.play(houses.a, RINGS)
    for number, lines in enumerate(steps, 1):
        houses.play(houses.b if number >= step else houses.a, lines, *([PAI] if number == 1 else []))
    assert (houses.a.talks(), houses.b.talks(), houses.b.missed()) == ([], [("201", 8.0)], [])
    assert one_row(houses) == ("a", CUSTOMER, "normal", "caller", "talked")
    houses.hear()
    assert (houses.a.ledger.calls(), houses.b.ledger.calls()) == ((), ())
    assert houses.said() == ["call.started", "call.ended"]
    for house in (houses.a, houses.b):
        assert house.ledger.attendance.agent_state("201") in ("free", "unknown")
