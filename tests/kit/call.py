"""Calls played by hand from a `SipSocket`: one side of a dialog, as caller or as callee."""

import re

from tests.kit.sip_socket import SipSocket, reply, unique
from tests.kit.sip_text import SDP, Message, build, uri_in
from tests.kit.waiting import PATIENCE

Address = tuple[str, int]


class Call:
    """One side of a dialog: what to put into requests, and where they go first."""

    def __init__(self, socket: SipSocket, hop: Address, call_id: str) -> None:
        self.socket, self.hop, self.call_id = socket, hop, call_id
        self.own = self.far = ""
        """From and To header values as this side writes them."""
        self.target = ""
        """Request-URI of the far end: its Contact."""
        self.routes: list[str] = []
        self.sent = 0
        """CSeq number of the last request."""

    def expect(self, what: str | int, timeout: float = PATIENCE) -> Message:
        """Wait for a message of this call."""
        return self.socket.expect(what, self.call_id, timeout)

    def request(self, method: str, headers: list[str] | None = None, body: bytes = b"", *, cseq: int = 0) -> bytes:
        """Build and send an in-dialog request; gives its bytes. `cseq`: its number, for an ACK."""
        if not cseq:
            self.sent += 1
        lines = [self.socket.via(), *(f"Route: {route}" for route in self.routes), "Max-Forwards: 70"]
        lines += [f"From: {self.own}", f"To: {self.far}", f"Call-ID: {self.call_id}"]
        lines += [f"CSeq: {cseq or self.sent} {method}", *(headers or [])]
        data = build(f"{method} {self.target} SIP/2.0", lines, body)
        self.socket.send(data, self.hop)
        return data

    def answer(
        self, request: Message, status: str = "200 OK", headers: list[str] | None = None, body: bytes = b""
    ) -> bytes:
        """Answer an in-dialog request; gives the bytes."""
        data = reply(request, status, headers, body)
        self.socket.send(data, request.source)
        return data

    def bye(self, timeout: float = PATIENCE) -> Message:
        """Hang up and wait for the 200."""
        self.request("BYE")
        return self.bye_answered(timeout)

    def bye_answered(self, timeout: float = PATIENCE) -> Message:
        """Wait for the 200 of the BYE that was sent last."""
        number = self.sent
        return self.socket.expect(200, self.call_id, timeout, lambda m: m.cseq == (number, "BYE"))

    def hung_up(self, timeout: float = PATIENCE) -> Message:
        """Wait for the far end's BYE and answer it."""
        bye = self.expect("BYE", timeout)
        self.answer(bye)
        return bye


class Outgoing(Call):
    """A call that this side makes: the INVITE leaves when it is made."""

    def __init__(
        self,
        socket: SipSocket,
        hop: Address,
        dialled: str,
        caller: str,
        *,
        headers: list[str] | None = None,
        body: bytes = SDP,
        identity: str | None = None,
        host: str | None = None,
    ) -> None:
        super().__init__(socket, hop, unique("call") + "@kit")
        self.dialled = dialled
        at = host or f"{hop[0]}:{hop[1]}"
        self.uri = f"sip:{dialled}@{at}"
        self.own = identity or f"<sip:{caller}@{socket.at}>"
        self.own += f";tag={unique('f')}"
        self.far = f"<{self.uri}>"
        self.via = socket.via()
        self.sent = 1
        contact = f"Contact: <sip:{caller}@{socket.at};transport={socket.transport}>"
        lines = [self.via, "Max-Forwards: 70", f"From: {self.own}", f"To: {self.far}", f"Call-ID: {self.call_id}"]
        lines += ["CSeq: 1 INVITE", contact, *(headers or [])]
        if body:
            lines.append("Content-Type: application/sdp")
        self.invite = build(f"INVITE {self.uri} SIP/2.0", lines, body)
        socket.send(self.invite, hop)

    def established(self, timeout: float = PATIENCE) -> Message:
        """Wait for the 200, learn the dialog from it and send the ACK; gives the 200."""
        answer = self.expect(200, timeout)
        self.learn(answer)
        self.ack()
        return answer

    def learn(self, response: Message) -> None:
        """Take dialog state from a response (RFC 3261 section 12.1.2)."""
        self.far = response.header("To")
        self.target = response.contact
        self.routes = list(reversed(response.record_routes))

    def ack(self) -> None:
        """Send the ACK of the 2xx, end to end."""
        self.request("ACK", cseq=1)

    def refused(self, status: int, timeout: float = PATIENCE) -> Message:
        """Wait for this final status and send its ACK, hop by hop (RFC 3261 section 17.1.1.3)."""
        answer = self.expect(status, timeout)
        lines = [self.via, "Max-Forwards: 70", f"From: {self.own}", f"To: {answer.header('To')}"]
        lines += [f"Call-ID: {self.call_id}", "CSeq: 1 ACK"]
        self.socket.send(build(f"ACK {self.uri} SIP/2.0", lines), self.hop)
        return answer

    def cancel(self) -> None:
        """Send the CANCEL."""
        lines = [self.via, "Max-Forwards: 70", f"From: {self.own}", f"To: {self.far}"]
        lines += [f"Call-ID: {self.call_id}", "CSeq: 1 CANCEL"]
        self.socket.send(build(f"CANCEL {self.uri} SIP/2.0", lines), self.hop)

    def statuses(self) -> list[int]:
        """Statuses heard for the INVITE, in order, without 100 and repetitions."""
        found = [m.status for m in self.socket.heard if m.status and m.call_id == self.call_id and m.method == "INVITE"]
        return [s for n, s in enumerate(found) if s != 100 and s not in found[:n]]


class Incoming(Call):
    """A call that reached this side."""

    def __init__(self, socket: SipSocket, invite: Message) -> None:
        super().__init__(socket, invite.source, invite.call_id)
        self.invite = invite
        self.tag = unique("t")
        self.far = invite.header("From")
        self.own = f"{invite.header('To')};tag={self.tag}"
        self.target = invite.contact
        self.routes = invite.record_routes

    @property
    def caller(self) -> str:
        """User part of From."""
        return re.sub(r"^sips?:|@.*$", "", uri_in(self.invite.header("From")))

    def reply(self, status: str, headers: list[str] | None = None, body: bytes = b"") -> bytes:
        """Answer the INVITE; gives the bytes. A 2xx and a reliable 1xx get a Contact and, with a body, its type."""
        lines = list(headers or [])
        if status[0] in "12" and not status.startswith("100"):
            lines.insert(0, f"Contact: <sip:callee@{self.socket.at};transport={self.socket.transport}>")
        if body and not any(line.lower().startswith("content-type") for line in lines):
            lines.append("Content-Type: application/sdp")
        data = reply(self.invite, status, lines, body, self.tag)
        self.socket.send(data, self.invite.source)
        return data

    def ring(self) -> None:
        """Send 180."""
        self.reply("180 Ringing")

    def pick_up(self, headers: list[str] | None = None) -> None:
        """Send 200 with SDP and wait for the ACK, where another process plays the caller."""
        self.reply("200 OK", headers, SDP)
        self.expect("ACK")

    def pick_up_with(self, caller: Outgoing) -> None:
        """Send 200 with SDP, let the caller (played by the same test) take it, and wait for the ACK."""
        self.reply("200 OK", None, SDP)
        caller.established()
        self.expect("ACK")

    def refuse(self, status: str = "486 Busy Here") -> None:
        """Send a final failure and wait for its ACK."""
        self.reply(status)
        self.expect("ACK")

    def cancelled(self, timeout: float = PATIENCE) -> None:
        """Wait for the CANCEL; answer it and the INVITE."""
        cancel = self.expect("CANCEL", timeout)
        self.socket.send(reply(cancel, "200 OK", tag=self.tag), cancel.source)
        self.refuse("487 Request Terminated")


def incoming(
    socket: SipSocket, timeout: float = PATIENCE, *, user: str | None = None, call_id: str | None = None
) -> Incoming:
    """Wait for an INVITE that starts a call: to this user, with this Call-ID, where they are named."""
    invite = socket.expect("INVITE", call_id, timeout, lambda m: m.to_tag is None and (user is None or m.user == user))
    return Incoming(socket, invite)
