"""What calls show to be set up wrongly at a PBX, at a trunk or in the policy: alarms, for else nobody would notice."""

from math import inf
from typing import Final

from routing import absence, blind_queues, early_answers
from routing.alarms import Alarms
from routing.attendance import Attendance
from routing.calls import Call
from routing.facts import Ending
from routing.route import Rules

LOGIN_REFUSED: Final = frozenset({401, 407})
LOGIN_ALARM: Final = "login_{}"
"""Name of the alarm of a trunk."""

LOGIN_TEXT: Final = "trunk {} refuses our login ({}): no callback reaches its customer"


class SetupAlarms:
    """Raises these alarms, and clears them when calls show that it is well."""

    def __init__(self, rules: Rules, attendance: Attendance, alarms: Alarms) -> None:
        self._rules, self._attendance, self._alarms = rules, attendance, alarms
        self._blind = blind_queues.BlindQueues()
        self._unknown = absence.UnknownExtensions()
        self._early = early_answers.EarlyAnswers()

    def heed_login(self, leg: Call, ending: Ending, now: float) -> None:
        """Raise the alarm where our leg to a customer is refused for want of credentials; one that rings clears it.

        Else every callback would use its attempts up there, unnoticed.
        """
        if leg.to_agent or leg.direction != "outbound":
            return
        if ending.cause in LOGIN_REFUSED:
            self._alarms.report(LOGIN_ALARM.format(leg.trunk), LOGIN_TEXT.format(leg.trunk, ending.cause), now)
        elif leg.seen.rang or leg.answered_at is not None:
            self._alarms.report(LOGIN_ALARM.format(leg.trunk), None, now)

    def heed_extension(self, extension: str, pbx: str, status: int, q850: int | None, now: float) -> None:
        """Raise the alarm of an extension that was called because a rule says so, and that its PBX does not know."""
        if absence.is_unknown(status, q850) and self._unknown.found(extension):
            self._alarms.report(absence.ALARM.format(extension), absence.TEXT.format(pbx, extension, status), now)

    def heed_reached(self, extension: str | None, now: float) -> None:
        """A phone rang there, or somebody answered: the PBX knows it."""
        if extension is not None and self._unknown.known(extension):
            self._alarms.report(absence.ALARM.format(extension), None, now)

    def heed_answer(self, entry: Call, now: float) -> None:
        """Raise the alarm where a PBX that is said to answer when the agent does answers before anybody can have."""
        if entry.direction == "outbound" or entry.answered_at is None or entry.restored_at is not None or \
                entry.attempt is not None or entry.sent.number_facts.kind != "shared":
            return
        if self._rules.pbx(entry.pbx).answers != "on_agent":
            return
        known = entry.agent is not None or entry.evidence is not None
        text = self._early.count(entry.pbx, entry.number or entry.dialled, entry.answered_at - entry.started_at, known)
        if text is not None:
            self._alarms.report(early_answers.ALARM.format(entry.pbx), text or None, now)

    def heed_abandoned(self, pbx: str, group: str, now: float) -> None:
        """Raise the alarm of a queue that loses a caller without a sign of an agent, where nobody would see one."""
        if self._is_blind(group) and self._blind.abandoned(pbx, group):
            self._alarms.report(blind_queues.ALARM.format(pbx), blind_queues.TEXT.format(pbx), now)

    def would_see(self, group: str) -> bool:
        """Whether an agent of a group who takes a caller from a queue would be seen to: the dialogs of all of them
        are."""
        known = self._rules.policy.group.get(group)
        return known is not None and bool(known.agents) and \
            all(self._attendance.watched_since(agent) < inf for agent in known.agents)

    def heed_shown(self, pbx: str, now: float) -> None:
        """A PBX has shown whose phone rings for a call, or that one took it: it is not blind."""
        if self._blind.shows(pbx):
            self._alarms.report(blind_queues.ALARM.format(pbx), None, now)

    def turn(self, now: float) -> None:
        """Clear the alarms of queues whose agents are watched by now, or which are not called back, and of extensions
        that nobody lists any more."""
        for pbx in self._blind.cured(self._is_blind):
            self._alarms.report(blind_queues.ALARM.format(pbx), None, now)
        if self._unknown:
            for extension in self._unknown.unlisted(self._listed()):
                self._alarms.report(absence.ALARM.format(extension), None, now)

    def _is_blind(self, group: str) -> bool:
        """Whether a group is called back, and nobody would see one of its agents take a call."""
        policy = self._rules.policy
        if group not in policy.group:
            return False
        heeds = policy.missed_for(group).enabled or policy.group[group].on_missed == "ticket"
        return (heeds or policy.queue_for(group, None).enabled) and not self._is_watched(group)

    def _is_watched(self, group: str) -> bool:
        known = self._rules.policy.group.get(group)
        return known is not None and any(self._attendance.watched_since(agent) < inf for agent in known.agents)

    def _listed(self) -> set[str]:
        """Return the extensions that the policy has anybody rung at."""
        policy = self._rules.policy
        found = set(policy.agent)
        for group in policy.group.values():
            found.update(group.agents)
            found.add(group.target or "")
        return found
