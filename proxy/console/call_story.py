"""What happened to a call, in sentences: who called whom, why it went where it did, who had it, how it ended.

`call` is what `calls.show` gives, its moments in seconds since the epoch. A word that is not known here, of a later
version, is shown as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.console.words import Words

UNKNOWN = "\u2013"
Show = Callable[[float], str]


class Story:
    """Tells calls in one language."""

    def __init__(self, words: Words, moment: Show, duration: Callable[[float | None], str], node: str) -> None:
        """`moment`: writes seconds since the epoch; `duration`: writes seconds. `node`: whose console it is."""
        self._words, self._moment, self._duration, self._node = words, moment, duration, node

    def sentences(self, call: Mapping[str, Any]) -> list[str]:
        """Return what is told of a call, in order."""
        told = [self.beginning(call), self.place(call), *self.rule(call), *self.answer(call), self.end(call)]
        return [one for one in told if one]

    def beginning(self, call: Mapping[str, Any]) -> str:
        """Return who called whom."""
        gettext = self._words.gettext
        facts = {
            "time": self._moment(call["time"]), "customer": call["customer"] or gettext("somebody without a number"),
            "agent": call["agent"] or gettext("somebody"), "number": call["number"] or call["dialled"] or UNKNOWN,
            "dialled": call["dialled"] or UNKNOWN, "trunk": call["trunk"], "pbx": call["pbx"]}
        if call["kind"] == "place":
            return gettext("%(time)s: Boomerang called the queue %(dialled)s at %(pbx)s, to hold the place of "
                           "%(customer)s there.") % facts
        if call["kind"] == "callback" and call["direction"] == "inbound":
            return gettext("%(time)s: Boomerang rang agent %(dialled)s at %(pbx)s, to call %(customer)s back.") % facts
        if call["kind"] == "callback":
            return gettext("%(time)s: Boomerang called %(customer)s through %(trunk)s, for agent %(agent)s.") % facts
        if call["direction"] == "inbound":
            return gettext("%(time)s: %(customer)s called %(number)s and came in through %(trunk)s.") % facts
        return gettext("%(time)s: %(agent)s called %(customer)s from %(pbx)s, and it went out through "
                       "%(trunk)s.") % facts

    def place(self, call: Mapping[str, Any]) -> str:
        """Return at which node it began, where that is another one."""
        if call["node"] == self._node:
            return ""
        return self._words.gettext("It began at node %(node)s.") % {"node": call["node"]}

    def rule(self, call: Mapping[str, Any]) -> list[str]:
        """Return which rule decided where it went, and why."""
        gettext, reason = self._words.gettext, call["reason"]
        known = {
            "withheld": gettext("The caller's number was withheld, so that no direct callback could be looked for: it "
                                "went where it was headed."),
            "on_behalf": gettext("The PBX called for a customer who was in its queue: the call passed as it came."),
            "glare": gettext("They were just being called back: the call was joined with that callback."),
            "place": gettext("Their place in the queue was being held: they came back to it."),
            "callback": gettext("It is a leg of a callback that Boomerang made."),
            "adopted": gettext("It was found under way: why it went there was decided at another node, and has not "
                               "come here."),
            "in_queue": gettext("It stands in the queue for somebody who asked for a callback."),
        }
        told = [known[reason]] if reason in known else []
        if reason == "number":
            told = [gettext("The number belongs to agent %(agent)s: calls to it always go there.") % {
                "agent": call["agent"]} if call["agent"] else
                gettext("The number is a direct one: calls to it always go where it says.")]
        elif reason in ("normal", "direct"):
            told = self._normal(call)
        elif not told:
            told = [gettext("Why it went there: %(reason)s.") % {"reason": reason}]
        return [*told, *self._direct(call)]

    def _normal(self, call: Mapping[str, Any]) -> list[str]:
        gettext = self._words.gettext
        if call["direction"] == "outbound":
            return [gettext("A call to the outside: it passed as it came.")]
        if call["direct"] is not None:
            return []
        if call["group"]:
            return [gettext("The number is shared and of group %(group)s; the customer had no direct callback, so it "
                            "went where it was headed.") % {"group": call["group"]}]
        return [gettext("The number is shared and of no group; the customer had no direct callback, so it went "
                        "where it was headed.")]

    def _direct(self, call: Mapping[str, Any]) -> list[str]:
        """Return what a record of direct callback had to do with it."""
        gettext, record = self._words.gettext, call["direct"]
        if record is None:
            return []
        facts = {"agent": record["agent"], "type": record["type"], "made": self._moment(record["created"]),
                 "expires": self._moment(record["expires"])}
        told = {
            "followed": gettext("Agent %(agent)s had tried to reach this customer: a direct callback of type %(type)s, "
                                "made %(made)s and good until %(expires)s, sent the call to them first.") % facts,
            "dialled": gettext("A direct callback to agent %(agent)s was there, who was dialled anyhow.") % facts,
            "expired": gettext("A direct callback to agent %(agent)s, made %(made)s, had expired %(expires)s: it went "
                               "where it was headed.") % facts,
            "off": gettext("A direct callback to agent %(agent)s was there and not used, for their setting is off: it "
                           "went where it was headed.") % facts,
            "elsewhere": gettext("A direct callback to agent %(agent)s was there and not used, for they are none of "
                                 "this PBX: it went where it was headed.") % facts,
        }.get(record["why"], record["why"])
        took = call["answered"] is not None and call["evidence"] is not None and call["agent"] == record["agent"]
        if record["why"] == "followed" and call["reason"] == "direct" and call["ended"] is not None and not took:
            return [told, gettext("Agent %(agent)s did not take it; the same call went on to where it was "
                                  "headed.") % facts]
        return [told]

    def answer(self, call: Mapping[str, Any]) -> list[str]:
        """Return who had it."""
        gettext = self._words.gettext
        if call["answered"] is None:
            return []
        facts = {"time": self._moment(call["answered"]), "agent": call["agent"],
                 "evidence": self._shown_by(call["evidence"])}
        if call["direction"] == "outbound":
            return [gettext("%(time)s: the customer answered.") % facts]
        if call["agent"] and call["evidence"]:
            return [gettext("%(time)s: answered; agent %(agent)s had it: %(evidence)s.") % facts]
        return [gettext("%(time)s: answered; nothing shows which agent had it.") % facts]

    def _shown_by(self, evidence: str | None) -> str | None:
        """Return what shows that it was that agent."""
        gettext = self._words.gettext
        known = {
            "dialled": gettext("they were dialled"),
            "number": gettext("the number is theirs"),
            "identity": gettext("the PBX named them when it answered"),
            "connected_line": gettext("the PBX named them during the call"),
            "dialog_event": gettext("their phone was seen to talk"),
            "pickup": gettext("they picked it up"),
            "outside_phone": gettext("their phone outside was rung"),
            "callback": gettext("Boomerang rang them itself"),
        }
        if evidence is None or evidence in known:
            return known.get(evidence or "")
        if evidence == "from" or "-" in evidence:  # the name of a header, as none of our own words looks
            return gettext("the PBX named them in the header %(header)s") % {"header": evidence.title()}
        return evidence

    def end(self, call: Mapping[str, Any]) -> str:
        """Return how it ended."""
        gettext = self._words.gettext
        if call["ended"] is None:
            return gettext("It goes on.")
        by = {"caller": gettext("the caller"), "callee": gettext("the called side"), "proxy": gettext("Boomerang"),
              "operator": gettext("an operator"), "lost": gettext("nobody: there was no sign of life any more")}
        facts = {"time": self._moment(call["ended"]), "by": by.get(call["by"], call["by"] or UNKNOWN),
                 "cause": call["cause"], "talk": self._duration(call["talk"])}
        if call["answered"] is None:
            return gettext("%(time)s: ended unanswered by %(by)s, status %(cause)s.") % facts
        return gettext("%(time)s: ended by %(by)s after a talk of %(talk)s.") % facts
