"""The media client whose every word has the engine's timers looked at again: a leg that hears something may set one."""

from collections.abc import Callable
from typing import Any

from proxy.media.client import MediaClient
from proxy.media.settings import MediaSettings


class ArmedMedia(MediaClient):
    """`agent.ports.Media` for the engine's user agent."""

    def __init__(self, settings: MediaSettings, alarm: Callable[[str, str | None], None],
                 arm: Callable[[], None]) -> None:
        super().__init__(settings, alarm)
        self._arm = arm

    def _heard(self, words: list[Any]) -> None:
        super()._heard(words)
        self._arm()

    def _opened(self, number: int, port: int) -> None:
        super()._opened(number, port)
        self._arm()

    def _lost(self) -> None:
        super()._lost()
        self._arm()
