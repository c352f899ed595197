"""A PBX on the virtual wire that has a dialog event: keeps subscriptions and sends what the test says."""

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from tests.kit.world import PBX, World

CUSTOMER = "+36201234567"


def dialog(state: str, remote: str | None = None, *, name: str = "1", direction: str | None = "recipient") -> str:
    """One dialog of a document."""
    who = f"<remote><identity>sip:{remote}@pbx</identity></remote>" if remote else ""
    way = f' direction="{direction}"' if direction else ""
    return f'<dialog id="{name}"{way}>{who}<state>{state}</state></dialog>'


def document(*dialogs: str, version: int = 0, state: str = "full") -> bytes:
    """A document of such dialogs."""
    return (f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{state}" '
            f'entity="sip:201@pbx">{"".join(dialogs)}</dialog-info>').encode()


@dataclass
class Watching:
    """One subscription as the notifier knows it."""

    request: Request
    tag: bytes
    cseq: int = 0


class Notifier:
    """The PBX `office` of a World. `asked`: what it was asked and when; `others`: what else left."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[float, Request]] = []
        self.others: list[Request | Response] = []
        self.serial = 0
        self._seen: set[bytes | None] = set()

    def look(self) -> list[Request]:
        """Take what has come since the last look; gives the SUBSCRIBE requests that are not repeated ones."""
        new = []
        for sent in self.world.taken():
            message = sent.message
            if isinstance(message, Request) and message.method == b"SUBSCRIBE" and sent.to == PBX:
                if message.via.branch in self._seen:
                    continue
                self._seen.add(message.via.branch)
                self.asked.append((self.world.now, message))
                new.append(message)
            else:
                self.others.append(message)
        return new

    def wait(self, seconds: float) -> list[Request]:
        """Let time pass; gives the SUBSCRIBE requests that came."""
        self.world.wait_into(seconds)
        return self.look()

    def answer(self, request: Request, status: int = 200, fields: Sequence[bytes] = (), tag: bytes = b"n") -> None:
        """Answer a SUBSCRIBE."""
        if 200 <= status < 300:
            fields = fields or (b"Expires: 300",)
            fields = (b"Contact: <sip:%s@127.0.0.1:5080>" % tag, *fields)
        self._say(build_response(request, status, None, tag, fields))

    def accept(self, request: Request, *dialogs: str, tag: bytes = b"n") -> Watching:
        """Answer 200 and notify."""
        self.answer(request, 200, (), tag)
        watching = Watching(request, tag)
        assert self.notify(watching, document(*dialogs)) == 200
        return watching

    def notify(self, watching: Watching, body: bytes = b"", *, state: str | None = "active;expires=300",
               fields: Sequence[bytes] = (b"Event: dialog", b"Content-Type: application/dialog-info+xml"),
               cseq: int | None = None, method: str = "NOTIFY", contact: bool = True) -> int:
        """Send a NOTIFY; gives the status of its answer."""
        self.serial += 1
        watching.cseq = watching.cseq + 1 if cseq is None else cseq
        asked = watching.request
        lines = [
            f"{method} sip:boomerang@127.0.0.1:5060 SIP/2.0".encode(),
            b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKnotify%d" % self.serial,
            b"Max-Forwards: 70",
            b"From: <%s>;tag=%s" % (asked.to.uri, watching.tag),
            b"To: <%s>;tag=%s" % (asked.from_.uri, asked.from_.tag or b""),
            b"Call-ID: " + asked.call_id,
            f"CSeq: {watching.cseq} {method}".encode(),
            *([b"Contact: <sip:%s@127.0.0.1:5080>" % watching.tag] if contact else []),
            *([b"Subscription-State: " + state.encode()] if state is not None else []),
            *fields, b"Content-Length: %d" % len(body), b"", body,
        ]
        self._say(b"\r\n".join(lines))
        self.look()
        return next(one.status for one in reversed(self.others)
                    if isinstance(one, Response) and one.via.branch == b"z9hG4bKnotify%d" % self.serial)

    def _say(self, data: bytes) -> None:
        """Send something; what it brings about stays on the wire until `look`."""
        self.world.proxy.receive(data, self.world.flow(PBX))
