"""Phones that are not there, and extensions that the PBX does not know. Pure, but for which alarms are up."""

from collections.abc import Collection
from typing import Final

ABSENT: Final = 20
"""Q.850: subscriber absent."""
UNALLOCATED: Final = 1
"""Q.850: unallocated number."""
REACHED: Final = frozenset({17, 18, 19, 21})
"""Q.850: busy, no user responding, no answer, rejected: whoever gives these has found a phone."""
UNAVAILABLE: Final = 480
NO_SUCH_EXTENSION: Final = frozenset({404, 410, 484, 604})

ALARM: Final = "extension_{}"
"""Name of the alarm of an extension."""
TEXT: Final = "PBX {} does not know extension {} ({}): nobody is rung there; correct the policy or the PBX"


def is_absent(status: int, q850: int | None, rang: bool) -> bool:
    """Whether a phone that was called is not there (not registered).

    That is what 480 says (RFC 3261 section 21.4.18: "not logged in") where nothing rang before it. `status`: the final
    one of its INVITE.
    """
    return q850 == ABSENT or (status == UNAVAILABLE and not rang and q850 not in REACHED)


def is_unknown(status: int, q850: int | None) -> bool:
    """Whether a PBX has no such extension."""
    return status in NO_SUCH_EXTENSION or (q850 == UNALLOCATED and status >= 300)


class UnknownExtensions:
    """Which extensions there is an alarm of."""

    __slots__ = ("_up",)

    def __init__(self) -> None:
        self._up: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._up)

    def found(self, extension: str) -> bool:
        """Take note of an extension that its PBX does not know; whether that is news."""
        new = extension not in self._up
        self._up.add(extension)
        return new

    def known(self, extension: str) -> bool:
        """Take note that an extension was reached after all; whether it had an alarm."""
        if extension not in self._up:
            return False
        self._up.remove(extension)
        return True

    def unlisted(self, listed: Collection[str]) -> list[str]:
        """Return and forget those that nobody lists any more."""
        gone = [extension for extension in self._up if extension not in listed]
        self._up.difference_update(gone)
        return gone
