"""A circuit breaker for each address: what failed is not asked again for a while.

Rules
- Closed until `FAILURES_TO_OPEN` failures in a row; one is enough when it is a transport error or a lost OPTIONS.
- Open for `FIRST_PAUSE`, doubled with every further failure up to `LONGEST_PAUSE`; then one call may try it again.
- Any answer closes it, whatever its status but 503; so does an answered OPTIONS.
- When every address of a peer is open, all are tried in their order: a breaker never makes a call fail.
"""

from collections.abc import Iterable

from proxy.sip.hop import Hop

FAILURES_TO_OPEN = 2
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 120.0


class _Circuit:
    __slots__ = ("failures", "open_until", "pause")

    def __init__(self) -> None:
        self.failures = 0
        self.pause = FIRST_PAUSE
        self.open_until: float | None = None


class Health:
    """The circuits of all addresses, on injected monotonic time."""

    __slots__ = ("_circuits",)

    def __init__(self) -> None:
        self._circuits: dict[Hop, _Circuit] = {}

    def succeeded(self, hop: Hop) -> None:
        """Record that the hop answered."""
        self._circuits.pop(hop, None)

    def failed(self, hop: Hop, now: float, *, hard: bool = False) -> None:
        """Record that the hop did not answer, or answered 503; `hard`: that alone opens the circuit."""
        circuit = self._circuits.get(hop)
        if circuit is None:
            circuit = self._circuits[hop] = _Circuit()
        circuit.failures += 1
        if not hard and circuit.failures < FAILURES_TO_OPEN:
            return
        if circuit.open_until is not None:
            circuit.pause = min(LONGEST_PAUSE, circuit.pause * 2)
        circuit.open_until = now + circuit.pause

    def is_open(self, hop: Hop, now: float) -> bool:
        """Whether the hop is to be left alone at this moment."""
        circuit = self._circuits.get(hop)
        return circuit is not None and circuit.open_until is not None and now < circuit.open_until

    def order(self, hops: Iterable[Hop], now: float) -> list[Hop]:
        """Hops to try, in order: those with a closed circuit; all of them where none is closed."""
        everything = list(hops)
        if not self._circuits:
            return everything
        return [hop for hop in everything if not self.is_open(hop, now)] or everything

    def open_hops(self, now: float) -> list[Hop]:
        """Every hop whose circuit is open."""
        return [hop for hop in self._circuits if self.is_open(hop, now)]
