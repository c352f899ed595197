"""What the store tells of callbacks: tasks, attempts, their journal, tickets and the do-not-call list."""

from typing import Protocol

from routing.callbacks.facts import (
    AttemptRow,
    Barred,
    Delivery,
    JournalRow,
    LegRow,
    PastAttempt,
    TaskRow,
    TaskState,
    Ticket,
    TicketComment,
)


class Promises(Protocol):
    """Reading. Everything is as committed, and every method may raise `StoreError`."""

    def open_tasks(self) -> list[TaskRow]:
        """Return the tasks that are open or held, oldest first."""

    def task(self, task: str) -> TaskRow | None:
        """Return one task, whatever its state."""

    def tasks(self, limit: int, state: TaskState | None = None, customer: str | None = None,
              group: str | None = None) -> list[TaskRow]:
        """Return the newest tasks, newest first, of one state, customer and group where they are given."""

    def attempts_of(self, task: str) -> list[AttemptRow]:
        """Return the attempts of a task in order."""

    def open_attempts(self) -> list[AttemptRow]:
        """Return the attempts that have not ended."""

    def attempts_since(self, at: float) -> list[PastAttempt]:
        """Return the attempts that dialled a customer at `at` or later, in that order."""

    def tasks_since(self, at: float) -> list[float]:
        """Return when the tasks were made that were made at `at` or later, in any order."""

    def journal(self, task: str) -> list[JournalRow]:
        """Return the journal of a task, as it was written."""

    def legs(self) -> list[LegRow]:
        """Return the legs that may be up."""

    def tickets(self, limit: int, state: str | None = None, customer: str | None = None) -> list[Ticket]:
        """Return the newest tickets, newest first, of one state and customer where they are given."""

    def ticket(self, name: str | int) -> Ticket | None:
        """Return one ticket by its id or its number (which may be text)."""

    def comments(self, ticket: str) -> list[TicketComment]:
        """Return the comments of a ticket (by its id), as they were written."""

    def deliveries_due(self, now: float, limit: int, channel: str | None = None) -> list[Delivery]:
        """Return deliveries that are to be tried now, by one channel where one is given; due longest first.

        Of the deliveries of one ticket by one channel only the first that is not delivered yet: they keep their order.
        """

    def next_delivery(self, channel: str | None = None) -> float | None:
        """Return when `deliveries_due` has something next; None: never."""

    def deliveries_of(self, ticket: str) -> list[Delivery]:
        """Return the deliveries of a ticket in order, the finished ones included."""

    def barred(self, limit: int = -1) -> list[Barred]:
        """Return the do-not-call list, newest first; `limit`: the newest so many, -1: all."""

    def last_talk(self, customer: str, min_talk: float) -> tuple[str, float] | None:
        """Return the agent who last talked to a customer, and when that began: `min_talk` seconds at least."""

    def released_counts(self, since: float) -> dict[str, int]:
        """Return for each agent how many tasks were taken from them since then because they let them wait."""
