"""Which alarms are up."""

from typing import Literal


class Alarms:
    """Each alarm is said once when it goes up and once when it goes down."""

    __slots__ = ("_cleared", "_up")

    def __init__(self) -> None:
        self._up: dict[str, tuple[str, float]] = {}
        self._cleared: dict[str, float] = {}

    def change(self, name: str, text: str | None, now: float) -> Literal["alarm.raised", "alarm.cleared"] | None:
        """Raise (text) or clear (None) an alarm; return the kind of event, None where nothing changed."""
        if text is not None:
            if name in self._up:
                return None
            self._up[name] = text, now
            return "alarm.raised"
        if name not in self._up:
            return None
        self._cleared[name] = self._up.pop(name)[1]
        return "alarm.cleared"

    def since(self, name: str, now: float) -> float:
        """Return when an alarm that is up, or was the last time, went up."""
        return self._up[name][1] if name in self._up else self._cleared.get(name, now)

    def up(self) -> dict[str, str]:
        """Return the alarms that are up, and what each says."""
        return {name: text for name, (text, _) in self._up.items()}
