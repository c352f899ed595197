"""Tasks that are open or held and attempts that have not ended, by everything they are asked for by."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from routing.callbacks.task import Attempt, Task
from routing.rows import AttemptRow

GONE_MAX: Final = 1000
"""Tasks that are remembered after they were taken out."""


class TaskIndex:
    """Who is promised a call, and who is being called. One task a customer and group, one attempt a customer."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.attempts: dict[str, Attempt] = {}
        self._of_customer: dict[str, dict[str, Task]] = {}
        """By customer and group."""
        self._asked: dict[str, dict[str, Task]] = {}
        """Requests by who asked and their names."""
        self._calling: dict[str, Attempt] = {}
        """By customer."""
        self._agents: dict[str, Attempt] = {}
        """By the extension that is rung."""
        self._groups: Counter[str] = Counter()
        self._campaigns: Counter[str] = Counter()
        self._trunks: Counter[str] = Counter()
        self.elsewhere: dict[str, AttemptRow] = {}
        """Attempts that other nodes run, as far as is known, by task."""
        self._agents_elsewhere: frozenset[str] = frozenset()
        self._groups_elsewhere: Counter[str] = Counter()
        self.gone: dict[str, int] = {}
        """Versions of the last tasks that were taken out: that they are not open any more may not be written yet."""
        self.promised: Counter[str] = Counter()
        """Tasks that are open or held, by group."""
        self.requests: Counter[str] = Counter()
        """Of them, requests of callers who waited in a queue."""

    def add(self, task: Task) -> None:
        """Take a task up."""
        row = task.row
        self.tasks[row.id] = task
        self._of_customer.setdefault(row.customer, {})[row.group] = task
        self.promised[row.group] += 1
        if task.asked:
            self.requests[row.group] += 1
            if task.caller is not None:
                self._asked.setdefault(task.caller, {})[row.id] = task

    def remove(self, task: Task) -> None:
        """Take a task that is final out."""
        row = task.row
        if self.tasks.pop(row.id, None) is None:
            return
        if len(self.gone) >= GONE_MAX:
            del self.gone[next(iter(self.gone))]
        self.gone[row.id] = row.version
        self.promised[row.group] -= 1
        if task.asked:
            self.requests[row.group] -= 1
            asked = self._asked.get(task.caller or "", {})
            if asked.pop(row.id, None) is not None and not asked:
                del self._asked[task.caller or ""]
        groups = self._of_customer.get(row.customer, {})
        if groups.get(row.group) is task:
            del groups[row.group]
            if not groups:
                del self._of_customer[row.customer]

    def of(self, customer: str, group: str) -> Task | None:
        """Return the one task of a customer and group."""
        return self._of_customer.get(customer, {}).get(group)

    def of_customer(self, customer: str) -> tuple[Task, ...]:
        """Return every task of a customer."""
        return tuple(self._of_customer.get(customer, {}).values())

    def asked_by(self, caller: str) -> tuple[Task, ...]:
        """Return every request that a caller has made in a queue, whomever they want called."""
        return tuple(self._asked.get(caller, {}).values())

    def begin(self, attempt: Attempt) -> None:
        """Take an attempt up."""
        row, order = attempt.row, attempt.order
        self.attempts[row.id] = attempt
        self._calling[row.customer] = attempt
        attempt.task.attempt = attempt
        if row.agent is not None:
            self._agents.setdefault(row.agent, attempt)
        self._groups[order.group] += 1
        self._trunks[order.trunk] += 1
        if order.campaign is not None:
            self._campaigns[order.campaign] += 1

    def end(self, attempt: Attempt) -> None:
        """Take an attempt out."""
        row, order = attempt.row, attempt.order
        if self.attempts.pop(row.id, None) is None:
            return
        del self._calling[row.customer]
        attempt.task.attempt = None
        self.let_go(attempt)
        self._trunks[order.trunk] -= 1

    def let_go(self, attempt: Attempt) -> None:
        """Let its agent be rung by other attempts: it goes on without them."""
        order = attempt.order
        if attempt.let_go:
            return
        attempt.let_go = True
        if order.agent is not None and self._agents.get(order.agent) is attempt:
            del self._agents[order.agent]
        self._groups[order.group] -= 1
        if order.campaign is not None:
            self._campaigns[order.campaign] -= 1

    def set_elsewhere(self, rows: Iterable[AttemptRow]) -> tuple[set[str], set[str]]:
        """Take note of the attempts that other nodes run; return the tasks for which one runs now, and those for which
        none does any more."""
        before = self.elsewhere
        self.elsewhere = {row.task: row for row in rows}
        engaged = [row for row in self.elsewhere.values() if row.engages is not None]
        self._agents_elsewhere = frozenset(str(row.engages) for row in engaged)
        self._groups_elsewhere = Counter(
            self.tasks[row.task].row.group for row in engaged if row.task in self.tasks)
        return self.elsewhere.keys() - before.keys(), before.keys() - self.elsewhere.keys()

    def calling(self, customer: str) -> Attempt | None:
        """Return the attempt that runs for a customer."""
        return self._calling.get(customer)

    def occupied(self, agent: str) -> bool:
        """Whether an attempt, of whatever node, rings or holds an agent."""
        return agent in self._agents or agent in self._agents_elsewhere

    def running(self, group: str, campaign: str | None = None) -> int:
        """Return how many attempts of a group, or of one of its campaigns, run with an agent."""
        if campaign is not None:
            return self._campaigns[campaign]
        return self._groups[group] + self._groups_elsewhere[group]

    def on_trunk(self, trunk: str) -> int:
        """Return how many attempts run that use a trunk."""
        return self._trunks[trunk]

    def live(self) -> Iterator[Task]:
        """Iterate over all tasks."""
        return iter(self.tasks.values())
