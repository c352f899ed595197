"""Registration at a trunk: RFC 3261 section 10.2, with the recovery of RFC 5626 section 4.5.

Rules
- One binding a trunk: the Contact of our listener towards it. Call-ID and CSeq go on for the life of the process.
- Refreshed well before its end: ten minutes before, or at half of a short interval. What the registrar grants counts,
  not what was asked for.
- 423 asks for more time: it is given, once a round. 5xx, silence and a dead address: the next address of the trunk.
  When all have failed, a pause that doubles each time, shortened by chance so that not everybody comes back at once.
  Retry-After counts where it is longer, up to LONGEST_PAUSE.
- A refusal (wrong password, unknown user) is no reason to ask quickly: it waits like any other failure.
- `failed` is told with the first round that fails, although the binding before it may still stand for a while.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from proxy.sip.errors import SipError
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Response
from proxy.sip.requests import build_request, contact_field
from proxy.sip.text import delta_seconds, field_value
from proxy.sip.timers import Timer
from proxy.sip.uri import Uri
from proxy.ua.contract import Stack
from proxy.ua.exchange import Exchange
from proxy.ua.login import Accounts
from proxy.ua.wiring import SUPPORTED, TAG_MARK, chance, escape_user

FIRST_PAUSE = 30.0
"""Seconds after the first round in which every address failed (RFC 5626 section 4.5)."""
LONGEST_PAUSE = 1800.0
SHORT = 1200.0
"""Seconds; a binding granted for longer is refreshed EARLY before its end, a shorter one at half (section 4.4.1)."""
EARLY = 600.0
MIN_EXPIRES = 30.0
"""Less than this is not believed: it would make us ask all the time."""
MAX_EXPIRES = 86_400.0

ELSEWHERE: Final = "another node registers there"
"""Why a registration is gone that was left to others."""

RegistrationState = Literal["registered", "failed", "gone"]


class TrunkRegistration(NamedTuple):
    """A trunk that wants a registration; its account is the stack's (`Stack.account`)."""

    trunk: str
    expires: float
    """Seconds asked for."""


class RegistrationWatch(Protocol):
    """Hears how registration goes."""

    def registration(self, trunk: str, state: RegistrationState, reason: str, now: float) -> None:
        """Told on each change, and for `failed` with each new reason. `registered`: the carrier knows us. `failed`:
        it does not, or soon will not. `gone`: we have left. `now` in seconds since the epoch."""


class Registrar:
    """Keeps all registrations of this node."""

    def __init__(self, stack: Stack, trunks: Iterable[TrunkRegistration], watch: RegistrationWatch,
                 accounts: Accounts | None = None) -> None:
        """`accounts`: the user agent's, so that a trunk's realm is learned once; None: its own."""
        shared = accounts or Accounts(stack)
        self._all = {one.trunk: Registration(stack, one, watch, shared) for one in trunks}
        self._up: set[str] = set()

    @property
    def trunks(self) -> tuple[str, ...]:
        """Those that want a registration."""
        return tuple(self._all)

    def begin(self, trunk: str, now: float) -> None:
        """Register at a trunk."""
        self._all[trunk].take_up(now)

    def leave_to_others(self, trunk: str, now: float) -> None:
        """Keep the registration at a trunk no more: another node does. The binding is not taken away, for where nodes
        have one address it is theirs too."""
        self._all[trunk].leave_to_others(now)

    def peer_state(self, side: str, name: str, up: bool, now: float) -> None:
        """A peer went up or down: one that is back is asked at once; repeated news are none."""
        one = self._all.get(name) if side == "trunk" else None
        if one is None:
            return
        if up and name not in self._up:
            one.hurry(now)
        (self._up.add if up else self._up.discard)(name)

    def stop(self, now: float, done: Callable[[], None] = lambda: None) -> None:
        """Leave everywhere; `done` is called when every registrar has answered, or has not."""
        waiting = set(self._all)

        def left(trunk: str) -> None:
            waiting.discard(trunk)
            if not waiting:
                done()

        if not waiting:
            done()
        for one in tuple(self._all.values()):
            one.leave(now, left)

    def states(self) -> dict[str, tuple[RegistrationState | None, str]]:
        """State and reason of each trunk; None: not known yet."""
        return {name: (one.state, one.reason) for name, one in self._all.items()}


class Registration:
    """One binding at one trunk."""

    def __init__(self, stack: Stack, settings: TrunkRegistration, watch: RegistrationWatch, accounts: Accounts) -> None:
        self.state: RegistrationState | None = None
        self.reason = ""
        self._stack, self._settings, self._watch, self._accounts = stack, settings, watch, accounts
        self._call_id = stack.token() + b"@register"
        self._tag = TAG_MARK + stack.token()
        self._cseq = 0
        self._expires = settings.expires
        self._until = 0.0
        """When the binding ends, on the monotonic clock."""
        self._where: Hop | None = None
        """The address that holds it."""
        self._hops: Sequence[Hop] = ()
        """Addresses still to be tried in this round."""
        self._hop: Hop | None = None
        self._longer = False
        """A 423 was met in this round."""
        self._failures = 0
        self._retry_after = 0.0
        self._exchange: Exchange | None = None
        self._timer: Timer | None = None
        self._left: Callable[[str], None] | None = None
        self._is_ours = False
        """Whether this node is to keep it."""

    def take_up(self, now: float) -> None:
        """Keep the binding from now on."""
        self._is_ours = True
        if self._exchange is None:
            self.begin(now)

    def leave_to_others(self, now: float) -> None:
        """Keep it no more."""
        self._cancel()
        self._is_ours, self._where = False, None
        self._tell("gone", ELSEWHERE, now)

    # -- a round

    def begin(self, now: float) -> None:
        """Ask the addresses in their order, the one that holds our binding first."""
        self._cancel()
        if self._left is not None:
            return
        hops = [hop for hop in self._stack.hops("trunk", self._settings.trunk)
                if self._stack.listener_for(hop) is not None]
        self._hops = sorted(hops, key=lambda hop: hop != self._where)
        self._longer, self._retry_after = False, 0.0
        self._next("no address", now)

    def hurry(self, now: float) -> None:
        """Ask now, where it is known that the binding does not stand."""
        if self.state == "failed" and self._exchange is None:
            self.begin(now)

    def _next(self, reason: str, now: float) -> None:
        if not self._hops:
            self._failed(reason, now)
            return
        self._hop, self._hops = self._hops[0], self._hops[1:]
        self._ask(self._hop, self._expires, self._answered)

    def _ask(self, hop: Hop, expires: float, done: Callable[[Response | None, float], None]) -> None:
        listener = self._stack.listener_for(hop)
        self._exchange = Exchange(self._stack, done)
        if listener is None:
            self._exchange.fail(self._stack.clock())
            return
        login = self._accounts.login("trunk", self._settings.trunk)
        self._exchange.send(hop, listener, login, lambda via, fields: self._write(hop, listener, expires, via, fields))

    def _write(self, hop: Hop, listener: Listener, expires: float, via: bytes, fields: tuple[bytes, ...]) -> bytes:
        self._cseq += 1
        domain = self._stack.uri_host("trunk", self._settings.trunk, hop)
        us = b"<sip:%s@%s>" % (self._user(), domain)
        return build_request(b"REGISTER", b"sip:" + domain, via, us + b";tag=" + self._tag, us, self._call_id,
                             self._cseq, (self._contact(listener), b"Expires: %d" % expires, SUPPORTED, *fields))

    def _contact(self, listener: Listener) -> bytes:
        return contact_field(self._user(), listener)

    def _user(self) -> bytes:
        account = self._stack.account("trunk", self._settings.trunk)
        return escape_user(account.username if account is not None else "")

    def _answered(self, response: Response | None, now: float) -> None:
        self._exchange = None
        if self._left is not None:
            if response is not None and response.status < 300:
                self._bound(response, now)
            self._unregister(now)
        elif not self._is_ours:
            self._hops = ()
        elif response is None:
            self._next("no answer", now)
        elif response.status < 300:
            self._registered(response, now)
        elif response.status == 423 and not self._longer and self._hop is not None:
            self._longer = True
            self._expires = min(max(self._expires, delta_seconds(response.value(b"min-expires")) or 0.0), MAX_EXPIRES)
            self._ask(self._hop, self._expires, self._answered)
        else:
            wanted = delta_seconds(response.value(b"retry-after")) or 0.0
            self._retry_after = max(self._retry_after, min(wanted, LONGEST_PAUSE))
            reason = f"{response.status} {response.reason.decode('utf-8', 'replace')}".strip()
            if 500 <= response.status < 600:
                self._next(reason, now)
            else:
                self._failed(reason, now)

    def _registered(self, response: Response, now: float) -> None:
        granted = self._bound(response, now)
        ahead = granted - EARLY if granted > SHORT else granted / 2
        self._at(now + ahead * (0.9 + 0.1 * chance(self._stack)))
        self._tell("registered", "", now)

    def _bound(self, response: Response, now: float) -> float:
        """Note where and for how long we are known; gives the seconds."""
        listener = None if self._hop is None else self._stack.listener_for(self._hop)
        own = b"" if listener is None else field_value(self._contact(listener))
        granted = max(_granted(response, own, self._expires), MIN_EXPIRES)
        self._until, self._where, self._failures = now + granted, self._hop, 0
        return granted

    def _failed(self, reason: str, now: float) -> None:
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, 16), LONGEST_PAUSE)
        self._failures += 1
        self._at(now + max(pause * (0.5 + 0.5 * chance(self._stack)), self._retry_after))
        self._tell("failed", reason, now)

    # -- leaving

    def leave(self, now: float, left: Callable[[str], None]) -> None:
        """Take the binding away; `left(trunk)` follows, at once where there is none."""
        self._cancel()
        self._left = left
        if self._exchange is None:
            self._unregister(now)

    def _unregister(self, now: float) -> None:
        where = self._where
        self._where = None
        if where is None or now >= self._until:
            self._gone(now)
        else:
            self._ask(where, 0.0, lambda response, at: self._gone(at))

    def _gone(self, now: float) -> None:
        self._tell("gone", "", now)
        left, self._left = self._left, lambda trunk: None
        if left is not None:
            left(self._settings.trunk)

    # -- small things

    def _at(self, when: float) -> None:
        self._cancel()
        self._timer = self._stack.timers.at(when, self.begin)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, state: RegistrationState, reason: str, now: float) -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._watch.registration(self._settings.trunk, state, reason, self._stack.wall())


def _granted(response: Response, own: bytes, asked: float) -> float:
    """Read for how long we are known (RFC 3261 section 10.2.4): our Contact's own time, else Expires, else as asked."""
    try:
        for contact in response.contacts:
            seconds = delta_seconds(contact.params.get(b"expires"))
            if seconds is not None and Uri.parse(contact.uri) == Uri.parse(own.strip(b"<>")):
                return seconds
    except SipError:
        pass  # somebody else's binding, written badly, changes nothing for ours
    general = delta_seconds(response.value(b"expires"))
    return asked if general is None else general
