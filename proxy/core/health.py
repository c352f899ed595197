"""A circuit breaker for each address: what failed is not asked again for a while.

Rules
- Closed until `FAILURES_TO_OPEN` failures in a row; one is enough when it is a transport error or a lost OPTIONS.
- Open for `FIRST_PAUSE`; then one call may try it again, and the others go on to the next address until
  `PROBE_PATIENCE` later. When that fails too the pause doubles, up to `LONGEST_PAUSE`.
- Calls that were under way when it opened and fail now say nothing new.
- Any answer closes it, whatever its status but 503; so does an answered OPTIONS.
- When every address of a peer is open, all are tried in their order: a breaker never makes a call fail. But nobody
  waits long for an address that is in doubt (it was opened, and has not answered since): see `Relay`.
- A sign of life is any answer to a request that is no OPTIONS: it tells of a peer that ignores those.
"""

from collections.abc import Iterable
from typing import Final

from proxy.sip.hop import Hop

FAILURES_TO_OPEN: Final = 2
FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 120.0
PROBE_PATIENCE: Final = 5.0
"""Seconds that the one call which tries an address again has it to itself."""
CIRCUITS_LIMIT: Final = 10_000
"""Circuits kept: dialogs lead to addresses that are no peer's. The oldest goes first."""


class _Circuit:
    __slots__ = ("failures", "open_until", "pause", "probed")

    def __init__(self) -> None:
        self.failures = 0
        self.pause = FIRST_PAUSE
        self.open_until: float | None = None
        self.probed = False


class Health:
    """The circuits of all addresses, on injected monotonic time."""

    __slots__ = ("_circuits", "_signs")

    def __init__(self) -> None:
        self._circuits: dict[Hop, _Circuit] = {}
        self._signs: dict[Hop, float] = {}

    def succeeded(self, hop: Hop) -> None:
        """Record that the hop answered."""
        if self._circuits:
            self._circuits.pop(hop, None)

    def sign(self, hop: Hop, now: float) -> None:
        """Record that the hop answered a request of a call or the like."""
        if hop not in self._signs and len(self._signs) >= CIRCUITS_LIMIT:
            del self._signs[next(iter(self._signs))]
        self._signs[hop] = now
        self.succeeded(hop)

    def last_sign(self, hop: Hop) -> float | None:
        """When the hop last answered such a request; None: not yet."""
        return self._signs.get(hop)

    def has_failed(self, hop: Hop) -> bool:
        """Whether something failed there since it last answered."""
        return hop in self._circuits

    def in_doubt(self, hop: Hop) -> bool:
        """Whether the circuit was opened, and nothing has closed it since."""
        circuit = self._circuits.get(hop)
        return circuit is not None and circuit.open_until is not None

    def all_in_doubt(self, hops: Iterable[Hop]) -> bool:
        """Whether that is so of every one of these."""
        return bool(self._circuits) and all(self.in_doubt(hop) for hop in hops)

    def failed(self, hop: Hop, now: float, *, hard: bool = False) -> None:
        """Record that the hop did not answer, or answered 503; `hard`: that alone opens the circuit."""
        circuit = self._circuits.get(hop)
        if circuit is None:
            if len(self._circuits) >= CIRCUITS_LIMIT:
                del self._circuits[next(iter(self._circuits))]
            circuit = self._circuits[hop] = _Circuit()
        circuit.failures += 1
        if not hard and circuit.failures < FAILURES_TO_OPEN:
            return
        if circuit.open_until is not None:
            if now < circuit.open_until and not circuit.probed:
                return
            circuit.pause = min(LONGEST_PAUSE, circuit.pause * 2)
        circuit.probed = False
        circuit.open_until = now + circuit.pause

    def is_open(self, hop: Hop, now: float) -> bool:
        """Whether the hop is to be left alone at this moment."""
        circuit = self._circuits.get(hop)
        return circuit is not None and circuit.open_until is not None and now < circuit.open_until

    def order(self, hops: Iterable[Hop], now: float) -> list[Hop]:
        """Hops to try, in order: those with a closed circuit; all of them where none is closed.

        The first of them is taken to be tried now: where its pause is just over, this is the one call that may.
        """
        everything = list(hops)
        if not self._circuits:
            return everything
        chosen = [hop for hop in everything if not self.is_open(hop, now)]
        if not chosen:
            return everything
        circuit = self._circuits.get(chosen[0])
        if circuit is not None and circuit.open_until is not None:
            circuit.probed = True
            circuit.open_until = now + PROBE_PATIENCE
        return chosen
