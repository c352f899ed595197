"""What becomes of the places that requests have in the queues of PBXs, as the room that holds them tells it."""

from collections.abc import Callable
from typing import Final, Literal

from routing.callbacks.attempt_outcomes import AttemptOutcomes
from routing.callbacks.changes import Changes, ChangeSets
from routing.callbacks.claims import Claims
from routing.callbacks.facts import AttemptOrder
from routing.callbacks.task import Place, Task
from routing.callbacks.task_places import RENEWAL
from routing.callbacks.tasks import Tasks
from routing.rows import JournalKind
from routing.storage import Store

ROUNDS: Final = 3
"""Agents who may pick a place up and not accept, before we ring one ourselves."""

RENEWALS: Final = 100
"""Places that are written down again in one turn; the others follow with the next."""


class Places:
    """`queue_facts.PlaceFacts`. What it is told of a place that is none any more changes nothing."""

    def __init__(self, tasks: Tasks, claims: Claims, outcomes: AttemptOutcomes, store: Store,
                 sets: ChangeSets) -> None:
        self._tasks, self._claims, self._outcomes, self._store, self._sets = tasks, claims, outcomes, store, sets

    def turn(self, holds_place: Callable[[str], bool], changes: Changes) -> None:
        """Write down again what is held, so that other processes leave it to us; `holds_place`: see PlaceOrders."""
        left = RENEWALS
        for task in tuple(self._tasks.places.held.values()):
            place = task.place
            if not left:
                break
            if place is not None and place.way != "accepted" and \
                    not changes.now < place.renew_at <= changes.now + RENEWAL:  # the clock may have been set back
                left -= 1
                if holds_place(task.row.id):
                    self._tasks.places.renew(task, changes)
                else:
                    self._tasks.places.lose(task, "unknown", changes)

    def place_taken(self, task: str, agent: str | None, now: float) -> None:
        """See PlaceFacts. Told again once it is proved who it is."""
        found = self._find(task)
        if found is None:
            return
        _, place = found
        place.taken_by = agent or place.taken_by
        if place.way == "held":
            place.way, place.taken_at = "taken", now
            self._tell("taken", *found, now)

    def place_declined(self, task: str, agent: str | None, why: Literal["key", "click", "hung_up", "silent"],
                       now: float, reason: str = "") -> bool:
        found = self._find(task)
        if found is None:
            return False
        live, place = found
        agent = agent or place.taken_by
        changes = self._sets.begin(now)
        changes.note(task, "declined", agent, why=why, round=place.round, reason=reason or None)
        everybody = agent is not None and self._outcomes.note_declined(live, agent, changes)
        again = self._tasks.book.queue_of(live.row).declined == "queue" and place.round < ROUNDS and \
            live.open and live.row.expires_at > now
        if again:
            place.round += 1
            place.way, place.taken_at, place.taken_by = "returning", None, None
        else:
            self._tasks.places.lose(live, "declined", changes)
            if (everybody or agent is None) and live.open:  # whoever it was is not rung at once by ourselves
                self._tasks.make_ready(live, changes)
                self._tasks.rest(live, now + self._tasks.settings(live).callback.retry_agent)
        self._store.put(changes.unit())
        return again

    def place_returned(self, task: str, place: str, now: float) -> None:
        found = self._find(task)
        if found is not None and found[1].way == "returning":
            found[1].way, found[1].call = "held", place
            self._tell("returned", *found, now)

    def place_lost(self, task: str, why: str, now: float) -> None:
        found = self._find(task)
        if found is not None:
            changes = self._sets.begin(now)
            self._tasks.places.lose(found[0], why, changes)
            self._store.put(changes.unit())

    def place_accepted(self, task: str, agent: str | None, now: float,
                       go: Callable[[AttemptOrder | None], None]) -> None:
        """See PlaceFacts. Whom opening hours and the end of its window do not keep from it: an agent is there."""
        found = self._find(task)
        if found is None or found[0].attempt is not None:
            go(None)
            return
        live, place = found
        place.way, place.taken_by = "accepted", agent or place.taken_by
        try:
            self._claims.claim_place(live, place.taken_by, now, go)
        except Exception:
            if live.place is place and live.attempt is None:  # whatever is wrong, nobody waits for a place that is over
                changes = self._sets.begin(now)
                self._tasks.places.lose(live, "failed", changes)
                self._store.put(changes.unit())
            raise

    def _find(self, task: str) -> tuple[Task, Place] | None:
        live = self._tasks.places.held.get(task)
        return None if live is None or live.place is None or live.place.way == "accepted" else (live, live.place)

    def _tell(self, what: Literal["taken", "returned"], task: Task, place: Place, now: float) -> None:
        changes = self._sets.begin(now)
        kind: JournalKind = "place_taken" if what == "taken" else "place_returned"
        changes.note(task.row.id, kind, place.taken_by, place=place.call, round=place.round)
        changes.tell(f"place.{what}", task.row, place.taken_by, place=place.call, round=place.round)
        self._store.put(changes.unit())
