"""What has no leg any more: a late 2xx, a refusal that is repeated, a request in a dialog that is over.

Rules
- A 2xx that nobody wants gets ACK, each time it comes, and one BYE (RFC 3261 sections 13.2.2.4 and 15).
- A refusal that no transaction waits for gets its ACK, or it would come again for 32 s.
- In a dialog that is over BYE is answered 200 (both hung up at once), anything else 481.
- What a process before this one sent and nobody remembers goes back where it came from, never where it says: a forged
  response makes us send nothing to third parties.
"""

from functools import partial

from proxy.sip.address import NameAddr
from proxy.sip.bystanders import ServerBystander
from proxy.sip.dialog import Dialog, DialogState, key_of_response
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from proxy.sip.requests import make_stray_ack
from proxy.ua.dialog_request import DialogRequest
from proxy.ua.wiring import Far, Wiring

MAX_DISMISSED = 1000
"""Dialogs remembered as dismissed; the oldest goes first."""

_Key = tuple[bytes, bytes, bytes]


class Strays:
    """Answers them."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._dismissed: dict[_Key, tuple[bytes, Hop] | None] = {}
        """ACK of each dialog that was dismissed, and where it went; None while its way is looked for."""

    def dismiss(self, response: Response, far: Far, credentials: tuple[bytes, ...] = (),
                reason: tuple[bytes, ...] = ()) -> None:
        """Acknowledge a 2xx and hang up."""
        key: _Key = key_of_response(response)
        known = self._dismissed.get(key)
        if known is not None:
            self._wiring.stack.send(*known)
        if key in self._dismissed:
            return
        if len(self._dismissed) >= MAX_DISMISSED:
            del self._dismissed[next(iter(self._dismissed))]
        self._dismissed[key] = None
        dialog = dialog_of(response)
        self._wiring.send_ack(dialog, response.cseq.number, far, credentials, partial(self._acked, key))
        DialogRequest(self._wiring, far, dialog, b"BYE", lambda answer, now: None, reason).start()
        stack = self._wiring.stack
        stack.timers.at(stack.clock() + 2 * stack.values.timeout, lambda now: self._forget(key))

    def _acked(self, key: _Key, data: bytes, hop: Hop) -> None:
        if key in self._dismissed:
            self._dismissed[key] = (data, hop)

    def _forget(self, key: _Key) -> None:
        self._dismissed.pop(key, None)

    def acknowledge_refusal(self, response: Response, flow: Flow) -> None:
        """Acknowledge a final response from 300 on (RFC 3261 section 17.1.1.3), back to where it came from."""
        self._wiring.stack.send(make_stray_ack(response), self._wiring.stack.way_back(flow))

    def refuse(self, request: Request, flow: Flow, now: float) -> None:
        """Answer a request in a dialog that is over, or that never was."""
        if request.method == b"ACK":
            return
        tx = self._wiring.stack.open_server(request, flow, ServerBystander())
        status = 200 if request.method == b"BYE" else 481
        tx.respond(build_response(request, status), status, now)


def dialog_of(response: Response) -> Dialog:
    """Make the dialog of a 2xx to a request of ours from the 2xx alone (RFC 3261 section 12.1.2).

    Where its Contact or Record-Route cannot be read its To stands for them: it is to be hung up all the same.
    """
    target, routes = response.to.uri, tuple[NameAddr, ...]()
    try:
        routes = response.record_routes
        target = response.contacts[0].uri if response.contacts else target
    except SipError:
        routes = ()
    return Dialog(key_of_response(response), response.value(b"from") or b"", response.value(b"to") or b"",
                  DialogState.CONFIRMED, target, tuple(reversed(routes)), response.cseq.number, None)
