"""One subscription to the dialog event of one extension: RFC 6665 with the package of RFC 4235.

Rules
- A dialog is made by its first NOTIFY, which may come before the 2xx to the SUBSCRIBE (RFC 6665 section 4.1.2.4). A
  SUBSCRIBE that was forked makes several: each lives by itself and what they tell is joined (RFC 4235 section 3.9).
- New ones are taken for 64*T1 after the 2xx; where none has come by then the subscription has failed (timer N).
- `over` is told once, and last.
"""

from functools import partial
from typing import Protocol

from proxy.presence.event_package import (
    Notice,
    Over,
    WhenAgain,
    granted_by,
    read_notify,
    refusal,
    subscribe_fields,
    wanted_instead,
)
from proxy.presence.phone_state import PhoneState, Seen, joined
from proxy.presence.watched_dialog import USER, Site, WatchedDialog
from proxy.sip.errors import SipError
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Request, Response
from proxy.sip.request_error import RequestError
from proxy.sip.requests import authority, build_request, contact_field
from proxy.sip.timers import Timer
from proxy.ua.exchange import Exchange

MAX_FORKS = 8
"""Dialogs of one subscription."""


class SubscriptionOwner(Protocol):
    """Whoever asked for a subscription."""

    def changed(self, now: float, unasked: bool = False) -> None:
        """`seen` may say something else. `unasked`: the notifier says so because something has changed."""

    def over(self, over: Over, now: float) -> None:
        """It is over, and tells nothing any more."""


class Subscription:
    """One subscription of ours and the dialogs that came of it."""

    __slots__ = ("_cseq", "_dialogs", "_ended_early", "_exchange", "_expires", "_granted", "_open_until", "_over",
                 "_owner", "_site", "_timer", "call_id", "tag", "user")

    def __init__(self, site: Site, user: str, owner: SubscriptionOwner, expires: int) -> None:
        """`user`: the extension. `expires`: seconds to ask for."""
        self._site, self._owner = site, owner
        self.user = user
        self.call_id = site.stack.token() + b"@watch"
        self.tag = site.stack.token()
        self._expires = expires
        self._granted = float(expires)
        self._cseq = 0
        self._dialogs: dict[bytes, WatchedDialog] = {}
        """By the notifier's tag."""
        self._exchange: Exchange | None = None
        self._open_until: float | None = None
        """Until when further dialogs are taken; None while the 2xx is awaited."""
        self._ended_early: Over | None = None
        """What a last NOTIFY said that came before the 2xx."""
        self._timer: Timer | None = None
        self._over = False

    def start(self, now: float) -> None:
        """Send the SUBSCRIBE."""
        for hop in self._site.stack.hops("pbx", self._site.pbx):
            listener = self._site.stack.listener_for(hop)
            if listener is not None:
                self._send(hop, listener)
                return
        self._finish(Over(WhenAgain.LATER, "no address"), now)

    def refresh(self, now: float) -> None:
        """Ask the notifier whether it still knows us."""
        for dialog in list(self._dialogs.values()):
            dialog.refresh(now)

    def end(self, now: float) -> None:
        """End it before it is over: `over` is not told. What the notifier still sends is for `notify`."""
        self._close()
        for dialog in list(self._dialogs.values()):
            dialog.end(now)

    def seen(self) -> Seen | None:
        """What the phone does; None while nobody has told."""
        known = [dialog.state.seen() for dialog in self._dialogs.values() if dialog.state.known]
        return joined(known) if known else None

    # Its NOTIFY requests

    def notify(self, request: Request, now: float) -> None:
        """Take a NOTIFY with our Call-ID and tag. Raises SipError with the answer that it is owed."""
        dialog = self._dialogs.get(request.from_.tag or b"")
        if dialog is not None:
            dialog.dialog.receive_request(request)
        elif not self._takes_more(now):
            raise RequestError(481, "Subscription Does Not Exist", request)
        try:
            notice = read_notify(request)
        except SipError:
            if dialog is not None:
                # What it does now was in there: nobody knows it any more.
                dialog.state = PhoneState(self._site.stack.domains)
                self._changed(now)
            raise
        if dialog is None:
            dialog = WatchedDialog(self._site, self, request, self._cseq, self._expires, now)
            dialog.lives_at_most(self._granted, now)
            self._dialogs[dialog.dialog.key.remote_tag] = dialog
        self._take(dialog, notice, now)

    def _take(self, dialog: WatchedDialog, notice: Notice, now: float) -> None:
        if notice.over is not None:
            dialog.close()
            self.dialog_over(dialog, notice.over, now)
            return
        if self._over:
            return
        if notice.expires is not None:
            dialog.lives(notice.expires, now)
        if notice.document is not None:
            unasked, dialog.awaited = not dialog.awaited, False
            whole = dialog.state.take(notice.document)
            if not whole:
                self._site.pace(dialog.refresh, now)
            self._changed(now, unasked and whole)

    def _takes_more(self, now: float) -> bool:
        still = self._open_until is None or now <= self._open_until
        return still and not self._over and len(self._dialogs) < MAX_FORKS

    def dialog_over(self, dialog: WatchedDialog, over: Over, now: float) -> None:
        self._dialogs.pop(dialog.dialog.key.remote_tag, None)
        if self._dialogs:
            self._changed(now)
        elif self._exchange is not None:
            self._ended_early = over
        else:
            self._finish(over, now)

    # Its first SUBSCRIBE

    def _send(self, hop: Hop, listener: Listener) -> None:
        site = self._site
        self._exchange = Exchange(site.stack, partial(self._answered, hop, listener))
        self._exchange.send(hop, listener, site.accounts.login("pbx", site.pbx), partial(self._make, hop, listener))

    def _make(self, hop: Hop, listener: Listener, via: bytes, fields: tuple[bytes, ...]) -> bytes:
        self._cseq += 1
        uri = b"sip:%s@%s" % (self.user.encode(), self._site.stack.uri_host("pbx", self._site.pbx, hop))
        from_ = b"<sip:%s@%s>;tag=%s" % (USER, authority(listener), self.tag)
        return build_request(b"SUBSCRIBE", uri, via, from_, b"<%s>" % uri, self.call_id, self._cseq,
                             (contact_field(USER, listener), *subscribe_fields(self._expires), *fields))

    def _answered(self, hop: Hop, listener: Listener, response: Response | None, now: float) -> None:
        longer = wanted_instead(response, self._expires)
        if longer is not None:
            self._expires = longer
            self._send(hop, listener)
            return
        self._exchange = None
        if response is None:
            self._finish(Over(WhenAgain.LATER, "no answer"), now)
        elif response.status >= 300:
            self._finish(refusal(response), now)
        elif self._ended_early is not None and not self._dialogs:
            self._finish(self._ended_early, now)
        else:
            self._granted = granted_by(response, self._expires)
            for dialog in self._dialogs.values():
                dialog.lives_at_most(self._granted, now)
            self._open_until = now + self._site.stack.values.timeout
            self._timer = self._site.stack.timers.at(self._open_until, self._nothing_came)

    def _nothing_came(self, now: float) -> None:
        self._timer = None
        if not self._dialogs:
            self._finish(Over(WhenAgain.LATER, "no NOTIFY"), now)

    # Its end

    def _changed(self, now: float, unasked: bool = False) -> None:
        if not self._over:
            self._owner.changed(now, unasked)

    def _finish(self, over: Over, now: float) -> None:
        if self._over:
            return
        self._close()
        for dialog in self._dialogs.values():
            dialog.close()
        self._dialogs.clear()
        self._owner.over(over, now)

    def _close(self) -> None:
        self._over = True
        if self._exchange is not None:
            self._exchange.forget()
            self._exchange = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
