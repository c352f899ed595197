"""PBXs that answer before they queue and never show who takes a call. Behind them a talk looks like a call that was
abandoned, and its customer is called back: whoever runs such a PBX has to know."""

from collections.abc import Callable
from typing import Final

ALARM: Final = "blind_queue_{}"
"""Name of the alarm of a PBX."""

TEXT: Final = "pbx {} answers before it queues and shows no agent: talks count as missed"


class BlindQueues:
    """Which PBXs are taken for such, and because of which groups."""

    __slots__ = ("_groups", "_showing")

    def __init__(self) -> None:
        self._showing: set[str] = set()
        """PBXs that have shown a phone which rings for a call, at least once."""
        self._groups: dict[str, set[str]] = {}
        """By PBX that is blind: the groups whose callers it left alone."""

    def shows(self, pbx: str) -> bool:
        """Note that a PBX has shown a phone; return whether it was taken for blind."""
        self._showing.add(pbx)
        return self._groups.pop(pbx, None) is not None

    def abandoned(self, pbx: str, group: str) -> bool:
        """Note that a caller of a group left without a sign of an agent; return whether the PBX is taken for blind."""
        if pbx in self._showing:
            return False
        self._groups.setdefault(pbx, set()).add(group)
        return True

    def cured(self, blind: Callable[[str], bool]) -> list[str]:
        """Return and forget the PBXs of which no group is `blind` any more."""
        found = [pbx for pbx, groups in self._groups.items() if not any(map(blind, groups))]
        for pbx in found:
            del self._groups[pbx]
        return found
