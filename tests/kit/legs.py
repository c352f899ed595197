"""A user agent in a test tube: the engine of `world.py` with a UserAgent behind it, phones by script, no sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.services.stack import ProxyStack
from proxy.sip.hop import Flow, PeerSide, Transport
from proxy.sip.message import Request, Response
from proxy.ua.contract import Account, Incoming, Leg, LegRequest
from proxy.ua.leg_events import (
    LegAccepted,
    LegAnswered,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    LegGivenUp,
    LegHeld,
    LegPlayed,
    LegPressed,
    LegRinging,
    LegSent,
    LegSilent,
)
from proxy.ua.user_agent import UserAgent
from routing.facts import Decision, Target
from tests.kit.fake_media import FakeMedia, FakeSession
from tests.kit.script import Script
from tests.kit.world import Sent, World

NUMBER = "+3614445555"
CUSTOMER = "+36201234567"


def sdp(*formats: str, port: int = 40000, host: str = "127.0.0.1", direction: str = "sendrecv",
        more: str = "") -> bytes:
    """A description with these formats: `8 PCMA`, `101 telephone-event`."""
    numbers = " ".join(one.split()[0] for one in formats)
    maps = "".join("a=rtpmap:{} {}/8000\r\n".format(*one.split()) for one in formats)
    return (f"v=0\r\no=- 7 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {numbers}\r\n{maps}a={direction}\r\n{more}").encode()


ANSWER = sdp("8 PCMA", "101 telephone-event")
SDP_TYPE = b"Content-Type: application/sdp"


@dataclass
class Listener:
    """An owner of legs that writes down what it is told."""

    told: list[str] = field(default_factory=list)
    ends: list[LegEnd] = field(default_factory=list)
    then: dict[str, Callable[[Leg, float], None]] = field(default_factory=dict)
    """What to do when it is told this."""
    memories: list[str] = field(default_factory=list)
    slow: bool = False
    """What is written down waits for the test, in `written`."""
    written: list[Callable[[float], None]] = field(default_factory=list)

    def _note(self, what: str, leg: Leg, now: float) -> None:
        self.told.append(what)
        act = self.then.get(what)
        if act is not None:
            act(leg, now)

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        match event:
            case LegSent():
                self.memories.append(leg.memory())
                self._note("sent", leg, now)
            case LegRinging(early_media):
                self._note("early" if early_media else "ringing", leg, now)
            case LegAccepted():
                self._accepted(leg, now)
            case LegAnswered():
                self.memories.append(leg.memory())
                self._note("answered", leg, now)
            case LegPressed(key):
                self._note(f"digit {key}", leg, now)
            case LegHeld(held):
                self._note("held" if held else "resumed", leg, now)
            case LegConnected(identities):
                self._note("connected " + " ".join(user for _, user in identities), leg, now)
            case LegPlayed(tag):
                self._note(f"played {tag}", leg, now)
            case LegGivenUp(end):
                self._note(f"given up {end.cause}", leg, now)
            case LegSilent(seconds):
                self._note(f"silent {seconds:g}", leg, now)
            case LegEnded(end):
                self.ends.append(end)
                self._note(f"ended {end.cause} {end.by}", leg, now)

    def _accepted(self, leg: Leg, now: float) -> None:
        self.memories.append(leg.memory())
        act = self.then.get("accepted")
        if act is not None:
            act(leg, now)
        if self.slow:
            self.written.append(leg.confirm)
        else:
            leg.confirm(now)


class Door:
    """Between the engine and the agent, as the daemon has it."""

    def __init__(self, legs: LegWorld) -> None:
        self._legs = legs

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        return self._legs.agent.request(request, flow, now)

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        return self._legs.agent.response(response, flow, now)

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        return self._legs.agent.unknown_dialog(request, flow, now)

    def take(self, name: str, offer: Incoming, now: float) -> bool:
        self._legs.incoming = self._legs.agent.take(offer, self._legs.listener, now)
        self._legs.taken.append(self._legs.incoming)
        return True


class LegWorld(Script):
    """A script with a user agent of ours between `trunk` and `pbx`."""

    def __init__(self, world: World | None = None, *,
                 accounts: dict[tuple[PeerSide, str], Account] | None = None, trunk: Transport = "udp",
                 from_hosts: dict[tuple[PeerSide, str], bytes] | None = None) -> None:
        super().__init__(world, trunk=trunk)
        self.accounts, self.from_hosts = accounts or {}, from_hosts or {}
        self.serial = 0
        self.listener = Listener()
        self.incoming: Leg | None = None
        """The newest call that was handed to us."""
        self.taken: list[Leg] = []
        self.start()

    def start(self) -> None:
        """A new user agent over the engine that is there: at first, and after a restart."""
        proxy = self.world.proxy
        self.stack = ProxyStack(proxy, self.accounts, self._random, self.from_hosts)
        self.media = FakeMedia(proxy.timers, proxy.parts.clock)
        self.agent = UserAgent(self.stack, self.media)
        proxy.local.open_to(Door(self))

    def restart(self) -> None:
        """Forget everything that was only in memory."""
        self.world.restart()
        self.start()

    def _random(self, count: int) -> bytes:
        self.serial += 1
        return self.serial.to_bytes(count, "big")

    @property
    def now(self) -> float:
        return self.world.now

    @property
    def told(self) -> list[str]:
        return self.listener.told

    def place(self, *, side: PeerSide = "trunk", call: str = "leg-1", user: str = CUSTOMER, ring_for: float = 60.0,
              from_user: str = NUMBER, from_display: str = "", asserted: str | None = None,
              headers: tuple[tuple[str, str], ...] = (), held: bool = False,
              patient: bool = False) -> Leg:
        """Place a call to the trunk or PBX; its INVITE leaves at the next `wait 0`."""
        order = LegRequest(call, side, "main" if side == "trunk" else "office", user, from_user, from_display, asserted,
                         headers, ring_for, held, patient=patient)
        return self.agent.place(order, self.listener, self.now)

    def offered(self) -> None:
        """From now on calls are handed to us first, and then go their normal way."""
        self.world.router.decision = lambda call: Decision((Target(local="attempt"), Target()), "office", "glare")

    def step(self, line: str, *fields: bytes, body: bytes = b"") -> list[Sent]:
        """Play one line; nothing at all may stand behind its colon."""
        return super().step(line.removesuffix(" :"), *fields, body=body)

    def say(self, line: str, body: bytes = b"", *fields: bytes) -> None:
        """One line of a script whose message has a description."""
        self.step(line, *((SDP_TYPE,) if body else ()), *fields, body=body)

    def up(self, *, side: PeerSide = "trunk", body: bytes = ANSWER, fields: tuple[bytes, ...] = (),
           media: bool = True, patient: bool = False) -> Leg:
        """A call that we placed and that was answered."""
        leg = self.place(side=side, patient=patient)
        who = "trunk" if side == "trunk" else "pbx"
        self.play(f"wait 0 : INVITE > {who}")
        self.say(f"{who} > 180 :")
        self.say(f"{who} > 200 : ACK > {who}", body, *fields)
        assert leg.answered
        return leg

    def sound(self, name: str = "leg-1") -> FakeSession:
        """Media session of a leg."""
        return self.media[name]

    def assert_all_over(self) -> None:
        """Let a long time pass: then no leg, transaction, timer or media session is left."""
        self.assert_nothing_left()
        assert self.media.sessions == {}
        assert self.agent.legs == 0
        assert (self.world.proxy.transactions.servers, self.world.proxy.transactions.kin) == ({}, {})
