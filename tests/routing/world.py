"""A ledger on a real store in a folder, with a clock that stands still and a thread that runs when told."""

import os
import queue
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from config.policy import parse_policy
from routing.events import Outbox
from routing.facts import Decision, Ending, Identity, NewCall
from routing.identity import Answers, PbxFacts
from routing.ids import uuid7
from routing.rows import EndedBy
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.ledger_parts import LedgerParts
from tests.kit.told import Told
from tests.kit.waiting import PATIENCE
from tests.routing.listening import Ears

BEGIN = 1_790_000_000.0
CUSTOMER = "+36201234567"
SHARED = "+3614445555"
DIRECT = "+3614445599"

POLICY = """
region = "HU"
timezone = "Europe/Budapest"
[direct_callback]
{direct}
[agent.201]
name = "Anna"
[number."+3614445555"]
kind = "shared"
group = "sales"
[number."+3614445599"]
kind = "direct"
agent = "205"
[group.sales]
target = "600"
agents = ["201", "202"]
"""


class Loop:
    """The proxy's thread: runs what was posted when told."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def post(self, function: Callable[[], None]) -> None:
        self._posted.put(function)

    def run(self) -> None:
        while not self._posted.empty():
            self._posted.get()()

    def arrived(self) -> None:
        """Wait until something has come, and leave it for later."""
        self._posted.put(self._posted.get(timeout=PATIENCE))

    def until(self, true: Callable[[], object]) -> None:
        """Run what comes until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            try:
                self._posted.get(timeout=max(0.001, deadline - time.monotonic()))()
            except queue.Empty:
                raise AssertionError("it did not come") from None


class Wanted:
    """`routing.hub.Interest`: which events are made; None: all."""

    def __init__(self) -> None:
        self.wanted: frozenset[str] | None = None


class World:
    """One node. Each method that makes a call plays the whole of it."""

    def __init__(self, folder: Path, direct: str = "", policy: str = POLICY, answers: Answers = "on_agent",
                 outbox: Outbox = Outbox.PLAIN, node: str = "edge1", shared: bool = False) -> None:
        """`shared`: whether another node, with a name of its own, writes to the file too."""
        self.path = folder / "boomerang.db"
        self.loop = Loop()
        self.now = BEGIN
        self.interest = Wanted()
        told = Told(outbox)
        self.events = told.events
        self.store = sqlite_store(self.path, self.loop.post, lambda: self.now, node, told, shared=shared)
        pbx = PbxFacts.of("^[2-7][0-9]{2}$", ("X-Agent", "P-Asserted-Identity", "Remote-Party-ID", "From"), answers)
        self.parts = LedgerParts(self.store, parse_policy(policy.replace("{direct}", direct)),
                                 {"office": pbx, "branch": pbx}, node=node, interest=self.interest)
        self.ledger, self.alarms = self.parts.ledger, self.parts.alarms
        self.ears = Ears()

    def connect(self) -> Ears:
        """Have a desk listen, a new one."""
        self.ears = Ears()
        self.parts.connect(self.ears)
        return self.ears

    def close(self) -> None:
        self.store.close()
        self.loop.run()

    def policy(self, direct: str = "", policy: str = POLICY) -> None:
        self.ledger.set_policy(parse_policy(policy.replace("{direct}", direct)))

    def commit(self) -> None:
        """Wait until everything so far is committed and told."""
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        self.loop.until(lambda: done)

    def told(self, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the events so far, only of these kinds where any are given, and forget them."""
        self.commit()
        found = [(event.kind, event.data) for event in self.events if not kinds or event.kind in kinds]
        self.events.clear()
        return found

    def new_call(self, direction: str, dialled: str, *identities: Identity, withheld: bool = False) -> NewCall:
        name = uuid7(self.now, os.urandom)
        assert direction in ("inbound", "outbound")
        return NewCall(name, "inbound" if direction == "inbound" else "outbound", "main", "office", dialled, identities,
                       withheld, f"{name}@test")

    def calls_in(self, customer: str = CUSTOMER, dialled: str = SHARED) -> NewCall:
        return self.new_call("inbound", dialled, Identity("from", customer, "carrier", ""))

    def calls_out(self, agent: str = "201", customer: str = CUSTOMER) -> NewCall:
        return self.new_call("outbound", customer, Identity("from", agent, "pbx", ""))

    def dial(self, agent: str = "201", talk: float | None = None, customer: str = CUSTOMER, cause: int = 486,
             rings: float = 0.0) -> Decision:
        """An agent calls, and the call ends `rings` (and `talk`) seconds later."""
        return self.play(self.calls_out(agent, customer), talk, cause, 0, (), rings)

    def customer_calls(self, talk: float | None = None, cause: int = 487, target: int = 0, customer: str = CUSTOMER,
                       dialled: str = SHARED, identities: Sequence[Identity] = (), rings: float = 0.0) -> Decision:
        """A customer calls, and the call ends."""
        return self.play(self.calls_in(customer, dialled), talk, cause, target, identities, rings)

    def play(self, call: NewCall, talk: float | None, cause: int, target: int, identities: Sequence[Identity],
             rings: float) -> Decision:
        decision = self.ledger.decide(call, self.now)
        self.ledger.ringing(call.id, 0, self.now)
        self.now += rings
        for failed in range(target):
            self.ledger.target_failed(call.id, failed, 408, self.now)
        by: EndedBy = "callee"
        if talk is not None:
            self.ledger.answered(call.id, target, tuple(identities), None, self.now)
            self.now += talk
            cause, by = 200, "caller"
        self.ledger.ended(call.id, Ending(cause, by), self.now)
        return decision

    def reaches(self, customer: str = CUSTOMER, dialled: str = SHARED) -> str | None:
        """Return the agent a customer's call would go to now, without the call leaving a trace."""
        call = self.calls_in(customer, dialled)
        decision = self.ledger.decide(call, self.now)
        self.ledger.ended(call.id, Ending(407, "callee"), self.now)
        return decision.targets[0].user

    def hour(self, hours: float) -> None:
        """Move the clock to so many hours after the beginning."""
        self.now = BEGIN + hours * 3600


def pai(user: str) -> Identity:
    return Identity("p-asserted-identity", user, "pbx", "")
