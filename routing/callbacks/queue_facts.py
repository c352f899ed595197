"""What the queue room and the rules say to each other of callers who ask for a callback while they wait.

- The room asks the ledger, by the name of the caller's call, what may be offered and for a callback; the answer to the
  latter comes when it is on disk.
- What becomes of a place the room tells the desk, by the name of the request (its callback task). The desk tells the
  room when a place is to be left.

All times are seconds since the epoch, durations seconds.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from routing.callbacks.facts import AttemptOrder


class MenuTerms(NamedTuple):
    """What a caller may ask for by the menu."""

    key: str
    """The offer key."""
    now: bool
    """False: not at this moment (the estimated wait is short, too many requests wait, it closes soon), so nothing is
    said and the key means nothing; ask again later."""
    offer_after: float
    offer_every: float
    """0: once."""
    max_wait: float
    """0: the menu never comes unasked."""
    this_number: bool
    """1 is in the menu: the caller's number is known, and may be called."""
    other_number: bool
    """2 is in the menu."""
    tries: int
    language: str
    wait_minutes: int | None
    """The estimated wait, as the offer is to say it; None: it says none."""
    offer_prompt: str | None
    menu_prompt: str | None
    confirm_prompt: str | None
    """Names of recordings; None: the built-in one."""


class CampaignKeys(NamedTuple):
    """Keys that ask for a callback of a campaign at once, without a menu and without a place."""

    keys: str
    prompt: str | None
    """Recording that tells of them; None: nothing is said."""
    language: str
    confirmations: tuple[tuple[str, str], ...] = ()
    """Key, and the recording that confirms it; of a key that is not among them the built-in one does."""


class QueueOffer(NamedTuple):
    """What a caller who waits for an agent may do beside waiting."""

    menu: MenuTerms | None
    campaign: CampaignKeys | None


class TypedNumber(NamedTuple):
    """What a caller typed, as the rules read it."""

    number: str | None
    """E.164, to be read back and confirmed; None: it is not possible."""
    refusal: Literal["", "impossible", "not_called", "too_many"] = ""
    """`impossible`: no number of any plan; `not_called`: the guard refuses it, and it is written down; `too_many`: more
    numbers than one call may name."""


class PlaceTerms(NamedTuple):
    """A request that is on disk, as who holds its place must know it."""

    task: str
    """UUID version 7 of the callback task."""
    customer: str
    """Whom to call, E.164."""
    group: str
    language: str
    """Of what the agent hears."""
    accept_within: float
    """Seconds that an agent who is seen to have taken the place has for 1 or 2."""
    place_for: float
    """Seconds after which the place is left; 0: as long as the PBX keeps it."""


class RequestAnswer(NamedTuple):
    """What became of a request."""

    terms: PlaceTerms | None
    """None: nothing is promised, and the caller waits on."""
    refusal: str = ""
    """Why: `taken` (an agent has the call meanwhile), `database`, `failed`, `asked_already` (that number
    has an open request of somebody else), `being_called` (an attempt runs for it), `held` (an
    operator holds their request), `flood`, or the guard's word."""


class QueueRequest(NamedTuple):
    """A caller's request as the ledger tells the desk."""

    call: str
    """Name of the caller's call."""
    caller: str | None
    """E.164 of who asks; None: withheld, and not to be written down."""
    customer: str
    """Whom to call, E.164."""
    number: str | None
    """Our number that they dialled."""
    group: str
    pbx: str
    trunk: str
    began_at: float
    """When they began to wait: their place in the order."""
    place: str | None
    """Name of the leg that holds their place; None: there is none (service number)."""


class CallerStayed(NamedTuple):
    """A caller stays in the queue although their request was written down."""

    task: str
    why: Literal["taken", "database"]
    """`taken`: an agent has the call meanwhile, or may have it; `database`: whether it is on disk nobody knows."""


class PlaceFacts(Protocol):
    """What the room tells the desk of a place, by the task of its request."""

    def place_taken(self, task: str, agent: str | None, now: float) -> None:
        """An agent has picked it up; `agent`: who, as far as that is proved."""

    def place_declined(self, task: str, agent: str | None, why: Literal["key", "click", "hung_up", "silent"],
                       now: float, reason: str = "") -> bool:
        """They did not accept; `reason`: in their words. True: hold a new place at the end of the PBX's queue, and tell
        `place_returned` when it is there; False: the place is no more, and the desk rings an agent itself."""

    def place_returned(self, task: str, place: str, now: float) -> None:
        """A new place is held, by the leg of that name."""

    def place_lost(self, task: str, why: str, now: float) -> None:
        """The place is no more: the PBX ended it (`pbx`), it was kept for `place_for` (`time`), a voicemail box
        answered (`voicemail`), media or the disk failed, ..."""

    def place_accepted(self, task: str, agent: str | None, now: float,
                       go: Callable[[AttemptOrder | None], None]) -> None:
        """The agent who has the place pressed 1. `go` is called once: with the attempt that is committed, to be run
        with the agent's leg at hand; None: it may not be made, and the desk goes on as it sees fit."""


class PlaceOrders(Protocol):
    """The room, as the desk sees it. Nothing calls back before it returns."""

    def holds_place(self, task: str) -> bool:
        """Whether it has the place of a request, or has lent it. Asked once in a while of those that it should have:
        whatever went wrong, no request waits for a place that is not there."""

    def leave_place(self, task: str, reason: str, now: float) -> None:
        """Give the place of a request up: it is cancelled, over, or done otherwise. Nothing is told of it any more. A
        place in which the caller is (they rang in again), or that an attempt has by now, is left as it is."""
