"""The calls in progress by customer, trunk and group: what the dispatcher asks many times and must know at once."""

from routing.calls import Call


class OpenCalls:
    """Counts calls from their beginning to their end; each is entered and left once."""

    __slots__ = ("_by_customer", "_on_trunk", "_waiting")

    def __init__(self) -> None:
        self._by_customer: dict[str, dict[str, Call]] = {}
        self._on_trunk: dict[str, int] = {}
        self._waiting: dict[str, dict[str, Call]] = {}
        """By group and call."""

    def enter(self, call: Call) -> None:
        """A call began. An agent's leg of ours is on no trunk, and nobody waits in it."""
        if call.customer is not None:
            self._by_customer.setdefault(call.customer, {})[call.id] = call
        if not call.to_agent:
            self._on_trunk[call.trunk] = self._on_trunk.get(call.trunk, 0) + 1
            if call.direction == "inbound" and call.group is not None and call.answered_at is None:
                call.waits = True
                self._waiting.setdefault(call.group, {})[call.id] = call

    def attended(self, call: Call) -> None:
        """An agent has it now: it waits no longer."""
        if call.waits and call.group is not None:
            call.waits = False
            waiting = self._waiting[call.group]
            del waiting[call.id]
            if not waiting:
                del self._waiting[call.group]

    def leave(self, call: Call) -> None:
        """It is over."""
        self.attended(call)
        if call.customer is not None:
            calls = self._by_customer.get(call.customer)
            if calls is not None and calls.pop(call.id, None) is not None and not calls:
                del self._by_customer[call.customer]
        if not call.to_agent:
            left = self._on_trunk.get(call.trunk, 0) - 1
            if left > 0:
                self._on_trunk[call.trunk] = left
            else:
                self._on_trunk.pop(call.trunk, None)

    def of(self, customer: str) -> tuple[Call, ...]:
        """Return the calls of a customer, oldest first, legs of ours included."""
        calls = self._by_customer.get(customer)
        return () if calls is None else tuple(calls.values())

    def waiting(self, group: str) -> int:
        """Return how many callers of a group wait for an agent."""
        return len(self._waiting.get(group, ()))

    def waiters(self, group: str) -> tuple[Call, ...]:
        """Return the calls whose callers wait for an agent of a group, the one that began first first."""
        return tuple(sorted(self._waiting.get(group, {}).values(), key=lambda call: call.started_at))

    def on_trunk(self, trunk: str) -> int:
        """Return how many calls a trunk carries, ours included."""
        return self._on_trunk.get(trunk, 0)
