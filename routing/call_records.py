"""The calls in progress, by everything they are asked for by: what is asked many times and must be known at once."""

from routing.calls import Call, is_leaving
from routing.rows import OWN


class CallRecords:
    """Holds calls from their beginning to their end; each is entered and left once, or again where a place in a queue
    is held again."""

    __slots__ = ("_by_customer", "_legs", "_on_trunk", "_places", "_waiting", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, Call] = {}
        """All of them, oldest first. Changed here only."""
        self._by_customer: dict[str, dict[str, Call]] = {}
        self._on_trunk: dict[str, int] = {}
        self._waiting: dict[str, dict[str, Call]] = {}
        """By group and call."""
        self._legs: dict[str, Call] = {}
        """By attempt: our leg to the agent."""
        self._places: dict[str, dict[str, Call]] = {}
        """By group and call: our legs that wait in a PBX's queue."""

    def enter(self, call: Call) -> None:
        """Take up a call that began. An agent's leg of ours is on no trunk, and nobody waits in it."""
        self.by_name[call.id] = call
        self._know_customer(call)
        if not call.to_agent:
            self._on_trunk[call.trunk] = self._on_trunk.get(call.trunk, 0) + 1
            if call.direction == "inbound" and call.group is not None and call.answered_at is None:
                call.seen.waits = True
                self._waiting.setdefault(call.group, {})[call.id] = call
        elif call.attempt:
            self._legs[call.attempt] = call
        elif call.group is not None:
            self._places.setdefault(call.group, {})[call.id] = call

    def give(self, call: Call, attempt: str | None, customer: str | None) -> None:
        """A place in a queue is the leg to the agent of an attempt from now on, and shows whom that calls."""
        if not (attempt and call.to_agent) or call.attempt:
            return
        call.attempt, call.reason = attempt, OWN
        self._legs[attempt] = call
        self._leave_place(call)
        if customer != call.customer:
            self._forget_customer(call)
            call.customer = customer
            self._know_customer(call)

    def attend(self, call: Call) -> None:
        """Let a call wait no longer: an agent has it now."""
        if call.seen.waits and call.group is not None:
            call.seen.waits = False
            waiting = self._waiting[call.group]
            del waiting[call.id]
            if not waiting:
                del self._waiting[call.group]

    def leave(self, call: Call) -> None:
        """Let go a call that is over."""
        self.by_name.pop(call.id, None)
        self.attend(call)
        self._forget_customer(call)
        if not call.to_agent:
            left = self._on_trunk.get(call.trunk, 0) - 1
            if left > 0:
                self._on_trunk[call.trunk] = left
            else:
                self._on_trunk.pop(call.trunk, None)
        else:
            if self._legs.get(call.attempt or "") is call:
                del self._legs[call.attempt or ""]
            self._leave_place(call)

    def _leave_place(self, call: Call) -> None:
        places = self._places.get(call.group or "", {})
        if places.pop(call.id, None) is not None and not places:
            del self._places[call.group or ""]

    def _know_customer(self, call: Call) -> None:
        for number in (call.customer, call.seen.asker):
            if number is not None:
                self._by_customer.setdefault(number, {})[call.id] = call

    def _forget_customer(self, call: Call) -> None:
        for number in (call.customer, call.seen.asker):
            calls = self._by_customer.get(number or "")
            if calls is not None and calls.pop(call.id, None) is not None and not calls:
                del self._by_customer[number or ""]

    def of(self, customer: str | None) -> tuple[Call, ...]:
        """Return the calls of a customer, oldest first, legs of ours included; nobody who is known has none."""
        calls = self._by_customer.get(customer) if customer is not None else None
        return () if calls is None else tuple(calls.values())

    def leg_to_agent(self, attempt: str | None) -> Call | None:
        """Return our leg to the agent of an attempt."""
        return None if attempt is None else self._legs.get(attempt)

    def engaged(self, customer: str) -> bool:
        """Whether a customer is in a call with us that is no attempt of ours, nor hears the last words of one."""
        return any(call.attempt is None and not call.to_agent and not is_leaving(call) for call in self.of(customer))

    def waiting(self, group: str) -> int:
        """Return how many callers of a group wait for an agent."""
        return len(self._waiting.get(group, ()))

    def ahead(self, group: str, call: str | None) -> int:
        """Return how many wait in a group's queue before the caller of a call, places that nobody has taken yet
        included; of one who does not wait: all."""
        waiting = self._waiting.get(group, {})
        own = waiting.get(call or "")
        places = [place for place in self._places.get(group, {}).values() if not place.seen.taken]
        if own is None:
            return len(waiting) + len(places)
        return sum(one.seen.since < own.seen.since for one in (*waiting.values(), *places))

    def waiters(self, group: str) -> tuple[Call, ...]:
        """Return the calls whose callers wait for an agent of a group, oldest first. Not to be changed."""
        return tuple(sorted(self._waiting.get(group, {}).values(), key=lambda call: call.started_at))

    def on_trunk(self, trunk: str) -> int:
        """Return how many calls a trunk carries, ours included."""
        return self._on_trunk.get(trunk, 0)

    def customers(self) -> dict[str, str | None]:
        """Return whom each agent talks to or is rung for, as far as the calls that pass show it.

        None: somebody who is withheld or unreadable. An agent whom no call engages is not there.
        """
        found: dict[str, str | None] = {}
        for call in self.by_name.values():
            if call.seen.held is not None:
                found[call.seen.held] = call.customer
            elif call.seen.rung is not None:
                found.setdefault(call.seen.rung, call.customer)
        return found
