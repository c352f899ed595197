"""The media client whose every word has the engine's timers looked at again: a leg that hears something may set one."""

from collections.abc import Callable

from proxy.agent.ports import MediaAddress, MediaEars
from proxy.media.client import MediaClient
from proxy.media.settings import MediaSettings


class ArmedMedia(MediaClient):
    """`agent.ports.Media` for the engine's user agent."""

    def __init__(self, settings: MediaSettings, alarm: Callable[[str, str | None], None],
                 arm: Callable[[], None]) -> None:
        super().__init__(settings, alarm)
        self._arm = arm

    def open(self, name: str, ears: MediaEars) -> None:
        """See MediaClient."""
        super().open(name, ArmedEars(ears, self._arm))


class ArmedEars:
    """Ears of a leg; the engine's timers are looked at after each thing heard."""

    __slots__ = ("_arm", "_ears")

    def __init__(self, ears: MediaEars, arm: Callable[[], None]) -> None:
        self._ears, self._arm = ears, arm

    def media_opened(self, address: MediaAddress | None) -> None:
        """See MediaEars."""
        self._ears.media_opened(address)
        self._arm()

    def media_digit(self, digit: str) -> None:
        """See MediaEars."""
        self._ears.media_digit(digit)
        self._arm()

    def media_heard(self) -> None:
        """See MediaEars."""
        self._ears.media_heard()
        self._arm()

    def media_played(self, tag: int) -> None:
        """See MediaEars."""
        self._ears.media_played(tag)
        self._arm()

    def media_silent(self, seconds: float) -> None:
        """See MediaEars."""
        self._ears.media_silent(seconds)
        self._arm()

    def media_failed(self) -> None:
        """See MediaEars."""
        self._ears.media_failed()
        self._arm()
