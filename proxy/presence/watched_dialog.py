"""One dialog of a subscription: made by its first NOTIFY, refreshed until it is over (RFC 6665 section 4.1.2).

Rules
- A refresh leaves when REFRESH_AT of the time granted is over, in its turn among all others.
- No answer to a refresh ends the dialog, and so does one that says the notifier knows it no more; after any other the
  dialog lives until it expires, and the refresh is tried again meanwhile.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from proxy.presence.event_package import (
    GONE,
    Over,
    WhenAgain,
    granted_by,
    retry_after,
    subscribe_fields,
    wanted_instead,
)
from proxy.presence.phone_state import PhoneState
from proxy.sip.dialog import Dialog, DialogState, key_of_request
from proxy.sip.errors import SipError
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Request, Response
from proxy.sip.request_error import RequestError
from proxy.sip.requests import contact_field
from proxy.sip.timers import Timer
from proxy.sip.uri import Uri
from proxy.ua.contract import Stack
from proxy.ua.exchange import Exchange
from proxy.ua.login import Accounts

USER = b"boomerang"
"""User part of our From and Contact."""
REFRESH_AT = 0.75
"""Share of the time granted."""
SHORTEST_RETRY = 2.0
"""Seconds before the end that one more refresh is worth it."""


class Site(NamedTuple):
    """What all subscriptions at one PBX have in common."""

    stack: Stack
    pbx: str
    accounts: Accounts
    pace: Callable[[Callable[[float], None], float], None]
    """Has an action done when its turn comes: (action, now)."""


class DialogOwner(Protocol):
    """The subscription that a dialog belongs to."""

    def dialog_over(self, dialog: "WatchedDialog", over: Over, now: float) -> None:
        """It is over by itself; told once."""


class WatchedDialog:
    """One dialog of a subscription, with what it tells of the phone."""

    __slots__ = ("_asked", "_exchange", "_expires_at", "_owner", "_site", "_timer", "awaited", "dialog", "state")

    def __init__(self, site: Site, owner: DialogOwner, notify: Request, cseq: int, asked: int, now: float) -> None:
        """Make it of its first NOTIFY. `cseq`: of our SUBSCRIBE. `asked`: seconds that we asked for.

        Raises RequestError(400) where the NOTIFY has not one Contact.
        """
        if len(notify.contacts) != 1:
            raise RequestError(400, "Bad Contact", notify)
        self._site, self._owner, self._asked = site, owner, asked
        self.dialog = Dialog(key_of_request(notify), notify.value(b"to") or b"", notify.value(b"from") or b"",
                             DialogState.CONFIRMED, notify.contacts[0].uri, tuple(notify.record_routes), cseq,
                             notify.cseq.number)
        self.state = PhoneState(site.stack.domains)
        self.awaited = True
        """A NOTIFY answers a SUBSCRIBE of ours (RFC 6665 section 4.2.1.2) and has not come yet; the others are sent
        because something has changed."""
        self._exchange: Exchange | None = None
        self._timer: Timer | None = None
        self._expires_at = now
        self.lives(asked, now)

    def lives(self, seconds: float, now: float) -> None:
        """Take note how long it lives unless it is refreshed."""
        self._expires_at = now + seconds
        self._at(now + seconds * REFRESH_AT, self._due)

    def lives_at_most(self, seconds: float, now: float) -> None:
        """As `lives` where that is sooner."""
        if now + seconds < self._expires_at:
            self.lives(seconds, now)

    def refresh(self, now: float) -> None:
        """Send a SUBSCRIBE in it, unless one is under way or it is over."""
        if self._exchange is None and self.dialog.state is not DialogState.TERMINATED:
            self.awaited = True
            self._ask(self._asked, self._refreshed, now)

    def end(self, now: float) -> None:
        """Ask the notifier to end it; whatever the answer is."""
        self.close()
        self._ask(0, _nothing, now)

    def close(self) -> None:
        """Do nothing more, and tell nothing more."""
        self.dialog.terminate()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._exchange is not None:
            self._exchange.forget()
            self._exchange = None

    def _at(self, when: float, action: Callable[[float], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._site.stack.timers.at(when, action)

    def _due(self, now: float) -> None:
        self._at(max(now, self._expires_at), self._expired)
        self._site.pace(self.refresh, now)

    def _expired(self, now: float) -> None:
        self._over(Over(WhenAgain.LATER, "expired"), now)

    def _over(self, over: Over, now: float) -> None:
        self.close()
        self._owner.dialog_over(self, over, now)

    # Its requests

    def _ask(self, expires: int, done: Callable[[Response | None, float], None], now: float) -> None:
        """Find the next hop and send a SUBSCRIBE there; a name may take its time."""
        try:
            where = Uri.parse(self.dialog.next_hop()).destination()
        except SipError:
            done(None, now)
            return
        exchange = Exchange(self._site.stack, done)
        if expires:
            self._exchange = exchange
        self._site.stack.locate(*where, partial(self._located, exchange, expires))

    def _located(self, exchange: Exchange, expires: int, hops: tuple[Hop, ...]) -> None:
        accounts = self._site.accounts
        for hop in hops:
            listener = self._site.stack.listener_for(hop)
            if listener is not None:
                # Behind a proxy anybody may ask for the password.
                known = not self.dialog.route_set and accounts.is_address_of(hop, "pbx", self._site.pbx)
                login = accounts.login("pbx" if known else None, self._site.pbx)
                exchange.send(hop, listener, login, partial(self._make, listener, expires))
                return
        exchange.fail(self._site.stack.clock())

    def _make(self, listener: Listener, expires: int, via: bytes, fields: tuple[bytes, ...]) -> bytes:
        own = (contact_field(USER, listener), *subscribe_fields(expires))
        return self.dialog.request(b"SUBSCRIBE", via, (*own, *fields))

    def _refreshed(self, response: Response | None, now: float) -> None:
        self._exchange = None
        longer = wanted_instead(response, self._asked)
        if response is None or response.status in GONE:
            again = WhenAgain.LATER if response is None else WhenAgain.FORGOTTEN
            self._over(Over(again, "no answer" if response is None else str(response.status)), now)
        elif longer is not None:
            self._asked = longer
            self.refresh(now)
        elif response.status < 300:
            self.dialog.receive_response(response)
            self.lives(granted_by(response, self._asked), now)
        else:
            self._try_again(retry_after(response), now)

    def _try_again(self, asked: float | None, now: float) -> None:
        left = self._expires_at - now
        pause = left / 2 if asked is None else asked
        if SHORTEST_RETRY <= pause < left:
            self._at(now + pause, self._due)


def _nothing(response: Response | None, now: float) -> None:
    """Whatever the answer is."""
