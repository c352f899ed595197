"""The barrier before an answer: what others see is made anew for all who wait together, and not without a pause."""

import asyncio
import itertools
import time
from collections.abc import Callable

import pytest

from proxy.verbs.barrier import SHARE, Barrier
from tests.kit.waiting import PATIENCE


class Store:
    """Commits when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def settled(self, done: Callable[[], None]) -> None:
        self.waiting.append(done)

    def commit(self) -> None:
        for done in self.waiting:
            done()
        self.waiting.clear()


def test_who_waits_together_shares_what_is_made_anew() -> None:
    async def scenario() -> None:
        store, made = Store(), list[int]()
        barrier = Barrier(store, lambda: made.append(len(made)))
        waiting = [asyncio.ensure_future(barrier.settled()) for _ in range(50)]
        await asyncio.sleep(0)
        assert len(store.waiting) == 50
        assert not made, "nothing is committed yet"
        store.commit()
        await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
        assert made == [0]
        again = asyncio.ensure_future(barrier.settled())
        await asyncio.sleep(0)
        store.commit()
        await again
        assert made == [0, 1], "whoever comes later sees their own"

    asyncio.run(scenario())


def test_what_is_made_anew_leaves_the_loop_to_others() -> None:
    async def scenario() -> None:
        store, spans = Store(), list[tuple[float, float]]()

        def slow() -> None:
            began = time.monotonic()
            time.sleep(0.004)  # the work itself: nothing is waited for
            spans.append((began, time.monotonic()))

        barrier = Barrier(store, slow)
        for _ in range(3):
            one = asyncio.ensure_future(barrier.settled())
            await asyncio.sleep(0)
            store.commit()
            await one
        for (began, ended), (next_began, _) in itertools.pairwise(spans):
            assert next_began - ended >= 0.9 * SHARE * (ended - began)

    asyncio.run(scenario())


def test_a_fault_of_what_is_shown_keeps_nobody_waiting() -> None:
    async def scenario() -> list[dict[str, object]]:
        told: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

        def broken() -> None:
            raise ValueError("no figures")

        store = Store()
        one = asyncio.ensure_future(Barrier(store, broken).settled())
        await asyncio.sleep(0)
        store.commit()
        await one
        return told

    [fault] = asyncio.run(scenario())
    with pytest.raises(ValueError, match="no figures"):
        raise fault["exception"]  # type: ignore[misc]  # it is one
