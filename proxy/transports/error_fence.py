"""The one place where an error of our own that a message has caused ends: logged, counted, never passed on."""

import time
from collections.abc import Callable

from proxy.logger import get_logger

TRACEBACK_PAUSE = 60.0
"""Seconds for which an error of the same type at the same line is only counted."""
PLACES_MAX = 256
"""Different errors that are told apart; all beyond are forgotten together."""

log = get_logger()


class ErrorFence:
    """Reports exceptions with their traceback, each kind once in `TRACEBACK_PAUSE`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        """Errors reported since the start, for the metrics."""
        self._clock = clock
        self._told: dict[tuple[type[BaseException], str, int], float] = {}

    def report(self, where: str, error: BaseException) -> None:
        """Log `error`, which was raised while `where` (a transport) was served."""
        self.count += 1
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = (type(error), frame.tb_frame.f_code.co_filename if frame else "", frame.tb_lineno if frame else 0)
        now = self._clock()
        told = self._told.get(place)
        if told is not None and now - told < TRACEBACK_PAUSE:
            return
        if len(self._told) >= PLACES_MAX:
            self._told.clear()
        self._told[place] = now
        log.error("message handling failed", transport=where, errors_so_far=self.count, exc_info=error)
