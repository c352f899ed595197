"""What callbacks are told with on every page: kinds, phases, for whom they may be held, the sentence of a state."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from proxy.console.asking import Asking
from proxy.console.journal import Journal
from proxy.console.rendering import duration, moment_text
from proxy.console.roster import Roster, roster_of
from proxy.console.words import Words

GROUP: Final = "group:"


@dataclass(frozen=True)
class Choices:
    """What a form about callbacks lets somebody choose: what is theirs."""

    roster: Roster
    campaigns: list[tuple[str, str]]
    """Id, and what it is called."""

    def responsible(self, words: Words) -> list[tuple[str, str]]:
        """Return for whom a callback may be held: value, and words."""
        gettext = words.gettext
        return [("", gettext("nobody: any agent")), *self.roster.agent_pairs,
                *((GROUP + name, gettext("group %(name)s") % {"name": name}) for name in self.roster.groups)]


async def choices_of(asking: Asking) -> Choices:
    """Ask for what may be chosen. Raises ControlError."""
    roster, campaigns = await asyncio.gather(
        roster_of(asking), asking.node.call("campaigns.list", {}, asking.caller))
    return Choices(roster, [(one["id"], f"{one['id']} {one['name']}") for one in campaigns])


def journal_of(asking: Asking) -> Journal:
    """Return what tells a journal in the language and the zone of whoever asks."""
    return Journal(asking.words, lambda at: moment_text(at, asking.zone), duration)


def kinds(words: Words) -> Mapping[str, str]:
    """Return what each kind of callback is called."""
    gettext = words.gettext
    return {"missed": gettext("missed call"), "campaign": gettext("campaign"), "manual": gettext("asked for by hand"),
            "queue": gettext("asked for in the queue")}


def phases(words: Words) -> Mapping[str, str]:
    """Return what each phase of an attempt is called."""
    gettext = words.gettext
    return {
        "claimed": gettext("begins"), "preview": gettext("card is shown"), "agent_rings": gettext("phone rings"),
        "agent_asked": gettext("asked to accept"), "customer_rings": gettext("customer is rung"),
        "customer_asked": gettext("customer is asked for a key"), "customer_rings_in": gettext("customer rang in"),
        "talking": gettext("talking"), "ending": gettext("ends"), "place": gettext("place picked up"),
        "wrap_up": gettext("wrap-up"),
    }


def state_sentence(task: Mapping[str, Any], asking: Asking, now: float) -> str:
    """Return in a sentence how a callback stands."""
    gettext, journal, place = asking.words.gettext, journal_of(asking), task["place"]

    def at(key: str) -> str:
        return moment_text(task[key], asking.zone)

    running = next((one for one in task.get("tries", ()) if one["ended"] is None), None)
    if running is not None and task["state"] == "open":
        if running["agent"] is None:
            return gettext("Attempt %(number)s is under way.") % {"number": running["serial"]}
        return gettext("Attempt %(number)s is under way: agent %(agent)s has it.") % {
            "number": running["serial"], "agent": running["agent"]}
    if task["state"] == "open":
        if place is not None and place["held_since"] is not None:
            return gettext("Their place in the queue of the PBX is held since %(time)s; whoever picks it up calls "
                           "them.") % {"time": moment_text(place["held_since"], asking.zone)}
        if task["due"] is None:
            return gettext("Promised; no time is set for it.")
        if task["due"] > now:
            return gettext("Next attempt at %(time)s, tried until %(until)s.") % {
                "time": at("due"), "until": at("expires")}
        if task["responsible"] and not task["released"]:
            return gettext("Due since %(time)s: it waits for %(name)s.") % {
                "time": at("due"), "name": task["responsible"]}
        return gettext("Due since %(time)s: it waits for a free agent.") % {"time": at("due")}
    if task["state"] == "held":
        return gettext("On hold: it is not called until somebody resumes it. Its window ends at %(until)s.") % {
            "until": at("expires")}
    told = {"time": at("ended"), "reason": journal.reason(task["reason"])}
    if task["state"] == "done":
        return gettext("Done at %(time)s: %(reason)s.") % told
    if task["state"] == "cancelled":
        return gettext("Cancelled at %(time)s: %(reason)s.") % told
    return gettext("Not kept, over at %(time)s: %(reason)s.") % told
