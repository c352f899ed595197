"""Which alarms are up, and taking those down that do not go by themselves."""

from collections.abc import Callable, Mapping
from typing import Final

from proxy.control_client import ControlError
from proxy.status.source import Alarm
from proxy.verbs.shapes import status
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.verb import Bound
from routing.ledger import Ledger
from routing.storage import LOSS

KEY_REPLACED: Final = "signing_key"
"""Standing alarm: the key behind tokens and branches is another one than before."""

BY_HAND: Final = frozenset({LOSS, KEY_REPLACED, "database_unit"})
"""Alarms of what happened once: nothing but an operator ends them."""


class AlarmAnswers:
    """Answers `alarms.*`."""

    def __init__(self, up: Mapping[str, Alarm], ledger: Ledger, wall: Callable[[], float]) -> None:
        """`up`: the alarms that are, by name."""
        self._up, self._ledger, self._wall = up, ledger, wall

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [status.ALARMS.by(self.list_them), status.CLEAR_ALARM.by(self.clear)]

    def list_them(self, args: object) -> list[status.StandingAlarm]:
        """Alarms that are up, and whether each waits for an operator."""
        return [{"name": one.name, "text": one.text, "since": one.since, "by_hand": one.name in BY_HAND}
                for one in self._up.values()]

    def clear(self, args: status.ClearAlarm) -> status.Cleared:
        """Take down an alarm that an operator has seen."""
        if args.name not in self._up:
            raise UnknownError(f"no alarm {args.name!r} is up")
        if args.name not in BY_HAND:
            raise ControlError(f"{args.name} goes down by itself when its cause is gone")
        self._ledger.alarms.take_down(args.name, self._wall())
        return {"name": args.name}
