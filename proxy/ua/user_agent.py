"""The user agent: makes legs, and gives each message to the leg that it belongs to.

Rules
- A request inside a dialog is ours where its Call-ID and To tag are those of a leg. A leg that is over stays known for
  REMEMBERED: what crosses its end on the wire is answered then.
- A response without a transaction is ours where its branch begins with our mark.
- After a restart a leg is ended from its memory alone (`forget_leg`).
"""

from proxy.media.contract import Media
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from proxy.ua.callee import Callee
from proxy.ua.caller import Caller
from proxy.ua.contract import Incoming, Leg, LegOwner, LegRequest, Stack
from proxy.ua.leg import KnownLeg, LegKey
from proxy.ua.remembered import Remembered
from proxy.ua.strays import Strays
from proxy.ua.wiring import BRANCH_MARK, TAG_MARK, Far, Wiring

REMEMBERED = 2.0
"""How long a leg that is over stays known, in units of 64*T1."""


class UserAgent:
    """See contract.LegMaker."""

    def __init__(self, stack: Stack, media: Media) -> None:
        self.wiring = Wiring(stack, media)
        self._stack = stack
        self._strays = Strays(self.wiring)
        self._legs: dict[LegKey, KnownLeg] = {}
        self._remembered: dict[LegKey, Remembered] = {}

    @property
    def legs(self) -> int:
        """Legs that are not over."""
        return sum(not leg.over for leg in self._legs.values())

    # -- LegMaker

    def place(self, order: LegRequest, owner: LegOwner, now: float) -> Leg:
        leg = Caller(self.wiring, self._strays, order, owner)
        self._keep(leg.key, leg, now)
        leg.start()
        return leg

    def take(self, incoming: Incoming, owner: LegOwner, now: float) -> Leg:
        """See LegMaker. Raises SipError(400) where the INVITE has no usable Call-ID or Contact."""
        leg = Callee(self.wiring, self._strays, incoming, owner)
        self._keep(leg.key, leg, now)
        leg.start()
        return leg

    def forget_leg(self, memory: str, now: float) -> None:
        one = Remembered.read(memory, self.wiring, self._strays)
        if one is None or one.key in self._legs:
            return
        self._remembered[one.key] = one
        self._stack.timers.at(now + self._lifetime(), lambda at: self._forget(one))
        one.end(now)

    def _forget(self, one: Remembered) -> None:
        self._remembered.pop(one.key, None)

    def _keep(self, key: LegKey, leg: KnownLeg, now: float) -> None:
        self._legs[key] = leg
        self._stack.timers.at(now + self._lifetime(), lambda at: self._sweep(key, at))

    def _sweep(self, key: LegKey, now: float) -> None:
        """Drop a leg that has been over for a while; look again later otherwise."""
        leg = self._legs.get(key)
        if leg is None:
            return
        if leg.over_at is not None and now >= leg.over_at + self._lifetime():
            del self._legs[key]
            leg.let_go()
        else:
            self._stack.timers.at((now if leg.over_at is None else leg.over_at) + self._lifetime(),
                                  lambda at: self._sweep(key, at))

    def _lifetime(self) -> float:
        return REMEMBERED * self._stack.values.timeout

    # -- what the core gives us

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        """Take a request with a To tag; False where it belongs to none of our legs."""
        key = (request.call_id, request.to.tag or b"")
        leg = self._legs.get(key)
        if leg is not None:
            leg.request(request, flow, now)
            return True
        if key in self._remembered:
            self._strays.refuse(request, flow, now)
            return True
        return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        """Take a response that no transaction waits for; False where it is none to a request of ours."""
        if not (response.via.branch or b"").startswith(BRANCH_MARK):
            return False
        key = (response.call_id, response.from_.tag or b"")
        leg = self._legs.get(key) or self._remembered.get(key)
        if leg is not None:
            leg.stray(response, flow, now)
        elif response.cseq.method == b"INVITE" and response.status >= 300:
            self._strays.acknowledge_refusal(response, flow)
        elif response.cseq.method == b"INVITE" and response.status >= 200:
            self._strays.dismiss(response, Far(None, "", self._stack.way_back(flow), b"boomerang", only=True))
        return True

    def unknown_dialog(self, request: Request, flow: Flow, now: float) -> bool:
        """Answer a request that names a tag of ours which nobody knows any more: of a process before this one.

        To be asked only where nothing else in the message shows whose it is. False where the tag is not ours.
        """
        if not (request.to.tag or b"").startswith(TAG_MARK):
            return False
        self._strays.refuse(request, flow, now)
        return True
