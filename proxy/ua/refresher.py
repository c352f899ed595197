"""Keeps a dialog alive, or finds out that it is dead: session timers (RFC 4028).

Rules
- Where we refresh: at half the interval, by UPDATE where the far end knows it, else by a re-INVITE with the same
  description. Where the far end does: without a refresh it is over a little before the interval ends (section 10).
- A refresh that fails is tried again until the interval is nearly over; 408, 481 or no answer end the session.
- Without a timer: an OPTIONS now and then, so that a leg whose far end has forgotten it does not stay for ever.
- Whoever has a reason to doubt that the far end is there asks at once (`check`).
"""

from collections.abc import Callable
from typing import Protocol

from proxy.sip.dialog import ENDS_DIALOG
from proxy.sip.message import Response
from proxy.sip.session_timer import Agreed, SessionExpires, agreed_by, min_se
from proxy.sip.timers import Timer
from proxy.ua.contract import Stack

PROBE_EVERY = 300.0
"""Seconds between two OPTIONS in a dialog without a timer."""
AGAIN_AFTER = 10.0
"""Seconds after a refresh that was refused for a passing reason."""
LAST_MOMENT = 32.0
"""Seconds before the end of the interval at which it counts as over, at most a third of it (section 10)."""


class Refreshed(Protocol):
    """The dialog that is kept alive."""

    def refresh(self, fields: tuple[bytes, ...], done: Callable[[Response | None, float], None], now: float) -> bool:
        """Send an UPDATE or re-INVITE that changes nothing; False: something else is under way, ask again soon."""

    def probe(self, done: Callable[[Response | None, float], None], now: float) -> None:
        """Send an OPTIONS."""

    def lost(self, reason: str, now: float) -> None:
        """The far end is gone."""


class Refresher:
    """The session timer of one dialog."""

    def __init__(self, stack: Stack, dialog: Refreshed) -> None:
        self._stack = stack
        self._dialog: Refreshed | None = dialog
        """None: the dialog is over."""
        self._timer: Timer | None = None
        self.agreed: Agreed | None = None
        """What holds now; None: no timer."""
        self._seconds = 0
        self._min_se = 0
        self._over_at = 0.0

    def agree(self, agreed: Agreed | None, now: float) -> None:
        """Take what the newest 2xx has settled, and begin anew."""
        self.stop()
        self.agreed = agreed
        if self._dialog is None:
            return
        if agreed is None:
            self._at(now + PROBE_EVERY, self._probe)
            return
        self._seconds = agreed.seconds
        self._over_at = now + agreed.seconds - min(LAST_MOMENT, agreed.seconds / 3)
        if agreed.ours:
            self._at(now + agreed.seconds / 2, self._refresh)
        else:
            self._at(self._over_at, self._expired)

    def check(self, now: float) -> None:
        """Find out now whether the far end is still there: a refresh that changes nothing, or an OPTIONS."""
        if self.agreed is None:
            self._probe(now)
            return
        self.stop()
        if self._dialog is not None and not self._dialog.refresh(self.fields(), self._refreshed, now):
            self._again(now, 2.0)

    def fields(self) -> tuple[bytes, ...]:
        """What a request that is sent for another reason must say so that the timer stays as it is (section 7.4)."""
        if self.agreed is None:
            return ()
        return (SessionExpires(self.agreed.seconds, "uac" if self.agreed.ours else "uas").field(),)

    def take_refresh(self, response: Response, now: float) -> None:
        """Take the 2xx to such a request: it refreshes the session too."""
        self.agree(agreed_by(response) or self.agreed, now)

    def end(self) -> None:
        """The dialog is over: forget it, for it knows us."""
        self.stop()
        self._dialog = None

    def stop(self) -> None:
        """Do nothing until `agree`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _at(self, when: float, what: Callable[[float], None]) -> None:
        self._timer = self._stack.timers.at(when, what)

    def _expired(self, now: float) -> None:
        self._lost("Session expired", now)

    def _lost(self, reason: str, now: float) -> None:
        if self._dialog is not None:
            self._dialog.lost(reason, now)

    def _refresh(self, now: float) -> None:
        asked = SessionExpires(max(self._seconds, self._min_se), "uac").field()
        smallest = (b"Min-SE: %d" % self._min_se,) if self._min_se else ()
        self.stop()
        if self._dialog is not None and not self._dialog.refresh((asked, *smallest), self._refreshed, now):
            self._again(now, 2.0)

    def _refreshed(self, response: Response | None, now: float) -> None:
        if response is None or response.status in ENDS_DIALOG:
            self._lost("Session refresh failed", now)
        elif response.status < 300:
            self.agree(agreed_by(response), now)
        elif response.status == 422 and min_se(response) > max(self._seconds, self._min_se):
            self._min_se = min_se(response)
            self._again(now, 0.0)
        else:
            self._again(now, AGAIN_AFTER)

    def _again(self, now: float, seconds: float) -> None:
        self.stop()
        if self._dialog is None:
            return
        if now + seconds < self._over_at:
            self._at(now + seconds, self._refresh)
        else:
            self._at(max(now, self._over_at), self._expired)

    def _probe(self, now: float) -> None:
        self.stop()
        if self._dialog is not None:
            self._dialog.probe(self._probed, now)

    def _probed(self, response: Response | None, now: float) -> None:
        if response is None or response.status in ENDS_DIALOG:
            self._lost("No answer from the far end", now)
        else:
            self.agree(None, now)
