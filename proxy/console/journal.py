"""What happened to a callback, in sentences: its journal, how its attempts ended, why it is over.

Whatever the daemon writes into a journal has a sentence here in every language; what a later version writes, or a
reason that is not known here, is shown as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.console.said import tell
from proxy.console.words import Words

UNSAID: Final = "\u2013"
Show = Callable[[float], str]
"""Writes seconds since the epoch as people of the page read them."""


class Journal:
    """Tells what happened, in one language."""

    def __init__(self, words: Words, moment: Show, duration: Callable[[float | None], str]) -> None:
        self._words, self._moment, self._duration = words, moment, duration
        self.results = _results(words)
        """What each result of an attempt means."""
        self.reasons = _reasons(words)
        """Why a callback is over or is not called."""

    def sentence(self, kind: str, agent: str | None, data: Mapping[str, Any]) -> str:
        """Return what a line of a journal tells."""
        tell = SENTENCES.get(kind)
        if tell is None:
            return " ".join([kind, *(f"{name}={value}" for name, value in data.items())])
        return tell(self, _Line(agent, data))

    def result(self, result: str | None) -> str:
        """Return how an attempt ended."""
        return "" if result is None else self.results.get(result, result)

    def reason(self, reason: str) -> str:
        """Return why a callback is over, or is not called now."""
        return self.reasons.get(reason, reason)

    def text(self, text: str, **filled: Any) -> str:
        """Return a sentence in the page's language, filled in; what a line does not say is a dash."""
        return text % {name: UNSAID if value is None else value for name, value in filled.items()}

    def _missed(self, line: "_Line") -> str:
        gettext = self._words.gettext
        number, waited = line.data.get("number"), self._duration(line.data.get("waited_s"))
        if number:
            said = self.text(gettext("They called %(number)s and reached nobody; they waited %(waited)s."),
                             number=number, waited=waited)
        else:
            said = self.text(gettext("They called and reached nobody; they waited %(waited)s."), waited=waited)
        if line.data.get("weight") == "likely":
            said += " " + gettext("This is likely, not proved: the PBX shows too little of who answers.")
        return said

    def _queued(self, line: "_Line") -> str:
        gettext = self._words.gettext
        due, until = line.data.get("due_at"), self._when(line.data.get("expires_at"))
        if due is None:
            return self.text(gettext("A callback was promised, until %(until)s."), until=until)
        return self.text(gettext("A callback was promised: first tried at %(due)s, until %(until)s."),
                         due=self._when(due), until=until)

    def _asked(self, line: "_Line") -> str:
        gettext = self._words.gettext
        by, note = line.data.get("by"), line.data.get("note")
        said = self.text(gettext("Asked for by %(by)s."), by=by) if by else gettext("Asked for by hand.")
        return " ".join([said, self.text(gettext("Note: %(note)s"), note=note)]) if note else said

    def _due(self, line: "_Line") -> str:
        gettext = self._words.gettext
        if line.agent:
            return self.text(gettext("Due: it waits for %(name)s."), name=line.agent)
        return gettext("Due: it waits for a free agent.")

    def _assigned(self, line: "_Line") -> str:
        gettext = self._words.gettext
        if line.agent is None:
            return gettext("It went to the group's queue at the PBX.")
        seconds = line.data.get("preview_s")
        if seconds:
            return self.text(gettext("Agent %(agent)s got the card; their phone rings in %(time)s."),
                             agent=line.agent, time=self._duration(seconds))
        return self.text(gettext("Agent %(agent)s got the card."), agent=line.agent)

    def _of_agent(self, line: "_Line", nobody: str, somebody: str) -> str:
        """Say what an agent did, or what was done where no agent is known."""
        return nobody if line.agent is None else self.text(somebody, agent=line.agent)

    def _rung(self, line: "_Line") -> str:
        gettext = self._words.gettext
        return self._of_agent(line, gettext("The group's queue at the PBX is rung."),
                              gettext("The phone of agent %(agent)s rings."))

    def _accepted(self, line: "_Line") -> str:
        gettext = self._words.gettext
        return self._of_agent(line, gettext("An agent accepted."), gettext("Agent %(agent)s accepted."))

    def _attempt(self, line: "_Line") -> str:
        gettext = self._words.gettext
        count, number = line.data.get("count"), line.data.get("number")
        if number:
            return self.text(gettext("The customer is dialled, attempt %(count)s; they see %(number)s."), count=count,
                             number=number)
        return self.text(gettext("The customer is dialled, attempt %(count)s."), count=count)

    def _answered(self, line: "_Line") -> str:
        return self._words.gettext("The customer answered.")

    def _declined(self, line: "_Line") -> str:
        gettext = self._words.gettext
        why = line.data.get("why")
        if line.agent is None:
            said = gettext("An agent did not take it; nothing shows who.")
        elif why == "hung_up":
            said = self.text(gettext("Agent %(agent)s hung up instead of accepting."), agent=line.agent)
        elif why == "silent":
            said = self.text(gettext("Agent %(agent)s did not press a key in time."), agent=line.agent)
        else:
            said = self.text(gettext("Agent %(agent)s declined."), agent=line.agent)
        reason = line.data.get("reason")
        return " ".join([said, self.text(gettext("Reason: %(reason)s"), reason=reason)]) if reason else said

    def _ended_attempt(self, line: "_Line") -> str:
        gettext = self._words.gettext
        data = line.data
        said = [self.text(gettext("The attempt is over: %(result)s."), result=self.result(data.get("result")))]
        if data.get("talk_s"):
            said.append(self.text(gettext("They talked for %(time)s."), time=self._duration(data["talk_s"])))
        if data.get("cause") not in (None, 200):
            said.append(f"SIP {data['cause']}.")
        if data.get("counted") is False:
            said.append(gettext("It does not count: the customer was not dialled."))
        return " ".join(said)

    def _refused(self, line: "_Line") -> str:
        gettext = self._words.gettext
        reason, until = str(line.data.get("reason", "")), line.data.get("until")
        why = self.reasons.get(reason) or tell(self._words, str(line.data.get("text") or reason))
        if until is None:
            return self.text(gettext("Not called: %(reason)s."), reason=why)
        return self.text(gettext("Not called now: %(reason)s. Looked at again at %(until)s."), reason=why,
                         until=self._when(until))

    def _released(self, line: "_Line") -> str:
        gettext = self._words.gettext
        who, waited = line.data.get("responsible") or line.agent or "", line.data.get("waited_s")
        if line.data.get("why") == "declined":
            return self.text(gettext("Released to everybody, for %(name)s declined."), name=who)
        return self.text(gettext("Released to everybody: %(name)s did not take it within %(time)s."), name=who,
                         time=self._duration(waited))

    def _closed(self, line: "_Line") -> str:
        gettext = self._words.gettext
        until = line.data.get("until")
        if until is None:
            return gettext("It is closed all through its window.")
        return self.text(gettext("It is closed all through its window; the next opening is at %(until)s."),
                         until=self._when(until))

    def _held(self, line: "_Line") -> str:
        return self.text(self._words.gettext("Held by %(by)s."), by=line.by)

    def _resumed(self, line: "_Line") -> str:
        return self.text(self._words.gettext("Resumed by %(by)s."), by=line.by)

    def _recovered(self, line: "_Line") -> str:
        gettext = self._words.gettext
        if line.data.get("counted"):
            return gettext("The node stopped in the middle of an attempt. It counts, for the customer may have been "
                           "dialled.")
        return gettext("The node stopped in the middle of an attempt that had dialled nobody; it does not count.")

    def _replanned(self, line: "_Line") -> str:
        gettext = self._words.gettext
        data = line.data
        return self.text(gettext("Planned anew after a change of the settings: next at %(due)s, until %(until)s, at "
                                 "most %(attempts)s attempts."), due=self._when(data.get("due_at")),
                         until=self._when(data.get("expires_at")), attempts=data.get("attempts_max"))

    def _moved(self, line: "_Line") -> str:
        return self.text(self._words.gettext("Moved from the group %(before)s to the group %(group)s."),
                         before=line.data.get("before"), group=line.data.get("group"))

    def _renumbered(self, line: "_Line") -> str:
        return self.text(self._words.gettext("The campaign %(before)s has the id %(campaign)s now."),
                         before=line.data.get("before"), campaign=line.data.get("campaign"))

    def _reassigned(self, line: "_Line") -> str:
        gettext = self._words.gettext
        who = line.data.get("responsible")
        if who is None:
            return self.text(gettext("%(by)s gave it to nobody: any agent may take it."), by=line.by)
        return self.text(gettext("%(by)s gave it to %(name)s."), by=line.by, name=who)

    def _ticket(self, line: "_Line") -> str:
        gettext = self._words.gettext
        said = {
            "closed": gettext("A ticket was opened: it is closed all through the window."),
            "unreached": gettext("A ticket was opened: the customer was not reached."),
            "expired": gettext("A ticket was opened: they were not called in time."),
            "guard": gettext("A ticket was opened: the number must not be called."),
            "started": gettext("A ticket was opened: an agent is calling back."),
            "campaign": gettext("A ticket was opened: it is to be called by hand."),
            "missed": gettext("A ticket was opened: the call was missed."),
        }
        return said.get(str(line.data.get("why"))) or gettext("A ticket was opened.")

    def _ended(self, line: "_Line") -> str:
        gettext = self._words.gettext
        state, reason = str(line.data.get("state", "")), str(line.data.get("reason", ""))
        said = f"{states(self._words).get(state, state) or UNSAID}: {self.reason(reason) or UNSAID}."
        by = line.data.get("by")
        return " ".join([said, self.text(gettext("By %(by)s."), by=by)]) if by else said

    def _call_now(self, line: "_Line") -> str:
        gettext = self._words.gettext
        if line.data.get("force"):
            return self.text(gettext("%(by)s had it called at once, although it was closed."), by=line.by)
        return self.text(gettext("%(by)s had it called at once, before the others."), by=line.by)

    def _stale(self, line: "_Line") -> str:
        return self.text(self._words.gettext("The node %(node)s had changed it meanwhile; what that one says holds."),
                         node=line.data.get("node") or "")

    def _requested(self, line: "_Line") -> str:
        return self.text(self._words.gettext("A caller who waited in the queue for %(waited)s asked to be called back "
                                             "at %(customer)s."),
                         waited=self._duration(line.data.get("waited_s")), customer=line.data.get("customer") or "")

    def _asked_again(self, line: "_Line") -> str:
        return self.text(self._words.gettext("They asked again, to be called back at %(customer)s."),
                         customer=line.data.get("customer") or "")

    def _stands(self, line: "_Line") -> str:
        return self._words.gettext("That came to nothing: the callback stands as it was promised before.")

    def _finished(self, line: "_Line") -> str:
        return self.text(self._words.gettext("Agent %(agent)s was done with the card before its time."),
                         agent=line.agent or "")

    def _place_held(self, line: "_Line") -> str:
        return self._words.gettext("Their place in the queue of the PBX is held.")

    def _place_taken(self, line: "_Line") -> str:
        gettext = self._words.gettext
        return self._of_agent(line, gettext("An agent picked their place up."),
                              gettext("Agent %(agent)s picked their place up."))

    def _place_returned(self, line: "_Line") -> str:
        return self._words.gettext("Their place is at the end of the queue again.")

    def _place_lost(self, line: "_Line") -> str:
        gettext = self._words.gettext
        held = self._duration(line.data.get("held_s"))
        said = {
            "declined": gettext("Their place was given up after %(time)s, for agents did not accept; an agent is rung "
                                "instead."),
            "held": gettext("Their place was given up after %(time)s, for the callback is held."),
            "call_now": gettext("Their place was given up after %(time)s, so that it is called at once."),
        }.get(str(line.data.get("why")))
        said = said or gettext("Their place in the queue was lost after %(time)s; an agent is rung instead.")
        return self.text(said, time=held)

    def _when(self, at: Any) -> str:
        return self._moment(at) if isinstance(at, int | float) else UNSAID


class _Line:
    """What a line of a journal says."""

    __slots__ = ("agent", "data")

    def __init__(self, agent: str | None, data: Mapping[str, Any]) -> None:
        self.agent, self.data = agent, data

    @property
    def by(self) -> str:
        """Who did it."""
        return str(self.data.get("by") or "operator")


SENTENCES: Final[Mapping[str, Callable[[Journal, _Line], str]]] = {
    "missed": Journal._missed, "queued": Journal._queued, "asked": Journal._asked, "due": Journal._due,
    "assigned": Journal._assigned, "agent": Journal._rung, "accepted": Journal._accepted, "attempt": Journal._attempt,
    "answered": Journal._answered, "declined": Journal._declined, "result": Journal._ended_attempt,
    "refused": Journal._refused, "released": Journal._released, "closed": Journal._closed, "held": Journal._held,
    "resumed": Journal._resumed, "recovered": Journal._recovered, "replanned": Journal._replanned,
    "moved": Journal._moved, "renumbered": Journal._renumbered, "reassigned": Journal._reassigned,
    "ticket": Journal._ticket, "ended": Journal._ended, "call_now": Journal._call_now, "stale": Journal._stale,
    "requested": Journal._requested, "asked_again": Journal._asked_again, "stands": Journal._stands,
    "place_held": Journal._place_held, "place_taken": Journal._place_taken, "place_returned": Journal._place_returned,
    "place_lost": Journal._place_lost, "finished": Journal._finished,
}
"""Every kind of line (`routing.rows.JournalKind`), and what tells it."""


def states(words: Words) -> Mapping[str, str]:
    """Return what each state of a callback is called."""
    gettext = words.gettext
    return {"done": gettext("Done"), "failed": gettext("Failed"), "expired": gettext("Expired"),
            "cancelled": gettext("Cancelled"), "open": gettext("Open"), "held": gettext("Held")}


def _results(words: Words) -> Mapping[str, str]:
    gettext = words.gettext
    return {
        "talked": gettext("they talked"),
        "short": gettext("the customer answered, and was gone before it was a talk"),
        "declined": gettext("the agent declined"),
        "agent_no_answer": gettext("the agent did not answer"),
        "agent_busy": gettext("the agent was busy"),
        "agent_failed": gettext("the agent's phone could not be reached"),
        "agent_silent": gettext("the agent answered and pressed nothing"),
        "agent_left": gettext("the agent hung up before the customer answered"),
        "customer_no_answer": gettext("the customer did not answer"),
        "customer_busy": gettext("the customer was busy"),
        "customer_failed": gettext("the customer could not be reached"),
        "customer_left": gettext("the customer hung up before an agent took it"),
        "no_key": gettext("the customer did not press the key that proves a person"),
        "refused": gettext("it was not allowed to dial the customer just then"),
        "glare": gettext("the customer rang in and was joined with the agent"),
        "stopped": gettext("it was stopped"),
        "crashed": gettext("the node stopped in the middle of it"),
        "unknown": gettext("its node is dead, and nobody knows how it ended"),
    }


def _reasons(words: Words) -> Mapping[str, str]:
    gettext = words.gettext
    return {
        "talked": gettext("they talked by this callback"),
        "talk": gettext("they talked in another call"),
        "ticket": gettext("a ticket stands for it"),
        "unreached": gettext("its attempts are used up"),
        "number": gettext("the number cannot be reached"),
        "window": gettext("its window is over"),
        "limit": gettext("its time limit is over"),
        "no_agent": gettext("no agent was free in time"),
        "closed": gettext("it is closed"),
        "operator": gettext("somebody decided so"),
        "do_not_call": gettext("the number is on the do-not-call list"),
        "own_number": gettext("the number is one of our own"),
        "country": gettext("the number's country is not called"),
        "number_type": gettext("numbers of this type are not called"),
        "number_cap": gettext("the number was dialled as often as it may be"),
        "all_cap": gettext("as many calls were made as may be"),
        "quiet_hours": gettext("these are quiet hours where the customer is"),
        "trunk_legs": gettext("the trunk carries as many callbacks as it may"),
        "trunk_channels": gettext("the trunk's lines are kept for live calls"),
        "open_tasks": gettext("too many callbacks wait already"),
        "flood": gettext("too many callbacks were promised within an hour"),
        "stop": gettext("callbacks are stopped"),
        "campaign": gettext("its campaign does not run now"),
        "engaged": gettext("the customer is in a call with us"),
        "not_open": gettext("it is not open"),
        "group": gettext("its group has another callback to this customer"),
        "asked_in_queue": gettext("they asked for a callback in the queue instead"),
        "asked_already": gettext("somebody else asked for this number already"),
        "taken": gettext("an agent was faster"),
        "database": gettext("the database could not be written"),
        "stale": gettext("another node was faster"),
        "lease": gettext("the other nodes may have taken this one for dead"),
    }
