"""`kill -9` at each written step of an attempt: nobody is dialled twice, no promise is lost, no leg is left up."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.kit.callback_scene import CallbackScene, policy
from tests.kit.waiting import eventually
from tests.survival.scene import Faulty

STEPS = ("claimed", "agent", "accepted", "customer", "answered", "talked")
"""As they follow each other. `accepted` is on disk together with `customer`; customer first, a step below `answered`
is not written any more."""
NOT_SENT = tuple((step, 0.0) for step in STEPS if step != "accepted")
SENT = tuple((step, 0.05) for step in ("agent", "customer", "answered", "talked"))
CUSTOMER_FIRST = (("customer", 0.0), ("customer", 0.05), ("answered", 0.0), ("answered", 0.05), ("answered", 0.15))
HOUR, LINGER = 3600.0, 0.7


class Dies(Faulty):
    """The daemon, which is killed at the step that the file `die` names."""

    faults = {"die": True}


def crash_at(scene: CallbackScene, step: str, later: float, customer: str) -> dict[str, Any]:
    """Have it killed `later` seconds after a step of the callback to this customer is on disk; give the row it left."""
    fuse = scene.boomerang.folder / "die"
    fuse.write_text(f"{step} {later}")
    left = scene.media_processes()
    scene.miss(customer, answered=False)
    scene.died(left)
    scene.take_what_has_come()
    fuse.unlink()
    (row,) = scene.attempts(customer)
    assert row["ended_at"] is None, row
    return row


def recovered(scene: CallbackScene, left: dict[str, Any]) -> None:
    """Start it again: what was cut off is closed, in the database and on the wire."""
    cut = [*scene.pbx.open_calls(), *scene.carrier.open_calls()]
    dialled = len(scene.carrier.to(left["customer"]))
    assert dialled <= (left["customer_at"] is not None)  # written before it is sent
    scene.restart()
    for call in cut:
        scene.until(call, "over")
        assert call.ended_by == "far", call.ended_by
    row = eventually(lambda: [one for one in scene.attempts(left["customer"]) if one["ended_at"]], "it is closed")[0]
    assert (row["id"], row["result"]) == (left["id"], "talked" if left["step"] == "talked" else "crashed"), row


def kept(scene: CallbackScene, customer: str) -> None:
    """The promise is kept by a second attempt, the only one that dials the customer."""
    call = scene.until(scene.customer_call(customer=customer), "up")
    row = scene.task(lambda one: one["state"] == "done", "the promise is kept", customer)
    assert (row["reason"], row["attempts"]) == ("talked", 1)
    scene.hang_up(call)
    assert [one["serial"] for one in scene.attempts(customer)] == [1, 2]


def not_dialled_again(scene: CallbackScene, left: dict[str, Any], dialled: int) -> None:
    """The attempt counts, and the next one has its time."""
    row = scene.task(lambda one: one["state"] == "open", "the promise stands", left["customer"])
    assert row["attempts"] == 1
    assert row["due_at"] > time.time() + HOUR
    time.sleep(LINGER)
    assert len(scene.carrier.to(left["customer"])) == dialled
    assert len(scene.attempts(left["customer"])) == 1


@pytest.mark.parametrize("moments", [NOT_SENT, SENT, CUSTOMER_FIRST], ids=["not_sent", "sent", "customer_first"])
def test_killed_at_each_step(tmp_path: Path, moments: tuple[tuple[str, float], ...]) -> None:
    """The steps of an attempt, one after the other, each with a customer of its own."""
    callback = {"min_talk": "300ms", "customer_ring_for": "5s", "customer_first": moments is CUSTOMER_FIRST}
    with CallbackScene(tmp_path, policy=policy(callback=callback), daemon=Dies) as scene:
        for number, (step, later) in enumerate(moments):
            customer = f"+3620123450{number}"
            left = crash_at(scene, step, later, customer)
            assert STEPS.index(left["step"]) >= STEPS.index(step), left
            dialled = len(scene.carrier.to(customer))
            recovered(scene, left)
            if left["customer_at"] is None:
                kept(scene, customer)
            elif left["step"] != "talked":
                not_dialled_again(scene, left, dialled)
            else:
                row = scene.task(lambda one: one["state"] == "done", "the promise was kept", customer)
                assert row["attempts"] == 1
            scene.all_quiet()
        for left_open in ("attempts WHERE ended_at IS NULL", "calls WHERE ended_at IS NULL AND reason='callback'"):
            eventually(lambda: not scene.boomerang.sql(f"SELECT 1 FROM {left_open}"), f"no {left_open}")  # noqa: B023
