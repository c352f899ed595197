"""One call at a far end that acts by itself: what its plan says, and the SIP that it takes."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from tests.kit.ports import LOOPBACK
from tests.kit.rtp_phone import FRAME, PTIME, RtpPhone
from tests.kit.sip_socket import reply, unique
from tests.kit.sip_text import Message, build, uri_in
from tests.kit.tones import alaw_encode, sine

BREATH = 1.0
"""Seconds after which a tone begins anew: whole waves of every whole number of Hz."""
DEAF = 5.0
"""Seconds after the answer in which a phone with keys to press waits until it hears something."""

Address = tuple[str, int]


@cache
def tone(hertz: float) -> bytes:
    """A tone in A-law, BREATH long."""
    return alaw_encode(sine(hertz, BREATH))


class End(Protocol):
    """What a call needs of the far end that it is at."""

    at: str
    responses: dict[str, bytes]
    """The last response to each INVITE, by its branch."""

    def via(self) -> str: ...
    def send(self, data: bytes, to: Address) -> None: ...
    def keep(self, work: Coroutine[Any, Any, None]) -> None: ...
    def repeat(self, data: bytes, to: Address, enough: Callable[[], bool],
               give_up: Callable[[], None] | None = None) -> None: ...


@dataclass(frozen=True)
class Plan:
    """What a phone does with a call that comes in."""

    ring: float | None = 0.02
    """Seconds until 180; None: never."""
    answer: float | None = 0.1
    """Seconds until the final answer; None: never."""
    status: int = 200
    keys: tuple[tuple[float, str], ...] = ()
    """Pressed by RFC 4733 so many seconds after the answer; where it hears something only later, after that."""
    hang_up: float | None = None
    """Seconds from the answer to its BYE; None: the other side ends it."""
    tone: float = 0.0
    """Hz of what it says all the time; 0: silence."""
    media: bool = True
    """False: it has an address for media and no socket."""


class FarCall:
    """One call at a far end."""

    def __init__(self, end: "End", invite: Message, plan: Plan, caller: bool) -> None:
        self.end, self.invite, self.plan, self.caller = end, invite, plan, caller
        self.call_id = invite.call_id
        self.state = "ringing"
        """`ringing`, `up`, `over`."""
        self.ended_by = ""
        """`far`: a BYE or CANCEL of the other side; `us`; `refused`; `nobody`: no ACK ever came."""
        self.tag = unique("t")
        self.own, self.far, self.target = "", "", ""
        self.routes: list[str] = []
        self.hop: Address = invite.source
        self.cseq = 1
        self.acked = False
        self.left = False
        """It has hung up before the answer: whatever comes now, nobody listens."""
        self.login = ""
        """Algorithm of the credentials that it came with."""
        self.statuses: list[int] = []
        self.heard: list[Message] = []
        self.began_at = time.monotonic()
        self.up_at: float | None = None
        self.over_at: float | None = None
        self.rtp: RtpPhone | None = None
        self.reason = ""
        """Reason header of what ended it."""

    @property
    def user(self) -> str:
        """Who was dialled."""
        return self.invite.user

    @property
    def shown(self) -> str:
        """The caller's number as the phone shows it."""
        return re.sub(r"^sips?:|@.*$", "", uri_in(self.invite.header("From")))

    def sdp(self) -> bytes:
        if self.plan.media and self.rtp is None:
            self.rtp = RtpPhone()
        port = self.rtp.port if self.rtp is not None else 9
        return (f"v=0\r\no=phone 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
                f"m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
                "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n").encode()

    def aim(self, body: bytes) -> None:
        """Speak to where the other side's SDP says."""
        host = re.search(rb"c=IN IP4 (\S+)", body)
        port = re.search(rb"m=audio (\d+)", body)
        if self.rtp is not None and host and port:
            self.rtp.target = (host[1].decode(), int(port[1]))

    # What it does

    def ring(self) -> None:
        if self.state == "ringing":
            self._respond(180, "Ringing")

    def final(self) -> None:
        """Send the final answer of the plan."""
        if self.state != "ringing":
            return
        if self.plan.status >= 300:
            self._respond(self.plan.status, "No")
            self.over("refused")
            return
        body = self.sdp()
        self.aim(self.invite.body)
        self.state, self.up_at = "up", time.monotonic()
        data = self._respond(200, "OK", body)
        self.end.repeat(data, self.hop, lambda: self.acked or self.state == "over", self._no_ack)
        self._begin()

    def _respond(self, status: int, phrase: str, body: bytes = b"") -> bytes:
        lines = [f"Contact: <sip:phone@{self.end.at}>"] if status < 300 else []
        if body:
            lines.append("Content-Type: application/sdp")
        data = reply(self.invite, f"{status} {phrase}", lines, body, self.tag)
        self.end.responses[self.invite.branch] = data
        self.end.send(data, self.hop)
        return data

    def _no_ack(self) -> None:
        if self.state == "up":
            self.request("BYE")
            self.over("nobody")

    def _begin(self) -> None:
        """Speak and press as planned."""
        loop = asyncio.get_running_loop()
        if self.plan.keys and self.rtp is not None:
            self.end.keep(self._press_keys(self.rtp))
        if self.plan.hang_up is not None:
            loop.call_later(self.plan.hang_up, self.hang_up)
        if self.plan.tone and self.rtp is not None:
            self.end.keep(self._speak(self.rtp))

    async def _press_keys(self, rtp: RtpPhone) -> None:
        """Press as planned, once the other side is there: it may hear nobody before it has read the answer."""
        loop = asyncio.get_running_loop()
        deaf_until = loop.time() + DEAF
        while self.state == "up" and not rtp.heard and loop.time() < deaf_until:
            await asyncio.sleep(PTIME / 2)
        for delay, key in self.plan.keys:
            loop.call_later(delay, self.press, key)

    async def _speak(self, rtp: RtpPhone) -> None:
        """Send the tone in real time; after a pause of the machine go on from there."""
        data, loop = tone(self.plan.tone), asyncio.get_running_loop()
        due = loop.time()
        with contextlib.suppress(OSError):  # it hangs up in the middle of a word
            while self.state == "up":
                for place in range(0, len(data), FRAME):
                    rtp.send(data[place : place + FRAME])
                    due = max(due + PTIME, loop.time() - PTIME)
                    await asyncio.sleep(max(0.0, due - loop.time()))

    def press(self, key: str) -> None:
        if self.state == "up" and self.rtp is not None:
            self.rtp.press(key)

    def press_by_info(self, key: str) -> None:
        """Press a key by SIP INFO, as application/dtmf-relay."""
        if self.state == "up":
            self.request("INFO", ["Content-Type: application/dtmf-relay"], f"Signal={key}\r\nDuration=160\r\n".encode())

    def hang_up(self) -> None:
        """BYE; or CANCEL where it is the caller and nobody has answered yet."""
        if self.state == "up":
            self.request("BYE")
            self.over("us")
        elif self.state == "ringing" and self.caller:
            self.left = True
            via = self.invite.header("Via")
            lines = [f"Via: {via}", "Max-Forwards: 70", f"From: {self.own}", f"To: {self.invite.header('To')}"]
            data = build(f"CANCEL {self.invite.uri} SIP/2.0", [*lines, f"Call-ID: {self.call_id}", "CSeq: 1 CANCEL"])
            self.end.send(data, self.hop)
            self.end.repeat(data, self.hop, lambda: self.state == "over")

    def request(self, method: str, headers: Sequence[str] = (), body: bytes = b"") -> None:
        """Send a request inside the dialog; again until it is answered, but an ACK."""
        if method != "ACK":
            self.cseq += 1
        lines = [self.end.via(), *(f"Route: {route}" for route in self.routes), "Max-Forwards: 70",
                 f"From: {self.own}", f"To: {self.far}", f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} {method}",
                 *headers]
        data = build(f"{method} {self.target} SIP/2.0", lines, body)
        self.end.send(data, self.hop)
        if method != "ACK":
            cseq = (self.cseq, method)
            self.end.repeat(data, self.hop, lambda: any(m.status and m.cseq == cseq for m in self.heard))

    def over(self, by: str) -> None:
        if self.state != "over":
            self.state, self.ended_by, self.over_at = "over", by, time.monotonic()
            if self.rtp is not None:
                self.rtp.close()

    # What comes

    def take(self, message: Message) -> None:
        self.heard.append(message)
        if message.status is not None:
            self._response(message)
        elif message.method == "ACK":
            self.acked = True
        elif message.method == "CANCEL":
            self._cancelled(message)
        elif message.method == "BYE":
            self.end.send(reply(message, "200 OK"), message.source)
            self.reason = next(iter(message.all("Reason")), "")
            self.over("far")
        elif self.state == "up":
            body = self.sdp() if message.method in ("INVITE", "UPDATE") else b""
            lines = [f"Contact: <sip:phone@{self.end.at}>", *(["Content-Type: application/sdp"] if body else [])]
            self.end.send(reply(message, "200 OK", lines, body), message.source)
        else:
            self.end.send(reply(message, "481 Gone"), message.source)

    def _cancelled(self, cancel: Message) -> None:
        if cancel.branch != self.invite.branch:
            self.end.send(reply(cancel, "481 No Such Transaction", tag=self.tag), cancel.source)
            return
        self.end.send(reply(cancel, "200 OK", tag=self.tag), cancel.source)
        if self.state == "ringing":
            self.reason = next(iter(cancel.all("Reason")), "")
            data = self._respond(487, "Request Terminated")
            self.over("far")
            self.end.repeat(data, self.hop, lambda: self.acked)

    def _response(self, response: Message) -> None:
        status = response.status or 0
        if not self.caller or response.method != "INVITE":
            return
        if status not in self.statuses:
            self.statuses.append(status)
        if 200 <= status < 300:
            self._established(response)
        elif status >= 300:
            lines = [f"Via: {self.invite.header('Via')}", "Max-Forwards: 70", f"From: {self.own}",
                     f"To: {response.header('To')}", f"Call-ID: {self.call_id}", "CSeq: 1 ACK"]
            self.end.send(build(f"ACK {self.invite.uri} SIP/2.0", lines), self.hop)
            self.over("refused")

    def _established(self, response: Message) -> None:
        first = self.up_at is None
        self.far, self.target = response.header("To"), response.contact
        self.routes = list(reversed(response.record_routes))
        kept, self.cseq = self.cseq, 1
        self.request("ACK")
        self.cseq = kept
        if first and self.state == "ringing":
            self.state, self.up_at = "up", time.monotonic()
            self.aim(response.body)
            self._begin()
        elif first:
            self.up_at = time.monotonic()
            self.request("BYE")
