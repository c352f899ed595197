"""Callers who wait for an agent and may press a key for a callback."""

from collections.abc import Callable

from routing.call_records import CallRecords
from routing.callbacks.facts import Missed, QueuedCaller
from routing.callbacks.queue_facts import QueueOffer
from routing.calls import Call
from routing.desk_listener import DeskListener
from routing.evidence import Evidence
from routing.route import Rules
from routing.storage import Store
from routing.writes import EMPTY_UNIT


class WaitingKeys:
    """What a caller may press, and what comes of it. Nothing, as soon as an agent may have taken the call."""

    def __init__(self, store: Store, rules: Rules, records: CallRecords, evidence: Evidence,
                 desk: DeskListener) -> None:
        self._store, self._rules, self._records, self._evidence = store, rules, records, evidence
        self._desk = desk

    def pressed(self, entry: Call | None, key: str, now: float, told: Callable[[bool], None]) -> None:
        """Take a key of a caller who waits.

        `told` is called once, maybe before this returns: True when a callback is promised and on disk, and only then
        may they be let go; False: they wait on.
        """
        may = None if entry is None else self.may_press(entry, now)
        keys = "" if may is None or may.campaign is None else may.campaign.keys
        if entry is None or key not in keys or entry.customer is None:
            told(False)
            return
        missed = Missed(entry.id, entry.customer, entry.number, entry.group, entry.pbx, entry.trunk, entry.started_at,
                        now, "key", (f"key_{key}",), "certain", key)
        promised, follows = self._desk.pressed(missed, now)
        if promised:
            entry.asked = True
        if follows is EMPTY_UNIT:
            told(promised)
            return
        self._store.put(follows)
        self._store.commit(EMPTY_UNIT, lambda well: told(promised and self._let_go(entry, well)))  # committed after it

    def may_press(self, entry: Call, now: float) -> QueueOffer | None:
        """Return what the caller of a call in progress may press while they wait; None: nothing, or no more."""
        if not (self._desk.listens and self._rules.policy.campaign):  # most houses
            return None
        if entry.customer is None or entry.group is None or entry.sent.number_facts.kind != "shared" or entry.asked:
            return None
        if self._may_be_talking(entry):
            return None
        return self._desk.queue_offer(QueuedCaller(entry.customer, entry.group, entry.number), now)

    def _let_go(self, entry: Call, kept: bool) -> bool:
        """Whether a caller who is promised a callback leaves: it is on disk, and nobody has taken their call meanwhile.

        Else their call is judged like any other: what was promised ends with a talk.
        """
        entry.asked = kept and not self._may_be_talking(entry)
        if entry.asked:
            self._records.attend(entry)
        return entry.asked

    def _may_be_talking(self, entry: Call) -> bool:
        return entry.agent is not None or entry.seen.picked_at is not None or \
            self._evidence.sign(entry) is not None or (entry.answered_at is not None and not entry.seen.queued)
