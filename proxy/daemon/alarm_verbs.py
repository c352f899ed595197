"""Which alarms are up, and taking those down that do not go by themselves."""

from collections.abc import Callable
from typing import Any, Final

from proxy.control import ControlError, Handler
from proxy.daemon.arguments import UnknownError, kept, word
from proxy.daemon.source import DaemonSource
from routing.ledger import Ledger
from routing.storage import LOSS, Store

KEY_REPLACED: Final = "signing_key"
"""Standing alarm: the key behind tokens and branches is another one than before."""

BY_HAND: Final = frozenset({LOSS, KEY_REPLACED, "database_unit"})
"""Alarms of what happened once: nothing but an operator ends them."""


class AlarmVerbs:
    """Handlers of `alarms.*`."""

    def __init__(self, ledger: Ledger, store: Store, source: DaemonSource, wall: Callable[[], float]) -> None:
        self._ledger, self._store, self._source, self._wall = ledger, store, source, wall

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"alarms.list": self.list, "alarms.clear": kept(self.clear, self._store)}

    def list(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Alarms that are up, and whether each waits for an operator."""
        return [{**alarm._asdict(), "by_hand": alarm.name in BY_HAND} for alarm in self._source.alarms.values()]

    def clear(self, args: dict[str, Any]) -> dict[str, Any]:
        """Take down an alarm that an operator has seen."""
        name = word(args, "name")
        if name not in self._source.alarms:
            raise UnknownError(f"no alarm {name!r} is up")
        if name is None or name not in BY_HAND:
            raise ControlError(f"{name} goes down by itself when its cause is gone")
        self._ledger.alarms.take_down(name, self._wall())
        return {"name": name}
