"""What a call was to the customer once it is over, and what follows from it for callbacks."""

from typing import Final

from routing.callbacks.facts import Missed, PastTalk
from routing.calls import ON_BEHALF, Call
from routing.desk_listener import DeskListener
from routing.evidence import DIALOG_EVENT, Evidence
from routing.facts import Ending
from routing.missed import NEITHER, Facts, Verdict, verdict
from routing.route import Rules
from routing.setup_alarms import SetupAlarms
from routing.writes import EMPTY_UNIT, Unit

CONNECTED_LINE: Final = "connected_line"
"""Evidence of a call whose agent is not known: a phone was shown to ring, and may have been taken up."""

ASKED: Final = Verdict("neither", evidence=("asked_for_a_callback",))


class CallJudge:
    """Judges calls that end, and tells the desk of talks and missed calls."""

    def __init__(self, rules: Rules, evidence: Evidence, setup: SetupAlarms, desk: DeskListener) -> None:
        self._rules, self._evidence, self._setup, self._desk = rules, evidence, setup, desk

    def judge(self, entry: Call, ending: Ending, now: float) -> Verdict:
        """Say what a call that ends now was to the customer; our leg to an agent, or a call that the PBX placed for
        another customer, is nothing to them."""
        if entry.to_agent or entry.reason == ON_BEHALF:
            return NEITHER
        if entry.asked:
            return ASKED
        policy = self._rules.policy
        min_talk = (policy.direct_callback if entry.agent is None else policy.direct_for(entry.agent)).min_talk
        if entry.direction == "outbound" or (entry.answered_at is not None and not entry.seen.queued):  # most calls
            return verdict(entry, ending, Facts(min_talk), now)
        if entry.task:
            return self._with_request(entry, ending, min_talk, now)
        judged = verdict(entry, ending, self._facts(entry, min_talk), now)
        if judged.kind == "uncertain" and entry.agent is None and entry.seen.signs:
            entry.evidence = CONNECTED_LINE
        return judged

    def _with_request(self, entry: Call, ending: Ending, min_talk: float, now: float) -> Verdict:
        """Say what the call of a customer was whose request waits: whoever reached nobody has that still."""
        judged = verdict(entry, ending, self._facts(entry, min_talk), now)
        return ASKED if judged.kind == "missed" else judged

    def follows(self, entry: Call, judged: Verdict, now: float) -> Unit:
        """Tell the desk what a call was, and return what follows."""
        if entry.customer is None or not self._desk.listens:
            return EMPTY_UNIT
        if judged.kind == "talked":
            seconds = entry.talk(now) or 0.0
            talk = PastTalk(entry.id, entry.customer, entry.agent, entry.group, entry.direction, now - seconds, seconds,
                        entry.attempt)
            return self._desk.talked(talk, now)
        if judged.why is None or judged.weight is None or entry.group is None:
            return EMPTY_UNIT
        if judged.why == "abandoned":
            self._setup.heed_abandoned(entry.pbx, entry.group, now)
        missed = Missed(entry.id, entry.customer, entry.number, entry.group, entry.pbx, entry.trunk, entry.started_at,
                        now, judged.why, judged.evidence, judged.weight)
        return self._desk.missed(missed, now)

    def _facts(self, entry: Call, min_talk: float) -> Facts:
        """Gather what shows whether a customer whom no agent is known to have answered was missed."""
        policy = self._rules.policy
        min_wait, watched = policy.missed_callback.min_wait, False
        if entry.seen.queued and entry.group in policy.group:
            min_wait = policy.missed_for(entry.group).min_wait
            watched = self._evidence.all_watched(policy.group[entry.group].agents, entry)
        sign = entry.seen.sign_at if entry.answered_at is None else self._evidence.sign(entry)
        return Facts(min_talk, min_wait, watched, sign, self._evidence.talks_elsewhere(entry),
                     CONNECTED_LINE if entry.seen.signs else DIALOG_EVENT)
