"""What a test does with the phones at both far ends, and what it waits for from them."""

from collections.abc import Callable

from tests.kit.boomerang import Boomerang
from tests.kit.far_call import FarCall
from tests.kit.far_end import FarEnd, Loop
from tests.kit.waiting import PATIENCE, eventually


class FarCustomers:
    """A carrier with customers, whose loop runs in a thread of its own."""

    loop: Loop
    carrier: FarEnd

    def hang_up(self, call: FarCall) -> None:
        """A phone hangs up, whatever the state of its call."""
        self.loop.do(call.hang_up)

    def press(self, call: FarCall, key: str) -> None:
        """A phone presses a key, once it hears something: before that there may be nobody yet who hears the key."""
        rtp = call.rtp
        eventually(lambda: rtp is None or rtp.heard or call.state != "up", f"{call.user} hears something")
        self.loop.do(lambda: call.press(key))

    def press_by_info(self, call: FarCall, key: str) -> None:
        self.loop.do(lambda: call.press_by_info(key))

    def until(self, call: FarCall, state: str, timeout: float = PATIENCE) -> FarCall:
        eventually(lambda: call.state == state, f"the call of {call.shown} to {call.user} is {state}", timeout)
        return call

    def in_the_room(self, boomerang: Boomerang, dial: Callable[[], FarCall]) -> FarCall:
        """Have a customer call until they wait in the PBX's queue by a call of ours, and give that call.

        Before there is a media process their calls go their normal way, and nobody is offered anything there.
        """
        row = "SELECT id FROM calls WHERE sip_call_id = ? AND answered_at NOTNULL"
        leg = "SELECT 1 FROM legs JOIN calls ON legs.call = calls.id WHERE calls.sip_call_id = ?"
        found: list[FarCall] = []

        def waits() -> bool:
            call = self.until(dial(), "up")
            eventually(lambda: boomerang.sql(row, call.call_id), "the row of the call")
            if boomerang.sql(leg, call.call_id):
                found.append(call)
            else:
                self.hang_up(call)
                self.until(call, "over")
            return bool(found)

        eventually(waits, "a caller waits with us", every=0.5)
        return found[0]

    def reaches(self, customer: str, number: int = 1, timeout: float = PATIENCE) -> FarCall:
        """The n-th call to a customer."""
        return eventually(lambda: self.carrier.to(customer)[number - 1 : number], f"call {number} to {customer}",
                          timeout)[0]

    def heard(self, call: FarCall, seconds: float = 0.4) -> bytes:
        """What the phone hears from now on, as PCM."""
        rtp = call.rtp
        assert rtp is not None
        begin = len(rtp.heard)
        eventually(lambda: len(rtp.heard) >= begin + seconds * 50, f"{seconds} s of audio at {call.user}")
        return self.loop.do(lambda: rtp.audio(begin))

    def heard_so_far(self, call: FarCall) -> int:
        """How many packets the phone has heard, for `heard_since`."""
        assert call.rtp is not None
        return len(call.rtp.heard)

    def heard_since(self, call: FarCall, packets: int) -> bytes:
        """What the phone heard after its first so many packets, as PCM: nothing of it is missed on a slow machine."""
        rtp = call.rtp
        assert rtp is not None
        return self.loop.do(lambda: rtp.audio(packets))


class FarPhones(FarCustomers):
    """Customers, and a PBX with agents."""

    pbx: FarEnd

    def rings(self, agent: str, number: int = 1, timeout: float = PATIENCE) -> FarCall:
        """The n-th call to an agent."""
        return eventually(lambda: self.pbx.to(agent)[number - 1 : number], f"call {number} to {agent}", timeout)[0]
