"""The nodes as one of them has seen them."""

from routing.duty import Beat, Lease
from routing.nodes_seen import Lag, NodeSeen, Ourselves, nodes_seen

CLOCK = 1000.0
OURS = Ourselves("b", "2.0", 50.0, False, {"desk/x": 3, "desk/a": 1}, Lag(0.0, 0.5))
US = NodeSeen("b", "2.0", "alive", 50.0, 2.0, (("desk/a", 1), ("desk/x", 3)), 0.0, 0.5)


def beat(node: str, seen_at: float, draining: bool = False) -> Beat:
    return Beat(node, 1, seen_at, draining, frozenset(), "1.9", 900.0, 4.0, 0.25)


def test_each_stands_with_what_the_last_look_has_found() -> None:
    beats = [beat("e", 0.0, draining=True), beat("d", 900.0), beat("c", 998.0, draining=True), beat("b", CLOCK),
             beat("a", 997.0)]
    leases = [Lease("desk/y", "a", 7, CLOCK + 1), Lease("desk/x", "a", 2, CLOCK + 1), Lease("retention", "a", 1, CLOCK),
              Lease("desk/z", "b", 9, CLOCK + 1)]
    assert nodes_seen(OURS, beats, leases, {"d", "e"}, CLOCK, 2.0) == (
        NodeSeen("a", "1.9", "alive", 102.0, 5.0, (("desk/x", 2), ("desk/y", 7)), 4.0, 0.25), US,
        NodeSeen("c", "1.9", "draining", 102.0, 4.0, (), 4.0, 0.25),
        NodeSeen("d", "1.9", "gone", 102.0, 102.0, (), 4.0, 0.25),
        NodeSeen("e", "1.9", "left", 102.0, None, (), 4.0, 0.25))


def test_of_ourselves_we_know_better() -> None:
    ours = OURS._replace(draining=True, leases={}, lag=Lag(9.0, 8.0))
    assert nodes_seen(ours, [beat("b", CLOCK)], [Lease("desk/x", "b", 3, CLOCK + 1)], (), CLOCK, 0.0) == (
        US._replace(state="draining", heard=0.0, leases=(), push_lag=9.0, pull_lag=8.0),)
    assert nodes_seen(OURS, [], [], (), CLOCK, 0.0) == (US._replace(heard=None),), "the row may be gone"


def test_a_version_that_says_less_has_no_figures() -> None:
    [one, _] = nodes_seen(OURS, [Beat("a", 1, CLOCK, False, frozenset(), "1.0")], [], (), CLOCK, 0.0)
    assert one == NodeSeen("a", "1.0", "alive", None, 0.0, (), None, None)
