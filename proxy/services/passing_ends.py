"""Ending calls that pass, on an operator's word: what rings is cancelled, what was answered is hung up on both sides.

Rules
- Each end gets a BYE as if the other one had sent it; with several answers, those of every dialog. What asks for
  credentials gets ours by the rules of `ua.login` and no others; what nobody takes is in the log.
- The call is over as soon as the BYEs are on their way: an end that has gone already says 481, and one that is deaf
  would keep its row open for nothing. A BYE that crosses ours passes like any late one.
"""

from functools import partial
from typing import Final

from proxy.core.call_setup import ringing_setup
from proxy.core.engine import Proxy
from proxy.core.passing import FarEnd
from proxy.core.seals import TOKEN_MARK
from proxy.sip.address import NameAddr
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, PeerSide
from proxy.sip.message import Response
from proxy.ua.dialog_request import DialogRequest
from proxy.ua.wiring import Far, Wiring
from routing.calls import Call
from routing.facts import Ending

LATE: Final = 32.0
"""Seconds (64*T1) in which a BYE of the ends themselves may still come from where the call said they are."""


class PassingEnds:
    """Ends calls between trunk and PBX."""

    def __init__(self, proxy: Proxy, wiring: Wiring) -> None:
        self._proxy, self._wiring = proxy, wiring

    def end_call(self, call: Call, reason: str, now: float) -> bool:
        """End a call in progress; False where nothing is known of its dialogs, as after a restart.

        `reason`: text of the Reason header (RFC 3326) that both ends get.
        """
        # Q.850 cause 31, "normal, unspecified": RFC 3398 section 7.2.4.1 makes 480 of it.
        fields = (b'Reason: Q.850;cause=31;text="%s"' % reason.encode(),)
        setup = ringing_setup(self._proxy.relays, call.id)
        if setup is not None:
            self._proxy.parts.journal.note("ringing_call_ended_here", call=call.id, reason=reason)
            setup.end(fields, partial(self._answered, call, fields, reason), now)
            return True
        return self._hang_up(call, fields, reason, now)

    def _answered(self, call: Call, fields: tuple[bytes, ...], reason: str, now: float) -> None:
        if not self._hang_up(call, fields, reason, now):
            self._proxy.parts.journal.note("call_not_ended_here", call=call.id, reason="answered and over")

    def _hang_up(self, call: Call, fields: tuple[bytes, ...], reason: str, now: float) -> bool:
        proxy = self._proxy
        ends = proxy.passing.far_ends(call.id, partial(self._is_ours, call.id))
        if not ends:
            return False
        proxy.parts.journal.note("call_ended_here", call=call.id, reason=reason, dialogs=len(ends) // 2)
        proxy.passing.forget(call.id)
        proxy.timers.at(now + LATE, lambda at: proxy.named.forget(call.id))
        proxy.reporter.ended(call.id, Ending(200, "operator"))
        for end in ends:
            DialogRequest(self._wiring, self._far(call, end), end.dialog, b"BYE", _told, fields).start()
        return True

    def _far(self, call: Call, end: FarEnd) -> Far:
        at_pbx = (end.side == "callee") == (call.direction == "inbound")
        side: PeerSide = "pbx" if at_pbx else "trunk"
        hop = self._proxy.parts.peers.way_back(end.place) if isinstance(end.place, Flow) else end.place
        return Far(side, call.pbx if at_pbx else call.trunk, hop, b"")

    def _is_ours(self, call: str, route: NameAddr, call_id: bytes) -> bool:
        if TOKEN_MARK not in route.uri:
            return False
        try:
            token = self._proxy.parts.seals.read_token(route.parsed_uri.user, call_id)
        except SipError:
            return False
        return token is not None and token.call == call


def _told(response: Response | None, now: float) -> None:
    """The call is over whatever they say; what was given up is in the log."""
