"""What the status thread may see of the daemon: plain values and one Protocol.

Every method of `StatusSource` is called from the status thread, so it must be thread-safe; and none may wait for the
daemon's own loop. The status thread asks at most four times a second for a snapshot, and once per scrape.
Times are seconds since the epoch, UTC.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

from routing.events import EventText
from routing.figures import Tally

QUEUE_EVENTS: Final = (
    "queue.offered", "queue.requested", "place.held", "place.taken", "place.lost", "place.returned",
)
"""Kinds of events that are counted by group."""

RunState = Literal["starting", "running", "draining"]
AgentWord = Literal["free", "ringing", "busy", "wrap_up", "paused", "away", "unknown"]


class PeerState(NamedTuple):
    """A trunk or a PBX as OPTIONS sees it: up while one of its addresses is."""

    state: Literal["up", "down"]
    since: float
    latency_ms: float | None = None
    """Of the last answered OPTIONS."""


class AgentState(NamedTuple):
    """What an extension is doing, as far as the calls that pass show it."""

    state: AgentWord
    since: float | None
    """None: no call of theirs was seen yet."""
    name: str = ""
    """From the policy; empty where the extension is not listed."""
    groups: tuple[str, ...] = ()
    customer: str | None = None
    """With whom: E.164 of the customer of the call that engages them; None: nobody, withheld, or not known."""
    released_today: int = 0
    """Callbacks that were taken from them today because they let them wait."""
    reason: str | None = None
    """Of the pause that they have asked for, which begins once nothing engages them; None: they have not."""


class GroupState(NamedTuple):
    """A group of agents, its callers and its callbacks."""

    calls: int = 0
    """Calls in progress to or from the group's numbers and agents, legs of ours apart."""
    waiting: int = 0
    """Callers who wait for an agent."""
    longest_wait_s: int = 0
    """How long the first of them has waited, in whole steps; 0: nobody waits."""
    estimated_wait_s: int | None = None
    """How long who rings in now has to wait, in whole steps; None: nothing is known."""
    places_held: int = 0
    """Legs of ours that stand in the PBX's queue for somebody who asked for a callback there."""
    agents_free: int = 0
    agents_busy: int = 0
    agents_paused: int = 0
    agents_away: int = 0
    agents_unknown: int = 0
    callbacks_in_queue: int = 0
    """Callback tasks that are open or held."""
    callbacks_due: int = 0
    """Of them, those that wait for an agent now."""
    callbacks_running: int = 0
    """Attempts under way."""
    offers_made: int = 0
    """Callers who were told today, in the policy's time zone, that they may ask for a callback, each once. Over
    restarts; as all that follows."""
    offers_taken: int = 0
    """Callbacks that callers in the queue asked for."""
    callbacks_total: int = 0
    """Callbacks promised, those among them."""
    callbacks_dialled: int = 0
    """Attempts that came to dial their customer."""
    callbacks_kept: int = 0
    """Callbacks that ended with a talk that they brought about, whenever they were promised."""
    average_callback_wait_s: float | None = None
    """Of those: to that talk from the missed call, or from the request in the queue; None: none yet."""


class CallFigures(NamedTuple):
    """Calls of customers now and since midnight in the policy's time zone, and callbacks, apart from them."""

    active: int = 0
    today: int = 0
    answered_today: int = 0
    inbound_today: int = 0
    outbound_today: int = 0
    direct_today: int = 0
    """Inbound calls that went to an agent by direct callback, whether they were answered there or not."""
    callbacks_active: int = 0
    """Callbacks of which a leg is up, each once."""
    callbacks_dialled_today: int = 0
    """Times that a callback dialled its customer."""
    callbacks_answered_today: int = 0
    """Of those, how many the customer answered."""


class Alarm(NamedTuple):
    """Something that needs a person; it is in the list until it is over."""

    name: str
    text: str
    since: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The daemon at one moment. Build a new one rather than change one that was handed out."""

    node: str
    state: RunState
    started: float
    calls: CallFigures = field(default_factory=CallFigures)
    trunks: Mapping[str, PeerState] = field(default_factory=dict)
    pbxs: Mapping[str, PeerState] = field(default_factory=dict)
    groups: Mapping[str, GroupState] = field(default_factory=dict)
    agents: Mapping[str, AgentState] = field(default_factory=dict)
    alarms: Sequence[Alarm] = ()
    campaigns: Mapping[str, Tally] = field(default_factory=dict)
    """What became of each campaign's callbacks today."""
    callbacks_made: Mapping[str, int] = field(default_factory=dict)
    """Callbacks promised since the start of the process, by group."""
    callbacks_kept: Mapping[str, int] = field(default_factory=dict)
    """Of those that ended since then, how many with a talk that they brought about, by group."""
    queue_events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What happened in the queues since the start of the process: kind of event and group."""
    direct_live: int | None = None
    """Live direct callbacks; None where nobody counted."""
    store_queue: int = 0
    """Writes that wait for the database."""
    store_log_bytes: int = 0
    """Length of the database's write-ahead log."""
    outbox: int = 0
    """Events that wait for the broker."""


class StatusSource(Protocol):
    """The daemon, seen from the status thread."""

    def texts_after(self, seq: int, limit: int) -> Sequence[EventText]:
        """Committed events with a greater `seq`, oldest first, at most `limit`."""

    def delete_events_upto(self, seq: int) -> None:
        """Forget events that the broker has acknowledged. May be done later: what is sent twice is told by its id."""

    def snapshot(self) -> Snapshot:
        """The daemon as it is now."""

    def ask_loop(self) -> "Future[None]":
        """Ask the loop that carries the calls for a sign of life: done as soon as it gets to it."""

    def raise_alarm(self, name: str, text: str) -> None:
        """Note an alarm under its name; the same name again only changes the text."""

    def clear_alarm(self, name: str) -> None:
        """The alarm is over; unknown names are ignored."""


class MqttSettings(NamedTuple):
    """Where to publish, with secrets already resolved."""

    node: str
    prefix: str = "boomerang"
    host: str = "127.0.0.1"
    port: int = 1883
    """For `embedded` 0 means: any free port."""
    tls: bool = False
    ca_file: str | None = None
    """PEM file with the certificate authorities to trust; None: the system's."""
    username: str | None = None
    password: str | None = None
    mask_numbers: bool = False
    """Show only the first and last digits of phone numbers in payloads."""
    embedded: bool = False
    """Start a broker of our own on `host` and `port` and publish there."""


class HttpSettings(NamedTuple):
    """Where health and metrics are served."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: any free port; `StatusService.http_port` tells which."""
