"""Ending a call from here; the shapes stand in `proxy.control`.

Only what is ours can be ended soundly: a BYE in somebody else's dialog would have to be numbered, routed and, towards a
carrier, signed with credentials as if its own end had sent it.
"""

from collections.abc import Callable
from typing import Any

from proxy.control import ControlError, Handler
from proxy.daemon.arguments import UnknownError, word
from routing.calls import Call


class CallVerbs:
    """Handler of `calls.end`."""

    def __init__(self, calls: Callable[[], tuple[Call, ...]], end: Callable[[str], bool]) -> None:
        """`calls`: those in progress. `end`: ends one that is ours; False: it is not."""
        self._calls, self._end = calls, end

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"calls.end": self.end}

    def end(self, args: dict[str, Any]) -> dict[str, Any]:
        """End a call in progress, known by its id or as much of the end of that as is unique."""
        name = word(args, "id") or ""
        found = [call.id for call in self._calls() if name and call.id.endswith(name)]
        if len(found) > 1 and name not in found:
            raise ControlError(f"{name!r} is the end of {len(found)} calls: name more of it")
        if not found:
            raise UnknownError(f"no call {name!r} is in progress")
        call = name if name in found else found[0]
        if not self._end(call):
            raise ControlError(f"call {call} is between trunk and PBX and only passes here: the PBX or a phone can end "
                               "it; from here only callbacks and callers who wait through us are ended")
        return {"id": call}
