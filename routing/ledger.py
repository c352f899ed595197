"""The ledger: every call that passes, what follows from it, and the facts that are told.

The one object of the rules that lives: it holds the calls in progress, asks the pure rules, and hands what they say
to the store. Everything runs in the proxy's thread; time always comes as an argument. A database in trouble makes
calls pass their normal way, never fail.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from config.policy import Policy
from routing import absence, direct, identity, outcome, route
from routing.aftermath import Aftermath
from routing.attendance import NO_PBX, target_of
from routing.callbacks.facts import OwnCall
from routing.calls import ON_BEHALF, Call
from routing.dialogs import Dialog
from routing.direct import Change
from routing.events import Event
from routing.facts import WAITING_ROOM, Decision, Ending, Identity, NewCall, OpenCall, Standing, Target
from routing.hub import EVERYTHING, Interest
from routing.identity import PbxFacts
from routing.ids import RandomBytes, time7
from routing.rows import Record
from routing.storage import Store, StoreError
from routing.teller import Teller, idle, record_data
from routing.today import Today
from routing.writes import EMPTY_UNIT, RemoveRecord, Unit

GLARE_PATIENCE: Final = 90.0
"""Seconds that a customer who rings in waits for the agent who is being rung for them; then their call goes on."""

COMMITTED: Final = 1.0
"""Seconds after which what was put is committed, so that the database counts it."""

WAITS_HERE: Final = Target(local=WAITING_ROOM)

SWEEP_SLICE: Final = 500
"""Expired records tidied in one turn."""

ENDS_WITHIN: Final = 300.0
"""Seconds after its end in which a call's last messages may be under way: more than Timer C and 64*T1 (a 2xx that
crossed its CANCEL is acknowledged and hung up after the end)."""
ENDED_MAX: Final = 10_000
"""Ends that are known without asking the database."""
LONGEST_UNSEEN: Final = 7 * 86_400.0
"""Seconds for which a call may go on that is not written down."""


class Ledger(Aftermath):
    """`facts.Router`, `callbacks.facts.Books` and `callbacks.facts.Floor` over a store. Nothing here blocks."""

    def __init__(self, store: Store, policy: Policy, pbxs: Mapping[str, PbxFacts], node: str,
                 random_bytes: RandomBytes, interest: Interest = EVERYTHING) -> None:
        """`pbxs`: what is configured of each PBX, by name. `random_bytes`: os.urandom or the like.

        `interest`: events of calls, agents and changes of records are made where they are of these kinds; the others
        cost nothing.
        """
        super().__init__(store, route.Rules(policy), pbxs, Teller(node, random_bytes, interest))
        self._today = Today(policy.timezone)
        self._in_use: dict[str, int] = {}
        """Customers in a call that began with a live record, and how many such calls: their records are not tidied."""
        self._restored: dict[str, str] = {}
        """By Call-ID: calls that began before this process did."""
        self._ended: dict[str, float] = {}
        """When the last ones of this process ended, by name."""
        self._to_restore = True
        self._tidy_limit = SWEEP_SLICE
        store.on_fault = lambda fault: self.alarm(fault.alarm, fault.text, fault.at)

    # The questions and facts of the proxy

    def decide(self, call: NewCall, now: float) -> Decision:
        """See Router."""
        known = self._calls.get(call.id)
        if known is not None:  # the INVITE again: with credentials, or from before a restart
            return Decision(known.targets, known.trunk if known.direction == "outbound" else known.pbx, known.reason,
                            known.customer, known.agent)
        entry = Call(call.id, _text(call.sip_call_id), call.direction, call.trunk, call.pbx, _text(call.dialled), now)
        entry.customer = identity.customer(call, self._rules.numbers)
        events: list[Event] = []
        decision = self._outbound(entry, call) if call.direction == "outbound" else \
            self._inbound(entry, call, now, events)
        entry.reason, entry.targets = decision.reason, decision.targets
        if entry.direction == "outbound" and entry.agent is not None:
            entry.held = entry.agent
            events += self._move(entry.agent, 0, 1, now, entry.id)
        self._begin(entry, events, now)
        return decision

    def place(self, call: OwnCall, now: float) -> None:
        """See Books. The agent's leg engages the agent from now on; the customer's is a call of that agent."""
        if call.id in self._calls:
            return
        policy = self._rules.policy
        entry = Call.placed(call, policy.group[call.group].target if call.group in policy.group else None, now)
        if call.number is not None:
            entry.number_facts = policy.number_for(call.number)
        self._begin(entry, self._placing(entry, call.agent, now), now)

    def target_failed(self, call: str, target: int, status: int, now: float) -> None:
        """See Router."""
        entry = self._calls.get(call)
        if entry is None:
            return
        failed = target_of(entry, target)
        if failed.local is not None:
            self._not_joined(entry, now)
        agent, entry.rung = entry.rung, None
        if entry.tried is not None and failed.user == entry.tried:
            entry.tried_status = status
            self._heed_extension(entry.tried, entry.pbx, status, None, now)
            if agent is None and absence.is_absent(status, None, False):
                self._publish(self._move(entry.tried, 0, 0, now, call, "away"))
        if agent is not None:
            self._publish(self._move(agent, -1, 0, now, call, idle(status)))

    def answered(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                 now: float, dialog: str | None = None) -> None:
        """See Router."""
        entry = self._calls.get(call)
        if entry is None or entry.answered_at is not None:
            return
        answer = Dialog(dialog, self._proof(entry, target_of(entry, target), identities, now), session, now)
        entry.dialogs.add(answer)
        entry.answered_at = now
        self._today.answered(entry, now)
        self._reached(entry.dialled if entry.to_agent else answer.proof.agent if answer.proof else None, now)
        moves = self._answering(entry, target_of(entry, target), answer, now)
        events = tuple(moves)
        if self.teller.wants("call.answered"):
            data = entry.data()
            data["target"], data["wait_s"] = target, round(now - entry.started_at, 3)
            events = (self.teller.event("call.answered", data, now), *moves)
        self._store.put(Unit((entry.row(), *events)))

    def answered_again(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                       now: float, dialog: str) -> None:
        """See Router."""
        entry = self._calls.get(call)
        if entry is not None and entry.answered_at is not None:
            proof = self._proof(entry, target_of(entry, target), identities, now)
            entry.dialogs.add(Dialog(dialog, proof, session, now))

    def acknowledged(self, call: str, dialog: str) -> None:
        """See Router."""
        entry = self._calls.get(call)
        found = None if entry is None else entry.dialogs.find(dialog)
        if found is not None:
            found.acknowledged = True

    def alive(self, call: str, session: float | None, now: float, dialog: str | None = None) -> None:
        """See Router."""
        entry = self._calls.get(call)
        found = None if entry is None else entry.dialogs.find(dialog)
        if entry is None or found is None or found.over:
            return
        found.alive_at = now
        if session is not None and session != found.session:
            found.session = session
            self._store.put(Unit((entry.row(),)))

    def ended(self, call: str, ending: Ending, now: float, stored: Callable[[], None] | None = None) -> None:
        """See Router."""
        entry = self._calls.get(call)
        if entry is None or not self._is_over(entry, ending, now):
            if stored is not None:
                stored()
            return
        del self._calls[call]
        if ending.by != "lost":
            self._remember_end(call, now)
        events: list[Event] = []
        if entry.behalf_of is not None:
            self._left_outside(entry, self._rules.policy.direct_callback.min_talk, now)
        judged = self._judge(entry, ending, now)
        if entry.own:
            self._heed_login(entry, ending, now)
        else:
            self._heed_answer(entry, now)
        if entry.to_agent and entry.answered_at is None:
            self._heed_extension(entry.dialled, entry.pbx, ending.cause, ending.q850, now)
        if self.teller.wants("call.ended"):
            data = entry.end_data(ending, now)
            data.update(verdict=judged.kind, missed_why=judged.why, shown_by=list(judged.evidence),
                        weight=judged.weight)
            events.append(self.teller.event("call.ended", data, now))
        records: list[Record] = []
        removed: list[Record] = []
        for change, before in self._changes(entry, ending, now):
            if change.record is not None:
                (removed if change.kind == "removed" else records).append(change.record)
            events += self.teller.change(change, before, call, now)
        events += self._leave(entry, ending, now)
        unit = Unit((entry.row(now, ending.cause, ending.by), *records, *map(RemoveRecord, removed), *events))
        if entry.customer is not None and self.desk is not None:
            follows = self._happened(self.desk, entry, entry.customer, judged, now)
            if follows is not None and follows is not EMPTY_UNIT:
                unit = unit.joined(follows)
        self._store.put(unit, stored)
        self.on_floor()

    def standing(self, call: str, now: float) -> Standing:
        """See Router. Asks the database where a call did not end in this process, or a while ago."""
        if call in self._calls:
            return "open"
        ended_at = self._ended.get(call)
        if ended_at is None:
            try:
                row = self._store.call(call)
            except StoreError:
                row = None
            if row is None or row.ended_at is None or row.ended_by == "lost":
                return "unknown" if now - time7(call) < LONGEST_UNSEEN else "long_over"
            ended_at = row.ended_at
        return "over" if now - ended_at < ENDS_WITHIN else "long_over"

    def _remember_end(self, call: str, now: float) -> None:
        if len(self._ended) >= ENDED_MAX:
            del self._ended[next(iter(self._ended))]
        self._ended[call] = now

    def open_call(self, sip_call_id: str) -> OpenCall | None:
        """See Router. Only calls that began before this process did are looked for."""
        entry = self._calls.get(self._restored.get(sip_call_id, ""))
        return None if entry is None else OpenCall(
            entry.id, entry.trunk, entry.pbx, entry.tried, entry.direction)

    # What the daemon asks and tells

    def remove(self, record: Record, now: float) -> None:
        """Remove a direct callback because an operator says so."""
        event = self.teller.event("direct.removed", record_data(record, None), now)
        self._store.put(Unit((RemoveRecord(record), event)))

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force, at once and for calls in progress too. Keeping it is `Store.save_policy`."""
        self._rules = route.Rules(policy, self._rules.numbers)
        self._today.timezone(policy.timezone)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._rules.policy

    def restore(self, now: float) -> int:
        """Read back the calls that went on while we were down, today's counts and the alarms that stand; return how
        many calls.

        Legs of ours did not: they are closed.
        Where the database cannot be read yet, `sweep` tries again.
        """
        try:
            rows = self._store.open_calls()
            self._count_missing(now)
            standing = self._store.standing()
        except StoreError:
            return 0
        self._to_restore = False
        for alarm in standing:
            self.alarm(alarm.name, alarm.text, alarm.raised_at)
        rows = [row for row in rows if row.id not in self._calls]
        events: list[Event] = []
        for row in rows:
            entry = self._calls[row.id] = Call.restored(row, now)
            self._restored[row.sip_call_id] = row.id
            if entry.number is not None:
                entry.number_facts = self._rules.policy.number_for(entry.number)
            self._open.enter(entry)
            if entry.own:
                continue
            if entry.agent is not None:
                entry.held = entry.agent
                events += self._say(entry.agent, self._board.restored(entry.agent, now), row.id, now)
            elif entry.direction == "inbound" and entry.answered_at is not None:
                entry.queued = identity.may_queue(Target(), entry.number_facts, self._pbxs.get(entry.pbx, NO_PBX))
            if entry.direction == "inbound" and entry.customer is not None:
                self._begin_with(entry, [record for record in self._records(entry.customer)
                                         if record.made_at <= row.started_at < record.expires_at])
        self._publish(events)
        gone = [row for row in rows if self._calls[row.id].own]
        for row in gone:  # who held them up is no more
            self.ended(row.id, Ending(408 if row.answered_at is None else 200, "lost"), now)
        return len(rows) - len(gone)

    def sweep(self, now: float) -> None:
        """End lost calls, tidy a slice of expired records, have the store look at its file. For a timer of seconds."""
        self.turn(now)
        if self._to_restore:
            self.restore(now)
        missing = self._today.missing(now)
        if missing is not None and not 0 <= now - missing[1] < COMMITTED:
            with suppress(StoreError):
                self._count_missing(now)
        for entry in [entry for entry in self._calls.values() if entry.left(now) or entry.lost(now)]:
            if entry.hung_up is not None and entry.left(now):
                by, at = entry.hung_up
                self.ended(entry.id, Ending(200, by), at)
            else:
                self.ended(entry.id, Ending(408 if entry.answered_at is None else 200, "lost"), now)
        self._tidy(now)

    def calls(self) -> tuple[Call, ...]:
        """Return the calls in progress, oldest first. Not to be changed."""
        return tuple(self._calls.values())

    def counters(self, now: float) -> dict[str, int]:
        """Return how many calls there are now and were today, in the policy's time zone.

        Callbacks are counted apart: each once, however many legs of ours it has; `dialled`: those that came to dial
        their customer. What a PBX places for a customer is a part of that customer's call.
        """
        counts = self._today.counts(now)
        legs = [call.attempt for call in self._calls.values() if call.leg]
        parts = sum(call.reason == ON_BEHALF for call in self._calls.values())
        return {"active": len(self._calls) - len(legs) - parts, "today": counts.calls, "inbound": counts.inbound,
                "outbound": counts.outbound, "answered": counts.answered, "direct": counts.direct,
                "callbacks": len(set(legs)), "dialled": counts.dialled, "dialled_answered": counts.dialled_answered}

    def _count_missing(self, now: float) -> None:
        """Have the database count what is missing of today. Raises StoreError."""
        missing = self._today.missing(now)
        if missing is not None:
            self._today.add(self._store.counts(*missing))

    def tell(self, kind: str, data: dict[str, Any], now: float) -> None:
        """Publish a fact of somebody else's (`trunk.state`, `pbx.state`) in order with ours."""
        self._publish((self.teller.event(kind, data, now),))

    # Deciding

    def _begin(self, entry: Call, events: list[Event], now: float) -> None:
        """Open the entry of a call; `events`: what it has done already."""
        self._calls[entry.id] = entry
        self._open.enter(entry)
        self._today.started(entry, now)
        if self.teller.wants("call.started"):
            events.insert(0, self.teller.event("call.started", entry.data(), now))
        self._store.put(Unit((entry.row(), *events)))

    def _outbound(self, entry: Call, call: NewCall) -> Decision:
        rules = self._rules
        entry.number, entry.number_facts = route.shown_number(call, rules)
        customers = self._waits_for(call.pbx, call.identities, entry.customer, entry.started_at)
        if customers is not None:
            entry.behalf_of, entry.group = customers.id, customers.group
            decision = route.outbound(entry.number_facts, call, entry.customer, None)
            entry.trunk = decision.peer
            return replace(decision, reason=ON_BEHALF)
        proof = identity.calling_agent(call, self._pbxs.get(call.pbx, NO_PBX), rules.targets)
        if proof is not None:
            entry.agent, entry.evidence = proof
        entry.group = entry.number_facts.group or (rules.policy.group_of(proof.agent) if proof is not None else None)
        decision = route.outbound(entry.number_facts, call, entry.customer, proof)
        entry.trunk = decision.peer
        return decision

    def _inbound(self, entry: Call, call: NewCall, now: float, events: list[Event]) -> Decision:
        entry.number, entry.number_facts = route.called_number(call, self._rules)
        entry.group = entry.number_facts.group
        named = entry.number_facts.pbx
        if named is not None and named in self._pbxs:
            entry.pbx = named
        records = self._records(entry.customer) if entry.customer is not None else []
        decision, record = route.inbound(call, entry.number_facts, entry.number, entry.pbx,
                                         self._pbxs.get(entry.pbx, NO_PBX), entry.customer, records, self._rules, now)
        if records:
            self._begin_with(entry, [found for found in records if direct.live(found, now)])
        attempt = None
        if self.desk is not None and entry.customer is not None and entry.number_facts.kind == "shared":
            attempt = self._ask(self.desk.rang_in, entry.customer, now)
        if record is not None:
            entry.tried = record.agent
            if attempt is None:
                events.append(self._used(entry, record, now))
        if attempt is not None:
            entry.attempt = attempt
            decision = replace(decision, reason="glare",
                               targets=(Target(ring_for=GLARE_PATIENCE, local=attempt), *decision.targets))
        if self._may_press(entry, now) is not None:
            decision = replace(decision, targets=(*decision.targets[:-1], WAITS_HERE, decision.targets[-1]))
        return decision

    def _used(self, entry: Call, record: Record, now: float) -> Event:
        data = record_data(record, entry.id)
        data["type"] = self._rules.policy.direct_for(record.agent).type
        data["dialled"] = entry.number or entry.dialled
        return self.teller.event("direct.used", data, now)

    def _not_joined(self, entry: Call, now: float) -> None:
        """The attempt that calls this customer came to nothing: their call goes on as if there had been none."""
        entry.attempt = None
        if entry.tried is None or entry.customer is None:
            return
        used = [record for record in self._records(entry.customer) if record.agent == entry.tried]
        self._publish([self._used(entry, record, now) for record in used])

    def _begin_with(self, entry: Call, live: list[Record]) -> None:
        """Remember whose records lived when the call began, and keep the sweep off them."""
        entry.live = tuple(record.agent for record in live)
        if live and entry.customer is not None:
            self._in_use[entry.customer] = self._in_use.get(entry.customer, 0) + 1

    def _records(self, customer: str) -> list[Record]:
        """Return a customer's records; none where the database cannot be read (the store has raised the alarm)."""
        try:
            return self._store.records(customer)
        except StoreError:
            return []

    # Answering and ending

    def _changes(self, entry: Call, ending: Ending, now: float) -> list[tuple[Change, Record | None]]:
        agents = () if entry.to_agent else outcome.concerned(entry, ending)
        if not agents or entry.customer is None:
            return []
        return outcome.changes(entry, entry.customer, agents, ending, self._records(entry.customer),
                               self._rules.policy, now)

    def _is_over(self, entry: Call, ending: Ending, now: float) -> bool:
        """Whether a call is over with what ended: the whole of it, or the last dialog that was up."""
        if ending.dialog is None or not entry.dialogs.known:
            return True
        ended = entry.dialogs.hang_up(ending.dialog)
        if ended is None:  # an early dialog, or none of this call
            return False
        kept = entry.dialogs.up(now)
        if kept is None:
            return True
        entry.hung_up = ending.by, now
        self._keep(entry, ended, kept, now)
        return False

    def _leave(self, entry: Call, ending: Ending, now: float) -> list[Event]:
        """The call is over: its agent is free, its customer's records may be tidied."""
        self._open.leave(entry)
        self._forget(entry)
        events: list[Event] = []
        if entry.rung is not None:
            away = absence.is_absent(ending.cause, ending.q850, entry.rang) and not entry.answered_at
            events += self._move(entry.rung, -1, 0, now, entry.id, "away" if away else idle(ending.cause))
        if entry.held is not None:
            events += self._move(entry.held, 0, -1, now, entry.id)
        if entry.live and entry.customer is not None:
            left = self._in_use[entry.customer] - 1
            if left:
                self._in_use[entry.customer] = left
            else:
                del self._in_use[entry.customer]
        return events

    def _tidy(self, now: float) -> None:
        """Remove a slice of the expired records, save those that a call which began before may still restart."""
        try:
            expired = self._store.expired(now, self._tidy_limit)
        except StoreError:
            expired = []
        gone = tuple(record for record in expired if record.customer not in self._in_use)
        self._tidy_limit = SWEEP_SLICE + len(expired) - len(gone)
        self._store.put(Unit((*map(RemoveRecord, gone), *(self.teller.expired(record, now) for record in gone))))


def _text(text: str) -> str:
    """Make text that came over the wire fit for UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
