"""Callers who wait for an agent, and may ask for a callback: what the queue room asks of the ledger."""

from collections.abc import Callable
from typing import Final, Literal

from config.policy import Policy
from routing import identity
from routing.call_records import CallRecords
from routing.callbacks.facts import Missed, QueuedCaller
from routing.callbacks.queue_facts import CallerStayed, QueueOffer, QueueRequest, RequestAnswer, TypedNumber
from routing.calls import Call
from routing.desk_listener import DeskListener
from routing.evidence import Evidence, target_of
from routing.facts import Identity
from routing.route import Rules
from routing.setup_alarms import SetupAlarms
from routing.storage import Store
from routing.typed_numbers import TypedNumbers
from routing.writes import EMPTY_UNIT

TAKEN: Final = RequestAnswer(None, "taken")
"""An agent has the call, or may have it."""


class QueuedCallers:
    """What a caller may ask for, and what comes of it. Nothing, as soon as an agent may have taken the call."""

    def __init__(self, store: Store, rules: Rules, records: CallRecords, evidence: Evidence, setup: SetupAlarms,
                 desk: DeskListener) -> None:
        """`setup`: knows which PBXs show who takes a call."""
        self._store, self._rules, self._records, self._evidence = store, rules, records, evidence
        self._setup, self._desk = setup, desk
        self._typed = TypedNumbers()
        self._offered: set[str] = set()
        """Calls in progress whose callers were told that they may ask for a callback."""

    # What the room asks, by the name of the caller's call

    def pbx_of(self, call: str) -> str | None:
        """Return the PBX of a call in progress."""
        entry = self._records.by_name.get(call)
        return None if entry is None else entry.pbx

    def offer(self, call: str, now: float) -> QueueOffer | None:
        """Return what the caller of a call in progress may ask for while they wait; None: nothing, or no more."""
        entry = self._records.by_name.get(call)
        return None if entry is None else self.may_ask(entry, now)

    def note_offered(self, call: str, now: float) -> None:
        """The caller was told of the key. Only the first time is a fact."""
        entry = self._records.by_name.get(call)
        queued = None if entry is None or call in self._offered else self._queued(entry)
        if queued is not None:
            self._offered.add(call)
            follows = self._desk.offered(queued, now)
            if follows is not EMPTY_UNIT:
                self._store.put(follows)

    def typed(self, call: str, keys: str, now: float) -> TypedNumber:
        """Read what the caller typed (digits, `*` for `+`) and say whether it may be called."""
        entry = self._records.by_name.get(call)
        if entry is None or self._queued(entry) is None:
            return TypedNumber(None, "impossible")
        found = self._typed.read(call, keys, self._rules.policy.region)
        if found.number is None or not self._typed.is_new(call, found.number):
            return found
        allowed, follows = self._desk.named(_request(entry, found.number, None), now)
        if follows is not EMPTY_UNIT:
            self._store.put(follows)
        return self._typed.judged(call, found.number, allowed)

    def is_no_agent(self, place: str, identities: tuple[Identity, ...], now: float) -> bool:
        """Whether the answer to a place, where it is no queue's, names an extension that is nobody's phone."""
        entry, rules = self._records.by_name.get(place), self._rules
        return entry is not None and identity.names_no_agent(
            identities, entry.dialled, target_of(entry, 0), entry.sent.number_facts, rules.pbx(entry.pbx),
            rules.targets, now - entry.started_at)

    def came_back(self, place: str, call: str, now: float) -> None:
        """The customer whose place a leg of ours is has come back to it by a call of their own: what is known of who
        takes it is known of that call from now on."""
        held, entry = self._records.by_name.get(place), self._records.by_name.get(call)
        if held is not None and entry is not None:
            entry.task, entry.seen.since = held.task, held.seen.since
            self._evidence.move(held, entry, now)

    def ask(self, call: str, number: str | None, place: str | None, now: float,
            told: Callable[[RequestAnswer], None]) -> None:
        """Ask for a callback of the caller (`number` None) or of a number that they typed.

        `told` is called once, maybe before this returns; with terms only when they are on disk and nobody has taken the
        call meanwhile.
        """
        entry = self._records.by_name.get(call)
        customer = None if entry is None else number or entry.customer
        if entry is None or customer is None or self._queued(entry) is None or self._may_be_talking(entry):
            told(TAKEN)
            return
        answer, follows = self._desk.request(_request(entry, customer, place), now)
        if answer.terms is None:
            if follows is not EMPTY_UNIT:
                self._store.put(follows)
            told(answer)
            return
        asked, asked.asked = entry, True
        self._store.commit(follows, lambda well: told(self._answer(asked, answer, well, now)))

    def press(self, call: str, key: str, now: float, told: Callable[[bool], None]) -> None:
        """Take a key of a campaign.

        `told` is called once, maybe before this returns: True when a callback is promised and on disk, and only then
        may they be let go; False: they wait on.
        """
        entry = self._records.by_name.get(call)
        may = None if entry is None else self.may_ask(entry, now)
        keys = "" if may is None or may.campaign is None else may.campaign.keys
        if entry is None or key not in keys or entry.customer is None:
            told(False)
            return
        missed = Missed(entry.id, entry.customer, entry.number, entry.group, entry.pbx, entry.trunk, entry.started_at,
                        now, "key", (f"key_{key}",), "certain", key)
        task, follows = self._desk.pressed(missed, now)
        if task is None:
            if follows is not EMPTY_UNIT:
                self._store.put(follows)
            told(False)
            return
        pressed, promised, pressed.asked = entry, task, True
        self._store.commit(follows, lambda well: told(self._keeps_promise(pressed, promised, well, now)))

    # What the ledger asks

    def may_ask(self, entry: Call, now: float) -> QueueOffer | None:
        """Return what the caller of a call may ask for while they wait; None: nothing, or no more."""
        if not (self._desk.listens and offers_anything(self._rules.policy)):  # most houses
            return None
        queued = self._queued(entry)
        offer = None if queued is None or self._may_be_talking(entry) else self._desk.queue_offer(queued, now)
        if offer is None or offer.menu is None or self._would_be_seen(entry, now):
            return offer
        return offer._replace(menu=offer.menu._replace(offer_every=0.0, max_wait=0.0))

    def place_of(self, entry: Call, now: float) -> str | None:
        """Return the request whose place is held for the caller of a new call; None: there is none."""
        queued = self._queued(entry) if self._rules.policy.offers_callbacks and entry.customer is not None else None
        return None if queued is None else self._desk.place_of(queued, now)

    def forget(self, call: str) -> None:
        """A call is over."""
        self._typed.forget(call)
        self._offered.discard(call)

    # Inside

    def _queued(self, entry: Call) -> QueuedCaller | None:
        """Return who waits in a call, as the desk is asked of them; None: nobody does who may ask for anything."""
        if entry.group is None or entry.asked or (entry.direction == "inbound"
                                                  and entry.sent.number_facts.kind != "shared"):
            return None
        return QueuedCaller(entry.customer, entry.group, entry.number, entry.id, entry.seen.since)

    def _answer(self, entry: Call, answer: RequestAnswer, kept: bool, now: float) -> RequestAnswer:
        """Say what became of a request once its commit is known."""
        if answer.terms is None:
            return answer
        if self._let_go(entry, answer.terms.task, kept):
            self._desk.promised(answer.terms.task, now)
            return answer
        self._stays(answer.terms.task, "taken" if kept else "database", now)
        return TAKEN if kept else RequestAnswer(None, "database")

    def _keeps_promise(self, entry: Call, task: str, kept: bool, now: float) -> bool:
        """Whether a caller leaves who pressed the key of a campaign. What is promised to one whom an agent has taken
        ends with their talk."""
        if not kept:
            self._stays(task, "database", now)
        else:
            self._desk.promised(task, now)
        return self._let_go(entry, task, kept)

    def _stays(self, task: str, why: Literal["taken", "database"], now: float) -> None:
        follows = self._desk.stayed(CallerStayed(task, why), now)
        if follows is not EMPTY_UNIT:
            self._store.put(follows)

    def _let_go(self, entry: Call, task: str, kept: bool) -> bool:
        """Whether a caller who is promised a callback leaves: it is on disk, and nobody has taken their call meanwhile.

        Else their call is judged like any other: what was promised ends with a talk.
        """
        entry.asked = kept and not self._may_be_talking(entry)
        if entry.asked:
            self._records.attend(entry)
            handed = self._records.by_name.get(entry.seen.handed or "")
            if handed is not None and not self._may_be_talking(handed):
                handed.task = task  # who hangs up there is not missed; whom an agent takes all the same has talked
                self._records.attend(handed)
        return entry.asked

    def _would_be_seen(self, entry: Call, now: float) -> bool:
        """Whether an agent who takes a call from a queue is seen to: this call, and no other. Where they are not,
        nobody knows whether what is said is said into a talk: it is said once, and never again.

        A withheld caller's is known by a connected line only, and one of several of a number by nothing.
        """
        if entry.answered_at is None or not entry.seen.queued:
            return True
        named = bool(entry.seen.signs) if entry.customer is None else self._evidence.is_only_one(entry, now)
        return named and self._setup.would_see(entry.group or "")

    def _may_be_talking(self, entry: Call) -> bool:
        return entry.agent is not None or entry.seen.picked_at is not None or \
            self._evidence.sign(entry) is not None or (
                entry.answered_at is not None and not entry.seen.queued and entry.direction == "inbound")


def _request(entry: Call, customer: str, place: str | None) -> QueueRequest:
    return QueueRequest(entry.id, entry.customer, customer, entry.number, entry.group or "", entry.pbx, entry.trunk,
                        entry.seen.since, place)


def offers_anything(policy: Policy) -> bool:
    """Whether anybody at all may ask for a callback while they wait."""
    return policy.offers_callbacks or bool(policy.campaign)
