"""OPTIONS to every address of every peer: is it alive, and how far away (RFC 3261 section 11).

Rules
- Any answer but 408 and 503 means alive: a peer that knows no OPTIONS still says so.
- An answer closes the address's circuit, silence opens it at once (see `health`).
- Calls count as signs of life. Who carries calls and never answers OPTIONS is alive while calls do not fail; who
  answers OPTIONS no more though its calls are answered, `ODD_ROUNDS` times in a row, is of that kind from then on.
- Some peers are not to be asked at all (`qualify`): calls alone say how they are.
- A peer is up while one of its addresses is, and down when all are. What nobody knows yet is neither, and is tried.
- Where the wire gives cause for doubt an address is asked out of turn, and has less time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from proxy.core.contract import PeerWatch
from proxy.core.peers import Address, Peer
from proxy.core.requests_out import Outgoing
from proxy.core.transactions import Transactions
from proxy.sip.hop import Hop
from proxy.sip.message import Response
from proxy.sip.requests import as_request, authority, build_request, via_field
from proxy.sip.timers import Timer
from proxy.sip.transaction import ClientTransaction

INTERVAL = 30.0
"""Seconds between two OPTIONS to an address of a peer that is up."""
INTERVAL_DOWN = 5.0
"""The same for a peer that is down: it is wanted back."""
PATIENCE = 4.0
"""Seconds after which an unanswered OPTIONS counts."""
DOUBT_PATIENCE = 2.5
"""The same where the wire gives cause for doubt: time for two repetitions."""
ODD_ROUNDS = 3
NOT_ALIVE = (408, 503)

Gone = Callable[[Hop, float], None]


class _Known:
    """What is known of one address."""

    __slots__ = ("alive", "answers", "odd", "since")

    def __init__(self) -> None:
        self.alive: bool | None = None
        """None: nobody knows."""
        self.answers = False
        """It answers OPTIONS."""
        self.odd = 0
        """OPTIONS in a row that met silence though other requests were answered."""
        self.since = 0.0
        """When it was last found dead."""


class Qualifier:
    """Asks all peers for ever, on the proxy's own timers."""

    def __init__(self, transactions: Transactions, watch: PeerWatch) -> None:
        self._transactions = transactions
        self._sender = transactions.sender
        self._health = transactions.sender.health
        self._watch = watch
        self._known: dict[Hop, _Known] = {}
        self._up: dict[tuple[str, str], bool] = {}
        self._next: dict[tuple[str, str], Timer] = {}
        self._doubted: set[Hop] = set()
        self._serial = 0

    def start(self, now: float) -> None:
        """Ask every peer now, and go on."""
        for peer in self._sender.peers:
            self._round(peer, now)

    def doubt(self, hop: Hop, gone: Gone, now: float) -> None:
        """Ask an address out of turn, if it is a peer's; `gone(hop, now)` follows where it is proved dead."""
        for peer in self._sender.peers:
            address = next((one for one in peer.addresses if one.hop[:3] == hop[:3]), None)
            if address is not None and peer.qualify and address.hop not in self._doubted:
                self._doubted.add(address.hop)
                if not self._ask(peer, address, now, DOUBT_PATIENCE, gone):
                    self._doubted.discard(address.hop)

    def _round(self, peer: Peer, now: float) -> None:
        known = {address.hop for other in self._sender.peers for address in other.addresses}
        for hop in [hop for hop in self._known if hop not in known]:
            del self._known[hop]
        self._look(peer, now)
        if peer.qualify:
            for address in peer.addresses:
                self._ask(peer, address, now, PATIENCE, None)
        up = self._up.get((peer.side, peer.name), False)
        self._ask_again(peer, now, INTERVAL if up and peer.qualify else INTERVAL_DOWN)

    def _ask_again(self, peer: Peer, now: float, interval: float) -> None:
        before = self._next.get((peer.side, peer.name))
        if before is not None:
            before.cancel()
        self._next[(peer.side, peer.name)] = self._transactions.timers.at(now + interval, partial(self._round, peer))

    def _ask(self, peer: Peer, address: Address, now: float, patience: float, gone: Gone | None) -> bool:
        listener = self._sender.network.listener_for(address.hop)
        if listener is None:
            return False
        self._serial += 1
        seals = self._sender.seals
        mark = seals.mark(b"options", b"%d" % self._serial, b"%f" % now)
        us = b"<sip:%s>" % authority(listener)
        uri = b"sip:" + address.uri_host
        data = build_request(b"OPTIONS", uri, via_field(listener, b"z9hG4bKq" + mark), us + b";tag=" + mark[:12],
                             b"<%s>" % uri, mark + b"@qualify", 1, (b"Contact: " + us, b"Accept: application/sdp"))
        out = Outgoing(as_request(data), data, address.hop, listener)
        tx = self._transactions.start_client(out, _Question(self, peer, address.hop, now, gone), now)
        tx.give_up_at(now + patience)
        return True

    # -- what comes of a question

    def answered(self, peer: Peer, hop: Hop, alive: bool, latency: float | None, now: float) -> None:
        """Take an answer, by which it is alive or not. `latency` in seconds."""
        known = self._known.setdefault(hop, _Known())
        known.answers, known.odd = True, 0
        self._find(known, hop, alive, now)
        self._tell(peer, latency, now)

    def silent(self, peer: Peer, hop: Hop, asked: float, now: float) -> bool:
        """Take silence, after a question of the moment `asked`; gives whether that proves it dead.

        It proves nothing of one that never answered: it may be of those that ignore OPTIONS.
        """
        known = self._known.setdefault(hop, _Known())
        health = self._health
        sign = health.last_sign(hop)
        if sign is not None and sign > asked:
            known.odd += 1
            known.answers = known.answers and known.odd < ODD_ROUNDS
            self._find(known, hop, True, now)
        elif sign is not None and not known.answers and not health.has_failed(hop):
            self._find(known, hop, True, now)
        else:
            self.refused(peer, hop, now)
            return known.answers
        self._tell(peer, None, now)
        return False

    def refused(self, peer: Peer, hop: Hop, now: float) -> None:
        """Take note that it is dead."""
        self._find(self._known.setdefault(hop, _Known()), hop, False, now)
        self._tell(peer, None, now)

    def settled(self, hop: Hop) -> None:
        """Take note that a question out of turn has its answer, or its silence."""
        self._doubted.discard(hop)

    def _find(self, known: _Known, hop: Hop, alive: bool, now: float) -> None:
        known.alive = alive
        if alive:
            self._health.succeeded(hop)
        else:
            known.since = now
            self._health.failed(hop, now, hard=True)

    def _look(self, peer: Peer, now: float) -> None:
        """Look what calls say of a peer: one that is dead by OPTIONS may carry some, one that is not asked has no other
        signs.
        """
        health = self._health
        for hop in peer.hops:
            known = self._known.setdefault(hop, _Known())
            sign = health.last_sign(hop)
            if not peer.qualify and health.in_doubt(hop):
                known.alive, known.since = False, now
            elif sign is not None and known.alive is not True and sign >= known.since and not health.has_failed(hop):
                known.alive = True
        self._tell(peer, None, now)

    def _tell(self, peer: Peer, latency: float | None, now: float) -> None:
        states = [self._known[hop].alive if hop in self._known else None for hop in peer.hops]
        if not any(states) and None in states:
            return
        up = any(states)
        before = self._up.get((peer.side, peer.name))
        if before and not up:
            self._ask_again(peer, now, INTERVAL_DOWN)
        if up != before or latency is not None:
            self._up[(peer.side, peer.name)] = up
            self._watch.peer_state(peer.side, peer.name, up, None if latency is None else round(latency * 1000, 1))


class _Question:
    """Owner of one OPTIONS."""

    __slots__ = ("_asked", "_gone", "_hop", "_peer", "_qualifier")

    def __init__(self, qualifier: Qualifier, peer: Peer, hop: Hop, asked: float, gone: Gone | None) -> None:
        self._qualifier = qualifier
        self._peer = peer
        self._hop = hop
        self._asked = asked
        self._gone = gone

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        self._settle()
        alive = response.status not in NOT_ALIVE
        if response.has(b"allow"):
            self._peer.allows = frozenset(method.upper() for method in response.option_tags(b"allow"))
        self._qualifier.answered(self._peer, self._hop, alive, now - self._asked if alive else None, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._settle()
        if self._qualifier.silent(self._peer, self._hop, self._asked, now) and self._gone is not None:
            self._gone(self._hop, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self._settle()
        self._qualifier.refused(self._peer, self._hop, now)
        if self._gone is not None:
            self._gone(self._hop, now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        """What was asked is settled already."""

    def _settle(self) -> None:
        if self._gone is not None:
            self._qualifier.settled(self._hop)
