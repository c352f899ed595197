"""Who has a call: what answers, dialogs and connected lines prove of it, and what is a mere sign.

Rules
- Who answered is proved by what `identity` says of the answer; else by an agent's dialogs, which showed the phone ring
  for this customer and then taken up; else nobody did.
- Several calls of one customer that wait at once: one of them was taken, nobody knows which, unless the PBX had said
  which phone it rings for which call. One for a group of that agent's counts as taken, else the oldest, and by nobody
  known. A place in a queue that the agent does not serve was not meant, and of others their own call comes first.
- A connected line alone says that a phone rings, not that somebody took it up.
- Who takes a call from a colleague's ringing phone (call pickup) is proved by dialogs that are busy without having rung
  and the connected line in the customer's own dialog, within a moment of each other. Either of them without the other
  is a sign that somebody may have the call.
- A call that the PBX places through us for a customer who waits (their number is its caller) and that is answered has
  them: a member of the queue who has no extension. Who that is, nobody knows.
- An answer that only says where was dialled is not believed of a phone that fell silent in that moment.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from routing import identity
from routing.attendance import Attendance
from routing.call_records import CallRecords
from routing.calls import SIGNS_MAX, Call, is_leaving, row_of
from routing.dialogs import Dialog
from routing.events import Event
from routing.facts import PLACE, QUEUE_ROOM, SERVICE, Identity, Target, Watched
from routing.identity import Proof
from routing.pickups import AT_ONCE, MOMENT, Pickups
from routing.route import Rules
from routing.rows import IN_QUEUE, OWN
from routing.setup_alarms import SetupAlarms
from routing.storage import Store
from routing.taken_calls import TakenCalls
from routing.writes import Unit

THROUGH_US: Final = (QUEUE_ROOM, PLACE, SERVICE)

_HEADED: Final = Target()
"""Where a call was headed."""

DIALOG_EVENT: Final = "dialog_event"
"""Evidence: the agent's dialogs (RFC 4235)."""

PICKUP: Final = "pickup"
"""Evidence: the agent's dialogs are busy without having rung, and the call's connected line names them."""

OUTSIDE_PHONE: Final = "outside_phone"
"""Evidence of a call whose agent is not known: a call that the PBX placed for its customer was answered."""

WHERE_DIALLED: Final = frozenset({"dialled", "number"})
"""Evidence that says where it rang, not who was there."""

NOTIFY_LATE: Final = 2.0
"""Seconds after an answer in which the NOTIFY of who gave it is still on its way."""


class Evidence:
    """Finds out who has each call, and counts it at that agent."""

    def __init__(self, store: Store, rules: Rules, records: CallRecords, attendance: Attendance,
                 setup: SetupAlarms, taken: TakenCalls) -> None:
        """`setup`: told of PBXs that show whose phone rings; `taken`: of calls that agents take."""
        self._store, self._rules, self._records = store, rules, records
        self._attendance, self._setup, self._takings = attendance, setup, taken
        self._rings_for: dict[str, tuple[str | None, float]] = {}
        """By agent whose dialogs show a phone ring: since when, and for which customer; None: the PBX does not say, or
        not readably."""
        self._shown: dict[str, Call] = {}
        """By agent: the last call that a connected line showed at their phone."""
        self._pickups = Pickups()

    # What the proxy and the subscriptions tell

    def ringing(self, entry: Call, target: int, now: float) -> None:
        """A target of a call rings."""
        entry.seen.rang = True
        if entry.seen.rung is not None:  # rung by a leg of ours, whose phone is known to be there from now on
            self._publish(self._attendance.mark_here(entry.seen.rung, entry.id, now))
        if entry.direction == "outbound" or entry.seen.rung is not None or entry.answered_at is not None:
            return
        expected = self._expected(entry, target_of(entry, target))
        if expected is not None:
            entry.seen.rung = expected.agent
            self._attendance.mark_here(entry.seen.rung, entry.id, now)  # told with the next
            self._publish(self._attendance.count(entry.seen.rung, 1, 0, now, entry.id))

    def connected_line(self, entry: Call, identities: tuple[Identity, ...], now: float, dialog: str | None) -> None:
        """A connected line was shown to the caller: a sign that a phone rings, and no more."""
        self._heed_line(entry, identities, now, dialog)
        if entry.seen.signs:
            self._setup.heed_shown(entry.pbx, now)

    def _heed_line(self, entry: Call, identities: tuple[Identity, ...], now: float, dialog: str | None) -> None:
        if entry.direction == "outbound" or (entry.own and not entry.to_agent):
            return
        if entry.agent is not None or (entry.answered_at is not None and not entry.dialogs.goes_on_in(dialog)):
            return
        shown = identity.shown_agent(identities, self._rules.pbx(entry.pbx), self._rules.targets)
        if shown is None:
            return
        if entry.seen.signs is None:
            entry.seen.signs = {}
        if shown in entry.seen.signs or len(entry.seen.signs) < SIGNS_MAX:
            entry.seen.signs[shown] = now
            self._shown[shown] = entry
        if self._attendance.watched_since(shown) > now:
            self._records.attend(entry)  # whether they took it, nobody will ever tell
        elif self._pickups.unrung(shown, now) and entry.seen.picked_at is None:
            events = self._picked(entry, shown, now, PICKUP)
            self._store.put(Unit((row_of(entry), *events)))
        elif self._pickups.engaged(shown) and shown not in self._rings_for:
            entry.seen.sign_at = now

    def dialog_event(self, agent: str, state: Watched | None, remote: str | None, now: float) -> None:
        events = list(self._attendance.take_dialogs(agent, state, now))
        rang_for = self._rings_for.pop(agent, None)
        self._pickups.shows(agent, state, rang_for, now)
        entry: Call | None = None
        if state == "ringing":
            self._rings_for[agent] = None if remote is None else self._meant(remote, now), now
        elif state == "busy" and rang_for is not None:
            entry = self._taken(agent, *rang_for, now)
            if entry is not None:
                events += self._picked(entry, agent, now)
            else:
                entry = self._forwarded(agent, rang_for[0], now)
                if entry is not None:
                    events += self._is_of(entry, Proof(agent, DIALOG_EVENT), now)
        elif state == "busy" and self._pickups.unrung(agent, now):
            entry = self._picks_up(agent, now)
            if entry is not None:
                events += self._picked(entry, agent, now, PICKUP)
        elif state == "free" and rang_for is not None:
            entry = self._fell_silent(agent, rang_for[0], now)
            if entry is not None:
                events += self._is_of(entry, self._who_else(now), now)
        if entry is not None or events:
            self._store.put(Unit((*events,) if entry is None else (row_of(entry), *events)))

    # Pickup

    def _picks_up(self, agent: str, now: float) -> Call | None:
        """An agent's phone is in a call without having rung: find the one that they took from a colleague's.

        Where only the time says which it is, that is noted as a sign.
        """
        shown = self._shown.get(agent)
        signs = None if shown is None else shown.seen.signs
        if shown is not None and signs is not None and _may_be_taken(shown, now) and shown.seen.picked_at is None:
            since = now - signs[agent]
            if since <= MOMENT:
                return shown
            if since <= NOTIFY_LATE:
                shown.seen.sign_at = now
        if not self._attendance.is_counted(agent):
            for customer in self._pickups.silenced(now):
                self._note_sign(customer, now)
        return None

    def _fell_silent(self, agent: str, customer: str | None, now: float) -> Call | None:
        """An agent's phone has ceased to ring: find the call that is not theirs, although it was dialled to them."""
        for call in self._records.of(customer):
            if call.agent == agent and call.evidence in WHERE_DIALLED and call.answered_at is not None and \
                    now - call.answered_at <= MOMENT:
                return call
        if customer is not None and any(not self._attendance.is_counted(one)
                                        for one in self._pickups.all_unrung(now, AT_ONCE)):
            self._note_sign(customer, now)
        return None

    def _note_sign(self, customer: str, now: float) -> None:
        """Somebody may have taken the call of a customer who waits."""
        for call in self._records.of(customer):
            if call.seen.picked_at is None and _may_be_taken(call, now):
                call.seen.sign_at = now

    def _forwarded(self, agent: str, customer: str | None, now: float) -> Call | None:
        """An agent has taken up a phone that rang for a customer: find the call of theirs that was dialled to another.

        That one's phone forwards: their dialogs are not busy.
        """
        return next((call for call in self._records.of(customer)
                     if call.agent not in (None, agent) and call.evidence in WHERE_DIALLED
                     and call.answered_at is not None and now - call.answered_at <= NOTIFY_LATE
                     and self._idle_since(call.agent or "", call.started_at)), None)

    def _idle_since(self, agent: str, begun: float) -> bool:
        """Whether an agent's dialogs were seen all the time since then, and are not busy."""
        return self._attendance.watched_since(agent) <= begun and not self._pickups.engaged(agent)

    def _who_else(self, now: float) -> Proof | None:
        """Say who took a call in this moment from the phone that it was dialled to; None: nobody, or one of several."""
        found = [agent for agent in self._pickups.all_unrung(now) if not self._attendance.is_counted(agent)]
        return Proof(found[0], PICKUP) if len(found) == 1 else None

    # Phones outside

    def handed_over(self, pbx: str, identities: Sequence[Identity], group: str, now: float) -> Call | None:
        """Find the customer's call that a PBX hands over to the service number of a group; of several the oldest
        that waits, one for that group before others."""
        found = [call for customer in self._shown_customers(identities, None) for call in self._records.of(customer)
                 if call.direction == "inbound" and call.pbx == pbx and not call.leg]
        return min(found, key=lambda call: (not _may_be_taken(call, now), call.group != group), default=None)

    def _shown_customers(self, identities: Sequence[Identity], dialled: str | None) -> Iterator[str]:
        """Read which customers a PBX shows as the caller of a call that it places. Numbers of ours are what agents
        show: they are no customers here, nor is who is dialled."""
        for shown in dict.fromkeys(one.user for one in identities):
            customer = self._rules.numbers.e164(shown)
            if customer is not None and customer != dialled and customer not in self._rules.policy.number:
                yield customer

    def customer_of(self, pbx: str, identities: Sequence[Identity], dialled: str | None, now: float) -> Call | None:
        """Find the customer's call that a PBX places another one for: its caller is that customer, not who is dialled.

        Of several the one that may still be taken.
        """
        found: Call | None = None
        for customer in self._shown_customers(identities, dialled):
            for call in self._records.of(customer):
                if call.direction == "inbound" and call.pbx == pbx:
                    if _may_be_taken(call, now):
                        return call
                    found = found or call
        return found

    def _taken_outside(self, leg: Call, now: float) -> None:
        """A call that the PBX has placed for a customer is answered: they are no longer waiting."""
        entry = self._records.by_name.get(leg.behalf_of or "")
        if entry is None or entry.seen.picked_at is not None or not _may_be_taken(entry, now):
            return
        if entry.answered_at is None:  # the PBX answers with it, or asks that phone first
            entry.seen.sign_at = now
            return
        self._records.attend(entry)
        entry.seen.picked_at, entry.evidence = now, OUTSIDE_PHONE
        self._takings.take(entry, None, now)
        self._store.put(Unit((row_of(entry),)))

    def leave_outside(self, leg: Call, min_talk: float, now: float) -> None:
        """That call is over. One that was too short for a talk was a phone that declined: the customer waits again."""
        entry = self._records.by_name.get(leg.behalf_of or "")
        if entry is None or leg.answered_at is None or entry.agent is not None:
            return
        if entry.seen.picked_at != leg.answered_at:
            return
        if now - leg.answered_at < min_talk:
            entry.seen.picked_at, entry.evidence, entry.seen.sign_at = None, None, now
            self._store.put(Unit((row_of(entry),)))

    # Who has it

    def _meant(self, shown: str, now: float) -> str | None:
        """Return the customer whose number a phone shows: of its readings the one who waits."""
        numbers = self._rules.numbers
        waits = (each for each in numbers.readings(shown)
                 if any(_may_be_taken(call, now) for call in self._records.of(each)))
        return next(waits, numbers.e164(shown))

    def _taken(self, agent: str, customer: str | None, since: float, now: float) -> Call | None:
        """Find the call that an agent's phone, which has rung since then for this customer, has taken up."""
        shown = self._shown.get(agent)
        if shown is not None and shown.agent is None and shown.seen.picked_at is None and shown.seen.signs is not None:
            if customer is not None and shown.customer == customer:
                return shown
            if customer is None and abs(shown.seen.signs[agent] - since) <= NOTIFY_LATE:
                return shown
        return next((call for call in self._meant_by(agent, customer, now) if call.seen.picked_at is None), None)

    def _meant_by(self, agent: str, customer: str | None, now: float) -> list[Call]:
        """Return the calls of a customer of which an agent may have taken one, the likeliest first.

        That is one for a group of theirs, and there the customer's own call, in which they talk, before their place. A
        place in the queue of a group that the agent is not in is none of them.
        """
        policy = self._rules.policy
        serves = {name for name, group in policy.group.items() if agent in group.agents}
        may = [call for call in self._records.of(customer) if _may_be_taken(call, now) and not (
            call.reason == IN_QUEUE and serves and call.group not in serves)]
        return sorted(may, key=lambda call: (call.group not in serves, call.reason == IN_QUEUE))

    def _picked(self, entry: Call, agent: str, now: float, evidence: str = DIALOG_EVENT) -> tuple[Event, ...]:
        """An agent took a call up. Who it was is sure where no other call can have been meant."""
        self._records.attend(entry)
        entry.seen.picked_at = now if entry.seen.queued or entry.answered_at is None else entry.answered_at
        sure = self._shown.get(agent) is entry or entry.customer is None or \
            all(call is entry for call in self._meant_by(agent, entry.customer, now))
        if not sure:
            entry.evidence = evidence
            self._takings.take(entry, None, now)
            return ()
        if entry.answered_at is None:
            entry.seen.picked_by = Proof(agent, evidence)
        else:
            entry.agent, entry.evidence = agent, evidence
        self._takings.take(entry, agent, now)
        return () if entry.answered_at is None else self._hold(entry, agent, None, now)

    def proof(self, entry: Call, target: Target, identities: tuple[Identity, ...], now: float) -> Proof | None:
        """Say who gave an answer to a customer's call."""
        if entry.direction == "outbound" or target.local is not None:
            return None
        return identity.answering_agent(identities, self._expected(entry, target), target, entry.sent.number_facts,
                                        self._rules.pbx(entry.pbx), self._rules.targets, now - entry.started_at)

    def answer(self, entry: Call, target: Target, answer: Dialog, now: float) -> list[Event]:
        """Find out who answered; the agent at whom it rang rings no longer."""
        if entry.direction == "outbound":
            if entry.own:
                self._meet(entry, self._records.leg_to_agent(entry.attempt), now)
            elif entry.behalf_of is not None:
                self._taken_outside(entry, now)
                self._setup.heed_shown(entry.pbx, now)
            return []
        rung, entry.seen.rung = entry.seen.rung, None
        if target.local is not None:
            return self._joined(entry, target.local, now)
        proof = answer.proof = self._doubted(entry, answer.proof, now) or entry.seen.picked_by
        entry.seen.queued = proof is None and identity.may_queue(target, entry.sent.number_facts,
                                                            self._rules.pbx(entry.pbx))
        if proof is not None or entry.seen.picked_at is not None:
            entry.seen.picked_at = now
        if not entry.seen.queued:
            self._records.attend(entry)
            self._takings.take(entry, None if proof is None else proof.agent, now)
        events: list[Event] = []
        if proof is not None:
            entry.agent, entry.evidence = proof
            events += self._hold(entry, proof.agent, rung, now)
        elif entry.to_agent:
            self._met(entry, now)
        if rung is not None and rung != entry.seen.held:
            events += self._attendance.count(rung, -1, 0, now, entry.id)
        return events

    def _doubted(self, entry: Call, proof: Proof | None, now: float) -> Proof | None:
        """Look whether the dialogs of whom was dialled say that somebody else has just taken the call."""
        if proof is None or proof.evidence not in WHERE_DIALLED or not self._idle_since(proof.agent, entry.started_at):
            return proof
        return self._who_else(now) if self._pickups.fell_silent(proof.agent, now) else proof

    def keep(self, entry: Call, ended: Dialog, kept: Dialog, now: float) -> None:
        """The caller has let go of one answer and kept another: the call is of whoever gave that."""
        if ended.proof is None or ended.proof.agent != entry.agent or ended.proof == kept.proof:
            return
        events = self._is_of(entry, kept.proof, now)
        self._store.put(Unit((row_of(entry), *events)))

    def _is_of(self, entry: Call, proof: Proof | None, now: float) -> tuple[Event, ...]:
        """A call that was taken for one agent's is another's, or nobody's that is known."""
        events = () if entry.seen.held is None else self._attendance.count(entry.seen.held, 0, -1, now, entry.id)
        entry.agent, entry.evidence, entry.seen.held = None, None, None
        if proof is None:
            return events
        entry.agent, entry.evidence = proof
        return events + self._hold(entry, proof.agent, None, now)

    def move(self, place: Call, entry: Call, now: float) -> None:
        """What was seen of who takes a place is seen of a call of its customer's, which rings on in it."""
        seen, before = entry.seen, place.seen
        seen.signs, seen.sign_at, seen.rang = before.signs, before.sign_at, before.rang
        before.signs = None
        for agent in seen.signs or ():
            if self._shown.get(agent) is place:
                self._shown[agent] = entry
        if not before.taken:
            return
        seen.picked_at = now
        seen.picked_by = before.picked_by if place.agent is None else Proof(place.agent, place.evidence or DIALOG_EVENT)
        self._records.attend(entry)
        self._takings.take(entry, None if seen.picked_by is None else seen.picked_by.agent, now)

    def all_watched(self, agents: Sequence[str], entry: Call) -> bool:
        """Whether the dialogs of all of these were seen all through a call."""
        return bool(agents) and all(self._attendance.watched_since(agent) <= entry.started_at for agent in agents)

    def sign(self, entry: Call) -> float | None:
        """When a phone was last shown to ring for a call, or to take it, and nobody saw whether it was taken up."""
        rings = [at for agent, at in (entry.seen.signs or {}).items() if self._attendance.watched_since(agent) > at]
        return max(rings if entry.seen.sign_at is None else [*rings, entry.seen.sign_at], default=None)

    def talks_elsewhere(self, entry: Call) -> bool:
        """Whether the customer of a call is in another one with somebody of ours."""
        return any(call is not entry and not call.to_agent and call.answered_at is not None
                   and (not call.seen.queued or call.seen.picked_at is not None)
                   for call in self._records.of(entry.customer))

    def is_only_one(self, entry: Call, now: float) -> bool:
        """Whether no other call of its customer's, but for places, can be meant by an agent's phone that shows them."""
        return not any(call is not entry and call.reason != IN_QUEUE and _may_be_taken(call, now)
                       for call in self._records.of(entry.customer))

    def place(self, entry: Call, agent: str | None, now: float) -> list[Event]:
        """A leg of ours is about to be dialled: its agent is not free from now on."""
        if not entry.to_agent or agent is None:
            return []
        entry.seen.rung = agent
        return list(self._attendance.count(agent, 1, 0, now, entry.id))

    def _meet(self, customer: Call, leg: Call | None, now: float) -> None:
        """Both legs of an attempt are answered: from now on the customer's is a call of that agent."""
        if leg is None or leg.answered_at is None or customer.answered_at is None or customer.to_agent:
            return
        if customer.seen.picked_at is None:
            customer.seen.picked_at = now
        if leg.agent is not None:
            customer.agent, customer.evidence = leg.agent, OWN

    def _met(self, leg: Call, now: float) -> None:
        """Something is new of our leg to an agent: the customer who is there already has them."""
        for call in self._records.of(leg.customer):
            if leg.attempt is not None and call.attempt == leg.attempt:
                self._meet(call, leg, now)

    def forget(self, entry: Call) -> None:
        """Drop what leads to a call that is over."""
        self._takings.forget(entry)
        for agent in entry.seen.signs or ():
            if self._shown.get(agent) is entry:
                del self._shown[agent]

    def _joined(self, entry: Call, attempt: str, now: float) -> list[Event]:
        """The customer rang in and was joined with the agent whom an attempt of ours has: our leg engages them."""
        leg = self._records.leg_to_agent(attempt)
        entry.attempt, entry.evidence = attempt, OWN
        entry.agent = None if leg is None else leg.agent
        entry.seen.picked_at = now
        self._records.attend(entry)
        return []

    def _hold(self, entry: Call, agent: str, rung: str | None, now: float) -> tuple[Event, ...]:
        entry.seen.held = agent
        if entry.to_agent:
            self._met(entry, now)
        return self._attendance.count(agent, -1 if rung == agent else 0, 1, now, entry.id)

    def _expected(self, entry: Call, target: Target) -> Proof | None:
        if target.local is not None:
            return None
        return identity.expected_agent(entry.dialled, target, entry.sent.number_facts, self._rules.pbx(entry.pbx),
                                       self._rules.targets)

    def _publish(self, events: tuple[Event, ...]) -> None:
        if events:
            self._store.put(Unit(events))



def target_of(entry: Call, index: int) -> Target:
    """Return a target of a call as the PBX sees it; of one that was read back nobody knows them any more.

    The room and a place are ways to where the call was headed.
    """
    found = entry.sent.targets[index] if index < len(entry.sent.targets) else _HEADED
    return _HEADED if _is_ours(found) else found


def way_through_us(entry: Call) -> int:
    """Return the target of a call, as an index, by which its caller reached a place of ours."""
    return next((index for index, target in enumerate(entry.sent.targets) if _is_ours(target)), 0)


def through_us(entry: Call) -> bool:
    """Whether a call may have been answered by ourselves, before anybody did to whom it goes."""
    return any(map(_is_ours, entry.sent.targets))


def _is_ours(target: Target) -> bool:
    return target.local is not None and target.local.startswith(THROUGH_US)


def is_place(entry: Call, index: int) -> bool:
    """Whether a target of a call is the place of a request of its customer's."""
    local = entry.sent.targets[index].local if index < len(entry.sent.targets) else None
    return local is not None and local.startswith(PLACE)


def _may_be_taken(call: Call, now: float) -> bool:
    """Whether an agent's phone may ring for this call without its being known beforehand, or has just been taken up."""
    return call.direction == "inbound" and call.agent is None and call.seen.rung is None and \
        (call.attempt is None or call.to_agent) and not is_leaving(call) and \
        (call.answered_at is None or call.seen.queued or now - call.answered_at <= NOTIFY_LATE)
