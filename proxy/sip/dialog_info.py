"""dialog-info documents (RFC 4235): which dialogs a phone has, as its PBX tells its watchers.

Rules
- The sender is believed no more than any other: octets, nesting, dialogs and text are limited, and a document type
  declaration (with it every entity) is refused before it is read.
- Elements of other namespaces are skipped with all they hold (section 4.4); none at all counts as the right one.
- Lenient where nothing gets ambiguous: without `version` it is 0, without `state` the document is full, and words are
  compared without case and white space.
- SipError(400) is the only exception that leaves.
"""

import re
from typing import Final, Literal, NamedTuple, get_args
from xml.parsers import expat

from proxy.sip.errors import SipError
from proxy.sip.identities import Domains, user_of
from proxy.sip.limits import MAX_MESSAGE

CONTENT_TYPE: Final = b"application/dialog-info+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:dialog-info"

MAX_DEPTH: Final = 16
"""Elements within each other; the schema needs five."""
MAX_DIALOGS: Final = 200
"""Dialogs of one document."""
MAX_TEXT: Final = 1024
"""Characters of one value, such as an identity."""

DialogState = Literal["trying", "proceeding", "early", "confirmed", "terminated"]
Direction = Literal["initiator", "recipient"]

_STATES: Final = {str(word): word for word in get_args(DialogState)}
_DIRECTIONS: Final = {str(word): word for word in get_args(Direction)}
_VERSION: Final = re.compile(r"[0-9]{1,10}")


class PhoneDialog(NamedTuple):
    """One dialog of the watched phone, as much of it as says what the phone does and with whom."""

    id: str
    """Its name within the documents of one subscription."""
    state: DialogState
    direction: Direction | None
    """`recipient`: the phone was called."""
    remote: str | None
    """Identity of the other end, a URI. A target is none: it is where that end is reached."""

    def remote_user(self, domains: Domains) -> str | None:
        """User part of that identity (a number or an extension) as `user_of` gives it; None where there is none."""
        return None if self.remote is None else user_of(self.remote.encode(), domains)[0] or None


class DialogInfo(NamedTuple):
    """One document."""

    version: int
    full: bool
    """All dialogs there are; else only those that changed since the version before."""
    dialogs: tuple[PhoneDialog, ...]


def parse_dialog_info(body: bytes) -> DialogInfo:
    """Read a document. Raises SipError(400)."""
    if len(body) > MAX_MESSAGE:
        raise _bad("too large")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body.strip(), True)
    except SipError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:  # the two others: an encoding that nobody has
        raise _bad("not well-formed") from error
    return reader.document()


def _bad(why: str) -> SipError:
    return SipError(400, f"Bad dialog-info: {why}")


class _Reader:
    """Gathers one document while the parser walks through it."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._skip = 0
        self._root: dict[str, str] | None = None
        self._dialogs: list[PhoneDialog] = []
        self._dialog: dict[str, str] = {}
        self._state = self._value = ""
        self._remote: str | None = None

    def doctype(self, *declared: object) -> None:
        raise _bad("document type declaration")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if len(self._path) + self._skip >= MAX_DEPTH:
            raise _bad("nested too deep")
        if self._skip or space not in ("", NAMESPACE):
            self._skip += 1
            return
        self._path.append(local)
        self._value = ""
        match self._path:
            case ["dialog-info"]:
                self._root = attributes
            case ["dialog-info", "dialog"]:
                if len(self._dialogs) >= MAX_DIALOGS:
                    raise _bad("too many dialogs")
                self._dialog, self._state, self._remote = attributes, "", None

    def text(self, text: str) -> None:
        if not self._skip and len(self._value) <= MAX_TEXT:
            self._value += text

    def end(self, name: str) -> None:
        if self._skip:
            self._skip -= 1
            return
        match self._path:
            case ["dialog-info", "dialog", "state"]:
                self._state = self._value.strip().lower()
            case ["dialog-info", "dialog", "remote", "identity"]:
                self._remote = self._value.strip()[:MAX_TEXT] or None
            case ["dialog-info", "dialog"]:
                self._dialogs.append(self._finished())
        self._path.pop()
        self._value = ""

    def _finished(self) -> PhoneDialog:
        told, state = self._dialog, _STATES.get(self._state)
        if state is None:
            raise _bad("dialog without a known state")
        if not told.get("id"):
            raise _bad("dialog without id")
        direction = _DIRECTIONS.get(told.get("direction", "").strip().lower())
        return PhoneDialog(told["id"][:MAX_TEXT], state, direction, self._remote)

    def document(self) -> DialogInfo:
        """Give what was read. Raises SipError(400) where it is no dialog-info."""
        root = self._root
        if root is None:
            raise _bad("another document")
        version, state = root.get("version", "0").strip(), root.get("state", "full").strip().lower()
        if _VERSION.fullmatch(version) is None or state not in ("full", "partial"):
            raise _bad("version or state")
        return DialogInfo(int(version), state == "full", tuple(self._dialogs))
