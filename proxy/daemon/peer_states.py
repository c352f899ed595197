"""Which peers answer: what the qualifier finds out, told to whoever must know."""

from collections.abc import Callable

from proxy.sip.hop import PeerSide
from proxy.status.payload import peer_event_data
from proxy.status.source import PeerState
from routing.ledger import Ledger


class PeerStates:
    """`contract.PeerWatch`: keeps the state of each peer, with an alarm for one that is down."""

    def __init__(self, states: dict[tuple[str, str], PeerState], ledger: Ledger,
                 tell: Callable[[PeerSide, str, bool], None], wall: Callable[[], float]) -> None:
        """`states`: by side and name, filled here. `tell(side, name, up)`: hears first. `wall`: since the epoch."""
        self._states, self._ledger, self._tell, self._wall = states, ledger, tell, wall

    def peer_state(self, side: str, name: str, up: bool, latency_ms: float | None) -> None:
        self._tell("trunk" if side == "trunk" else "pbx", name, up)
        before, now = self._states.get((side, name)), self._wall()
        state = PeerState("up" if up else "down", now, latency_ms)
        if before is not None and before.state == state.state:
            self._states[(side, name)] = before._replace(latency_ms=latency_ms)
            return
        self._states[(side, name)] = state
        text = None if up else f"no address of {side}.{name} answers: its calls get 503"
        self._ledger.alarms.report(f"{side}_{name}", text, now)
        self._ledger.tell(f"{side}.state", peer_event_data(name, state), now)
