"""The worked example of direct callback, a second for an hour: E = 8 s, 09:00 is second 0, midnight is second 15.

Five agents, one of each type, live through their day at the same time, on real sockets and the real clock.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.kit.site import SHARED, Site
from tests.kit.waiting import eventually

E = 8.0
MIN_TALK = 1.0
TALK = 1.1
"""Seconds of a call that counts as talk."""
BEFORE, AFTER = 0.3, 0.1
"""Seconds before an expiry at which a call must still reach the agent, and after it at which it must not."""

POLICY = {
    "direct_callback": {"type": 0, "expires_after": "8s", "ring_for": "3s", "min_talk": "1s"},
    "agent": {f"20{kind}": {"direct_callback": {"type": kind}} for kind in range(5)},
}


class Day:
    """One agent's day with one customer."""

    def __init__(self, site: Site, kind: int, customer: str) -> None:
        self.site, self.kind, self.agent, self.customer = site, kind, f"20{kind}", customer

    def expires(self) -> float | None:
        """When the record expires; None where there is none."""
        query = "SELECT expires_at FROM direct WHERE customer=? AND agent=?"
        rows = self.site.boomerang.sql(query, self.customer, self.agent)
        return float(rows[0][0]) if rows else None

    def last_end(self, calls: int) -> float:
        """When the last of so many calls of this customer ended."""
        query = "SELECT ended_at FROM calls WHERE customer=? AND ended_at IS NOT NULL ORDER BY id"
        rows = eventually(
            lambda: [r for r in [self.site.boomerang.sql(query, self.customer)] if len(r) == calls],
            f"{calls} closed calls of {self.customer}",
        )[0]
        return float(rows[-1][0])

    def live_until(self, when: float) -> None:
        """The record expires at `when` to the microsecond; before it the agent rings, after it the normal route."""
        assert self.expires() == pytest.approx(when, abs=1e-6)
        sleep_until(when - BEFORE)
        assert self.site.customer_reaches(self.customer) == self.agent
        sleep_until(when + AFTER)
        assert self.site.customer_reaches(self.customer) == SHARED


def sleep_until(when: float) -> None:
    time.sleep(max(0.0, when - time.time()))


def type_0(site: Site) -> None:
    """Off: a failed try leaves nothing."""
    day = Day(site, 0, "+36201000000")
    site.agent_misses(day.agent, day.customer)
    day.last_end(1)
    assert day.expires() is None
    assert site.customer_reaches(day.customer) == SHARED


def type_1(site: Site) -> None:
    """Another failed try at 12:00 changes nothing: live until 17:00."""
    day = Day(site, 1, "+36201000001")
    site.agent_misses(day.agent, day.customer)
    missed = day.last_end(1)
    sleep_until(missed + 3)
    site.agent_misses(day.agent, day.customer)
    day.last_end(2)
    day.live_until(missed + E)


def type_1_talk(site: Site) -> None:
    """They talk at 10:00; a call at 11:00 takes the normal route."""
    day = Day(site, 1, "+36201000011")
    site.agent_misses(day.agent, day.customer)
    day.last_end(1)
    time.sleep(1)
    assert site.customer_talks(day.customer, TALK) == day.agent
    day.last_end(2)
    assert day.expires() is None
    assert site.customer_reaches(day.customer) == SHARED


def type_1_short(site: Site) -> None:
    """A voicemail that answers for less than `min_talk` is no talk: the agent's call failed, the record is made."""
    day = Day(site, 1, "+36201000021")
    site.agent_talks(day.agent, day.customer, MIN_TALK / 4)
    ended = day.last_end(1)
    assert day.expires() == pytest.approx(ended + E, abs=1e-6)
    assert site.customer_talks(day.customer, MIN_TALK / 4) == day.agent
    day.last_end(2)
    assert day.expires() == pytest.approx(ended + E, abs=1e-6)


def type_2(site: Site) -> None:
    """The failed try at 12:00 starts the clock again: live until 20:00."""
    day = Day(site, 2, "+36201000002")
    site.agent_misses(day.agent, day.customer)
    missed = day.last_end(1)
    sleep_until(missed + 3)
    site.agent_misses(day.agent, day.customer)
    again = day.last_end(2)
    assert again - missed > 2.9
    day.live_until(again + E)


def type_3(site: Site) -> None:
    """They talk at 09:00: live until 17:00. The customer calls at 10:00: still. 201 calls at 12:00: until 20:00."""
    day = Day(site, 3, "+36201000003")
    site.agent_talks(day.agent, day.customer, TALK)
    talked = day.last_end(1)
    assert day.expires() == pytest.approx(talked + E, abs=1e-6)
    sleep_until(talked + 1)
    assert site.customer_talks(day.customer, TALK) == day.agent
    day.last_end(2)
    assert day.expires() == pytest.approx(talked + E, abs=1e-6)
    sleep_until(talked + 3)
    site.agent_misses(day.agent, day.customer)
    day.live_until(day.last_end(3) + E)


def type_4(site: Site) -> None:
    """As type 3, and the customer's call at 16:00 makes it midnight."""
    day = Day(site, 4, "+36201000004")
    site.agent_talks(day.agent, day.customer, TALK)
    talked = day.last_end(1)
    sleep_until(talked + 7 - TALK)
    assert site.customer_talks(day.customer, TALK) == day.agent
    again = day.last_end(2)
    assert again - talked == pytest.approx(7, abs=0.5)
    sleep_until(again + E - BEFORE)
    assert day.expires() == pytest.approx(again + E, abs=1e-6)
    # Every call of the customer starts it again, answered or not: so this one does too.
    assert site.customer_reaches(day.customer) == day.agent
    day_after = day.last_end(3) + E
    assert day.expires() == pytest.approx(day_after, abs=1e-6)
    sleep_until(day_after + AFTER)
    assert site.customer_reaches(day.customer) == SHARED


DAYS: tuple[Callable[[Site], None], ...] = (type_0, type_1, type_1_talk, type_1_short, type_2, type_3, type_4)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """All days, begun together."""
    with (
        Site(tmp_path_factory.mktemp("example"), policy=POLICY) as site,
        ThreadPoolExecutor(len(DAYS)) as pool,
    ):
        yield {day.__name__: pool.submit(day, site) for day in DAYS}


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.__name__)
def test_a_day(days: dict[str, Future[None]], day: Callable[[Site], None]) -> None:
    days[day.__name__].result(timeout=60)
