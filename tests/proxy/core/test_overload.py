"""When new calls are refused: by what waits, for how long already; and what is remembered of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import overload
from proxy.core.overload import PATIENCE, REMEMBERED, SUSTAINED, TARGET, YOUNG, Overload, Refusals

OLD = TARGET + 0.01
START = 1_000.0
WARM = START + PATIENCE


def verdicts(*reads: tuple[float, float]) -> list[bool]:
    """What becomes of new calls that are read at these moments after these waits, in a process that is warm."""
    judge = Overload(START)
    return [judge.late(waited, WARM + at) for at, waited in reads]


@pytest.mark.parametrize(("reads", "refused"), [
    ([(0, 0.0), (1, 0.0), (2, 0.0)], [0, 0, 0]),
    # a pause of the process: what came in it is worked off
    ([(0, 0.9), (0.1, 0.8), (0.2, 0.7)], [0, 0, 0]),
    # the queue does not get shorter
    ([(0, OLD), (SUSTAINED - 0.01, OLD), (SUSTAINED, OLD), (9, OLD)], [0, 0, 1, 1]),
    # refusing shortens it: those near the target are served, which keeps it there
    ([(0, OLD), (0.3, OLD), (0.31, TARGET), (0.32, TARGET - 0.01), (0.33, OLD)], [0, 1, 0, 0, 1]),
    # something young: it was worked off, and the next one has to last as long again
    ([(0, OLD), (0.3, OLD), (0.31, YOUNG - 0.001), (0.32, OLD), (0.5, OLD), (0.58, OLD)], [0, 1, 0, 0, 0, 1]),
    # neither young nor too old goes on for ever and refuses nobody
    ([(0, YOUNG), (1, TARGET), (2, TARGET), (3, OLD)], [0, 0, 0, 1]),
])
def test_when(reads: list[tuple[float, float]], refused: list[int]) -> None:
    assert verdicts(*reads) == [bool(one) for one in refused]


def test_what_has_waited_for_a_start_is_worked_off() -> None:
    judge = Overload(START)
    assert [judge.late(3.0, START + at) for at in (0.0, 1.0, PATIENCE - 0.01)] == [False] * 3
    assert judge.late(3.0, START + PATIENCE)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 5.0)), max_size=50))
def test_no_young_call_is_ever_refused(steps: list[tuple[float, float]]) -> None:
    """And none within `SUSTAINED` of something young."""
    judge, now, young_at = Overload(START), WARM, WARM
    for pause, waited in steps:
        now += pause
        if judge.late(waited, now):
            assert waited > TARGET
            assert now - young_at >= SUSTAINED
        if waited < YOUNG:
            young_at = now


def queue(offered: float, seconds: float = 20.0, cost: float = 0.002, refusal: float = 0.1) -> tuple[int, int, float]:
    """Calls that passed, calls that were refused, and the longest wait of a refused one, in a queue that is served at
    1/`cost` calls a second and offered `offered` times as many; a refusal costs the part `refusal` of a call.
    """
    judge, now, passed, refused, longest = Overload(START), WARM, 0, 0, 0.0
    for number in range(int(seconds * offered / cost)):
        came = WARM + number * cost / offered
        now = max(now, came)
        if judge.late(now - came, now):
            refused += 1
            longest = max(longest, now - came)
            now += refusal * cost
        else:
            passed += 1
            now += cost
    return passed, refused, longest


@pytest.mark.parametrize(("offered", "least"), [(0.5, 1.0), (0.95, 1.0), (2.0, 0.87), (3.0, 0.76)])
def test_what_still_passes(offered: float, least: float) -> None:
    """At twice and three times the limit nearly all that the refusals leave room for, and nobody waits half a second.

    The most that can pass is (1 - r*o) / (1 - r) of the limit, r the cost of a refusal, o what is offered.
    """
    passed, refused, longest = queue(offered)
    assert passed >= least * min(offered, 1.0) * 20.0 / 0.002
    assert (refused == 0) == (offered < 1.0)
    assert longest < 0.5
    cheap, _, _ = queue(offered, refusal=0.05)
    assert cheap >= min(offered, 0.87) * 20.0 / 0.002


def test_refusals_are_remembered_for_a_while() -> None:
    some = Refusals()
    assert not some
    some.add("a", 0.0)
    assert some.has("a", REMEMBERED)
    assert not some.has("b", REMEMBERED)
    some.add("b", REMEMBERED + 1)
    assert some.has("a", REMEMBERED + 2)
    assert not some.has("a", 2 * REMEMBERED + 3)
    assert some.has("b", 2 * REMEMBERED + 3)
    assert not some.has("b", 9 * REMEMBERED)
    assert not some


def test_refusals_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "REFUSALS_MAX", 100)
    some = Refusals()
    for number in range(10_000):
        some.add(number, 1.0)
        assert some.has(number, 1.0)
    assert len(some) <= 200
