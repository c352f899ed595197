"""What the demo prints: the ladder as it happens, events beside it, and at the end what was proved.

Plain lines of text, flushed one by one; colour only on a terminal that wants it. On a narrow terminal what stands
beside the ladder gets a line of its own. A reader that goes away (`| head`) does not stop the demo.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TextIO

from proxy.demo.waiting import DemoError
from proxy.ladder import ELLIPSIS, Ladder, printable
from proxy.sip.message import Message, Request, Response

CARRIER: Final = "Customer, carrier"
BOOMERANG: Final = "Boomerang"
PBX: Final = "PBX, agents"

WIDE: Final = 150
"""Columns from which notes stand beside the ladder."""
INDENT: Final = " " * 9

_STYLES: Final = {"bold": "1", "red": "31", "green": "32", "dim": "2"}
_FACTS: Final = {
    "call.started": ("direction", "customer", "agent"),
    "call.answered": ("direction", "customer", "agent", "evidence"),
    "call.ended": ("direction", "customer", "cause", "by", "talk_s"),
    "callback.queued": ("customer", "number", "group"),
    "callback.attempted": ("customer", "agent", "result", "talk_s"),
    "alarm.raised": ("alarm", "text"),
}
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{6}(?=[0-9a-f]{6}\b)")
"""A UUID but for its last six digits."""
_FACTS_OF_ANY: Final = ("customer", "agent", "type", "alarm")
_PLAIN: Final = {"direction": "{}", "customer": "{}", "text": "{}", "talk_s": "talk {:.1f} s"}


class Proof(NamedTuple):
    """One claim and what became of it."""

    claim: str
    reason: str | None
    """Why it was not proved; None where it was."""


class Show:
    """Prints, and keeps the list of proofs."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._gone = False
        """The reader went away; nobody is told anything any more."""
        self._began = time.monotonic()
        terminal = out.isatty()
        self._colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._beside = not terminal or shutil.get_terminal_size().columns >= WIDE
        self._ladder = Ladder((CARRIER, BOOMERANG, PBX), lambda seconds: f"{seconds:7.3f}s")
        self._good, self._bad = ("✓", "✗") if _can_write("✓✗", out) else ("ok", "NOT PROVED")
        self.proofs: list[Proof] = []

    # -- lines

    def say(self, text: str = "", style: str = "") -> None:
        """Print one line."""
        if style and self._colour:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        if self._gone:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except OSError:
            self._gone = True

    def scene(self, number: int, title: str, text: str) -> None:
        """Begin a scene: its title, what to look for, the heads of the columns."""
        self.say()
        self.say(f"{number}. {title}", "bold")
        self.say(f"   {text}")
        self.say()
        self.say(self._ladder.head())

    def note(self, text: str) -> None:
        """Print something that is no message."""
        self._row(BOOMERANG, BOOMERANG, "", text)

    def message(self, end: str, came_in: bool, message: Message) -> None:
        """Draw one SIP message between an end and Boomerang."""
        source, destination = (BOOMERANG, end) if came_in else (end, BOOMERANG)
        reason = message.value(b"x-boomerang")
        self._row(source, destination, title(message),
                  "" if reason is None else "X-Boomerang: " + _short(reason.decode("utf-8", "replace")))

    def sound(self, end: str, came_in: bool, text: str, note: str = "") -> None:
        """Draw what is heard between an end and Boomerang, in as many rows as it is worth and not packet by packet."""
        source, destination = (BOOMERANG, end) if came_in else (end, BOOMERANG)
        self._row(source, destination, f"RTP {text}", note)

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Print an event of MQTT."""
        self.note(f"MQTT {kind} {_told(kind, data)}".rstrip())

    def _row(self, source: str, destination: str, text: str, note: str) -> None:
        now = time.monotonic() - self._began
        if text or self._beside:
            self.say(self._ladder.line(now, source, destination, text, note if self._beside else ""))
        if note and not self._beside:
            self.say(f"{INDENT} {printable(note)}", "dim")

    # -- proofs

    @contextmanager
    def proof(self, claim: str) -> Iterator[None]:
        """Prove a claim by what is done inside; a DemoError there is the reason why it is not proved, and passes."""
        try:
            yield
        except DemoError as error:
            self.proofs.append(Proof(claim, str(error)))
            raise
        self.proofs.append(Proof(claim, None))

    def failed(self, claim: str, error: DemoError) -> None:
        """Note an error that is not the reason of a failed proof yet."""
        if not any(proof.reason == str(error) for proof in self.proofs):
            self.proofs.append(Proof(claim, str(error)))

    @property
    def good(self) -> bool:
        """Whether everything claimed so far was proved."""
        return bool(self.proofs) and all(proof.reason is None for proof in self.proofs)

    def summary(self, left_out: list[str]) -> None:
        """Print what was proved, what was not and why, and the scenes that were not played."""
        self.say()
        self.say("What was proved" if self.good else "What was proved, and what was not", "bold")
        for claim, reason in self.proofs:
            if reason is None:
                self.say(f"  {self._good} {claim}", "green")
            else:
                self.say(f"  {self._bad} {claim}: {printable(reason)}", "red")
        for scene in left_out:
            self.say(f"  - not played: {scene}")


def title(message: Message) -> str:
    """Return what the arrow says: the method (of an INVITE: and whom it is for), or the answer (and to what)."""
    if isinstance(message, Request):
        user = message.uri.partition(b":")[2].partition(b"@")[0].decode("utf-8", "replace")
        return f"INVITE {user}" if message.method == b"INVITE" else message.method.decode()
    assert isinstance(message, Response)
    method = message.cseq.method.decode()
    reason = message.reason.decode("utf-8", "replace")
    return f"{message.status} {reason}" if method == "INVITE" else f"{message.status} {reason} ({method})"


def _short(text: str) -> str:
    """Leave of every UUID no more than its end, which is what tells one from the next."""
    return _UUID.sub(ELLIPSIS, text)


def _can_write(signs: str, out: TextIO) -> bool:
    try:
        signs.encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _told(kind: str, data: Mapping[str, Any]) -> str:
    """The facts of an event that are worth the room beside a ladder; what is not known is left out."""
    facts = ((key, data.get(key)) for key in _FACTS.get(kind, _FACTS_OF_ANY))
    return " ".join(_PLAIN.get(key, f"{key} {{}}").format(value) for key, value in facts if value is not None)
