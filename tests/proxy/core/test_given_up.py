"""Whose caller has hung up, of calls that began elsewhere: what that makes of their end."""

from proxy.core import given_up
from proxy.core.given_up import GivenUp
from proxy.core.relay import CANCEL_PATIENCE
from routing.facts import Ending
from tests.proxy.core.workbench import Workbench

HUNG_UP = Ending(487, "caller")


def test_an_end_that_never_comes_is_told_once() -> None:
    bench = Workbench()
    calls = GivenUp(bench.reporter, bench.transactions.timers)
    calls.note(b"one", "c1", elsewhere=False, now=bench.now)
    calls.note(b"one", "c1", elsewhere=True, now=bench.now + 1)  # the last one says why
    calls.note(b"two", None, elsewhere=False, now=bench.now)  # nobody knows its name
    bench.transactions.timers.run(bench.now + CANCEL_PATIENCE - 0.001)
    assert bench.router.told("ended") == []
    bench.transactions.timers.run(bench.now + CANCEL_PATIENCE)
    bench.transactions.timers.run(bench.now + 2 * CANCEL_PATIENCE)
    assert bench.router.told("ended") == [(HUNG_UP._replace(elsewhere=True),)]
    assert calls.take(b"one") is None


def test_an_end_that_has_come_is_not_told_again() -> None:
    bench = Workbench()
    calls = GivenUp(bench.reporter, bench.transactions.timers)
    calls.note(b"one", "c1", elsewhere=False, now=bench.now)
    assert (calls.take(b"one"), calls.take(b"one"), calls.take(b"other")) == (HUNG_UP, None, None)
    bench.transactions.timers.run(bench.now + CANCEL_PATIENCE)
    assert bench.router.told("ended") == []


def test_no_more_are_remembered_than_fit() -> None:
    bench = Workbench()
    calls = GivenUp(bench.reporter, bench.transactions.timers)
    for number in range(given_up.MOST + 1):
        calls.note(b"%d" % number, None, elsewhere=False, now=bench.now)
    assert calls.take(b"%d" % given_up.MOST) is None
    assert calls.take(b"0") == HUNG_UP
