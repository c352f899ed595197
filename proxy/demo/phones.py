"""Calls as the people of the demo make them: dial, ring, answer, refuse, give up, hang up."""

from collections.abc import Sequence
from typing import Final

from proxy.demo.endpoint import LOOPBACK, TIMERS, Endpoint, Exchange, token
from proxy.demo.waiting import DemoError
from proxy.sip.dialog import Dialog
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response
from proxy.sip.requests import build_request, make_cancel
from proxy.sip.timers import Timer
from proxy.sip.transaction import ServerTransaction
from proxy.sip.uri import Uri

SDP: Final = (
    b"v=0\r\no=- 8 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
"""What both sides offer where nobody speaks: those scenes are about who rings."""


class PhoneCall:
    """What both sides of a call can do."""

    def __init__(self, end: Endpoint, user: str) -> None:
        self.end = end
        self.user = user.encode()
        self.dialog: Dialog | None = None
        self.requests: list[Request] = []
        """What the far end sent inside the call."""

    def on_request(self, request: Request) -> None:
        self.requests.append(request)
        if self.dialog is not None:
            self.dialog.receive_request(request)

    def on_acknowledged(self) -> None:
        """Nothing follows from it."""

    def on_cancelled(self) -> None:
        """Nothing follows from it."""

    def send(self, method: bytes, fields: Sequence[bytes] = (), body: bytes = b"") -> Exchange:
        """Send a request inside the call."""
        if self.dialog is None:
            raise DemoError(f"{self.user.decode()} has no call to send {method.decode()} in")
        return Exchange(self.end, self.dialog.request(method, self.end.via(), fields, body))

    async def hang_up(self) -> None:
        """Send BYE and wait for its 200."""
        bye = self.send(b"BYE")
        answer = await self.end.news.until(lambda: bye.final, "the answer to BYE")
        if answer.status != 200:
            raise DemoError(f"BYE was answered {answer.status}")

    async def hung_up(self) -> None:
        """Wait for the far end's BYE."""
        await self.received(b"BYE")

    async def received(self, method: bytes) -> Request:
        """Wait for a request inside the call."""
        return await self.end.news.until(
            lambda: next((one for one in self.requests if one.method == method), None),
            f"{method.decode()} at the {self.end.name}")


class Outgoing(PhoneCall):
    """A call that this side makes; the INVITE leaves at once."""

    def __init__(self, end: Endpoint, caller: str, dialled: str, fields: Sequence[bytes] = (),
                 sdp: bytes = SDP) -> None:
        super().__init__(end, caller)
        call_id, tag = token() + b"@demo", token()
        uri = b"sip:%s@%s:%d" % (dialled.encode(), LOOPBACK.encode(), end.boomerang[1])
        end.parties[call_id, tag] = self
        invite = build_request(
            b"INVITE", uri, end.via(), b"<sip:%s@%s:%d>;tag=%s" % (self.user, LOOPBACK.encode(), end.port, tag),
            b"<" + uri + b">", call_id, 1, (end.contact(self.user), *fields, b"Content-Type: application/sdp"), sdp)
        self.exchange = Exchange(end, invite, self._answered)

    @property
    def statuses(self) -> list[int]:
        """Every status that the caller saw, in order."""
        return [response.status for response in self.exchange.heard]

    def _answered(self, response: Response) -> None:
        if not 200 <= response.status < 300:
            return
        if self.dialog is None:
            self.dialog = Dialog.as_caller(self.exchange.request, response)
        self.end.send(self.dialog.request(b"ACK", self.end.via(), cseq=1))

    async def rings(self) -> None:
        """Wait until the caller hears ringing."""
        await self.end.news.until(lambda: 180 in self.statuses or None, f"180 at the {self.end.name}")

    async def ends_with(self, status: int) -> Response:
        """Wait for the final response; DemoError where it is another one."""
        response = await self.end.news.until(lambda: self.exchange.final, f"{status} at the {self.end.name}")
        if response.status != status:
            raise DemoError(f"the {self.end.name} got {response.status} instead of {status}")
        return response

    def give_up(self) -> None:
        """Send CANCEL."""
        Exchange(self.end, make_cancel(self.exchange.request))


class Incoming(PhoneCall):
    """A call that reached this side."""

    def __init__(self, end: Endpoint, invite: Request, transaction: ServerTransaction) -> None:
        super().__init__(end, dialled_user(invite))
        self.invite = invite
        self.acknowledged = False
        self.cancelled = False
        self._transaction = transaction
        self._tag = token()
        self._again: Timer | None = None
        end.take(self, invite, self._tag)

    def on_acknowledged(self) -> None:
        self.acknowledged = True
        if self._again is not None:
            self._again.cancel()

    def on_cancelled(self) -> None:
        self.cancelled = True
        self.refuse(487)

    def ring(self) -> None:
        """Send 180."""
        self._respond(180, self._dialog_fields())

    def refuse(self, status: int) -> None:
        """Send a final failure."""
        self._respond(status)

    def accept(self, sdp: bytes = SDP, fields: Sequence[bytes] = ()) -> Response:
        """Send 200 with SDP, again and again until the ACK comes (RFC 3261 section 13.3.1.4); return it."""
        data = build_response(self.invite, 200, to_tag=self._tag, body=sdp,
                              fields=(*self._dialog_fields(), *fields, b"Content-Type: application/sdp"))
        answer = parse(data)
        assert isinstance(answer, Response)
        self.dialog = Dialog.as_callee(self.invite, answer)
        self._transaction.respond(data, 200, self.end.now())
        self._repeat(data, TIMERS.T1)
        return answer

    async def answer(self, sdp: bytes = SDP, fields: Sequence[bytes] = ()) -> Response:
        """Pick up and wait for the ACK."""
        response = self.accept(sdp, fields)
        await self.end.news.until(lambda: self.acknowledged, f"ACK at the {self.end.name}")
        return response

    def _repeat(self, data: bytes, pause: float) -> None:
        def again(now: float) -> None:
            self.end.send(data)
            self._repeat(data, min(2 * pause, TIMERS.T2))

        self._again = self.end.timers.at(self.end.now() + pause, again)
        self.end.arm()

    def _respond(self, status: int, fields: Sequence[bytes] = ()) -> None:
        data = build_response(self.invite, status, to_tag=self._tag, fields=fields)
        self._transaction.respond(data, status, self.end.now())
        self.end.arm()

    def _dialog_fields(self) -> tuple[bytes, ...]:
        """Contact, and the Record-Route of the request (RFC 3261 section 12.1.1)."""
        pairs = zip(self.invite.names, self.invite.fields, strict=True)
        return (*(field for name, field in pairs if name == b"record-route"), self.end.contact(self.user))


async def incoming(end: Endpoint, user: str) -> Incoming:
    """Wait for the next new call at this side; DemoError where it is for somebody else than `user`."""
    request, transaction = await end.news.until(
        lambda: end.invites.pop(0) if end.invites else None, f"a call to {user} at the {end.name}")
    call = Incoming(end, request, transaction)
    called = dialled_user(request)
    if called != user:
        call.refuse(404)
        raise DemoError(f"the call went to {called} instead of {user}")
    return call


def dialled_user(request: Request) -> str:
    """Return the user part of the Request-URI."""
    return Uri.parse(request.uri).user.decode("utf-8", "replace")
