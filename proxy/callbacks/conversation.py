"""Agent and customer joined: what is recorded, when it has become a talk, and when nobody is there any more.

Silence alone ends nothing: one side may listen for long, and a call on hold is quiet. Two legs of which nothing was
heard for `DEAD_AIR`, and which nobody holds, are two phones that were forgotten or lost.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from proxy.callbacks.own_leg import OwnLeg, Tools
from proxy.ua.leg_events import LegPressed
from routing.callbacks.facts import AttemptOrder

SILENCE_STEP: Final = 20.0
"""Seconds of silence after which a joined leg tells, again and again."""
DEAD_AIR: Final = 120.0
"""Seconds of silence on both sides that end it."""


class Conversation:
    """Two joined legs, from the moment they hear each other. Moments are monotonic seconds."""

    __slots__ = ("_agent", "_customer", "_silent", "_timer", "_tools", "began_at", "glare", "lasted", "recording")

    def __init__(self, order: AttemptOrder, tools: Tools, agent: OwnLeg, customer: OwnLeg, now: float,
                 became: Callable[[], None]) -> None:
        """Join them. `became`: told once, when it has lasted for `min_talk`."""
        self._tools, self._agent, self._customer = tools, agent, customer
        self._silent: dict[str, tuple[float, float]] = {}
        """By leg: when silence was told last, and how long it was then."""
        self.began_at = now
        self.glare = customer.role == "incoming"
        """The customer rang in."""
        self.lasted = False
        """For `min_talk`: the promise is kept."""
        self.recording: str | None = None
        tools.media.join(agent.call, customer.call)
        if order.record:
            self.recording = recording_name(tools.stack.wall(), order.attempt, agent.call, customer.call)
            tools.media.record(agent.call, customer.call, self.recording)
        for own in (agent, customer):
            tools.media.watch_silence(own.call, SILENCE_STEP)
            tools.media.watch_keys(own.call, False)  # what they press now they press to each other

        def lasts(now: float) -> None:
            self.lasted = True
            became()

        self._timer = tools.stack.timers.at(now + order.min_talk, lasts)

    def pass_on(self, own: OwnLeg, press: LegPressed) -> None:
        """A key of one leg is for the other; as RFC 4733 it went across with the audio."""
        if press.info and own in (self._agent, self._customer):
            other = self._customer if own is self._agent else self._agent
            self._tools.media.press(other.call, press.key)

    def note_silence(self, own: OwnLeg, seconds: float, now: float) -> bool:
        """One of the legs was silent for so long; return whether nobody is there any more."""
        self._silent[own.call] = now, seconds
        return all(not one.held and self._is_dead(one.call, now) for one in (self._agent, self._customer))

    def _is_dead(self, call: str, now: float) -> bool:
        at, seconds = self._silent.get(call, (now, 0.0))
        return seconds >= DEAD_AIR and now - at < 1.5 * SILENCE_STEP

    def stop(self) -> None:
        """It is over: the recording is whole."""
        self._timer.cancel()
        if self.recording is not None:
            self._tools.media.stop_recording(self._agent.call)


def recording_name(wall: float, attempt: str, agent: str, customer: str) -> str:
    """Return the file name of a recording: its moment in UTC, attempt, and ends of the legs' names; no number."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y%m%dT%H%M%SZ}-{attempt}-{agent[-6:]}-{customer[-6:]}.wav"
