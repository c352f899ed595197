"""Why a callback is not made now, in the language of whoever asks."""

from collections.abc import Mapping
from typing import Any, Final

from proxy.console.said import tell
from proxy.console.words import Words
from proxy.console.words import mark as _

WHY: Final[Mapping[str, str]] = {
    "queue_empty": _("callers wait, and it calls only while nobody does"),
    "agents_free": _("no more agents are free than callers wait"),
    "queue_legs": _("as many calls into the queue as may be go on already"),
    "no_agent": _("no agent may be rung now"),
    "share": _("as many agents as may be are in callbacks already"),
    "reserve": _("the agents who are free are kept for live calls"),
    "campaign": _("the campaign does not run now"),
    "closed": _("it is closed now"),
    "under_way": _("it is being called"),
    "place": _("its place in the queue is held, and it is called from there"),
    "held": _("somebody holds it back"),
    "later": _("it is tried later"),
    "engaged": _("the customer is in a call with us"),
    "window": _("its time is over"),
    "responsible": _("it waits for its responsible"),
    "stop": _("callbacks are stopped"),
    "do_not_call": _("the number is on the do-not-call list"),
    "country": _("the country is not allowed"),
    "number_type": _("numbers of this type are not dialled"),
    "own_number": _("it is a number of ours"),
    "number_cap": _("the number was dialled as often as it may be"),
    "all_cap": _("as many calls were made as may be"),
    "quiet_hours": _("it is quiet where the customer is"),
    "trunk_legs": _("the trunk has as many callbacks as it may have"),
    "trunk_channels": _("the trunk has no line left"),
}


def say_why(no: Mapping[str, Any], words: Words) -> str:
    """Return a reason in words; one that has none here by what the daemon says of it."""
    said = WHY.get(str(no["reason"]))
    return tell(words, str(no["text"])) if said is None else words.gettext(said)
