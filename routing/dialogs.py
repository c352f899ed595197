"""The dialogs of one call. A PBX or carrier that forks may answer several times; the caller keeps one and ends the
others (RFC 3261 section 13.2.2.4). A dialog is its Call-ID and both tags (section 12): inside a call the callee's tag.

Rules
- A call is over when the last of its dialogs is. A BYE in a dialog that never was answered ends no call.
- An answer that nobody acknowledges keeps a call for 64*T1 at most: its phone gives up then (section 13.3.1.4).
- Of calls that were answered before this process began no tags are known: any BYE ends them.
"""

from collections.abc import Iterable
from typing import Final

from routing.identity import Proof
from routing.rows import EndedBy

UNACKNOWLEDGED: Final = 32.0
"""Seconds (64*T1) after which an answer without its ACK is no dialog any more."""

SESSION_FACTOR: Final = 1.5
SESSION_GRACE: Final = 30.0
"""A session is refreshed at half its interval (RFC 4028 section 10); this much without a sign of life is too long."""

RESTORED_ANSWERED: Final = 4 * 3600.0
"""Seconds that a call that was answered when we crashed may go on unseen where no session timer tells: its BYE may have
come while nobody was there, and until then its customer is not called back and its agent not rung."""


class Dialog:
    """One answer to a call. Times in seconds since the epoch."""

    __slots__ = ("acknowledged", "alive_at", "answered_at", "over", "proof", "restored", "session", "tag")

    def __init__(self, tag: str | None, proof: Proof | None, session: float | None, now: float) -> None:
        self.tag = tag
        """The callee's; None: not known (after a restart), or a leg of ours, in which no BYE passes."""
        self.proof = proof
        """Who answered, as far as that is proved."""
        self.session = session
        """Session-Expires in seconds; None: no session timer."""
        self.answered_at = self.alive_at = now
        self.acknowledged = tag is None
        self.over = self.restored = False

    @classmethod
    def read_back(cls, session: float | None, now: float) -> "Dialog":
        """Make the dialog of a call that was answered before this process began."""
        dialog = cls(None, None, session, now)
        dialog.restored = True
        return dialog

    def move(self, seconds: float) -> None:
        """Follow the wall clock, which was set forward by so many seconds (back: negative)."""
        self.answered_at += seconds
        self.alive_at += seconds

    def silent(self, now: float) -> bool:
        """Whether it must be taken for over although nobody said so."""
        if self.session is None:
            return self.restored and now - self.alive_at >= RESTORED_ANSWERED
        return now - self.alive_at >= self.session * SESSION_FACTOR + SESSION_GRACE

    def holds(self, now: float) -> bool:
        """Whether a call may still be going on in it, where another dialog of that call has ended."""
        return not (self.over or self.silent(now)) and \
            (self.acknowledged or now - self.answered_at < UNACKNOWLEDGED)


class Dialogs:
    """All dialogs of one call, in the order of their answers."""

    __slots__ = ("_all", "_hung_up", "known")

    def __init__(self, restored: Iterable[Dialog] = (), *, known: bool = True) -> None:
        self._all = list(restored)
        self.known = known
        """Every answer was seen by this process."""
        self._hung_up: tuple[EndedBy, float] | None = None
        """Who ended one of them last, and when, where the call went on in another one."""

    def move(self, seconds: float) -> None:
        """Follow the wall clock, which was set forward by so many seconds (back: negative)."""
        for dialog in self._all:
            dialog.move(seconds)
        if self._hung_up is not None:
            self._hung_up = self._hung_up[0], self._hung_up[1] + seconds

    def add(self, dialog: Dialog) -> None:
        """Take an answer, unless it is the repetition of one, or nobody knows whether it is."""
        if not self._all:
            self.known = True
        elif not self.known or self.find(dialog.tag) is not None:
            return
        self._all.append(dialog)

    def find(self, tag: str | None) -> Dialog | None:
        """Return the dialog with this tag; of a call from before a restart the only one. None: there is none."""
        if not self.known:
            return self._all[0] if self._all else None
        for dialog in self._all:
            if dialog.tag == tag:
                return dialog
        return None

    def hang_up(self, tag: str) -> Dialog | None:
        """End the dialog with this tag and return it; None: there is none, or it was over before."""
        dialog = self.find(tag)
        if dialog is None or dialog.over:
            return None
        dialog.over = True
        return dialog

    def up(self, now: float) -> Dialog | None:
        """Return the first one in which the call goes on."""
        for dialog in self._all:
            if dialog.holds(now):
                return dialog
        return None

    def go_on(self, ended_by: EndedBy, now: float) -> None:
        """Remember who ended one of several, as the call goes on in another one."""
        self._hung_up = ended_by, now

    def left_since(self, now: float) -> tuple[EndedBy, float] | None:
        """Say who ended a call, and when, whose other answers turn out to be nobody's; None: it goes on."""
        return self._hung_up if self._hung_up is not None and self.only_unacknowledged(now) else None

    def only_unacknowledged(self, now: float) -> bool:
        """Whether, of what has not ended, nothing was acknowledged, and all of it too long ago."""
        left = [dialog for dialog in self._all if not dialog.over]
        return not any(dialog.acknowledged or dialog.holds(now) for dialog in left)

    def goes_on_in(self, tag: str | None) -> bool:
        """Whether what is said in the dialog with this tag is said of the call."""
        dialog = self.find(tag)
        return not (dialog is None or dialog.over)

    def silent(self, now: float) -> bool:
        """Whether nobody has heard of any of them for too long."""
        return all(dialog.over or dialog.silent(now) for dialog in self._all)

    @property
    def session(self) -> float | None:
        """The longest session interval among those that are up; None: one has no session timer."""
        longest: float | None = None
        for dialog in self._all:
            if dialog.over:
                continue
            if dialog.session is None:
                return None
            longest = dialog.session if longest is None else max(longest, dialog.session)
        return longest
