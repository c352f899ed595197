"""Callback from the queue: a caller who waits presses a key, hangs up and keeps the place.

Three levels, each key for itself: the number's, else the group's, else the global one.
"""

from typing import Annotated, Literal

from config.checks import Field
from config.fields import Age, Name, Pause, Retries, Some, Wait
from config.limits import Language
from config.loading import Duration
from config.section import Section

OfferKey = Annotated[str, Field(pattern="^[0-9*#]$")]
Declined = Literal["queue", "dispatch"]
"""Where a request goes that an agent declined: to the end of the PBX's queue again, or to the next free agent."""
Tries = Annotated[int, Field(ge=1, le=10)]
Limit = Annotated[Duration, Field(ge=1, le=14 * 86_400.0)]


class QueueCallback(Section):
    """What callers who wait in a queue may ask for."""

    enabled: bool = Field(default=False, description="Callers who wait may ask for a callback and keep their place.")
    key: OfferKey = Field(default="1", description="The key that they press for the menu: 0-9, * or #.")
    offer_after: Wait = Field(default=20.0, description="How long they wait before they are told of the key.")
    offer_every: Wait = Field(default=60.0, description="How often they are told again; 0s: once.")
    offer_from_wait: Wait = Field(
        default=0.0, description="They are told only while the estimated wait is at least this."
    )
    max_wait: Wait = Field(default=0.0, description="After this the menu comes unasked, once; 0s: never.")
    announce_wait: bool = Field(default=False, description="They are told the estimated wait, in minutes.")
    other_number: bool = Field(default=True, description="They may name another number.")
    tries: Tries = Field(default=3, description="Wrong entries before a caller is back in the queue.")
    language: Language | None = Field(
        default=None, description="Language of the prompts; not set: callback.language."
    )
    offer_prompt: Name | None = Field(
        default=None, description="Recording that tells of the key; not set: the built-in one."
    )
    menu_prompt: Name | None = Field(default=None, description="Recording of the menu; not set: the built-in one.")
    confirm_prompt: Name | None = Field(
        default=None, description="Recording that says that they are called back; not set: the built-in one."
    )
    limit: Limit = Field(
        default=3600.0, description="A request that is not done by then is removed, and a ticket is opened."
    )
    declined: Declined = Field(
        default="queue",
        description="Where a declined request goes: queue (to the end of the PBX's queue) or dispatch (to the next "
        "free agent, not the same one).",
    )
    place_for: Wait = Field(
        default=0.0,
        description="How long the place is kept before Boomerang rings an agent itself, to be set below the time-out "
        "of a PBX's queue behind which a voicemail box waits; 0s: as long as the PBX keeps it.",
    )
    retries: Retries = Field(
        default=0, description="How many more times a customer who did not answer is called."
    )
    retry_after: Pause = Field(default=1800.0, description="How long between these.")
    max_pending: Some = Field(
        default=0, description="Requests that may wait for the group: above it nothing is offered; 0: any number."
    )
    stop_before_close: Age = Field(
        default=0.0, description="No offer in so much time before the opening hours end."
    )
    per_live: Some = Field(
        default=0,
        description="Without a place, at most one callback for so many live callers taken while others wait; 0: no "
        "rule.",
    )


class QueueCallbackOverride(Section):
    """The keys of `queue_callback` that a group or a number sets for itself; None leaves the level above in force."""

    enabled: bool | None = Field(default=None, description="Overrides queue_callback.enabled.")
    key: OfferKey | None = Field(default=None, description="Overrides queue_callback.key.")
    offer_after: Wait | None = Field(default=None, description="Overrides queue_callback.offer_after.")
    offer_every: Wait | None = Field(default=None, description="Overrides queue_callback.offer_every.")
    offer_from_wait: Wait | None = Field(default=None, description="Overrides queue_callback.offer_from_wait.")
    max_wait: Wait | None = Field(default=None, description="Overrides queue_callback.max_wait.")
    announce_wait: bool | None = Field(default=None, description="Overrides queue_callback.announce_wait.")
    other_number: bool | None = Field(default=None, description="Overrides queue_callback.other_number.")
    tries: Tries | None = Field(default=None, description="Overrides queue_callback.tries.")
    language: Language | None = Field(default=None, description="Overrides queue_callback.language.")
    offer_prompt: Name | None = Field(default=None, description="Overrides queue_callback.offer_prompt.")
    menu_prompt: Name | None = Field(default=None, description="Overrides queue_callback.menu_prompt.")
    confirm_prompt: Name | None = Field(default=None, description="Overrides queue_callback.confirm_prompt.")
    limit: Limit | None = Field(default=None, description="Overrides queue_callback.limit.")
    declined: Declined | None = Field(default=None, description="Overrides queue_callback.declined.")
    place_for: Wait | None = Field(default=None, description="Overrides queue_callback.place_for.")
    retries: Retries | None = Field(default=None, description="Overrides queue_callback.retries.")
    retry_after: Pause | None = Field(default=None, description="Overrides queue_callback.retry_after.")
    max_pending: Some | None = Field(default=None, description="Overrides queue_callback.max_pending.")
    stop_before_close: Age | None = Field(default=None, description="Overrides queue_callback.stop_before_close.")
    per_live: Some | None = Field(default=None, description="Overrides queue_callback.per_live.")
