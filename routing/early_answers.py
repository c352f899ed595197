"""PBXs that are said to answer when the agent does, and answer before anybody can have: a queue or a menu does.

Behind such a PBX whoever hangs up while they wait counts as talked, in silence: whoever runs it has to know.
"""

from typing import Final

from routing.identity import AT_ONCE

ALARM: Final = "answers_first_{}"
"""Name of the alarm of a PBX."""

TEXT: Final = (
    "pbx {pbx} answers calls to {number} within a second, again and again, and no agent is known to have: if a queue "
    'or a menu answers there, set pbx.{pbx}.answers = "before_queue" (or "auto"), else whoever hangs up while they '
    "wait counts as talked")

AGAIN: Final = 5
"""So many more such answers than others, at one number, and the PBX is taken for one; so many others, and it is not."""

NUMBERS_MAX: Final = 10_000
"""Numbers that are counted."""


class EarlyAnswers:
    """Counts, by PBX and number of ours, answers that no person gave against the others."""

    __slots__ = ("_counts", "_found")

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._found: dict[str, set[str]] = {}
        """By PBX: the numbers at which it answers first."""

    def count(self, pbx: str, number: str, waited: float, known: bool) -> str | None:
        """Count an answer `waited` seconds after its call; `known`: who gave it is.

        Return the text of the alarm that it raises; an empty one where it clears it; None: nothing changes.
        """
        key, early = (pbx, number), waited < AT_ONCE and not known
        if key not in self._counts and (not early or len(self._counts) >= NUMBERS_MAX):
            return None
        count = self._counts[key] = min(AGAIN, self._counts.get(key, 0) + 1) if early else self._counts[key] - 1
        numbers = self._found.setdefault(pbx, set())
        if count >= AGAIN:
            numbers.add(number)
            return TEXT.format(pbx=pbx, number=number)
        if count > 0:
            return None
        del self._counts[key]
        numbers.discard(number)
        return "" if not numbers else None
