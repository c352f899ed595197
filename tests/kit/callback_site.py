"""A whole node on a virtual clock and wire: proxy, ledger, desk, runner and user agent, between a PBX and a carrier.

The far ends are phones that do what their plan says, or what the test says. The node may be thrown away at any moment,
as by `kill -9`, and begun anew over what its store had committed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from config.checks import SecretStr
from config.node import NodeConfig
from config.policy import parse_policy
from proxy.node import Surroundings, build_node
from proxy.sip.hop import Flow
from proxy.sip.timers import Timers
from proxy.transports.own import OwnAddresses
from proxy.ua.contract import Account
from routing.duty import ALONE, Fence
from routing.hub import EVERYTHING
from routing.identity import Answers
from routing.rows import AttemptRow, TaskRow
from routing.storage import Caps
from routing.writes import Unit
from tests.kit.fake_media import FakeMedia
from tests.kit.sip_text import SDP, Message, build, uri_in
from tests.kit.world import KEY, PBX, PROXY, TRUNK, Names, Notes, Sent, Wire, address
from tests.routing.memory_store import MemoryStore

EPOCH = 1_790_000_000.0
"""Wall clock at monotonic zero: Monday 21 September 2026, 15:33 in Budapest."""
SPARE = ("127.0.0.1", 5081)
"""The PBX's second address, where it has one."""
CUSTOMER = "+36201234567"
NUMBER = "+3614445555"
T1, T2 = 0.5, 4.0
"""RFC 3261 section 17.1.1.1: what the phones repeat by."""
DELAY = 0.01
"""Seconds that a message is under way."""
FLUSH = 0.02
"""Seconds until what nobody waits for is on disk."""
SYNC = 0.005
"""Seconds until what somebody waits for is."""

POLICY = """
region = "HU"
timezone = "Europe/Budapest"
[agent.201]
name = "Anna"
[agent.202]
name = "Bela"
[number."+3614445555"]
group = "sales"
[group.sales]
target = "600"
agents = ["201"]
missed_callback = { enabled = true, window = "24h", attempts = 4 }
"""


class LazyStore(MemoryStore):
    """Writes like a real one: everything comes to disk a little later, in order; what did not is lost in a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.later: Callable[[float, Callable[[], None]], None] = lambda delay, action: action()
        self._queued: list[Callable[[], None]] = []

    def put(self, unit: Unit, done: Callable[[], None] | None = None) -> None:
        def write() -> None:
            super(LazyStore, self).put(unit)
            if done is not None:
                self.later(0.0, done)

        self._queue(write, done is not None or unit.durable)

    def commit(self, unit: Unit, done: Callable[[bool], None]) -> None:
        self._promise(unit, lambda: True, done)

    def claim(self, attempt: AttemptRow, unit: Unit, done: Callable[[bool], None], caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        self._promise(Unit((attempt, *unit.writes), unit.durable), lambda: self.may_claim(attempt), done)

    def _promise(self, unit: Unit, may: Callable[[], bool], done: Callable[[bool], None]) -> None:
        def write() -> None:
            well = not self.broken and may()
            if well:
                super(LazyStore, self).put(unit)
            self.later(0.0, lambda: done(well))

        self._queue(write, True)

    def _queue(self, write: Callable[[], None], hurry: bool) -> None:
        self._queued.append(write)
        self.later(SYNC if hurry else FLUSH, self.flush)

    def _read(self) -> None:
        self.flush()
        super()._read()

    def flush(self) -> None:
        queued, self._queued = self._queued, []
        for write in queued:
            write()

    def crash(self) -> None:
        """What was not on disk is gone."""
        self._queued.clear()


class Process:
    """One process: the node as the daemon builds it, between this wire and this clock."""

    def __init__(self, site: Site) -> None:
        timers = Timers()
        self.media = FakeMedia(timers, lambda: site.now)
        listeners = tuple(site.wire.listeners)
        self.node = build_node(site.config, Surroundings(
            network=site.wire, listeners=listeners, is_own=OwnAddresses(listeners).holds, locator=Names(),
            timers=timers, clock=lambda: site.now, wall=site.wall, draw=lambda: 0.0, random_bytes=site.random,
            journal=site.notes, on_alarm=lambda event: None, media=lambda alarm: self.media,
            post=lambda what: what(), duty=ALONE), site.store, KEY, EVERYTHING)
        self.proxy, self.ledger = self.node.engine, self.node.ledger
        for peer, uris in self.node.peers:
            self.node.table.set_addresses(peer, tuple(address((uri.host, uri.port or 5060)) for uri in uris))
        self.node.set_policy(parse_policy(site.policy))
        self.ledger.restore(site.wall())
        self.node.start()
        assert self.node.services is not None, site.notes.failures
        assert self.node.callbacks is not None, site.notes.failures
        self.agent = self.node.services.user_agent
        self.callbacks = self.node.callbacks
        self.desk, self.runner, self.room = self.callbacks.desk, self.callbacks.runner, self.callbacks.room
        self.places = self.callbacks.places

    def turn(self) -> None:
        self.node.sweep()
        self.node.turn()
        self.callbacks.turn(always=True)


@dataclass
class Plan:
    """What a phone does with a call that comes in."""

    trying: bool = True
    ring: float | None = 0.2
    """Seconds until 180; None: never."""
    early: bool = False
    """183 with SDP instead of 180."""
    status: int = 200
    """The final answer."""
    answer: float | None = 2.0
    """Seconds until it; None: never."""
    keys: Sequence[tuple[float, str]] = ()
    """Pressed so many seconds after the answer."""
    hang_up: float | None = None
    """Seconds from the answer to the BYE; None: the other side ends it."""
    cancel: bool = True
    """Whether a CANCEL stops the ringing; False: it is answered 200, and the call too."""
    dead: bool = False
    """Not a word, whatever comes."""
    dead_after: float | None = None
    """Seconds after the answer when the plug is pulled."""
    body: bytes = SDP
    fields: tuple[str, ...] = ()
    """Headers of the final answer."""
    replies: tuple[str, ...] = ()
    """Headers of answers to what is asked in the call, offers and BYE excepted."""
    challenge: str = ""
    """Value of a WWW-Authenticate for every INVITE: credentials are never good enough."""
    accepts: bool = False
    """Credentials are good enough."""
    bye_before_ack: bool = False
    """Hangs up at once, before it has the ACK."""


class Call:
    """One call of a phone."""

    def __init__(self, phone: Phone, call_id: str, invite: Message, caller: bool) -> None:
        self.phone, self.call_id, self.invite, self.caller = phone, call_id, invite, caller
        self.state = "ringing"
        """`ringing`, `up`, `over`."""
        self.tag = f"t{phone.site.serial}"
        self.acked = False
        self.plan = Plan()
        self.heard: list[Message] = []
        self.takes_hold = True
        """A re-INVITE is answered; False: it gets 488."""
        self.far = self.own = self.target = ""
        self.routes: list[str] = []
        self.cseq = 1
        self.began_at = phone.site.now
        self.up_at: float | None = None
        self.over_at: float | None = None

    @property
    def open(self) -> bool:
        return self.state != "over"

    @property
    def shown(self) -> str:
        """The number of the caller that the phone shows."""
        return re.sub(r"^sips?:|@.*$", "", uri_in(self.invite.header("From")))

    def ring(self, status: int = 180) -> None:
        if self.state == "ringing":
            self.phone.reply(self.invite, status, self, SDP if status == 183 else b"")

    def answer(self, status: int = 200) -> None:
        """Send the final answer."""
        if self.state != "ringing":
            return
        if status >= 300:
            self.over()
        else:
            self.state, self.up_at = "up", self.phone.site.now
        data = self.phone.reply(self.invite, status, self, self.plan.body if status < 300 else b"", self.plan.fields)
        self.phone.repeat(data, lambda: self.acked or self.state == "over", self.no_ack if status < 300 else None)
        if status < 300:
            self._go_on()

    def no_ack(self) -> None:
        """RFC 3261 section 13.3.1.4: who gets no ACK hangs up."""
        self.hang_up()

    def _go_on(self) -> None:
        site, plan = self.phone.site, self.plan
        for delay, key in plan.keys:
            site.later(delay, lambda key=key: self.press(key))  # type: ignore[misc]
        if plan.hang_up is not None:
            site.later(plan.hang_up, self.hang_up)
        if plan.dead_after is not None:
            site.later(plan.dead_after, self.die)
        if plan.bye_before_ack:
            self.hang_up()

    def press(self, key: str) -> None:
        """Press a key: it reaches the node as RFC 4733."""
        node = self.phone.site.node
        if self.state == "up" and node is not None and self.call_id in node.media.sessions:
            node.media[self.call_id].press(key)

    def hang_up(self) -> None:
        """BYE, or CANCEL of a call that this phone made and nobody answered."""
        if self.state == "up":
            self.over()
            self.request("BYE")
        elif self.state == "ringing" and self.caller:
            self.over()
            self.phone.cancel(self)

    def die(self) -> None:
        """The plug is pulled: not a word any more."""
        self.over()
        self.phone.gone.add(self.call_id)

    def over(self) -> None:
        self.state, self.over_at = "over", self.phone.site.now

    def request(self, method: str, fields: Sequence[str] = (), body: bytes = b"", typed: bool = False) -> None:
        """Send a request inside the dialog; `typed`: its fields say what its body is, else it is a description."""
        if method != "ACK":
            self.cseq += 1
        lines = [self.phone.via(), *(f"Route: {route}" for route in self.routes), "Max-Forwards: 70",
                 f"From: {self.own}", f"To: {self.far}", f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} {method}",
                 f"Contact: <sip:x@{self.phone.at}>", *fields]
        if body and not typed:
            lines.append("Content-Type: application/sdp")
        data = build(f"{method} {self.target} SIP/2.0", lines, body)
        self.phone.send(data)
        if method != "ACK":
            self.phone.repeat(data, partial(self.has_answer, f"{self.cseq} {method}", 200))

    def typed_request(self, method: str, fields: Sequence[str], body: bytes) -> None:
        """Send a request inside the dialog whose `fields` say what its body is."""
        self.request(method, fields, body, typed=True)

    def has_answer(self, cseq: str, least: int) -> bool:
        """Whether a request has its response."""
        return any((one.status or 0) >= least and one.header("CSeq") == cseq for one in self.heard)


class Phone:
    """Everything behind one address: the PBX with its extensions, or the carrier with its customers."""

    def __init__(self, site: Site, place: tuple[str, int]) -> None:
        self.site, self.place = site, place
        self.at = f"{place[0]}:{place[1]}"
        self.plans: dict[str, list[Plan]] = {}
        """By the user that is dialled: for each call the next one, the last one for all that follow."""
        self.default = Plan(status=404, answer=0.1, ring=None)
        self.calls: list[Call] = []
        self.gone: set[str] = set()
        self.serial = 0
        self.log: list[str] = []

    def plan(self, user: str, *plans: Plan) -> None:
        self.plans[user] = list(plans)

    def to(self, user: str) -> list[Call]:
        """Calls that came in for a user."""
        return [call for call in self.calls if not call.caller and call.invite.user == user]

    def via(self, branch: str = "") -> str:
        self.serial += 1
        return f"Via: SIP/2.0/UDP {self.at};branch={branch or f'z9hG4bK-{self.place[1]}-{self.serial}'};rport"

    def send(self, data: bytes) -> None:
        site = self.site
        site.log(f"{self.place[1]} > {data.partition(b' SIP')[0].decode() if data[:3] != b'SIP' else _title(data)}")
        site.later(DELAY, lambda: site.give(data, self.place))

    def repeat(self, data: bytes, enough: Callable[[], bool], give_up: Callable[[], None] | None = None,
               wait: float = T1, spent: float = 0.0) -> None:
        """Send it again and again until that is enough, or for 64*T1."""
        def again() -> None:
            if enough():
                return
            if spent + wait >= 64 * T1:
                if give_up is not None:
                    give_up()
                return
            self.send(data)
            self.repeat(data, enough, give_up, min(2 * wait, T2), spent + wait)

        self.site.later(wait, again)

    def reply(self, request: Message, status: int, call: Call | None = None, body: bytes = b"",
              fields: Sequence[str] = ()) -> bytes:
        lines = [f"{name}: {value}" for name in ("Via", "From") for value in request.all(name)]
        to = request.header("To")
        if call is not None and request.to_tag is None and status > 100:
            to += f";tag={call.tag}"
        lines += [f"To: {to}", f"Call-ID: {request.call_id}", f"CSeq: {request.header('CSeq')}"]
        lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
        if 100 < status < 300:
            lines.append(f"Contact: <sip:callee@{self.at}>")
        if body:
            lines.append("Content-Type: application/sdp")
        data = build(f"SIP/2.0 {status} Whatever", [*lines, *fields], body)
        self.send(data)
        return data

    # -- what comes

    def take(self, data: bytes) -> None:
        message = Message(data)
        call = next((one for one in self.calls if one.call_id == message.call_id), None)
        if call is not None and call.call_id in self.gone:
            return
        if call is not None:
            call.heard.append(message)
        if message.status is not None:
            if call is not None:
                self._response(message, call)
        elif message.method == "INVITE" and message.to_tag is None:
            self._invite(message, call)
        elif call is None:
            if message.method != "ACK":
                self.reply(message, 200 if message.method == "OPTIONS" else 481)
        else:
            self._in_call(message, call)

    def _invite(self, invite: Message, known: Call | None) -> None:
        plans = self.plans.get(invite.user, [])
        if known is not None:
            if known.invite.branch == invite.branch:
                return  # the same one again
            plan = known.plan
            self.calls.remove(known)
        else:
            plan = (plans.pop(0) if len(plans) > 1 else plans[0]) if plans else self.default
        self.site.serial += 1
        call = Call(self, invite.call_id, invite, caller=False)
        call.plan, call.far, call.target = plan, invite.header("From"), invite.contact
        call.own = f"{invite.header('To')};tag={call.tag}"
        call.routes = invite.record_routes
        self.calls.append(call)
        if plan.dead:
            call.die()
            return
        if plan.challenge and not (plan.accepts and invite.all("Authorization")):
            call.over()
            self.reply(invite, 401, call, fields=[f"WWW-Authenticate: {plan.challenge}"])
            return
        if plan.trying:
            self.reply(invite, 100)
        if plan.ring is not None:
            self.site.later(plan.ring, lambda: call.ring(183 if plan.early else 180))
        if plan.answer is not None:
            self.site.later(plan.answer, lambda: call.answer(plan.status))

    def _in_call(self, request: Message, call: Call) -> None:
        match request.method:
            case "ACK":
                call.acked = True
            case "CANCEL":
                self.reply(request, 200, call)
                if call.state == "ringing":
                    if call.plan.cancel:
                        call.over()
                        self.reply(call.invite, 487, call)
                    else:
                        call.answer()
            case "BYE":
                self.reply(request, 200)
                call.over()
            case "INVITE" if call.state == "up" and not call.takes_hold:
                self.reply(request, 488, call)
            case "INVITE" | "UPDATE" if call.state == "up":
                self.reply(request, 200, call, SDP)
            case _:
                self.reply(request, 200 if call.state == "up" else 481, fields=call.plan.replies)

    def _response(self, response: Message, call: Call) -> None:
        status = response.status or 0
        if not call.caller or response.method != "INVITE" or status < 200:
            return
        if status >= 300:
            branch = call.invite.branch
            lines = [self.via(branch), "Max-Forwards: 70", f"From: {call.own}", f"To: {response.header('To')}",
                     f"Call-ID: {call.call_id}", "CSeq: 1 ACK"]
            self.send(build(f"ACK {call.invite.uri} SIP/2.0", lines))
            call.over()
            return
        call.far, call.target = response.header("To"), response.contact
        call.routes = list(reversed(response.record_routes))
        again = call.up_at is not None
        call.request("ACK")
        if call.state == "over" and not again:
            call.request("BYE")  # it crossed our CANCEL
        elif not again:
            call.state, call.up_at = "up", self.site.now

    # -- what it does by itself

    def dial(self, user: str, caller: str, fields: Sequence[str] = (), body: bytes = SDP) -> Call:
        """Make a call through the node."""
        self.site.serial += 1
        call_id = f"in-{self.site.serial}@kit"
        own = f"<sip:{caller}@carrier.example>;tag=f{self.site.serial}"
        uri = f"sip:{user}@{PROXY[0]}:{PROXY[1]}"
        lines = [self.via(), "Max-Forwards: 70", f"From: {own}", f"To: <{uri}>", f"Call-ID: {call_id}",
                 "CSeq: 1 INVITE", f"Contact: <sip:{caller}@{self.at}>", "Content-Type: application/sdp", *fields]
        data = build(f"INVITE {uri} SIP/2.0", lines, body)
        call = Call(self, call_id, Message(data), caller=True)
        call.own = own
        self.calls.append(call)
        self.send(data)
        self.repeat(data, lambda: call.has_answer("1 INVITE", 100), call.over)
        return call

    def cancel(self, call: Call, fields: Sequence[str] = ()) -> None:
        """CANCEL a call that it made."""
        invite = call.invite
        lines = [f"Via: {invite.header('Via')}", "Max-Forwards: 70", f"From: {call.own}",
                 f"To: {invite.header('To')}", f"Call-ID: {call.call_id}", "CSeq: 1 CANCEL", *fields]
        data = build(f"CANCEL {invite.uri} SIP/2.0", lines)
        self.send(data)
        self.repeat(data, partial(call.has_answer, "1 CANCEL", 200))


def config_of(answers: Answers, account: Account | None) -> NodeConfig:
    """boomerang.toml of the site."""
    found = NodeConfig.model_validate({
        "node": {"name": "edge1"}, "listen": ({"uri": f"udp://{PROXY[0]}:{PROXY[1]}"},),
        "trunk": {"main": {"peers": (f"sip:{TRUNK[0]}:{TRUNK[1]}",)}},
        "pbx": {"office": {"peers": (f"sip:{PBX[0]}:{PBX[1]}",), "extensions": "^[2-7][0-9]{2}$",
                           "agent_from": ("From",), "answers": answers}}})
    if account is None:
        return found
    trunk = found.trunk["main"].model_copy(update={
        "username": account.username, "password": SecretStr(account.password), "realm": account.realm or ""})
    return found.model_copy(update={"trunk": {"main": trunk}})


class Site:
    """The node between its far ends, and the clock."""

    def __init__(self, policy: str = POLICY, account: Account | None = None, answers: Answers = "on_agent",
                 spare: bool = False) -> None:
        """`spare`: the PBX has a second address."""
        self.policy = policy
        self.config = config_of(answers, account)
        if spare:
            office = self.config.pbx["office"]
            peers = (*office.peers, f"sip:{SPARE[0]}:{SPARE[1]}")
            self.config = self.config.model_copy(update={"pbx": {"office": office.model_copy(update={"peers": peers})}})
        self.answers = answers
        self.now = 1_000.0
        self.serial = 0
        self._noise = 0
        self.wire = Wire()
        self.notes = Notes()
        self.store = LazyStore()
        self.ladder: list[str] = []
        self._later = Timers()
        self.events = 0
        """Messages that the node was given or has sent, and timers of it that ran."""
        self.crash_at: int | None = None
        """The event before which the node dies."""
        self.on_event: Callable[[], None] = lambda: None
        """Called after each event."""
        self.turns_by_the_clock = False
        """The desk looks at its tasks within a second of each message, as in the daemon; else what is idle may be so
        for an hour, until the test says `skip`."""
        self.pbx, self.carrier, self.spare = Phone(self, PBX), Phone(self, TRUNK), Phone(self, SPARE)
        self.node: Process | None = None
        self._turn_at = self.now
        self.start()

    # -- the node

    def start(self) -> None:
        """A process begins."""
        self.store.later = self._node_later
        self.node = Process(self)
        self._turn_at = self.now

    def log_in(self, account: Account) -> None:
        """From now on we have this account at the trunk."""
        self.config = config_of(self.answers, account)
        self.start()

    def crash(self) -> None:
        """`kill -9`."""
        self.log("-- crash --")
        self.node = None
        self.store.crash()

    @property
    def alive(self) -> Process:
        assert self.node is not None, "it is down"
        return self.node

    def _node_later(self, delay: float, action: Callable[[], None]) -> None:
        """A thing of the node's own process: it dies with it."""
        if self.node is None:
            action()
        else:
            self.node.proxy.timers.at(self.now + delay, lambda now: action())

    # -- time and wire

    def wall(self) -> float:
        return EPOCH + self.now

    def later(self, delay: float, action: Callable[[], None]) -> None:
        self._later.at(self.now + delay, lambda now: action())

    def random(self, count: int) -> bytes:
        self._noise += 1
        found = b""
        while len(found) < count:
            found += hashlib.sha256(b"%d %d" % (self._noise, len(found))).digest()
        return found[:count]

    def log(self, line: str) -> None:
        self.ladder.append(f"{self.now - 1000:9.3f}  {line}")

    def give(self, data: bytes, source: tuple[str, int]) -> None:
        """A message reaches the node, if it lives."""
        if self._event() and self.node is not None:
            if self.turns_by_the_clock:
                self._turn_at = min(self._turn_at, self.now + 1.0)
            self.node.proxy.receive(data, Flow(self.wire.listeners[0], *source, 0))
            self._sent()

    def _event(self) -> bool:
        """Count one event of the node; False where it dies before it."""
        if self.node is None:
            return False
        if self.events == self.crash_at:
            self.crash_at = None
            self.crash()
            return False
        self.events += 1
        return True

    def _sent(self) -> None:
        """What the node has sent goes on its way, one message an event."""
        while self.wire.sent:
            sent = self.wire.sent.pop(0)
            if not self._event():
                self.wire.sent.clear()
                return
            self.log(f"node > {sent.to[1]} {_title(sent.data)}")
            phone = self.pbx if sent.to == PBX else self.spare if sent.to == SPARE else self.carrier
            self.later(DELAY, lambda phone=phone, sent=sent: self._arrives(phone, sent))  # type: ignore[misc]
        self.on_event()

    @staticmethod
    def _arrives(phone: Phone, sent: Sent) -> None:
        phone.take(sent.data)

    def run(self, seconds: float, until: Callable[[], object] = lambda: False) -> None:
        """Let time pass, up to a moment or until something holds."""
        end = self.now + seconds
        while not until():
            moments = [self._later.next(), self._turn_at if self.node is not None else None,
                       None if self.node is None else self.node.proxy.timers.next()]
            due = min((moment for moment in moments if moment is not None), default=end + 1)
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self._later.run(self.now)
            self._node_runs()

    def _node_runs(self) -> None:
        node = self.node
        if node is None:
            return
        due = node.proxy.timers.next()
        if due is not None and due <= self.now and self._event():
            node.proxy.timers.run(self.now)
            self._sent()
        if self.node is not None and self._turn_at <= self.now:
            self._turn_at = self._next_turn()
            self.node.turn()
            self._sent()

    def _next_turn(self) -> float:
        """A second later; where nothing is due or under way, the idle hours are taken in one go."""
        node, wall = self.alive, self.wall()
        self.store.flush()
        waits = any(task.state == "open" and task.due_at is not None and task.due_at <= wall
                    for task in self.store.all_tasks.values())
        if waits or self.store.all_legs or node.runner.running() or node.ledger.calls():
            return self.now + 1.0
        due = node.desk.next_turn()
        return self.now + (3600.0 if due is None else min(max(due - wall, 1.0), 3600.0))

    def skip(self) -> None:
        """Have the desk look at once."""
        self._turn_at = self.now

    # -- what happens at every site

    def miss(self, customer: str = CUSTOMER, number: str = NUMBER) -> None:
        """A customer calls, nobody answers, they hang up: a task is made."""
        dialled = self.pbx.plans.get(number)
        self.pbx.plan(number, Plan(answer=None))
        call = self.carrier.dial(number, customer)
        self.run(4.0)
        call.hang_up()
        self.run(1.0)
        if dialled is None:
            del self.pbx.plans[number]
        else:
            self.pbx.plans[number] = dialled
        self.skip()

    # -- what is looked at

    @property
    def task(self) -> TaskRow:
        """The only task."""
        self.store.flush()
        found = list(self.store.all_tasks.values())
        assert len(found) == 1, found
        return found[0]

    def attempts(self) -> list[AttemptRow]:
        """Attempts in order."""
        self.store.flush()
        return sorted(self.store.all_attempts.values(), key=lambda attempt: attempt.id)

    def attempts_open(self) -> list[AttemptRow]:
        """Attempts on disk that have not ended."""
        return [attempt for attempt in self.store.all_attempts.values() if attempt.ended_at is None]

    def journal(self) -> list[str]:
        """Kinds of the lines of the only task's journal."""
        task = self.task
        return [line.kind for line in self.store.all_journal if line.task == task.id]

    def assert_nothing_left(self) -> None:
        """Nobody is in a call, and nothing is kept of one."""
        node = self.alive
        self.store.flush()
        assert [(phone.at, call.invite.user, call.state) for phone in (self.pbx, self.carrier)
                for call in phone.calls if call.open] == [], self.shown()
        assert node.runner.running() == (), self.shown()
        assert not len(node.places), self.shown()
        assert not len(node.room), self.shown()
        assert node.media.sessions == {}, self.shown()
        assert self.store.all_legs == {}, self.shown()
        assert [attempt for attempt in self.attempts() if attempt.ended_at is None] == [], self.shown()
        assert [row for row in self.store.rows.values() if row.ended_at is None] == [], self.shown()
        assert node.agent.legs == 0
        assert self.notes.failures == []
        assert "telling_failed" not in [event for event, _ in self.notes.lines]

    def shown(self) -> str:
        return "\n".join(self.ladder[-120:])


def _title(data: bytes) -> str:
    message = Message(data)
    return f"{message.status} {message.method}" if message.status is not None else f"{message.method} {message.uri}"
