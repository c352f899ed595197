"""Who does what only one node may: every lease has one owner, who is alive, and nobody is buried by a clock."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.duty import (
    ALONE,
    BEAT,
    LIFE,
    Beat,
    Fence,
    Lease,
    Moves,
    Roster,
    desk,
    due_holder,
    moves,
    registration,
)

NODES = st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=6)
LEASES = tuple(desk(f"group {number}") for number in range(60))


def beat(node: str, seen_at: float = 0.0, wants: tuple[str, ...] = LEASES, *, draining: bool = False) -> Beat:
    return Beat(node, 1, seen_at, draining, frozenset(wants))


def owners(nodes: set[str]) -> dict[str, str | None]:
    return {name: due_holder(name, [beat(node) for node in nodes]) for name in LEASES}


def test_names() -> None:
    assert (desk("sales"), desk(""), registration("main")) == ("desk/sales", "desk/", "registration/main")


def test_a_node_alone_does_everything() -> None:
    assert ALONE.holds("desk/sales")
    assert ALONE.goes_on("registration/main")
    assert ALONE.may_dial()
    assert ALONE.fence("desk/sales") is None
    assert not ALONE.is_gone("another one")
    assert ALONE.gone() == frozenset()


@given(NODES)
def test_each_lease_is_one_nodes_whoever_reckons_in_whatever_order(nodes: set[str]) -> None:
    assert set(owners(nodes).values()) <= nodes
    for name, owner in owners(nodes).items():
        assert due_holder(name, [beat(node) for node in sorted(nodes, reverse=True)]) == owner


@given(NODES, st.text(min_size=9, max_size=9))
def test_a_node_that_comes_or_goes_moves_only_its_share(nodes: set[str], newcomer: str) -> None:
    before, after = owners(nodes), owners(nodes | {newcomer})
    assert all(after[name] in (owner, newcomer) for name, owner in before.items())


def test_shares_are_about_as_large() -> None:
    names = [desk(str(number)) for number in range(3000)]
    nodes = [beat(node, wants=tuple(names)) for node in ("a", "b", "c")]
    shares = Counter(due_holder(name, nodes) for name in names)
    assert min(shares.values()) > 850


@pytest.mark.parametrize(("takers", "holder"), [
    ([], None),
    ([beat("a", wants=())], None),
    ([beat("a", wants=("x",)), beat("b", wants=())], "a"),
    ([beat("b", wants=("x",)), beat("a", wants=("y",))], "b"),
])
def test_who_cannot_do_it_is_not_asked_to(takers: list[Beat], holder: str | None) -> None:
    assert due_holder("x", takers) == holder


# Who is alive


def roster(*looks: tuple[float, float, dict[str, float]]) -> Roster:
    """The roster of `a` after some looks: the clock of the database, its own, and when each was seen."""
    made = Roster("a")
    for clock, now, seen in looks:
        made.look([beat(node, at) for node, at in seen.items()], clock, now)
    return made


@pytest.mark.parametrize(("looks", "gone"), [
    ([], []),
    ([(1000.0, 50.0, {"a": 1000.0, "b": 998.0})], []),
    ([(1000.0, 50.0, {"b": 998.0}), (1013.0, 63.0, {"b": 998.0})], ["b"]),
    ([(1000.0, 50.0, {"b": 998.0}), (1012.0, 62.0, {"b": 998.0})], []),  # 14 s by the database
    ([(1000.0, 50.0, {"b": 10.0})], []),  # first seen now: however long ago that was, we have not stood by
    ([(1000.0, 50.0, {"b": 10.0}), (1010.0, 60.0, {"b": 10.0})], ["b"]),
    ([(1000.0, 50.0, {"b": 998.0}), (1063.0, 53.0, {"b": 998.0})], []),  # its clock leapt
    ([(1000.0, 50.0, {"b": 998.0}), (1063.0, 53.0, {"b": 998.0}), (1065.0, 60.0, {"b": 998.0})], ["b"]),
    ([(1000.0, 50.0, {"b": 998.0}), (940.0, 80.0, {"b": 998.0})], []),  # set back: they wait longer
    ([(1000.0, 50.0, {"b": 998.0}), (1020.0, 70.0, {"b": 1018.0})], []),
    ([(1000.0, 50.0, {"a": 900.0}), (1020.0, 70.0, {"a": 900.0, "b": 1019.0})], []),  # nobody buries themselves
])
def test_who_is_gone(looks: list[tuple[float, float, dict[str, float]]], gone: list[str]) -> None:
    seen = roster(*looks)
    assert [node for node in ("a", "b") if seen.is_gone(node)] == gone
    assert {one.node for one in seen.takers()}.isdisjoint(gone)


def test_a_node_that_never_said_a_word_is_gone_once_we_have_listened() -> None:
    assert not roster((1000.0, 50.0, {})).is_gone("old")
    assert not roster((1000.0, 50.0, {}), (1014.0, 64.0, {})).is_gone("old")
    assert roster((1000.0, 50.0, {}), (1015.0, 65.0, {})).is_gone("old")


def test_a_node_that_began_again_is_another_one() -> None:
    seen = Roster("a")
    seen.look([beat("b", 998.0)], 1000.0, 50.0)
    seen.look([beat("b", 998.0)._replace(start=2)], 1016.0, 66.0)
    assert not seen.is_gone("b")


def test_who_leaves_takes_nothing_and_is_not_dead() -> None:
    seen = Roster("a")
    seen.look([beat("a", 1000.0), beat("b", 1000.0, draining=True)], 1000.0, 50.0)
    assert [one.node for one in seen.takers()] == ["a"]
    assert not seen.is_gone("b")


def test_when_the_next_one_may_be_found_dead() -> None:
    assert roster((1000.0, 50.0, {"a": 1000.0})).first_end(1000.0) is None
    assert roster((1000.0, 50.0, {"a": 1000.0, "b": 996.0, "c": 999.0})).first_end(1000.0) == LIFE - 4.0


# What is done about leases

ALL = (beat("a"), beat("b"))
OURS, THEIRS = (next(name for name in LEASES if due_holder(name, ALL) == node) for node in ("a", "b"))


@pytest.mark.parametrize(("held", "leases", "takers", "found"), [
    ({}, [], ALL, Moves({}, {}, [OURS])),
    ({OURS: 3}, [Lease(OURS, "a", 3, 115.0)], ALL, Moves({OURS: 3}, {}, [])),
    ({OURS: 3}, [Lease(OURS, "a", 3, 99.0)], ALL, Moves({OURS: 3}, {}, [])),  # late, and nobody was faster
    ({OURS: 3}, [Lease(OURS, "b", 4, 115.0)], ALL, Moves({}, {}, [])),  # somebody was
    ({OURS: 3}, [Lease(OURS, "b", 4, 100.0)], ALL, Moves({}, {}, [OURS])),
    ({OURS: 3}, [], ALL, Moves({}, {}, [OURS])),  # another database
    ({}, [Lease(OURS, "a", 3, 115.0)], ALL, Moves({}, {}, [OURS])),  # of a process before this one
    ({OURS: 2}, [Lease(OURS, "a", 3, 115.0)], ALL, Moves({}, {}, [OURS])),
    ({THEIRS: 3}, [Lease(THEIRS, "a", 3, 115.0)], ALL, Moves({}, {THEIRS: 3}, [OURS])),
    ({OURS: 3}, [Lease(OURS, "a", 3, 115.0)], ALL[1:], Moves({}, {OURS: 3}, [])),  # we are leaving
    ({OURS: 3}, [Lease(OURS, "a", 3, 115.0)], (), Moves({}, {OURS: 3}, [])),
])
def test_what_is_done_about_a_lease(held: dict[str, int], leases: list[Lease], takers: tuple[Beat, ...],
                                    found: Moves) -> None:
    few = [one._replace(wants=one.wants & {OURS, THEIRS}) for one in takers]
    assert moves("a", held, leases, few, 100.0) == found


@given(st.data())
def test_no_lease_has_two_owners_and_each_has_one_in_the_end(data: st.DataObject) -> None:
    """Nodes beat in any order, come, leave and die: the database refuses nothing, for nobody asks for what is not due
    to them; and where all have beaten twice in peace each lease is where it belongs."""
    clock = 1000.0
    names = ("a", "b", "c")
    table: dict[str, Lease] = {}
    beats: dict[str, Beat] = {}
    rosters = {name: Roster(name) for name in names}
    held: dict[str, dict[str, int]] = {name: {} for name in names}
    sent: dict[str, float] = {}

    def turn(name: str, *, draining: bool = False) -> None:
        beats[name] = beat(name, clock, LEASES[:6], draining=draining)
        rosters[name].look(beats.values(), clock, clock)
        found = moves(name, held[name], table.values(), rosters[name].takers(), clock)
        for lease, epoch in found.give.items():
            table[lease] = Lease(lease, name, epoch, 0.0)
        taken = {}
        for lease in found.take:
            before = table.get(lease)
            assert before is None or before.holder == name or before.until <= clock
            taken[lease] = 1 if before is None else before.epoch + 1
        held[name] = {**found.keep, **taken}
        for lease, epoch in held[name].items():
            table[lease] = Lease(lease, name, epoch, clock + LIFE)
        sent[name] = clock
        held_now = Counter(lease for node, mine in held.items() if clock < sent.get(node, 0.0) + LIFE - BEAT
                           for lease, epoch in mine.items())
        assert not held_now or max(held_now.values()) == 1

    for _ in range(data.draw(st.integers(0, 20))):
        clock += data.draw(st.sampled_from((0.0, 1.0, 5.0, 11.0, 20.0)))
        turn(data.draw(st.sampled_from(names)), draining=data.draw(st.booleans()))
    alive = data.draw(st.sampled_from((("a",), ("a", "b"), names)))
    for _ in range(8):
        clock += BEAT
        for name in alive:
            turn(name)
    for lease in LEASES[:6]:
        owner = due_holder(lease, [beats[name] for name in alive])
        assert [name for name in alive if lease in held[name]] == [owner] == [table[lease].holder]


def test_a_fence_is_a_name_and_an_epoch() -> None:
    assert tuple(Fence("desk/sales", 3)) == ("desk/sales", 3)
