"""What each agent does and who waits for one: the state that the desk and the console look at, told as events."""

from collections.abc import Callable, Iterable, Sequence

from routing.agents import NEVER_SEEN, AgentState, Board, Rest
from routing.call_records import CallRecords
from routing.calls import Call
from routing.events import Event
from routing.facts import Watched
from routing.pace import Pace
from routing.route import Rules
from routing.rows import PauseRow, Record
from routing.storage import ChangedRows, Store, StoreError
from routing.teller import Teller
from routing.writes import DropPause, Unit


class Attendance:
    """`callbacks.facts.LiveState`. What a change of an agent is told as is returned, and goes with what caused it."""

    def __init__(self, store: Store, rules: Rules, records: CallRecords, teller: Teller,
                 on_change: Callable[[], None], pace: Pace) -> None:
        """`on_change`: told when an agent's state has changed. It must not act upon it before it has returned.
        `pace`: how fast callers are taken."""
        self._store, self._rules, self._records, self._teller = store, rules, records, teller
        self._on_change, self._pace = on_change, pace
        self._board = Board()
        self._pauses: dict[str, PauseRow] = {}
        """By agent."""
        self._said: set[str] | None = set()
        """Who has said something of a pause before those from before this process were read; None: they were."""
        self._words = 0
        """How often somebody has said here that they pause or resume."""
        self._pauses_changed = self._reads_pauses = False
        store.tell_changes_to(self)

    # What goes on now

    def agent_state(self, agent: str) -> str:
        return self._board.state(agent).state

    def agent_since(self, agent: str) -> float | None:
        return self._board.state(agent).since

    def engaged(self, customer: str) -> bool:
        return self._records.engaged(customer)

    def waiting(self, group: str) -> int:
        return self._records.waiting(group)

    def waiters(self, group: str) -> tuple[Call, ...]:
        """Return the calls whose callers wait for an agent of a group, oldest first. Not to be changed."""
        return self._records.waiters(group)

    def estimated_wait(self, group: str, call: str | None, now: float) -> float | None:
        return self._pace.wait(group, self._records.ahead(group, call), now)

    def taken(self, group: str) -> int:
        return self._pace.taken(group)

    def customers(self) -> dict[str, str | None]:
        """Return whom each agent talks to or is rung for: `CallRecords.customers`."""
        return self._records.customers()

    def on_trunk(self, trunk: str) -> int:
        return self._records.on_trunk(trunk)

    def agents(self) -> dict[str, AgentState]:
        """Return what each agent does: those that the policy lists and those that were seen."""
        policy = self._rules.policy
        found = dict.fromkeys(policy.agent, NEVER_SEEN)
        for group in policy.group.values():
            found.update(dict.fromkeys(group.agents, NEVER_SEEN))
        found.update(self._board.seen())
        return found

    def is_agent(self, extension: str) -> bool:
        """Whether somebody may be rung there: listed, seen, or of a PBX's pattern."""
        return extension in self.agents() or self._rules.is_extension(extension)

    def is_counted(self, agent: str) -> bool:
        """Whether a call that we see engages an agent, or rings there."""
        return self._board.counted(agent)

    def watched_since(self, agent: str) -> float:
        """Return since when an agent's dialogs are shown without a gap; infinity: they are not."""
        return self._board.watched_since(agent)

    def pauses(self) -> tuple[PauseRow, ...]:
        return tuple(self._pauses.values())

    def pause_of(self, agent: str) -> PauseRow | None:
        """Return the pause that an agent has asked for; it may not have begun yet. None: none."""
        return self._pauses.get(agent)

    def followed(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return the direct callbacks that a call may follow now: not to an agent who is not to be rung."""
        if not self._pauses or not records:
            return records
        return [record for record in records if record.agent not in self._pauses]

    # What changes it

    def wrap_up(self, agent: str, until: float, now: float) -> None:
        """See LiveState. `turn` ends it."""
        self._publish(self._say(agent, self._board.wrap_up(agent, until, now), None, now))

    def pause(self, agent: str, reason: str, now: float) -> None:
        """Do not ring an agent until they resume, over restarts too; once more changes the reason. What engages them at
        this moment goes on."""
        self._note_said(agent)
        known = self._pauses.get(agent)
        row = self._pauses[agent] = PauseRow(agent, now if known is None else known.since, reason)
        events = self._say(agent, self._board.pause(agent, True, now), None, now)
        self._store.put(Unit((row, *events), durable=True))

    def resume(self, agent: str, now: float) -> None:
        """Let an agent be rung again."""
        self._note_said(agent)
        if self._pauses.pop(agent, None) is not None or self._said is not None:
            events = self._say(agent, self._board.pause(agent, False, now), None, now)
            self._store.put(Unit((DropPause(agent), *events), durable=True))

    def restore_pauses(self, pauses: Iterable[PauseRow], now: float) -> tuple[Event, ...]:
        """Take up pauses from before this process, but for whom this process has heard already."""
        said, self._said = self._said or set(), None
        events: list[Event] = []
        for row in pauses:
            if row.agent not in said:
                self._pauses[row.agent] = row
                events += self._say(row.agent, self._board.pause(row.agent, True, now), None, now)
        return tuple(events)

    def on_changed(self, changed: ChangedRows) -> None:
        self._pauses_changed = self._pauses_changed or "pauses" in changed.tables

    def _heed_pauses(self, now: float) -> None:
        """Read who takes a pause once what was said here before is committed: at another node they may have begun one,
        or resumed."""
        if self._reads_pauses or self._said is not None or not self._store.well:
            return
        self._reads_pauses = True
        words = self._words
        self._store.settled(lambda: self._take_pauses(words, now))

    def _take_pauses(self, words: int, now: float) -> None:
        """Take the pauses as they are kept; `words`: what had been said here when all of that was put. What was said
        since may not be there yet: then they are read again."""
        self._reads_pauses = False
        if words != self._words or not self._store.well:
            return
        try:
            rows = {row.agent: row for row in self._store.pauses()}
        except StoreError:
            return
        self._pauses_changed = False
        events: list[Event] = []
        over, begun = self._pauses.keys() - rows.keys(), rows.keys() - self._pauses.keys()
        self._pauses = rows
        for agent, paused in (*((agent, False) for agent in sorted(over)), *((agent, True) for agent in sorted(begun))):
            events += self._say(agent, self._board.pause(agent, paused, now), None, now)
        self._publish(tuple(events))

    def _note_said(self, agent: str) -> None:
        self._words += 1
        if self._said is not None:
            self._said.add(agent)

    def turn(self, now: float) -> None:
        """End what only time ends, and take what others have said. For a timer of a second or less."""
        if self._pauses_changed:
            self._heed_pauses(now)
        for agent in self._board.wrapped_until(now):
            self.wrap_up(agent, now, now)
        for agent in self._board.away_until(now):
            self._publish(self.mark_here(agent, None, now))

    def clock_set(self, seconds: float) -> None:
        """The wall clock was set forward by so many seconds (back: negative): a wrap-up is as long as it was."""
        self._board.move(seconds)

    def count(self, agent: str, ringing: int, busy: int, now: float, call: str,
              rest: Rest = "free") -> tuple[Event, ...]:
        """Add to an agent's ringing and busy calls, or take away; `rest`: what they are when no call is left."""
        changed = self._board.change(agent, ringing, busy, now, rest)
        return () if changed is None else self._say(agent, changed, call, now)

    def count_restored(self, agent: str, call: str, now: float) -> tuple[Event, ...]:
        """Count a call from before this process did anything."""
        return self._say(agent, self._board.restored(agent, now), call, now)

    def mark_here(self, agent: str, call: str | None, now: float) -> tuple[Event, ...]:
        """Take a sign of an agent's phone, or the end of the time that they are taken for away."""
        return self._say(agent, self._board.here(agent, now), call, now)

    def take_dialogs(self, agent: str, state: Watched | None, now: float) -> tuple[Event, ...]:
        """Take what an agent's dialogs show; None: nobody watches them any more."""
        return self._say(agent, self._board.watched(agent, state, now), None, now)

    def _say(self, agent: str, changed: AgentState | None, call: str | None, now: float) -> tuple[Event, ...]:
        if changed is None:
            return ()
        self._on_change()
        known, pause = self._rules.policy.agent.get(agent), self._pauses.get(agent)
        reason = pause.reason if pause is not None and changed.state == "paused" else None
        return self._teller.state(agent, known.name if known is not None else "", changed, call, now, reason)

    def _publish(self, events: tuple[Event, ...]) -> None:
        if events:
            self._store.put(Unit(events))
