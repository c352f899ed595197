"""What a call was once it is over, and who is told: the desk that keeps the promises of callbacks, alarms.

A bug of the desk costs no call: it is an alarm, and the call ends as if there were no desk.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Final, TypeVar

from routing import absence, blind_queues, early_answers, route
from routing.alarms import Alarms
from routing.attendance import DIALOG_EVENT, NO_PBX, Attendance
from routing.callbacks.facts import Missed, PastTalk, Waiter, Waits
from routing.callbacks.happenings import Happenings
from routing.calls import ON_BEHALF, Call
from routing.events import Event, rfc3339
from routing.facts import Ending, Identity
from routing.identity import PbxFacts
from routing.missed import NEITHER, Facts, Verdict, verdict
from routing.rows import StandingAlarm
from routing.storage import Store
from routing.teller import Teller
from routing.writes import EMPTY_UNIT, ClearAlarm, Unit

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

LOGIN_REFUSED: Final = frozenset({401, 407})
LOGIN_ALARM: Final = "login_{}"
"""Name of the alarm of a trunk."""

LOGIN_TEXT: Final = "trunk {} refuses our login ({}): no callback reaches its customer"

CONNECTED_LINE: Final = "connected_line"
"""Evidence of a call whose agent is not known: a phone was shown to ring, and may have been taken up."""


ASKED: Final = Verdict("neither", evidence=("asked_for_a_callback",))


class Aftermath(Attendance):
    """The part of the ledger that judges calls. The layer between who attends and the ledger itself."""

    def __init__(self, store: Store, rules: route.Rules, pbxs: Mapping[str, PbxFacts], teller: Teller) -> None:
        super().__init__(store, rules, pbxs, teller)
        self.on_alarm: Callable[[Event], None] = lambda event: None
        """Told of every alarm at once, with the event that also goes to the outbox: a broken database hides none."""
        self.desk: Happenings | None = None
        """Who keeps the promises of callbacks."""
        self.on_bug: Callable[[Exception], None] = lambda error: None
        """Told of what the desk raised: the call went on without it."""
        self._alarms = Alarms()
        self._blind = blind_queues.BlindQueues()
        self._unknown = absence.UnknownExtensions()
        self._early = early_answers.EarlyAnswers()
        self._failing: set[object] = set()
        """Questions that the desk could not answer the last time."""

    def alarm(self, name: str, text: str | None, now: float) -> None:
        """Raise an alarm (`text` says what is wrong) or clear it (None). Said once, however often it is called."""
        change = self._alarms.change(name, text, now)
        if change is not None:
            since = rfc3339(self._alarms.since(name, now))
            event = self.teller.event(change, {"alarm": name, "text": text, "since": since}, now)
            self.on_alarm(event)
            self._publish((event,))

    def stand(self, name: str, text: str, now: float) -> None:
        """Raise an alarm that stays up, over restarts too, until an operator takes it down."""
        self._store.put(Unit((StandingAlarm(name, text, now),)))
        self.alarm(name, text, now)

    def take_down(self, name: str, now: float) -> None:
        """Take an alarm down because an operator says so: one that stands does not go by itself."""
        self._store.put(Unit((ClearAlarm(name),)))
        self.alarm(name, None, now)

    def alarms(self) -> dict[str, str]:
        """Return the alarms that are up, and what each says."""
        return self._alarms.up()

    def _heed_login(self, leg: Call, ending: Ending, now: float) -> None:
        """Raise the alarm where our leg to a customer is refused for want of credentials; one that rings clears it.

        Else every callback would use its attempts up there, unnoticed.
        """
        if leg.to_agent or leg.direction != "outbound":
            return
        if ending.cause in LOGIN_REFUSED:
            self.alarm(LOGIN_ALARM.format(leg.trunk), LOGIN_TEXT.format(leg.trunk, ending.cause), now)
        elif leg.rang or leg.answered_at is not None:
            self.alarm(LOGIN_ALARM.format(leg.trunk), None, now)

    def _heed_extension(self, extension: str, pbx: str, status: int, q850: int | None, now: float) -> None:
        """Raise the alarm of an extension that was called because a rule says so, and that its PBX does not know."""
        if absence.is_unknown(status, q850) and self._unknown.found(extension):
            self.alarm(absence.ALARM.format(extension), absence.TEXT.format(pbx, extension, status), now)

    def _listed(self) -> set[str]:
        """Return the extensions that the policy has anybody rung at."""
        policy = self._rules.policy
        found = set(policy.agent)
        for group in policy.group.values():
            found.update(group.agents)
            found.add(group.target or "")
        return found

    def ringing(self, call: str, target: int, now: float) -> None:
        """See Router."""
        super().ringing(call, target, now)
        entry = self._calls.get(call)
        if entry is not None:
            self._reached(entry.dialled if entry.to_agent else entry.rung, now)

    def _reached(self, extension: str | None, now: float) -> None:
        """A phone rang there, or somebody answered: the PBX knows it."""
        if extension is not None and self._unknown.known(extension):
            self.alarm(absence.ALARM.format(extension), None, now)

    def _heed_answer(self, entry: Call, now: float) -> None:
        """Raise the alarm where a PBX that is said to answer when the agent does answers before anybody can have."""
        if entry.direction == "outbound" or entry.answered_at is None or entry.restored_at is not None or \
                entry.attempt is not None or entry.number_facts.kind != "shared":
            return
        if self._pbxs.get(entry.pbx, NO_PBX).answers != "on_agent":
            return
        known = entry.agent is not None or entry.evidence is not None
        text = self._early.count(entry.pbx, entry.number or entry.dialled, entry.answered_at - entry.started_at, known)
        if text is not None:
            self.alarm(early_answers.ALARM.format(entry.pbx), text or None, now)

    def turn(self, now: float) -> None:
        """See Attendance. Clears the alarm of a queue whose agents are watched by now, or which is not called back."""
        super().turn(now)
        for pbx in self._blind.cured(self._is_blind):
            self.alarm(blind_queues.ALARM.format(pbx), None, now)
        if self._unknown:
            for extension in self._unknown.unlisted(self._listed()):
                self.alarm(absence.ALARM.format(extension), None, now)

    def connected_line(self, call: str, identities: tuple[Identity, ...], now: float,
                       dialog: str | None = None) -> None:
        """See Router."""
        super().connected_line(call, identities, now, dialog)
        entry = self._calls.get(call)
        if entry is not None and entry.signs and self._blind.shows(entry.pbx):
            self.alarm(blind_queues.ALARM.format(entry.pbx), None, now)

    def _taken_outside(self, leg: Call, now: float) -> None:
        super()._taken_outside(leg, now)
        if self._blind.shows(leg.pbx):
            self.alarm(blind_queues.ALARM.format(leg.pbx), None, now)

    # Who waits

    def pbx_of(self, call: str) -> str | None:
        """Return the PBX of a call in progress."""
        entry = self._calls.get(call)
        return None if entry is None else entry.pbx

    def waits(self, call: str, now: float) -> Waits | None:
        """Return what the caller of a call in progress may press while they wait; None: nothing, or no more."""
        entry = self._calls.get(call)
        return None if entry is None else self._may_press(entry, now)

    def pressed(self, call: str, key: str, now: float, told: Callable[[bool], None]) -> None:
        """Take a key of a caller who waits.

        `told` is called once, maybe before this returns: True when a callback is promised and on disk, and only then
        may they be let go; False: they wait on.
        """
        entry = self._calls.get(call)
        may = None if entry is None else self._may_press(entry, now)
        if entry is None or may is None or key not in may.keys or entry.customer is None or self.desk is None:
            told(False)
            return
        missed = Missed(entry.id, entry.customer, entry.number, entry.group, entry.pbx, entry.trunk, entry.started_at,
                        now, "key", (f"key_{key}",), "certain", key)
        promised, follows = self._ask(self.desk.pressed, missed, now) or (False, EMPTY_UNIT)
        if promised:
            entry.asked = True
        if follows is EMPTY_UNIT:
            told(promised)
            return
        self._store.put(follows)
        self._store.commit(EMPTY_UNIT, lambda well: told(promised and self._let_go(entry, well)))  # committed after it

    def _let_go(self, entry: Call, kept: bool) -> bool:
        """Whether a caller who is promised a callback leaves: it is on disk, and nobody has taken their call meanwhile.

        Else their call is judged like any other: what was promised ends with a talk.
        """
        entry.asked = kept and not self._may_be_talking(entry)
        if entry.asked:
            self._open.attended(entry)
        return entry.asked

    def _may_be_talking(self, entry: Call) -> bool:
        return entry.agent is not None or entry.picked_at is not None or self._sign(entry) is not None or \
            (entry.answered_at is not None and not entry.queued)

    def _may_press(self, entry: Call, now: float) -> Waits | None:
        """Ask what a caller may press; nothing as soon as an agent may have taken the call."""
        if self.desk is None or not self._rules.policy.campaign:  # most houses
            return None
        if entry.customer is None or entry.group is None or entry.number_facts.kind != "shared" or entry.asked:
            return None
        if self._may_be_talking(entry):
            return None
        return self._ask(self.desk.waits, Waiter(entry.customer, entry.group, entry.number), now)

    def _is_blind(self, group: str) -> bool:
        """Whether a group is called back, and nobody would see one of its agents take a call."""
        policy = self._rules.policy
        if group not in policy.group:
            return False
        heeds = policy.missed_for(group).enabled or policy.group[group].on_missed == "ticket"
        return heeds and not any(self._board.watched_since(agent) < inf for agent in policy.group[group].agents)

    def _judge(self, entry: Call, ending: Ending, now: float) -> Verdict:
        """Say what a call that ends now was to the customer; our leg to an agent, or a call that the PBX placed for
        another customer, is nothing to them."""
        if entry.to_agent or entry.reason == ON_BEHALF:
            return NEITHER
        if entry.asked:
            return ASKED
        policy = self._rules.policy
        min_talk = (policy.direct_callback if entry.agent is None else policy.direct_for(entry.agent)).min_talk
        if entry.direction == "outbound" or (entry.answered_at is not None and not entry.queued):  # most calls
            return verdict(entry, ending, Facts(min_talk), now)
        judged = verdict(entry, ending, self._facts(entry, min_talk), now)
        if judged.kind == "uncertain" and entry.agent is None and entry.signs:
            entry.evidence = CONNECTED_LINE
        return judged

    def _facts(self, entry: Call, min_talk: float) -> Facts:
        """Gather what shows whether a customer whom no agent is known to have answered was missed."""
        policy = self._rules.policy
        min_wait, watched = policy.missed_callback.min_wait, False
        if entry.queued and entry.group in policy.group:
            min_wait = policy.missed_for(entry.group).min_wait
            watched = self._all_watched(policy.group[entry.group].agents, entry)
        sign = entry.sign_at if entry.answered_at is None else self._sign(entry)
        return Facts(min_talk, min_wait, watched, sign, self._talks_elsewhere(entry),
                     CONNECTED_LINE if entry.signs else DIALOG_EVENT)

    def _happened(self, desk: Happenings, entry: Call, customer: str, judged: Verdict, now: float) -> Unit | None:
        """Tell the desk what a call was, and return what follows, if anything does."""
        if judged.kind == "talked":
            seconds = entry.talk(now) or 0.0
            talk = PastTalk(entry.id, customer, entry.agent, entry.group, entry.direction, now - seconds, seconds,
                        entry.attempt)
            return self._ask(desk.talked, talk, now)
        if judged.why is None or judged.weight is None or entry.group is None:
            return None
        if judged.why == "abandoned" and self._is_blind(entry.group) and self._blind.abandoned(entry.pbx, entry.group):
            self.alarm(blind_queues.ALARM.format(entry.pbx), blind_queues.TEXT.format(entry.pbx), now)
        missed = Missed(entry.id, customer, entry.number, entry.group, entry.pbx, entry.trunk, entry.started_at, now,
                        judged.why, judged.evidence, judged.weight)
        return self._ask(desk.missed, missed, now)

    def _ask(self, question: Callable[[Asked, float], Answer], about: Asked, now: float) -> Answer | None:
        """Ask the desk; a bug of it costs no call, and is an alarm until it answers the like again."""
        try:
            answer = question(about, now)
        except Exception as error:
            self._failing.add(question)
            self.on_bug(error)
            self.alarm("callbacks", f"a bug in the rules of callbacks: {error!r}", now)
            return None
        if self._failing:
            self._failing.discard(question)
            if not self._failing:
                self.alarm("callbacks", None, now)
        return answer
