"""What one phone does, joined over every dialog that its PBX tells of (RFC 4235 section 3.7).

Rules
- One confirmed dialog makes it busy, and so does a call that it is placing itself; one that is offered to it makes it
  ring; nothing else is left that counts.
- Who is on the other side is believed only of calls that were offered to the phone, and only from an identity. PBXs
  leave it out once the call is taken, so what the same dialog said while it rang stands.
- A full document replaces everything and is taken whatever its version says: NOTIFY requests come in order by their
  CSeq, and some PBXs never count. A partial one must follow the version before.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from proxy.sip.dialog_info import MAX_DIALOGS, DialogInfo, DialogState, Direction, PhoneDialog
from proxy.sip.identities import Domains

Doing = Literal["free", "ringing", "busy"]


class Seen(NamedTuple):
    """What a phone does."""

    state: Doing
    remote: str | None = None
    """User part of who rings there, or of whom it talks to where the PBX said so when it rang."""


FREE = Seen("free")


class _Known(NamedTuple):
    seen: Seen
    told: DialogState
    direction: Direction | None


class PhoneState:
    """The dialogs of one phone as one subscription knows them."""

    __slots__ = ("_dialogs", "_domains", "_version")

    def __init__(self, domains: Domains) -> None:
        """`domains`: those that mean ourselves, as for `user_of`."""
        self._domains = domains
        self._version: int | None = None
        self._dialogs: dict[str, _Known] = {}
        """By id; those that changed last are last."""

    @property
    def known(self) -> bool:
        """Whether a full document came yet."""
        return self._version is not None

    def take(self, info: DialogInfo) -> bool:
        """Take a document. False where one before it must be missing: ask for a full one."""
        before = self._dialogs
        if info.full:
            self._dialogs = {}
        elif self._version is None or info.version > self._version + 1:
            return False
        elif info.version <= self._version:
            return True
        self._version = info.version
        for dialog in sorted(info.dialogs, key=lambda each: _news(each, before.get(each.id))):
            self._put(dialog, before.get(dialog.id))
        return True

    def _put(self, dialog: PhoneDialog, before: _Known | None) -> None:
        self._dialogs.pop(dialog.id, None)
        if dialog.state == "terminated" or len(self._dialogs) >= MAX_DIALOGS:
            return
        direction = dialog.direction or (before.direction if before is not None else None)
        state: Doing = "busy" if dialog.state == "confirmed" or direction == "initiator" else "ringing"
        remote = dialog.remote_user(self._domains)
        if dialog.remote is None and before is not None:
            remote = before.seen.remote
        seen = Seen(state, None if direction == "initiator" else remote)
        self._dialogs[dialog.id] = _Known(seen, dialog.state, direction)

    def seen(self) -> Seen:
        """What the phone does; the newest of several dialogs says who is on the other side."""
        return joined(known.seen for known in self._dialogs.values())


def _news(dialog: PhoneDialog, before: _Known | None) -> bool:
    return before is None or before.told != dialog.state


def joined(several: Iterable[Seen]) -> Seen:
    """Join what several sources say of one phone, the newest last."""
    found = FREE
    for seen in several:
        if seen.state == "busy" or (seen.state == "ringing" and found.state != "busy"):
            found = seen
    return found
