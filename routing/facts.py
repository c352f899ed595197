"""The line between the proxy and the rules: plain values, one small one per fact.

The proxy asks one question, `Router.decide(call, now)`, and tells what became of the call. Neither side sees
more of the other than what stands here: no SIP message goes in, no row comes out.
All times are seconds since the epoch, UTC (wall clock), because they must outlive a restart.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, Protocol

from routing.rows import Direction, EndedBy

Watched = Literal["free", "ringing", "busy"]
"""What the dialogs of an agent, all together, show (RFC 4235): `ringing` while one is early, `busy` while one is
confirmed."""


class Identity(NamedTuple):
    """One address in a header that may say who somebody is."""

    header: str
    """Header name, lower case, long form (`p-asserted-identity`)."""
    user: str
    """User part of the URI, unescaped; for a header that holds no URI (`X-Agent: 201`), its whole value.

    A local number of somebody else's domain keeps that as `;phone-context=DOMAIN`, so that it is nobody's here."""
    host: str
    """Host of the URI, lower case; empty where the header holds no URI."""
    display: str
    """Display name without quotes, empty where there is none."""


WITHHELD: Final = frozenset({"anonymous", "unknown", "unavailable", "restricted", "private", "withheld"})
"""User parts that PBXs and carriers write where there is no number to show, lower case."""


def names_nobody(identity: Identity) -> bool:
    """Whether an identity stands for somebody who is not to be known (RFC 3323 section 4.1.1.3; RFC 2606: `.invalid`
    is nobody's domain)."""
    host = identity.host.rstrip(".").lower()
    return (identity.user.partition(";")[0].strip().lower() in WITHHELD
            or host == "invalid" or host.endswith(".invalid"))


def is_elsewhere(identity: Identity) -> bool:
    """Whether an identity is a local number of somebody else's (RFC 3966 section 5.1.5)."""
    return ";" in identity.user


def bare_identities(shown: Iterable[tuple[str, str]]) -> tuple[Identity, ...]:
    """Give identities of which only header and user part are known."""
    return tuple(Identity(header, user, "", "") for header, user in shown)


class NewCall(NamedTuple):
    """A new call as it reached the proxy, before anything was decided."""

    id: str
    """Our own name of the call: UUID version 7 in text form. It stands in the log, the token and the call's row."""
    direction: Direction
    trunk: str
    """Name of the trunk the call came from (inbound) or would go to (outbound)."""
    pbx: str
    """Name of the PBX the call would go to (inbound) or came from (outbound)."""
    dialled: str
    """User part of the Request-URI: what was dialled. As `Identity.user`."""
    identities: tuple[Identity, ...]
    """Every identity the INVITE carries in P-Asserted-Identity, Remote-Party-ID, From and the PBX's `agent_from`."""
    withheld: bool
    """The caller asked not to be shown (Privacy, Remote-Party-ID, a From that names nobody)."""
    sip_call_id: str
    """The Call-ID header."""


QUEUE_ROOM: Final = "queue room"
"""The local target that takes a call to where it was headed through ourselves, so that the caller's keys are heard."""
PLACE: Final = "place "
"""Before the name of a request (its callback task): the local target that joins who asked for it to their place."""
SERVICE: Final = "service "
"""Before the name of a group: the local target that is the service number of its callbacks, called by a PBX."""


class Target(NamedTuple):
    """One place to send the call to."""

    user: str | None = None
    """User part that replaces the Request-URI (`sip:USER@PBX`); None: the Request-URI stays as it came."""
    ring_for: float | None = None
    """Seconds until the next target is tried; None: until the caller or Timer C ends it."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers to add for this target only, (name, value)."""
    local: str | None = None
    """The target is ourselves, and refuses like any other: name of the attempt that this call is to be joined with, or
    QUEUE_ROOM, PLACE or SERVICE."""


class Decision(NamedTuple):
    """Where a call goes, and why."""

    targets: tuple[Target, ...]
    """In order; never empty. The last one is where the call was headed."""
    peer: str
    """Name of the PBX (inbound) or trunk (outbound) that the targets are at."""
    reason: str
    """One word for the log: `normal`, `direct`, `withheld`, ..."""
    customer: str | None = None
    """E.164 of the outside party with its `+`; None where it is withheld or unreadable."""
    agent: str | None = None
    """Outbound: the extension that calls. Inbound: the extension of the first target."""


NORMAL_TARGETS = (Target(),)
"""The targets of a call that passes as it came."""


class Ending(NamedTuple):
    """How a call ended."""

    cause: int
    """Final SIP status of the INVITE; 200 where the call was answered and then ended by a BYE."""
    by: EndedBy
    elsewhere: bool = False
    """The caller's side gave up because somebody else had answered (RFC 3326)."""
    dialog: str | None = None
    """After a BYE: the callee's tag in the dialog that it ended. The call is over when none of its dialogs is up. None:
    the call is over."""
    q850: int | None = None
    """Cause of Q.850 in a Reason header of the final response (RFC 3326); None: it has none."""
    unheard: bool = False
    """Whoever answered has never heard the caller, who was with ourselves all the time: for the caller nobody did."""


class OpenCall(NamedTuple):
    """A call of the ledger that has not ended."""

    id: str
    trunk: str
    pbx: str
    tried: str | None
    """Extension of the agent that the call was sent to first; None where it went its normal way at once."""
    direction: Direction


Standing = Literal["open", "over", "long_over", "unknown"]
"""How a call stands: in progress; ended lately, so that messages of its end are still under way; ended before that;
not written down, or given up as lost: it may go on."""


class Router(Protocol):
    """What the proxy may ask of the rules and tell them.

    None of these raises for a call it does not know. `decide` may raise: the proxy then sends the call its normal way.
    """

    def decide(self, call: NewCall, now: float) -> Decision:
        """Say where a new call goes, and open its ledger entry."""

    def ringing(self, call: str, target: int, now: float) -> None:
        """Target number `target` (index into the decision) rings: first 180 or 183 of it."""

    def target_failed(self, call: str, target: int, status: int, now: float) -> None:
        """A target that is not the last was given up: its final status, or 408 when `ring_for` ran out."""

    def answered(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                 now: float, dialog: str | None = None) -> None:
        """First 2xx of target `target`.

        `identities`: P-Asserted-Identity and Remote-Party-ID of that 2xx. `session`: Session-Expires in seconds.
        `dialog`: the callee's tag; None: the dialog is our own, and its end is the end of the call.
        """

    def answered_again(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                       now: float, dialog: str) -> None:
        """Another 2xx of a call: of another phone, or a repetition. The rest as in `answered`."""

    def acknowledged(self, call: str, dialog: str) -> None:
        """The caller has acknowledged the 2xx in which the callee has this tag."""

    def alive(self, call: str, session: float | None, now: float, dialog: str | None = None) -> None:
        """A re-INVITE or UPDATE of the call was answered 2xx: it lives. `session`, `dialog` as in `answered`."""

    def connected_line(self, call: str, identities: tuple[Identity, ...], now: float,
                       dialog: str | None = None) -> None:
        """The callee's side said, in an UPDATE or re-INVITE that was accepted, whom the caller is connected to now.

        `identities`: its P-Asserted-Identity and Remote-Party-ID. `dialog` as in `answered`.
        """

    def dialog_event(self, agent: str, state: Watched | None, remote: str | None, now: float) -> None:
        """What an agent's dialogs show, told with each change; None: nobody can see them any more.

        `remote`: with `ringing`, the user part of whoever rings there; None where the PBX does not say.
        """

    def ended(self, call: str, ending: Ending, now: float, stored: Callable[[], None] | None = None) -> None:
        """Tell that the call is over.

        `stored` is called once, in the proxy's thread, when everything that follows from this is committed, or at
        once where it cannot be: the answer that the far end waits for leaves after that.
        """

    def adopt(self, call: NewCall, answered: bool, now: float) -> None:
        """Take over a call that is found under way; nothing where it is written down as over.

        Another node began it, or a process before this one that could not write it. Nobody is asked where it goes.
        `answered`: it has been, when nobody knows.
        """

    def standing(self, call: str, now: float) -> Standing:
        """Say how a call stands; it may have begun in a process before this one."""

    def open_call(self, sip_call_id: str, found_at: float | None = None) -> OpenCall | None:
        """The open call with this Call-ID, which a process before this one began, or another node: how messages of it
        find their entry.

        `found_at`: now, where such a message has come. A call of another node that was never heard of here is taken
        over then, as far as its row is known.
        """
