"""The ledger: every call that passes, what follows from it, and the facts that are told.

It owns the parts that live: who has which call, what each agent does, the records of direct callback, the judge. It
answers the proxy's question, hands each fact to the parts whose matter it is, and what follows to the store as one
unit. Everything runs in the proxy's thread; time always comes as an argument. A database in trouble makes calls pass
their normal way, never fail.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from config.policy import Policy
from routing import absence, grounds, identity, route
from routing.alarms import Alarms
from routing.attendance import Attendance
from routing.call_judge import CallJudge
from routing.call_records import CallRecords
from routing.callbacks.facts import NewCaller, OwnCall
from routing.calls import (
    ON_BEHALF,
    Call,
    call_data,
    end_data,
    follow_clock,
    found_under_way,
    read_back,
    row_of,
    take_for_answered,
    take_origin,
    writable,
)
from routing.desk_listener import DeskListener
from routing.dialogs import Dialog
from routing.direct_records import DirectRecords
from routing.ended_calls import EndedCalls
from routing.events import Event
from routing.evidence import Evidence, is_place, target_of, through_us, way_through_us
from routing.facts import (
    PLACE,
    QUEUE_ROOM,
    SERVICE,
    Decision,
    Ending,
    Identity,
    NewCall,
    OpenCall,
    Standing,
    Target,
    Watched,
)
from routing.other_calls import OtherCalls
from routing.pace import SPAN, Pace
from routing.queued_callers import QueuedCallers
from routing.rows import ADOPTED, CallRow
from routing.setup_alarms import SetupAlarms
from routing.storage import Store, StoreError
from routing.taken_calls import TakenCalls
from routing.teller import Teller, idle
from routing.today import Today
from routing.writes import EMPTY_UNIT, Unit

GLARE_PATIENCE: Final = 90.0
"""Seconds that a customer who rings in waits for the agent who is being rung for them; then their call goes on."""

COMMITTED: Final = 1.0
"""Seconds after which what was put is committed, so that the database counts it."""

SERVICE_NUMBER: Final = "callback-"
"""Before a group's name: what a PBX dials for its callers to ask for a callback."""

PACE_CALLS: Final = 5000
"""Calls before this process, the newest ones, by which waits are estimated after a restart."""

WAITS_HERE: Final = Target(local=QUEUE_ROOM)


class Ledger:
    """`facts.Router` for the proxy, `callbacks.facts.LegRecords` for the runner, over a store. Nothing here blocks."""

    def __init__(self, store: Store, rules: route.Rules, teller: Teller, alarms: Alarms, desk: DeskListener) -> None:
        """`rules`: the policy in force and the PBXs. `desk`: where callbacks listen, once they do."""
        self._store, self._rules, self._teller, self._desk = store, rules, teller, desk
        records = self._records = CallRecords()
        self._calls = records.by_name
        self._today = Today(rules.policy.timezone)
        self._ended = EndedCalls(store)
        self._others = OtherCalls(store, records)
        self._restored: dict[str, str] = {}
        """By Call-ID: calls that began before this process did, or at another node."""
        self._to_restore = True
        self.alarms = alarms
        self._pace = Pace()
        self._taken = TakenCalls(self._pace)
        self.attendance = Attendance(store, rules, records, teller, desk.poke, self._pace)
        self.direct = DirectRecords(store, rules, teller)
        self._setup = SetupAlarms(rules, self.attendance, alarms)
        self._evidence = Evidence(store, rules, records, self.attendance, self._setup, self._taken)
        self._judge = CallJudge(rules, self._evidence, self._setup, desk)
        self.queue = QueuedCallers(store, rules, records, self._evidence, self._setup, desk)

    # The questions and facts of the proxy

    def decide(self, call: NewCall, now: float) -> Decision:
        known = self._calls.get(call.id)
        if known is not None:  # the INVITE again: with credentials, or from before a restart
            return Decision(known.sent.targets, known.trunk if known.direction == "outbound" else known.pbx,
                            known.reason, known.customer, known.agent)
        entry = Call(call.id, writable(call.sip_call_id), call.direction, call.trunk, call.pbx,
                     writable(call.dialled), now)
        entry.customer = identity.customer(call, self._rules.numbers)
        events: list[Event] = []
        decision = self._outbound(entry, call) if call.direction == "outbound" else \
            self._inbound(entry, call, now, events)
        entry.reason, entry.sent.targets = decision.reason, decision.targets
        if entry.direction == "outbound" and entry.agent is not None:
            entry.seen.held = entry.agent
            events += self.attendance.count(entry.agent, 0, 1, now, entry.id)
        self._begin(entry, events, now)
        return decision

    def place(self, call: OwnCall, now: float) -> None:
        """See LegRecords. The agent's leg engages the agent from now on; the customer's is a call of that agent."""
        known = self._calls.get(call.id)
        if known is not None:
            self._records.give(known, call.attempt, call.customer)
            return
        policy = self._rules.policy
        entry = Call.placed(call, policy.group[call.group].target if call.group in policy.group else None, now)
        if call.number is not None:
            entry.sent.number_facts = policy.number_for(call.number)
        self._begin(entry, self._evidence.place(entry, call.agent, now), now)

    def adopt(self, call: NewCall, answered: bool, now: float) -> None:
        """See Router. It is neither announced nor counted as begun: whoever began it has done that."""
        if call.id in self._calls or self._ended.here(call.id):
            return
        try:
            row = self._others.row(call.id)
        except StoreError:
            return  # it passes, and nobody knows whether it is written
        if row is not None:
            self._take_over(row, answered, now)
            return
        entry = found_under_way(call, answered, now)
        entry.customer = identity.customer(call, self._rules.numbers)
        if call.direction == "outbound":
            entry.number, entry.sent.number_facts = route.shown_number(call, self._rules)
            proof = identity.calling_agent(call, self._rules.pbx(call.pbx), self._rules.targets)
            if proof is not None:
                entry.agent, entry.evidence = proof
        else:
            entry.number, entry.sent.number_facts = route.called_number(call, self._rules)
        entry.group = entry.sent.number_facts.group or (self._rules.policy.group_of(entry.agent)
                                                        if entry.agent is not None else None)
        events = self._take_up(entry, now)
        self._store.put(Unit((row_of(entry), *events)))

    def _take_over(self, row: CallRow, answered: bool, now: float) -> bool:
        """Go on with a call that another node has written down, unless it is over, or a leg of that node; whether that
        is so. `answered`: it has been, by now at the latest."""
        if row.ended_at is not None or row.id in self._calls or self._ended.here(row.id):
            return False
        entry = read_back(row, now)
        if entry.own:
            return False
        late = answered and row.answered_at is None
        if late:
            take_for_answered(entry, now)
        self._place_number(entry)
        events = self._take_up(entry, now)
        self._store.put(Unit((row_of(entry), *events) if late else events))
        return True

    def _place_number(self, entry: Call) -> None:
        if entry.number is not None:
            entry.sent.number_facts = self._rules.policy.number_for(entry.number)

    def _heed_others(self, now: float) -> None:
        """Take what other nodes have written of calls that are in progress here. One that they have ended is over: they
        have judged it, and told of it. Of one that was found under way here they may know more."""
        for entry, row in self._others.turn():
            if row.ended_at is not None and not entry.own:
                self._records.leave(entry)
                self._ended.add(entry.id, now)
                self._publish(tuple(self._leave(entry, Ending(row.cause or 200, row.ended_by or "lost"), now)))
                self._desk.poke()
            elif row.ended_at is None and entry.reason == ADOPTED and row.reason != ADOPTED:
                self._learn(entry, row, now)

    def _learn(self, entry: Call, row: CallRow, now: float) -> None:
        """Take what the node that began a call has written of it, which came here later than a message of it."""
        self._records.leave(entry)
        unknown = entry.agent is None
        take_origin(entry, row)
        self._place_number(entry)
        self._records.enter(entry)
        if entry.direction == "inbound":
            self.direct.restore(entry)
        events: tuple[Event, ...] = ()
        if unknown and entry.agent is not None:
            entry.seen.held = entry.agent
            events = self.attendance.count_restored(entry.agent, entry.id, now)
        self._store.put(Unit((row_of(entry), *events)))
        self._desk.poke()

    def ringing(self, call: str, target: int, now: float) -> None:
        entry = self._calls.get(call)
        if entry is not None:
            self._evidence.ringing(entry, target, now)
            self._setup.heed_reached(entry.dialled if entry.to_agent else entry.seen.rung, now)

    def target_failed(self, call: str, target: int, status: int, now: float) -> None:
        entry = self._calls.get(call)
        if entry is None:
            return
        failed = target_of(entry, target)
        if failed.local is not None or is_place(entry, target):  # it came to nothing: as if there had been none
            entry.attempt = None
            self._publish(self.direct.used_after_all_events(entry, now))
        agent, entry.seen.rung = entry.seen.rung, None
        if entry.tried is not None and failed.user == entry.tried:
            entry.sent.tried_status = status
            self._setup.heed_extension(entry.tried, entry.pbx, status, None, now)
            if agent is None and absence.is_absent(status, None, False):
                self._publish(self.attendance.count(entry.tried, 0, 0, now, call, "away"))
        if agent is not None:
            self._publish(self.attendance.count(agent, -1, 0, now, call, idle(status)))

    def answered(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                 now: float, dialog: str | None = None) -> None:
        entry = self._calls.get(call)
        if entry is None or entry.answered_at is not None:
            return
        where = target_of(entry, target)
        answer = Dialog(dialog, self._evidence.proof(entry, where, identities, now), session, now)
        entry.dialogs.add(answer)
        entry.answered_at = now
        self._today.answered(entry, now)
        self._setup.heed_reached(entry.dialled if entry.to_agent else answer.proof.agent if answer.proof else None, now)
        moves = self._evidence.answer(entry, where, answer, now)
        events = tuple(moves)
        if self._teller.wants("call.answered"):
            data = call_data(entry)
            data["target"], data["wait_s"] = target, round(now - entry.started_at, 3)
            events = (self._teller.event("call.answered", data, now), *moves)
        self._store.put(Unit((row_of(entry), *events)))

    def answered_again(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                       now: float, dialog: str) -> None:
        entry = self._calls.get(call)
        if entry is not None and entry.answered_at is not None:
            proof = self._evidence.proof(entry, target_of(entry, target), identities, now)
            entry.dialogs.add(Dialog(dialog, proof, session, now))

    def acknowledged(self, call: str, dialog: str) -> None:
        entry = self._calls.get(call)
        found = None if entry is None else entry.dialogs.find(dialog)
        if found is not None:
            found.acknowledged = True

    def alive(self, call: str, session: float | None, now: float, dialog: str | None = None) -> None:
        entry = self._calls.get(call)
        found = None if entry is None else entry.dialogs.find(dialog)
        if entry is None or found is None or found.over:
            return
        found.alive_at = now
        if session is not None and session != found.session:
            found.session = session
            self._store.put(Unit((row_of(entry),)))

    def connected_line(self, call: str, identities: tuple[Identity, ...], now: float,
                       dialog: str | None = None) -> None:
        entry = self._calls.get(call)
        if entry is not None:
            self._evidence.connected_line(entry, identities, now, dialog)

    def dialog_event(self, agent: str, state: Watched | None, remote: str | None, now: float) -> None:
        self._evidence.dialog_event(agent, state, remote, now)

    def ended(self, call: str, ending: Ending, now: float, stored: Callable[[], None] | None = None) -> None:
        entry = self._calls.get(call)
        if entry is None or not self._is_over(entry, ending, now):
            if stored is not None:
                stored()
            return
        nobody = entry.answered_at is None or ending.unheard
        if ending.cause == 200 and nobody and entry.restored_at is None and through_us(entry):
            ending = ending._replace(cause=487)  # we had answered the caller ourselves: for them nobody did
            entry.answered_at = None
        self._records.leave(entry)
        if ending.by != "lost":
            self._ended.add(call, now)
        events: list[Event] = []
        if entry.behalf_of is not None:
            self._evidence.leave_outside(entry, self._rules.policy.direct_callback.min_talk, now)
        judged = self._judge.judge(entry, ending, now)
        if entry.own:
            self._setup.heed_login(entry, ending, now)
        else:
            self._setup.heed_answer(entry, now)
        if entry.to_agent and entry.answered_at is None:
            self._setup.heed_extension(entry.dialled, entry.pbx, ending.cause, ending.q850, now)
        if self._teller.wants("call.ended"):
            data = end_data(entry, ending, now)
            data.update(verdict=judged.kind, missed_why=judged.why, shown_by=list(judged.evidence),
                        weight=judged.weight)
            events.append(self._teller.event("call.ended", data, now))
        changes = self.direct.changes(entry, ending, now)
        leaving = self._leave(entry, ending, now)
        row = row_of(entry, now, ending.cause, ending.by)._replace(judged=judged.kind)
        unit = Unit((row, *events, *changes, *leaving))
        follows = self._judge.follows(entry, judged, now)
        if follows is not EMPTY_UNIT:
            unit = unit.joined(follows)
        self._store.put(unit, stored)
        self._desk.poke()

    def standing(self, call: str, now: float) -> Standing:
        """See Router. Asks the database where a call did not end in this process, or a while ago."""
        return "open" if call in self._calls else self._ended.standing(call, now)

    def open_call(self, sip_call_id: str, found_at: float | None = None) -> OpenCall | None:
        """See Router. Only calls that began before this process did, or elsewhere, are looked for."""
        entry = self._calls.get(self._restored.get(sip_call_id, ""))
        if entry is None and found_at is not None:
            row = self._others.open_row(sip_call_id)
            if row is not None and self._take_over(row, False, found_at):
                entry = self._calls[row.id]
        return None if entry is None else OpenCall(
            entry.id, entry.trunk, entry.pbx, entry.tried, entry.direction)

    # What those who have a leg of ours ask

    def taken_by(self, call: str) -> str | None:
        """Return the agent who has a call in progress, as far as that is proved."""
        entry = self._calls.get(call)
        return None if entry is None else entry.agent

    def place_entry(self, call: str, place: str) -> OwnCall | None:
        """Return how the place of the caller of a call in progress stands here once it is a call of its own."""
        entry = self._calls.get(call)
        return None if entry is None else OwnCall(
            place, "inbound", entry.trunk, entry.pbx, entry.customer, entry.number, None, entry.group, None,
            began_at=entry.seen.since)

    def place_answered(self, call: str, identities: tuple[Identity, ...], now: float) -> None:
        """The place of a caller is answered whom we had answered ourselves, which nobody has told: from now on their
        call is answered, and not before."""
        entry = self._calls.get(call)
        if entry is not None:
            self.answered(call, way_through_us(entry), identities, None, now)

    def watch_pickup(self, call: str, told: Callable[[str | None], None]) -> None:
        """Have `told` called once, when an agent is seen to take a call in progress, or at once where one has it: by
        whom, as far as that is proved. It is called in the midst of that: act upon it later."""
        self._taken.watch(self._calls.get(call), told)

    # What the daemon asks and tells

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force, at once and for calls in progress too. Keeping it is `Store.save_policy`."""
        self._rules.set_policy(policy)
        self._today.timezone(policy.timezone)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._rules.policy

    def restore(self, now: float) -> int:
        """Read back the calls that went on while we were down, today's counts, the alarms that stand and who takes a
        pause; return how many calls.

        Legs of ours did not: they are closed.
        Where the database cannot be read yet, `sweep` tries again.
        """
        try:
            rows = self._store.calls.open()
            self._count_missing(now)
            self.alarms.restore()
            past = self._store.calls.taken_since(now - SPAN, PACE_CALLS)
            pauses = self._store.pauses()
        except StoreError:
            return 0
        self._to_restore = False
        self._pace.restore(past)
        rows = [row for row in rows if row.id not in self._calls]
        events = [*self.attendance.restore_pauses(pauses, now)]
        for row in rows:
            entry = read_back(row, now)
            self._place_number(entry)
            events += self._take_up(entry, now)
        self._publish(tuple(events))
        gone = [row for row in rows if self._calls[row.id].own]
        for row in gone:  # who held them up is no more
            self.ended(row.id, Ending(408 if row.answered_at is None else 200, "lost"), now)
        return len(rows) - len(gone)

    def _take_up(self, entry: Call, now: float) -> tuple[Event, ...]:
        """Go on with a call that began before this process did, or elsewhere; return what is to be told of its agent.
        """
        self._restored[entry.sip_call_id] = entry.id
        self._records.enter(entry)
        events: tuple[Event, ...] = ()
        if entry.own:
            return events
        if entry.agent is not None:
            entry.seen.held = entry.agent
            events = self.attendance.count_restored(entry.agent, entry.id, now)
        elif entry.direction == "inbound" and entry.answered_at is not None:
            entry.seen.queued = identity.may_queue(Target(), entry.sent.number_facts, self._rules.pbx(entry.pbx))
        if entry.direction == "inbound":
            self.direct.restore(entry)
        return events

    def turn(self, now: float, set_by: float = 0.0) -> None:
        """End what only time ends. For a timer of a second or less.

        `set_by`: by how many seconds the wall clock was set forward since the last turn (back: negative), as a clock
        that only goes on has shown. What is in progress is as old as it was; what is kept until a moment ends then.
        """
        if set_by:
            for entry in self._calls.values():
                follow_clock(entry, set_by)
            self._ended.move(set_by)
            self.attendance.clock_set(set_by)
        self._heed_others(now)
        self.attendance.turn(now)
        self._setup.turn(now)

    def sweep(self, now: float) -> None:
        """End lost calls, tidy a slice of expired records, have the store look at its file. For a timer of seconds."""
        self.turn(now)
        if self._to_restore:
            self.restore(now)
        missing = self._today.missing(now)
        if missing is not None and not 0 <= now - missing[1] < COMMITTED:
            with suppress(StoreError):
                self._count_missing(now)
        for entry in self.calls():
            left = entry.dialogs.left_since(now)
            if left is not None:
                self.ended(entry.id, Ending(200, left[0]), left[1])
            elif entry.lost(now):
                self.ended(entry.id, Ending(408 if entry.answered_at is None else 200, "lost"), now)
        self.direct.tidy(now)

    def calls(self) -> tuple[Call, ...]:
        """Return the calls in progress, oldest first. Not to be changed."""
        return tuple(self._calls.values())

    def counters(self, now: float) -> dict[str, int]:
        """Return how many calls there are now and were today, in the policy's time zone.

        Callbacks are counted apart: each once, however many legs of ours it has, and no places in queues; `dialled`:
        those that came to dial their customer. What a PBX places for a customer is a part of that customer's call.
        """
        counts = self._today.counts(now)
        legs = [call.attempt for call in self._calls.values() if call.leg]
        attempts = set(legs) - {None}
        parts = sum(call.reason == ON_BEHALF for call in self._calls.values())
        return {"active": len(self._calls) - len(legs) - parts, "today": counts.calls, "inbound": counts.inbound,
                "outbound": counts.outbound, "answered": counts.answered, "direct": counts.direct,
                "callbacks": len(attempts), "dialled": counts.dialled, "dialled_answered": counts.dialled_answered}

    def tell(self, kind: str, data: dict[str, Any], now: float) -> None:
        """Publish a fact of somebody else's (`trunk.state`, `pbx.state`) in order with ours."""
        self._publish((self._teller.event(kind, data, now),))

    def _count_missing(self, now: float) -> None:
        """Have the database count what is missing of today. Raises StoreError."""
        missing = self._today.missing(now)
        if missing is not None:
            self._today.add(self._store.calls.counts(*missing))

    # Deciding

    def _begin(self, entry: Call, events: list[Event], now: float) -> None:
        """Open the entry of a call; `events`: what it has done already."""
        self._records.enter(entry)
        self._today.started(entry, now)
        if self._teller.wants("call.started"):
            events.insert(0, self._teller.event("call.started", call_data(entry), now))
        self._store.put(Unit((row_of(entry), *events)))

    def _outbound(self, entry: Call, call: NewCall) -> Decision:
        rules = self._rules
        group = service_group(entry.dialled, rules.policy)
        if group is not None:
            return self._service(entry, call, group)
        entry.number, entry.sent.number_facts = route.shown_number(call, rules)
        customers = self._evidence.customer_of(call.pbx, call.identities, entry.customer, entry.started_at)
        if customers is not None:
            entry.behalf_of, entry.group = customers.id, customers.group
            decision = route.outbound(entry.sent.number_facts, call, entry.customer, None)
            entry.trunk = decision.peer
            return decision._replace(reason=ON_BEHALF)
        proof = identity.calling_agent(call, rules.pbx(call.pbx), rules.targets)
        if proof is not None:
            entry.agent, entry.evidence = proof
        facts = entry.sent.number_facts
        entry.group = facts.group or (rules.policy.group_of(proof.agent) if proof is not None else None)
        decision = route.outbound(facts, call, entry.customer, proof)
        entry.trunk = decision.peer
        return decision

    def _service(self, entry: Call, call: NewCall, group: str) -> Decision:
        """A PBX hands a customer over to the service number of a group: their call says who they are, or its caller."""
        waits = self._evidence.handed_over(call.pbx, call.identities, group, entry.started_at)
        if waits is not None:
            entry.seen.handed = waits.id
            entry.customer, entry.number = waits.customer, waits.number
            entry.seen.since = waits.seen.since
        elif not call.withheld:
            shown = (self._rules.numbers.e164(one.user) for one in call.identities)
            entry.customer = next((one for one in shown if one is not None
                                   and one not in self._rules.policy.number), None)
            entry.number = None
        entry.group = group
        return Decision((Target(local=SERVICE + group),), call.trunk, ON_BEHALF, entry.customer)

    def _inbound(self, entry: Call, call: NewCall, now: float, events: list[Event]) -> Decision:
        entry.number, entry.sent.number_facts = route.called_number(call, self._rules)
        entry.group = entry.sent.number_facts.group
        named = entry.sent.number_facts.pbx
        if named is not None and named in self._rules.pbxs:
            entry.pbx = named
        records = self.direct.of(entry.customer)
        decision, record = route.inbound(call, entry.sent.number_facts, entry.number, entry.pbx,
                                         self._rules.pbx(entry.pbx), entry.customer, self.attendance.followed(records),
                                         self._rules, now)
        self.direct.begin(entry, records, now)
        if records and entry.sent.number_facts.kind != "direct":
            entry.sent.grounds = grounds.of(records, record, self._type_of, call.dialled, now).written()
        attempt = None
        if entry.customer is not None and entry.sent.number_facts.kind == "shared":
            attempt = self._desk.rang_in(NewCaller(entry.customer, entry.group), now)
        place = self.queue.place_of(entry, now) if attempt is None else None
        if record is not None:
            entry.tried = record.agent
            if attempt is None and place is None:
                events.append(self.direct.used_event(entry, record, now))
        if attempt is not None:
            entry.attempt = attempt
            decision = decision._replace(reason="glare",
                                         targets=(Target(ring_for=GLARE_PATIENCE, local=attempt), *decision.targets))
        elif place is not None:
            decision = decision._replace(reason="place", targets=(Target(local=PLACE + place), *decision.targets))
        if self.queue.may_ask(entry, now) is not None:
            decision = decision._replace(targets=(*decision.targets[:-1], WAITS_HERE, decision.targets[-1]))
        return decision

    def _type_of(self, agent: str) -> int:
        return self._rules.policy.direct_for(agent).type

    # Ending

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
        entry.dialogs.go_on(ending.by, now)
        self._evidence.keep(entry, ended, kept, now)
        return False

    def _leave(self, entry: Call, ending: Ending, now: float) -> list[Event]:
        """The call is over: its agent is free, its customer's records may be tidied."""
        self._evidence.forget(entry)
        self.queue.forget(entry.id)
        self.direct.end(entry)
        events: list[Event] = []
        if entry.seen.rung is not None:
            away = absence.is_absent(ending.cause, ending.q850, entry.seen.rang) and not entry.answered_at
            rest = "away" if away else idle(ending.cause)
            events += self.attendance.count(entry.seen.rung, -1, 0, now, entry.id, rest)
        if entry.seen.held is not None:
            events += self.attendance.count(entry.seen.held, 0, -1, now, entry.id)
        return events

    def _publish(self, events: tuple[Event, ...]) -> None:
        if events:
            self._store.put(Unit(events))


def service_group(dialled: str, policy: Policy) -> str | None:
    """Return the group whose service number a PBX dialled; None: it is none, or nobody there may ask for anything."""
    if not dialled.startswith(SERVICE_NUMBER) or not policy.offers_callbacks:
        return None
    group = dialled.removeprefix(SERVICE_NUMBER)
    return group if group in policy.group else None
