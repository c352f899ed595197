import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.health import CIRCUITS_LIMIT, FIRST_PAUSE, LONGEST_PAUSE, PROBE_PATIENCE, Health
from proxy.sip.hop import Hop

A, B, C = (Hop("udp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))


def test_everything_is_closed_at_first() -> None:
    assert Health().order((A, B), 0.0) == [A, B]


def test_one_failure_is_none() -> None:
    health = Health()
    health.failed(A, 0.0)
    assert health.order((A, B), 0.0) == [A, B]
    assert not health.is_open(A, 0.0)


@pytest.mark.parametrize("hard", [True, False])
def test_it_opens(hard: bool) -> None:
    health = Health()
    for _ in range(1 if hard else 2):
        health.failed(A, 0.0, hard=hard)
    assert health.order((A, B), FIRST_PAUSE - 0.1) == [B]
    assert (health.is_open(A, 0.0), health.is_open(B, 0.0)) == (True, False)
    assert health.order((A,), 0.0) == [A]
    assert health.order((), 0.0) == []


def test_failures_with_an_answer_between_are_not_in_a_row() -> None:
    health = Health()
    health.failed(A, 0.0)
    health.succeeded(A)
    health.failed(A, 1.0)
    assert not health.is_open(A, 1.0)


def test_one_call_tries_again() -> None:
    health = Health()
    health.failed(A, 0.0, hard=True)
    assert health.order((A, B), FIRST_PAUSE) == [A, B]
    assert health.order((A, B), FIRST_PAUSE) == [B]
    assert health.order((A, B), FIRST_PAUSE + PROBE_PATIENCE) == [A, B]
    health.succeeded(A)
    assert health.order((A, B), FIRST_PAUSE) == [A, B]
    assert health.order((A, B), FIRST_PAUSE) == [A, B]


def test_second_in_line_is_not_used_up() -> None:
    health = Health()
    health.failed(B, 0.0, hard=True)
    assert health.order((A, B), FIRST_PAUSE) == [A, B]
    assert health.order((B, A), FIRST_PAUSE) == [B, A]
    assert health.order((B, A), FIRST_PAUSE) == [A]


def test_pause_doubles_with_each_try_that_fails() -> None:
    health = Health()
    now, pauses = 0.0, []
    health.failed(A, now, hard=True)
    for _ in range(6):
        began = now
        while health.is_open(A, now):
            now += 1.0
        pauses.append(now - began)
        health.order((A,), now)
        health.failed(A, now)
    assert pauses == [10.0, 20.0, 40.0, 80.0, LONGEST_PAUSE, LONGEST_PAUSE]


def test_calls_that_were_under_way_say_nothing_new() -> None:
    health = Health()
    for _ in range(50):
        health.failed(A, 0.0, hard=True)
    assert health.order((A, B), FIRST_PAUSE) == [A, B]


def test_circuits_are_bounded() -> None:
    health = Health()
    hops = [Hop("udp", "192.0.2.1", number) for number in range(CIRCUITS_LIMIT + 5)]
    for hop in hops:
        health.failed(hop, 0.0, hard=True)
    assert [health.is_open(hop, 0.0) for hop in hops] == [False] * 5 + [True] * CIRCUITS_LIMIT


@given(st.lists(st.tuples(st.sampled_from(["fail", "hard", "good", "order"]), st.sampled_from([A, B, C]),
                          st.floats(0, 30)), max_size=40))
def test_a_call_always_has_somewhere_to_go(steps: list[tuple[str, Hop, float]]) -> None:
    health, now = Health(), 0.0
    for what, hop, pause in steps:
        now += pause
        if what == "good":
            health.succeeded(hop)
        elif what == "order":
            chosen = health.order((A, B, C), now)
            assert chosen
            assert chosen == sorted(chosen, key=[A, B, C].index)
        else:
            health.failed(hop, now, hard=what == "hard")
