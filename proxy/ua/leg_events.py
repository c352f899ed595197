"""What a leg tells its owner: one small set of values, the same on every floor from the dialog up to an attempt.

`LegEnded` comes once and last. All of them come after the call that made the leg has returned.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Ended = Literal["us", "far", "lost"]
"""Who ended a leg: ourselves, the far end, or nobody (no ACK, no answer to a session refresh, no media)."""


class Shown(NamedTuple):
    """What of a response to a call that stands for another is for whoever made that one."""

    status: int
    phrase: str
    fields: tuple[bytes, ...]
    """Header fields that are not about the leg itself, unfolded, without CRLF."""


class LegEnd(NamedTuple):
    """How a leg ended."""

    cause: int
    """Final status of the INVITE; 200 where it was answered and then ended; 408 where nothing answered; 487 where we
    gave up; 488 where no codec fits."""
    by: Ended
    retry_after: float | None = None
    """Seconds from a Retry-After header."""
    reason: str = ""
    """Text of a Reason header (RFC 3326) or of the status line, for the journal."""
    q850: int | None = None
    """Cause of Q.850 in a Reason header of the final response."""
    shown: Shown | None = None
    """That response, where the call stands for another."""
    fields: tuple[bytes, ...] = ()
    """Reason headers of the BYE or CANCEL, as they came."""


@dataclass(frozen=True, slots=True)
class LegSent:
    """Its INVITE left, or leaves again with credentials or to another address: `Leg.memory` has changed."""


@dataclass(frozen=True, slots=True)
class LegRinging:
    """The far end rings (180, or 183 with media); told once, and once more when early media begins."""

    early_media: bool


@dataclass(frozen=True, slots=True)
class LegProgress:
    """A 1xx above 100, each one; told only of a call that stands for another (`LegRequest.copied`)."""

    shown: Shown
    early_media: bool
    """It holds a description: what the far end plays is heard."""


@dataclass(frozen=True, slots=True)
class LegAccepted:
    """It is about to be answered: `Leg.memory` has the dialog, and the ACK to their 2xx, or our own 2xx, leaves with
    `Leg.confirm`, which is to be called when that is written down. A leg does not wait for it for long."""


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """It is answered, its media agreed on: a 2xx of theirs that we have acknowledged, or the ACK to ours."""


@dataclass(frozen=True, slots=True)
class LegPressed:
    """A key was pressed; the same press is told once."""

    key: str
    """`0`-`9`, `*`, `#`, `A`-`D`."""
    info: bool
    """It came in an INFO request, and not with the audio as RFC 4733: a joined leg did not hear it."""


@dataclass(frozen=True, slots=True)
class LegHeld:
    """The far end put us on hold, or took us back."""

    held: bool
    silent: bool = False
    """And it sends nothing either (`inactive`), no music."""


@dataclass(frozen=True, slots=True)
class LegConnected:
    """The far end says, in a re-INVITE or UPDATE, whom we are connected to now."""

    identities: tuple[tuple[str, str], ...]
    """As `Leg.identities`; not empty."""
    private: bool
    """They are not to be shown to anybody (RFC 3323)."""


class Asked(NamedTuple):
    """A request in a dialog that is for whoever is at the other end of the call that a leg stands for."""

    method: bytes
    fields: tuple[bytes, ...]
    """Header fields that are not about the leg itself, those about the body included, without CRLF."""
    body: bytes


class Answering:
    """How such a request is answered: by who takes it, later; where nobody does, the leg refuses it by itself."""

    __slots__ = ("_send", "taken")

    def __init__(self, send: Callable[[Shown, float], None]) -> None:
        self._send = send
        self.taken = False
        """To be set by whoever will answer it."""

    def answer(self, shown: Shown, now: float) -> None:
        """Answer it, once."""
        self._send(shown, now)


@dataclass(frozen=True, slots=True)
class LegAsked:
    """The far end asks for something that a leg by itself declines: REFER, NOTIFY, MESSAGE, INFO without a key."""

    asked: Asked
    answering: Answering


@dataclass(frozen=True, slots=True)
class LegPlayed:
    """What its owner had played with this tag has been played to its end."""

    tag: int


@dataclass(frozen=True, slots=True)
class LegSilent:
    """No RTP, or nothing but silence, for so long; told again as it lasts (`Media.watch_silence`)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LegTone:
    """A machine seems to be there, as a voicemail box: a single tone for two seconds, or a beep with silence behind it
    (`Media.watch_tone`)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LegGivenUp:
    """`ring_for` is over, and nobody waits for an answer any more; `LegEnded` follows with this end as soon as the far
    end lets us: nothing may be cancelled before it has said a word (RFC 3261 section 9.1)."""

    end: LegEnd


@dataclass(frozen=True, slots=True)
class LegEnded:
    """It is over."""

    end: LegEnd


LegEvent = (LegSent | LegRinging | LegProgress | LegAccepted | LegAnswered | LegPressed | LegHeld | LegConnected
            | LegAsked | LegPlayed | LegSilent | LegTone | LegGivenUp | LegEnded)
