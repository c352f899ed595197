"""A leg of a process before this one, known only from what `Leg.memory` said, on its way to its end.

Rules
- Where its dialog is known: BYE. Its CSeq goes on a good deal higher, for what was sent last may not be written down.
- Where only its INVITE is known: CANCEL, whatever was heard then; the refusal that follows gets its ACK, and an answer
  gets ACK and BYE. When neither comes the INVITE may have been answered and acknowledged just before the crash, so
  each early dialog that is known gets a BYE too.
"""

import json
from typing import Any

from proxy.sip.address import NameAddr
from proxy.sip.bystanders import ClientBystander
from proxy.sip.client import ClientTransaction
from proxy.sip.dialog import Dialog, DialogKey, DialogState
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop, PeerSide
from proxy.sip.message import Request, Response
from proxy.sip.requests import as_request, make_ack, make_cancel
from proxy.ua.dialog_request import DialogRequest
from proxy.ua.invite import branch_of
from proxy.ua.leg import LegKey
from proxy.ua.strays import Strays
from proxy.ua.wiring import Far, Wiring

CSEQ_AHEAD = 1000
"""Added to the CSeq remembered: PRACK, UPDATE and the like were not written down each."""
LATER_FORMS = 2
"""Forms of the INVITE behind the one written down that are cancelled too, where that one is unknown: it may have been
sent again with credentials, or for another interval, just before the crash."""
SETTLED_AFTER = 1.0
"""How long after the answer to CANCEL early dialogs are taken to be confirmed ones, in units of T1: whoever was
cancelled sends 487 at once, and to one whose 487 was lost a BYE does no harm. Who answered repeats their 2xx every T2
in the end: too long to stay up, for this process may end before that too."""


class Remembered(ClientBystander):
    """One such leg."""

    def __init__(self, wiring: Wiring, strays: Strays, known: dict[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or SipError where `known` is not what `memory` writes."""
        self._wiring, self._strays = wiring, strays
        side: PeerSide | None = known["side"]
        transport, host, port, name = known["hop"]
        self._far = Far(side, known["peer"], Hop(transport, host, port, name), known["user"].encode())
        self.key: LegKey = (_octets(known["call_id"]), known["tag"].encode())
        self._dialog = None if known.get("dialog") is None else _dialog(known["dialog"])
        self._early = [_dialog(one) for one in known.get("early", ())]
        self._forms = [] if self._dialog is not None or "branch" not in known else [
            _invite(known, int(known["cseq"]) + more) for more in range(LATER_FORMS + 1)]
        """The INVITE as it was written down, and as it may have left after that: those to be cancelled yet."""
        self._all_forms = {form.cseq.number: form for form in self._forms}
        self._settled = False
        """The INVITE has its final response."""

    @classmethod
    def read(cls, memory: str, wiring: Wiring, strays: Strays) -> "Remembered | None":
        """Read a memory; None where it cannot be used."""
        try:
            return cls(wiring, strays, json.loads(memory))
        except (KeyError, TypeError, ValueError, SipError) as error:
            wiring.stack.note("leg_memory_unreadable", reason=str(error))
            return None

    def end(self, now: float) -> None:
        """End it."""
        if self._dialog is not None:
            self._bye(self._dialog)
        else:
            self._cancel()

    def _cancel(self) -> bool:
        """Send the CANCEL of the next form; False where none is left."""
        if not self._forms or self._wiring.stack.listener_for(self._far.hop) is None:
            return False
        self._wiring.stack.start_client(as_request(make_cancel(self._forms.pop(0))), self._far.hop, self)
        return True

    def _bye(self, dialog: Dialog) -> None:
        reason = (b'Reason: SIP;cause=503;text="Restarted"',)
        DialogRequest(self._wiring, self._far, dialog, b"BYE", lambda response, now: None, reason).start()

    def stray(self, response: Response, flow: Flow, now: float) -> None:
        """Take a response to its INVITE."""
        if response.cseq.method != b"INVITE" or response.status < 200:
            return
        self._settled = True
        came_from = self._wiring.stack.way_back(flow)  # one of several addresses may be late
        if response.status < 300:
            self._strays.dismiss(response, self._far._replace(hop=came_from))
        elif (form := self._all_forms.get(response.cseq.number)) is not None:
            self._wiring.stack.send(make_ack(form, response), came_from)
        else:
            self._strays.acknowledge_refusal(response, flow)

    # ClientOwner, of the CANCEL

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status == 481 and not self._settled and self._cancel():
            return
        if response.status >= 200:
            stack = self._wiring.stack
            stack.timers.at(now + SETTLED_AFTER * stack.values.T1, self._look)

    def _look(self, now: float) -> None:
        if not self._settled:
            for dialog in self._early:
                self._bye(dialog)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._look(now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self._look(now)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _dialog(known: dict[str, Any]) -> Dialog:
    key = DialogKey(*(_octets(known[name]) for name in ("call_id", "local_tag", "remote_tag")))
    return Dialog(key, _octets(known["local"]), _octets(known["remote"]), DialogState.CONFIRMED,
                  _octets(known["target"]), tuple(NameAddr.parse(_octets(one)) for one in known["routes"]),
                  int(known["cseq"]) + CSEQ_AHEAD, None)


def _invite(known: dict[str, Any], cseq: int) -> Request:
    """As much of the INVITE as its CANCEL and ACK must repeat (RFC 3261 sections 9.1 and 17.1.1.3)."""
    transport = known["hop"][0].upper().encode()
    branch = branch_of(_octets(known["branch"]), cseq)
    return Request.create(b"INVITE", _octets(known["uri"]), [
        b"Via: SIP/2.0/%s %s;branch=%s;rport" % (transport, _octets(known["sent_by"]), branch),
        b"From: " + _octets(known["from"]),
        b"To: " + _octets(known["to"]),
        b"Call-ID: " + _octets(known["call_id"]),
        b"CSeq: %d INVITE" % cseq,
    ])
