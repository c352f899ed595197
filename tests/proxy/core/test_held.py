"""What waits, alone: answers for the store, challenged calls for their repetition, and how many do."""

from proxy.core import pending
from proxy.core.counters import Counters
from proxy.core.credentials import CREDENTIALS_PATIENCE, ExpectedCredentials
from proxy.core.held import COMMIT_PATIENCE, HeldAnswers
from proxy.core.pending import Pending
from proxy.core.reporter import Reporter
from proxy.sip.timers import Timers
from routing.facts import Ending
from tests.kit.world import Notes, ObedientRouter

ENDING = Ending(486, "callee")


class Waits:
    def __init__(self) -> None:
        self.router = ObedientRouter(hold=True)
        self.timers, self.pending = Timers(), Pending()
        self.reporter = Reporter(self.router, Notes(), Counters(), lambda: 0.5, lambda: 1.7e9, frozenset())
        self.answers = HeldAnswers(self.reporter, self.timers, self.pending, lambda: 0.5)
        self.sent: list[float] = []


def test_an_answer_leaves_once_when_its_end_is_stored() -> None:
    waits = Waits()
    waits.answers.end("c1", ENDING, waits.sent.append, 0.4)
    assert (waits.sent, waits.pending.count) == ([], 1)
    waits.router.held[0]()
    waits.router.held[0]()
    assert (waits.sent, waits.pending.count, len(waits.timers)) == ([0.5], 0, 0)


def test_an_answer_leaves_all_the_same_when_the_store_is_slow() -> None:
    waits = Waits()
    waits.answers.end("c1", ENDING, waits.sent.append, 1.0)
    waits.timers.run(1.0 + COMMIT_PATIENCE)
    waits.router.held[0]()
    assert (waits.sent, waits.pending.count) == ([1.0 + COMMIT_PATIENCE], 0)


def test_a_challenged_call_that_comes_again_keeps_its_name_once() -> None:
    waits = Waits()
    expected = ExpectedCredentials(waits.timers, waits.reporter)
    expected.expect((b"call-id", b"tag"), "c1", 0.0)
    assert (expected.take((b"call-id", b"tag")), expected.take((b"call-id", b"tag"))) == ("c1", None)
    assert (len(expected), len(waits.timers), waits.router.heard) == (0, 0, [])


def test_a_challenged_call_that_does_not_come_again_is_over() -> None:
    waits = Waits()
    ExpectedCredentials(waits.timers, waits.reporter).expect((b"call-id", b"tag"), "c1", 0.0)
    waits.timers.run(CREDENTIALS_PATIENCE)
    assert waits.router.told("ended") == [(Ending(407, "callee"),)]


def test_there_is_a_bound() -> None:
    count = Pending()
    assert not count.full
    count.count = pending.PENDING_LIMIT
    assert count.full
