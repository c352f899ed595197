"""What the proxy asks of the router and tells it, so that no bug in a rule costs a call.

Each fact is a method with its own shape; the wall clock is read here, and what the router raises ends here: a line in
the log, a count, and the answer that lets the call pass.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.contract import Journal
from proxy.core.counters import Counters
from proxy.core.headers import session_interval
from proxy.core.seals import Speaker, tag_text
from proxy.sip.identities import CONNECTED, identities
from proxy.sip.message import Message, Response
from routing.facts import (
    NORMAL_TARGETS,
    Decision,
    Ending,
    Identity,
    NewCall,
    OpenCall,
    Router,
    Standing,
    bare_identities,
)


class Reporter:
    """Facts on their way to the router, and its answers on their way back."""

    __slots__ = ("_clock", "_counters", "_domains", "_journal", "_router", "_wall")

    def __init__(self, router: Router, journal: Journal, counters: Counters, clock: Callable[[], float],
                 wall: Callable[[], float], domains: frozenset[str]) -> None:
        """`clock`: monotonic seconds, by which a decision is measured. `wall`: seconds since the epoch, which the
        router gets with every fact. `domains`: as in `Parts`.
        """
        self._router = router
        self._journal = journal
        self._counters = counters
        self._clock = clock
        self._wall = wall
        self._domains = domains

    # -- what the router is asked

    def decide(self, call: NewCall) -> Decision:
        """Where a new call goes: its normal way where a bug in a rule hides it."""
        began = self._clock()
        try:
            decision = self._router.decide(call, self._wall())
            if not decision.targets:
                raise ValueError("a decision without targets")
            self._counters.decision_seconds.observe(self._clock() - began)
            return decision
        except Exception as error:
            self._failed(error, call.id, "decide")
            return Decision(NORMAL_TARGETS, call.pbx if call.direction == "inbound" else call.trunk, "failed_open")

    def reopen(self, call: NewCall) -> None:
        """Open the entry of a call that was lost before it was written: where it goes was decided then."""
        try:
            self._router.decide(call, self._wall())
        except Exception as error:
            self._failed(error, call.id)

    def adopt(self, call: NewCall, *, answered: bool) -> None:
        """Open the entry of a call that is found under way. `answered`: it has been, at some time before."""
        try:
            self._router.adopt(call, answered, self._wall())
        except Exception as error:
            self._failed(error, call.id)

    def open_call(self, message: Message) -> OpenCall | None:
        """The call that a process before this one began with this Call-ID."""
        try:
            return self._router.open_call(message.call_id.decode("utf-8", "replace"))
        except Exception as error:
            self._failed(error, "")
            return None

    def find_call(self, message: Message) -> OpenCall | None:
        """The call with this Call-ID that another node began, taken over; asks the database."""
        try:
            return self._router.open_call(message.call_id.decode("utf-8", "replace"), self._wall())
        except Exception as error:
            self._failed(error, "")
            return None

    def standing(self, call: str) -> Standing:
        """How a call stands; unknown where a bug in a rule hides it."""
        try:
            return self._router.standing(call, self._wall())
        except Exception as error:
            self._failed(error, call)
            return "unknown"

    # -- what the router is told

    def ringing(self, call: str, target: int) -> None:
        """Target number `target` of a call rings."""
        try:
            self._router.ringing(call, target, self._wall())
        except Exception as error:
            self._failed(error, call)

    def target_failed(self, call: str, target: int, status: int) -> None:
        """A target that is not the last was given up, with this final status."""
        try:
            self._router.target_failed(call, target, status, self._wall())
        except Exception as error:
            self._failed(error, call)

    def answered(self, call: str, target: int, answer: Response) -> None:
        """The first 2xx to the INVITE of a call."""
        shown, session, tag = self._shown(answer), session_interval(answer), tag_text(answer.to.tag)
        try:
            self._router.answered(call, target, shown, session, self._wall(), tag)
        except Exception as error:
            self._failed(error, call)

    def answered_again(self, call: str, target: int, answer: Response) -> None:
        """A 2xx that is not the first one: another phone's, or a repetition."""
        shown, session, tag = self._shown(answer), session_interval(answer), tag_text(answer.to.tag)
        try:
            self._router.answered_again(call, target, shown, session, self._wall(), tag)
        except Exception as error:
            self._failed(error, call)

    def answered_here(self, call: str, target: int, shown: tuple[tuple[str, str], ...]) -> None:
        """We have answered a call ourselves. `shown`: who answers behind us, header (lower case) and user part."""
        try:
            self._router.answered(call, target, bare_identities(shown), None, self._wall())
        except Exception as error:
            self._failed(error, call)

    def acknowledged(self, call: str, speaker: Speaker) -> None:
        """An ACK to a 2xx passed."""
        if speaker.side != "caller" or speaker.dialog is None:
            return
        try:
            self._router.acknowledged(call, speaker.dialog)
        except Exception as error:
            self._failed(error, call)

    def alive(self, call: str, answer: Response, speaker: Speaker) -> None:
        """A re-INVITE or UPDATE of `speaker` was answered 2xx: a sign of life."""
        session = session_interval(answer)
        try:
            self._router.alive(call, session, self._wall(), speaker.dialog)
        except Exception as error:
            self._failed(error, call)

    def connected_line(self, call: str, shown: tuple[Identity, ...], dialog: str | None) -> None:
        """The callee's side said whom the caller is connected to now. `dialog`: the callee's tag."""
        try:
            self._router.connected_line(call, shown, self._wall(), dialog)
        except Exception as error:
            self._failed(error, call)

    def ended(self, call: str, ending: Ending) -> None:
        """A call, or one dialog of it, is over."""
        try:
            self._router.ended(call, ending, self._wall())
        except Exception as error:
            self._failed(error, call)

    def ended_and_stored(self, call: str, ending: Ending, stored: Callable[[], None]) -> None:
        """The same; `stored` is called once that is stored, and at once where it fails."""
        try:
            self._router.ended(call, ending, self._wall(), stored)
        except Exception as error:
            self._failed(error, call)
            stored()

    def _shown(self, answer: Response) -> tuple[Identity, ...]:
        return identities(answer, CONNECTED, self._domains)

    def _failed(self, error: Exception, call: str, what: str = "ledger") -> None:
        self._journal.failure(what, error, call)
        self._counters.fail_open.add(what)
