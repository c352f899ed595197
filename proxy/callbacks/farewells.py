"""Who still hears that they are called back: their line is to be free before anybody dials it."""

from collections.abc import Callable


class Farewells:
    """By their requests."""

    __slots__ = ("_leaving",)

    def __init__(self) -> None:
        self._leaving: dict[str, Callable[[float], None]] = {}

    def begin(self, task: str, leave: Callable[[float], None]) -> None:
        """Last words are said to who has made a request; `leave` ends them, and their call."""
        self._leaving[task] = leave

    def end(self, task: str, leave: Callable[[float], None]) -> None:
        """They have heard them, or are gone."""
        if self._leaving.get(task) == leave:
            del self._leaving[task]

    def cut_short(self, task: str, now: float) -> None:
        """The customer of a request is about to be dialled: whoever made it is hung up, should they listen still."""
        leave = self._leaving.pop(task, None)
        if leave is not None:
            leave(now)
