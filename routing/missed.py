"""What a call was to the customer: a talk, a missed call, or neither. Pure: (call, ending, facts, now) in.

Rules
- Before the answer: whoever hangs up is missed; so is whom the PBX refuses, lets ring out, or does not answer at all.
  Not missed: who is asked to authenticate or to send again, is redirected, goes in circles, is unwanted (RFC 8197,
  RFC 8688), or was answered elsewhere meanwhile: the carrier says so in the CANCEL (RFC 3326), or they talk in another
  call.
- After the answer of an agent nobody is missed, however short it was.
- Behind a PBX that answers before it queues the answer is no sign of an agent. Signs are: an agent's dialogs that were
  seen to ring for this customer and to be taken up, or to pick the call up, which prove it; a connected line, which
  shows that a phone rings; and half of what proves a pickup. Whoever hangs up before any sign, and after `min_wait`, is
  missed. After a mere sign, only who hangs up so soon after it that it cannot have been a talk; for the others nothing
  is claimed.
- A queue that gives up is a refusal, where it is certain that nobody took the call.
- Whoever waited in a queue through ourselves and was cut off by us, before any sign, is missed.
- Whoever was cut off because an operator said so is not missed: who ends a call on purpose calls nobody back.
- What was lost, or answered while we were down, is not judged.
"""

from typing import Final, Literal, NamedTuple

from routing.calls import Call
from routing.facts import Ending

Kind = Literal["talked", "missed", "neither", "uncertain"]
Why = Literal["hung_up", "refused", "down", "abandoned"]
Weight = Literal["certain", "likely"]

SENT_AGAIN: Final = frozenset({401, 407, 412, 417, 420, 421, 422, 423, 428, 429, 439, 440, 491, 494})
"""Refusals that ask for the same call in another form: the caller's side answers them by itself."""

NO_REFUSAL: Final = SENT_AGAIN | {482, 483, 607, 608}
"""Failures after which nobody is called back: those, loops, and callers whom the called party does not want."""

NO_ANSWER: Final = frozenset({408, 502, 503, 504})
"""What we say where no PBX answered."""


class Facts(NamedTuple):
    """What is known beside the call."""

    min_talk: float
    min_wait: float = 0.0
    """Seconds in a queue that make an abandoned call a missed one."""
    watched: bool = False
    """The dialogs of every agent of the group were seen all through the call."""
    sign_at: float | None = None
    """When there was last a sign that an agent may have the call: a phone whose dialogs nobody sees was shown to ring
    for it, or a call pickup was half seen; None: there was none."""
    talking: bool = False
    """The customer is in another call with us that was answered."""
    sign: str = "connected_line"
    """What showed that: `connected_line` or `dialog_event`."""


class Verdict(NamedTuple):
    """What a call was."""

    kind: Kind
    why: Why | None = None
    """Of a missed one."""
    evidence: tuple[str, ...] = ()
    weight: Weight | None = None


TALKED: Final = Verdict("talked")
NEITHER: Final = Verdict("neither")
UNCERTAIN: Final = Verdict("uncertain")
ENDED_BY_OPERATOR: Final = Verdict("neither", evidence=("ended_by_operator",))


def verdict(call: Call, ending: Ending, facts: Facts, now: float) -> Verdict:
    """Say what a call that ends now was."""
    if call.answered_at is None and call.direction == "inbound" and ending.by != "lost" and ending.cause != 200:
        return _unanswered(call, ending, facts)
    if call.seen.queued and call.seen.picked_at is None:
        return _queued(call, call.answered_at or now, ending, facts, now)
    talked = call.talked(facts.min_talk, ending, now)
    return UNCERTAIN if talked is None else TALKED if talked else NEITHER


def _unanswered(call: Call, ending: Ending, facts: Facts) -> Verdict:
    if facts.talking:
        return Verdict("neither", evidence=("talks_in_another_call",))
    if ending.by == "operator":
        return ENDED_BY_OPERATOR
    rang = "rang" if call.seen.rang else "did_not_ring"
    if ending.by == "caller":
        if ending.elsewhere:
            return Verdict("neither", evidence=("completed_elsewhere",))
        return Verdict("missed", "hung_up", ("no_answer", rang), "certain" if facts.sign_at is None else "likely")
    status = f"status_{ending.cause}"
    if ending.cause in NO_REFUSAL or 300 <= ending.cause < 400:
        return Verdict("neither", evidence=(status,))
    if ending.by == "proxy" and ending.cause in NO_ANSWER and not call.seen.rang:
        return Verdict("missed", "down", ("no_response",), "certain")
    return Verdict("missed", "refused", ("rang_out" if ending.by == "proxy" else status, rang), "certain")


def _queued(call: Call, since: float, ending: Ending, facts: Facts, now: float) -> Verdict:
    if call.restored_at is not None or ending.by == "lost":
        return UNCERTAIN
    if facts.talking:
        return Verdict("neither", evidence=("talks_in_another_call",))
    gave_up = ending.by == "caller"
    if facts.sign_at is not None:
        if gave_up and now - facts.sign_at < facts.min_talk:
            return Verdict("missed", "abandoned", (facts.sign, "hung_up_at_once"), "likely")
        return Verdict("uncertain", evidence=(facts.sign,))
    if ending.by == "operator":
        return ENDED_BY_OPERATOR
    shown = ("no_dialog_event",) if facts.watched else ("no_connected_line", "dialogs_not_seen")
    if ending.by == "proxy":
        return Verdict("missed", "down", (*shown, "cut_off_here"), "certain" if facts.watched else "likely")
    if not gave_up:
        if not facts.watched:
            return Verdict("uncertain", evidence=shown)
        return Verdict("missed", "refused", (*shown, "queue_gave_up"), "certain")
    if now - since < facts.min_wait:
        return Verdict("neither", evidence=("hung_up_early",))
    return Verdict("missed", "abandoned", shown, "certain" if facts.watched else "likely")
