"""Among several servers, which first: SRV records as RFC 2782 wants them, drawn anew for each request."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from proxy.sip.hop import Hop


class Choice(NamedTuple):
    """One server among those that a name stands for."""

    rank: int
    """Smaller ones are tried before larger ones; among equal ones chance decides."""
    weight: int
    """How often, among those of its rank: in proportion."""
    hops: tuple[Hop, ...]
    """Its addresses, in order."""


def drawn(choices: Sequence[Choice], draw: Callable[[], float]) -> list[Hop]:
    """Put the addresses of all into the order for one request. `draw` gives numbers in [0, 1)."""
    left = sorted(choices)
    hops: dict[Hop, None] = {}
    while left:
        equals = [choice for choice in left if choice.rank == left[0].rank]
        chosen = equals[0]
        mark = draw() * sum(choice.weight for choice in equals) if len(equals) > 1 else 0.0
        for choice in equals:
            mark -= choice.weight
            if mark < 0:
                chosen = choice
                break
        left.remove(chosen)
        hops.update(dict.fromkeys(chosen.hops))
    return list(hops)


def rivals(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Give the choices back where some are of equal rank, so that there is something to draw; else none."""
    ranks = {choice.rank for choice in choices}
    return tuple(choices) if len(ranks) < len(choices) else ()
