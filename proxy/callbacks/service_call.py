"""A caller whom a PBX sends to the service number of a group: the menu, without a place.

Rules
- They are answered at once, and hear the menu. Back to the queue, or silence: BYE, and the PBX's own dialplan goes on.
- A request is dispatched at once: nobody stands in a queue for it.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.callbacks.menu_run import MenuRun
from proxy.callbacks.own_leg import Tools
from proxy.media.contract import Clip
from proxy.ua.contract import Incoming, Leg, LegOwner
from proxy.ua.leg import MEDIA_FAILED
from proxy.ua.leg_events import LegAccepted, LegAnswered, LegEnd, LegEnded, LegEvent, LegPlayed, LegPressed
from routing.callbacks.queue_facts import PlaceTerms
from routing.facts import Ending
from routing.queue_menu import At
from routing.rows import EndedBy, LegRow


class ServiceCall(LegOwner):
    """One of them: `menu_run.MenuUser`."""

    def __init__(self, tools: Tools, incoming: Incoming, over: Callable[[str], None]) -> None:
        """`over`: told with the name of the call when nothing of it is left."""
        self._tools, self._incoming, self._over = tools, incoming, over
        self._menu = MenuRun(tools, incoming.call, self)
        self._leg: Leg | None = None
        self._says: int | None = None
        """Tag of what is being said."""
        self._end: LegEnd | None = None
        """How it ended, while what they asked for is still to be answered."""

    @property
    def sessions(self) -> int:
        """How many media sessions are theirs."""
        return 1

    def begin(self, now: float) -> bool:
        """Answer; False where that fails."""
        try:
            self._leg = self._tools.legs.take(self._incoming, self, now)
            self._leg.answer(now)
        except Exception as error:
            self._tools.stack.note("leg_failed", self._incoming.call, error=repr(error))
            self.leave(now)
            return self._leg is not None
        return True

    def hang_up(self, reason: str, now: float) -> None:
        """End it."""
        self._menu.stop()
        if self._leg is not None and not self._leg.over:
            self._leg.hang_up(now, reason=reason)
        self._finish()  # where they had hung up, and what they asked for was still to be answered

    # LegOwner

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        match event:
            case LegAccepted():
                self._tools.reports.keep_then(LegRow(leg.call, "", "waiting", leg.memory()), leg.confirm)
            case LegAnswered():
                self._menu.begin_service(self._tools.reports.queue_offer(self._incoming.call), now)
            case LegPressed(key):
                self._menu.press(key, now)
            case LegPlayed(tag) if tag == self._says:
                self._says = None
                self._menu.prompt_ended(now)
            case LegEnded(end):
                self._end = end
                self._tools.reports.leg_gone(leg.call)
                self._menu.hung_up(now)
                self._finish()

    def _finish(self) -> None:
        """Nothing of it is left, as soon as what they asked for is answered."""
        end = self._end
        if end is None or self._menu.at is At.LEFT:
            return
        self._menu.let_go()
        if end.cause == 200:
            self._tools.reports.call_ended(self._incoming.call, Ending(200, _who(end)))
        self._leg = self._end = None  # the leg knows us
        self._over(self._incoming.call)

    # menu_run.MenuUser

    def say(self, clips: tuple[Clip, ...], tag: int, now: float) -> None:
        if self._leg is not None:
            self._says = tag
            self._leg.play(clips, tag)

    def hush(self, now: float) -> None:
        self._says = None
        self._tools.media.tone(self._incoming.call, "silence")

    def part(self, now: float) -> None:
        """See MenuUser: there is no place."""

    def join(self, now: float) -> None:
        """See MenuUser: there is no place."""

    def is_held(self) -> bool:
        return self._leg is not None and self._leg.held

    def place_to_ask_for(self) -> str | None:
        return None

    def hold(self, terms: PlaceTerms, now: float) -> None:
        """See MenuUser: there is no place."""

    def enqueue(self, now: float) -> None:
        """See MenuUser: there is no place."""

    def give_up(self, now: float) -> None:
        """See MenuUser: there is no place."""

    def leave(self, now: float) -> None:
        if self._leg is not None and not self._leg.over:
            self._leg.hang_up(now)

    def settled(self, now: float) -> None:
        self._finish()


def _who(end: LegEnd) -> EndedBy:
    if end.by == "far":
        return "caller"
    if end.by == "lost":
        return "proxy" if end.reason == MEDIA_FAILED else "lost"
    return "proxy"
