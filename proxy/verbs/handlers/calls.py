"""Ending a call from here."""

from collections.abc import Callable

from proxy.control_client import ControlError
from proxy.verbs.shapes import calls
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.verb import Bound
from routing.calls import Call


class CallAnswers:
    """Answers `calls.end`."""

    def __init__(self, in_progress: Callable[[], tuple[Call, ...]], end: Callable[[Call], bool]) -> None:
        """`in_progress`: the calls that are. `end`: ends one; False: nothing is known of its dialogs."""
        self._in_progress, self._end = in_progress, end

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [calls.END_CALL.by(self.end)]

    def end(self, args: calls.EndCall) -> calls.Ended:
        """End a call in progress, known by its id or as much of the end of that as is unique."""
        name = args.id
        found = [call for call in self._in_progress() if call.id.endswith(name)]
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
