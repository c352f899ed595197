"""What the engine tells the router, so that no bug in a rule costs a call. The layer above the way out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from proxy.core.headers import session_interval
from proxy.core.outward import Outward, Parts
from proxy.core.seals import Sender, tag_text
from proxy.core.setup import Held
from proxy.sip.identities import CONNECTED, identities
from proxy.sip.message import Message, Response
from proxy.sip.timers import Timer
from proxy.sip.transaction import ServerTransaction
from routing.facts import Ending, OpenCall, Standing

CREDENTIALS_PATIENCE = 10.0
"""Seconds after a 401 or 407 in which the same call is expected again."""


class Told(Outward):
    """Facts on their way to the router."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.challenged: dict[tuple[bytes, bytes], tuple[str, Timer]] = {}
        """Calls whose INVITE was answered 401 or 407, by Call-ID and From tag; with each, the end of the wait."""

    def tell(self, what: Callable[..., object], *facts: object, call: str) -> None:
        """Tell the router a fact; a bug in a rule must not cost a call."""
        try:
            what(*facts)
        except Exception as error:
            self.journal.failure("ledger", error, call)
            self.counters.fail_open.add("ledger")

    def open_call(self, message: Message) -> OpenCall | None:
        """The call that a process before this one began with this Call-ID."""
        try:
            return self.router.open_call(message.call_id.decode("utf-8", "replace"))
        except Exception as error:
            self.journal.failure("ledger", error)
            self.counters.fail_open.add("ledger")
            return None

    def call_over(self, call: str, ending: Ending, server: ServerTransaction, status: int, data: bytes,
                  now: float) -> None:
        """Report the end of a call, and answer when it is stored."""
        held = Held(self, server, status, data, now)
        self.end(call, ending, lambda: held.release(self.clock()))

    def end(self, call: str, ending: Ending, stored: Callable[[], None]) -> None:
        """Report the end of a call. `stored` is called once that is stored; at once where it fails."""
        try:
            self.router.ended(call, ending, self.wall(), stored)
        except Exception as error:
            self.journal.failure("ledger", error, call)
            self.counters.fail_open.add("ledger")
            stored()

    def answered(self, call: str, target: int, answer: Response, *, first: bool = True) -> None:
        """Report a 2xx to the INVITE of a call. `first`: the call had none before."""
        shown = identities(answer, CONNECTED, self.domains)
        self.tell(self.router.answered if first else self.router.answered_again, call, target, shown,
                  session_interval(answer), self.wall(), tag_text(answer.to.tag), call=call)

    def acknowledged(self, call: str, sender: Sender | None) -> None:
        """Report the ACK to a 2xx."""
        if sender is not None and sender.side == "caller" and sender.dialog is not None:
            self.tell(self.router.acknowledged, call, sender.dialog, call=call)

    def standing(self, call: str) -> Standing:
        """How a call stands; unknown where a bug in a rule hides it."""
        try:
            return self.router.standing(call, self.wall())
        except Exception as error:
            self.journal.failure("ledger", error, call)
            self.counters.fail_open.add("ledger")
            return "unknown"

    def alive(self, call: str, response: Response, sender: Sender) -> None:
        """Report a sign of life of a call."""
        self.tell(self.router.alive, call, session_interval(response), self.wall(), sender.dialog, call=call)

    def expect_credentials(self, key: tuple[bytes, bytes], call: str, now: float) -> None:
        """Keep the name of a call that was answered 401 or 407; it ends with that cause if nothing follows."""
        self.call_repeated(key)
        self.challenged[key] = call, self.timers.at(now + CREDENTIALS_PATIENCE, partial(self._credentials_missing, key))

    def call_repeated(self, key: tuple[bytes, bytes]) -> str | None:
        """Our name of a challenged call whose INVITE comes again; it is expected no more."""
        call, timer = self.challenged.pop(key, (None, None))
        if timer is not None:
            timer.cancel()
        return call

    def _credentials_missing(self, key: tuple[bytes, bytes], now: float) -> None:
        call = self.challenged.pop(key)[0]
        self.tell(self.router.ended, call, Ending(407, "callee"), self.wall(), call=call)
