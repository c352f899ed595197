"""Models of the events of callers in a queue who may ask for a callback, and of the places that stand for them."""

from typing import Annotated, Final

from pydantic import Field

from proxy.status.callback_models import CallbackQueued
from proxy.status.models import Count, Model

CallId = Annotated[str, Field(description="Boomerang's own name of a call: UUID version 7, as in the log")]
Leg = Annotated[str | None, Field(description="The leg that stands in the PBX's queue for them: our name of that call; "
                                  "null: there is none any more, or never was one")]
Seconds = Annotated[float, Field(ge=0)]


class QueueOffered(Model):
    """A caller who waits was told that they may ask for a callback; once a caller, however often it is said."""

    call: CallId
    customer: str | None = Field(description="E.164 of the caller; null: withheld or unreadable")
    number: str | None = Field(description="Our number that they dialled, E.164")
    group: str
    waited_s: Seconds = Field(description="How long they had waited")
    estimated_wait_s: Seconds | None = Field(description="How long they would wait still; null: nothing is known")


class QueueRequested(CallbackQueued):
    """A caller in a queue has asked for a callback, and it is promised: `customer` is whom they want called."""

    call: CallId
    place: Leg
    waited_s: Seconds = Field(description="How long the caller had waited")
    other_number: bool = Field(description="They typed the number; false: it is the one they called from")


class PlaceHeld(CallbackQueued):
    """The caller has hung up, and a leg of ours stands in the PBX's queue in their place."""

    place: Leg
    round: Count | None = Field(description="Which agent's turn it is, counted from 1; null: not known any more")


class PlaceTaken(PlaceHeld):
    """An agent has picked the place up; `agent` is null where nothing shows who."""


class PlaceReturned(PlaceHeld):
    """The agent did not accept: a new place stands at the end of the PBX's queue."""


class PlaceLost(PlaceHeld):
    """The place is no more, and the request waits for an agent whom we ring ourselves."""

    why: str = Field(description="pbx: the PBX ended it; time: it was kept for place_for; voicemail: a mailbox "
                                 "answered; restart, media, ...")
    held_s: Seconds | None = Field(description="How long it was held; null: not known any more")


DATA: Final[dict[str, type[Model]]] = {
    "queue.offered": QueueOffered,
    "queue.requested": QueueRequested,
    "place.held": PlaceHeld,
    "place.taken": PlaceTaken,
    "place.lost": PlaceLost,
    "place.returned": PlaceReturned,
}
"""The model of every kind's data."""
