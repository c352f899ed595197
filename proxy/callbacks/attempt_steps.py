"""The steps of one attempt, as the desk writes them down: what one stands for is sent when it is committed."""

from collections.abc import Callable
from functools import partial
from typing import Final

from proxy.callbacks.named_timers import NamedTimers
from proxy.callbacks.own_leg import OwnLeg, Tools
from proxy.callbacks.sides import Sides
from routing.rows import Step

COMMIT_PATIENCE: Final = 15.0
"""Seconds that a step may take to be committed; then the attempt is given up, for somebody hears nothing meanwhile."""
_COMMIT: Final = "commit"
"""Name of its timer."""


class AttemptSteps:
    """Asks for one step at a time."""

    def __init__(self, attempt: str, tools: Tools, sides: Sides, timers: NamedTimers) -> None:
        self.asking: Step | None = None
        """The step that waits for its commit."""
        self._attempt, self._tools, self._sides, self._timers = attempt, tools, sides, timers
        self._asked = 0

    def ask(self, step: Step, own: OwnLeg, answered: Callable[[Step, OwnLeg, bool], None],
            late: Callable[[Step, float], None]) -> None:
        """Have a step of a leg committed. `answered`: it may go, or not; `late`: no word of the desk in time."""
        if own.over:
            return
        self.asking = step
        self._asked += 1
        self._timers.start(_COMMIT, self._tools.stack.clock() + COMMIT_PATIENCE, partial(self._is_late, step, late))
        self._tools.desk.step(self._attempt, step, self._tools.stack.wall(),
                              partial(self._answered, self._asked, step, own, answered), self._sides.taken_by)

    def _answered(self, question: int, step: Step, own: OwnLeg, answered: Callable[[Step, OwnLeg, bool], None],
                  may_go: bool) -> None:
        if question == self._asked and self.asking is not None:
            self.forget()
            answered(step, own, may_go)
        elif step == "customer" and may_go and self.asking != "customer" and not self._sides.dialled:
            self._tools.reports.not_dialled(self._attempt)  # committed for nobody

    def _is_late(self, step: Step, late: Callable[[Step, float], None], now: float) -> None:
        self.forget()
        late(step, now)

    def forget(self) -> None:
        """Nobody waits for the answer any more."""
        self.asking = None
        self._asked += 1
        self._timers.stop(_COMMIT)

    def write(self, step: Step) -> None:
        """Write down a step that nothing waits for."""
        self._tools.reports.step(self._attempt, step, self._sides.taken_by)
