"""The notes that are written under a ticket by ourselves, and a subject that nobody has worded, in a page's language.

They are kept as the English text that is sent on to other systems (`routing.callbacks.tickets`). What is not of one of
its forms is shown as it stands.
"""

import re
from collections.abc import Callable, Mapping
from re import Match
from typing import Final

from proxy.console.journal import Journal, states
from proxy.console.words import Words
from routing.callbacks.tickets import AUTHOR, REASONS

_FORMS: Final = (
    ("begun", r"(?P<customer>\S+), (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d): (?P<begun>.+)\."),
    ("stands", r"Group (?P<group>\S+): (?P<why>" + "|".join(map(re.escape, REASONS.values())) +
     r")(?: \((?P<reason>.+)\))?\."),
    ("attempts", r"Attempts: (?P<made>\d+) of (?P<most>\d+)\."),
    ("tried", r"Callback tried(?: by (?P<agent>\S+))?, (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d): (?P<result>[a-z ]+)\."),
    ("wanted", r"Callback asked for by (?P<by>.+): (?P<state>[a-z]+)\."),
)
_KNOWN: Final = tuple((name, re.compile(form)) for name, form in _FORMS)
_BEGUN: Final = re.compile(r"(?:(?P<missed>a|\d+) missed calls?(?: to (?P<number>\S+?))?"
                           r"(?:, campaign (?P<campaign>\d+))?"
                           r"|(?P<queue>asked for a callback in the queue)(?: by (?P<caller>.+))?"
                           r"|(?P<manual>callback asked for by an operator))")


class TicketNotes:
    """Tells notes and subjects in one language."""

    def __init__(self, words: Words, journal: Journal) -> None:
        self._words, self._journal = words, journal
        self._tell: Mapping[str, Callable[[Match[str]], str | None]] = {
            "begun": self._begun, "stands": self._stands, "attempts": self._attempts, "tried": self._tried,
            "wanted": self._wanted}

    def note(self, author: str, text: str) -> str:
        """Return a comment: one of ours in the page's language, one of others as they wrote it."""
        return "\n".join(map(self._line, text.splitlines())) if author == AUTHOR else text

    def subject(self, subject: str, customer: str) -> str:
        """Return a subject: the one that is used where none is set, in the page's language."""
        if subject != f"Callback {customer}":
            return subject
        return self._words.gettext("Callback to %(customer)s") % {"customer": customer}

    def _line(self, line: str) -> str:
        for name, form in _KNOWN:
            found = form.fullmatch(line)
            if found is not None:
                return self._tell[name](found) or line
        return line

    def _begun(self, found: Match[str]) -> str | None:
        what = _BEGUN.fullmatch(found["begun"])
        if what is None:
            return None
        gettext = self._words.gettext
        if what["missed"]:
            number = 1 if what["missed"] == "a" else int(what["missed"])
            said = self._words.ngettext("%(num)s missed call", "%(num)s missed calls", number) % {"num": number}
            for text, name in ((gettext("our number: %(number)s"), "number"),
                               (gettext("campaign: %(campaign)s"), "campaign")):
                if what[name]:
                    said += ", " + text % {name: what[name]}
        elif what["queue"]:
            said = gettext("asked for in the queue")
            if what["caller"]:
                said += ", " + gettext("caller: %(caller)s") % {"caller": what["caller"]}
        else:
            said = gettext("asked for by hand")
        return f"{found['customer']}, {found['at']}: {said}."

    def _stands(self, found: Match[str]) -> str:
        gettext = self._words.gettext
        why = {
            "closed all through the window": gettext("closed all through the window"),
            "not reached": gettext("not reached"), "not called in time": gettext("not called in time"),
            "must not be called": gettext("must not be called"),
            "an agent is calling back": gettext("an agent is calling back"),
            "to be called by hand": gettext("to be called by hand"), "missed": gettext("missed"),
        }[found["why"]]
        reason = f" ({self._journal.reason(found['reason'])})" if found["reason"] else ""
        return gettext("Group: %(name)s. Callback: %(state)s.") % {"name": found["group"], "state": why + reason}

    def _attempts(self, found: Match[str]) -> str:
        return self._words.gettext("Attempts: %(made)s of at most %(most)s.") % found.groupdict()

    def _tried(self, found: Match[str]) -> str:
        gettext = self._words.gettext
        said = self._journal.result(found["result"].replace(" ", "_"))
        told = gettext("Callback tried %(at)s: %(result)s.") % {"at": found["at"], "result": said}
        return told + (" " + gettext("Agent: %(agent)s.") % {"agent": found["agent"]} if found["agent"] else "")

    def _wanted(self, found: Match[str]) -> str:
        state = states(self._words).get(found["state"], found["state"])
        return self._words.gettext("Callback asked for from this ticket. By: %(by)s. State: %(state)s.") % {
            "by": found["by"], "state": state}
