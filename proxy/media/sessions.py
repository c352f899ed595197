"""Sessions as the proxy knows them: all that was asked of each, so that the next media process can go on with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from proxy.media.contract import Clip, MediaEars, StreamTerms

Command = tuple[object, ...]


class Playing(NamedTuple):
    """What is played, and not told as played yet."""

    clips: tuple[Clip, ...]
    tag: int
    pause: float | None
    """Seconds between repeats; None: once."""


@dataclass(eq=False, slots=True)
class SessionRecord:
    """One session. What it does changes only with what is asked of it, and with the end of what is played."""

    number: int
    name: str
    ears: MediaEars
    port: int = 0
    """Where it listens; 0: that is not known yet."""
    terms: StreamTerms | None = None
    playing: Playing | None = None
    tone: str = ""
    """Empty: none."""
    other: "SessionRecord | None" = None
    silence: float = 0.0
    keys: bool = True
    beeps: bool = False
    heard: bool = False
    """Its first packet was told."""
    lost_at: float | None = None
    """When the process ended that had it; None: it is open."""
    losses: int = 0
    """How many processes in a row ended soon with it."""

    def play(self, playing: Playing | None, tone: str = "") -> None:
        """Take what is played now in place of what was."""
        self.playing, self.tone = playing, tone

    def join(self, other: "SessionRecord") -> None:
        """Join two; what is played on them ends."""
        for one, partner in ((self, other), (other, self)):
            if one.other is not partner:
                one.part()
            one.play(None)
        self.other, other.other = other, self

    def part(self) -> None:
        """Undo `join`."""
        if self.other is not None:
            self.other.other = None
            self.other = None


@dataclass(eq=False, slots=True)
class RecordingRecord:
    """A recording of two sessions."""

    first: SessionRecord
    second: SessionRecord
    file: str
    part: int = 1

    @property
    def part_file(self) -> str:
        """Name of the file that is written now: each process has one of its own, `NAME`, `NAME-2`, ..."""
        stem = self.file.removesuffix(".wav")
        return self.file if self.part == 1 else f"{stem}-{self.part}.wav"


def reopening(records: Iterable[SessionRecord], recordings: Iterable[RecordingRecord]) -> Iterator[Command]:
    """Yield the commands after which a new process does what the one before it did.

    What was played once and is not told as played begins anew; keys that were pressed meanwhile are lost.
    """
    records = list(records)
    for record in records:  # first of all, so that no new session gets the port of one of these
        yield "open", record.number, record.name, record.port
    for record in records:
        if record.terms is not None:
            yield "connect", record.number, record.terms._asdict()
        if record.silence:
            yield "watch", record.number, record.silence
        if not record.keys:
            yield "watch_keys", record.number, False
        if record.beeps:
            yield "watch_tone", record.number, True
    for record in records:
        if record.other is not None and record.number < record.other.number:
            yield "join", record.number, record.other.number
    for record in records:  # after they are joined, for that ends what is played
        if record.playing is not None:
            yield play_command(record, record.playing)
        elif record.tone:
            yield "tone", record.number, record.tone
    for recording in recordings:
        yield "record", recording.first.number, recording.second.number, recording.part_file


def play_command(record: SessionRecord, playing: Playing) -> Command:
    """Return the command that has it played."""
    return "play", record.number, [list(clip) for clip in playing.clips], playing.tag, playing.pause
