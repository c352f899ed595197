"""Ending a call from here; the shapes stand in `proxy.control`."""

from collections.abc import Callable
from typing import Any

from proxy.control import ControlError, Handler
from proxy.daemon.arguments import UnknownError, word
from routing.calls import Call


class CallVerbs:
    """Handler of `calls.end`."""

    def __init__(self, calls: Callable[[], tuple[Call, ...]], end: Callable[[Call], bool]) -> None:
        """`calls`: those in progress. `end`: ends one; False: nothing is known of its dialogs."""
        self._calls, self._end = calls, end

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"calls.end": self.end}

    def end(self, args: dict[str, Any]) -> dict[str, Any]:
        """End a call in progress, known by its id or as much of the end of that as is unique."""
        name = word(args, "id") or ""
        found = [call for call in self._calls() if name and call.id.endswith(name)]
        whole = [call for call in found if call.id == name]
        if len(found) > 1 and not whole:
            raise ControlError(f"{name!r} is the end of {len(found)} calls: name more of it")
        if not found:
            raise UnknownError(f"no call {name!r} is in progress")
        call = (whole or found)[0]
        if not self._end(call):
            raise ControlError(f"call {call.id} cannot be ended from here: its dialogs are not known to this process, "
                               "mostly because it began before a restart; the PBX or a phone can end it")
        return {"id": call.id}
