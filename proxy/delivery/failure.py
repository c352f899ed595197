"""Why a delivery did not arrive, and how long to wait before the next try."""

from typing import Final, Literal

Kind = Literal["down", "refused"]
"""`down`: the receiver cannot be reached or says that it is in trouble: nothing else is tried there meanwhile.
`refused`: it does not want this one: the others go on."""

PAUSES: Final[dict[Kind, tuple[float, ...]]] = {
    "down": (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
    "refused": (300.0, 900.0, 3600.0, 10_800.0, 21_600.0),
}
"""Seconds after the first, second, ... failure; the last one goes on for ever."""

LONGEST: Final = 86_400.0
"""Seconds that a receiver may ask us to wait."""

SPREAD: Final = 0.1
"""Part of a pause by which it is longer or shorter by chance, so that many do not come at once."""


class DeliveryError(Exception):
    """One try that failed. Its text is shown to the operator and holds no secret."""

    def __init__(self, kind: Kind, text: str, retry_after: float | None = None) -> None:
        """`retry_after`: seconds that the receiver asks for."""
        super().__init__(text)
        self.kind: Kind = kind
        self.retry_after = retry_after


def pause(failure: DeliveryError, tries: int, chance: float) -> float:
    """Return the seconds until the next try. `tries`: those made, this one included; `chance`: from 0 to 1."""
    steps = PAUSES[failure.kind]
    wait = steps[min(tries, len(steps)) - 1] * (1 - SPREAD + 2 * SPREAD * chance)
    return max(wait, min(failure.retry_after or 0.0, LONGEST))
