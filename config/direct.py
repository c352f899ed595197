"""`direct_callback`: the settings of direct callback, and the keys of them that agents and groups override."""

from collections.abc import Mapping
from typing import Final

from config.checks import Field
from config.fields import Expiry, MinTalk, Ring, Type
from config.section import Section

TYPES: Final[Mapping[int, str]] = {
    0: "off: no record is ever made",
    1: "a record when the agent did not reach the customer; its expiry stays; a talk between the two removes it",
    2: "as 1, and each new failed try of the same agent starts the expiry again",
    3: "a record after every call of the agent, reached or not; a talk does not remove it; the agent's next call "
    "starts the expiry again",
    4: "as 3, and every call of the customer starts the expiry again too",
}
"""What each type does, in the words that help and console show."""


class DirectCallback(Section):
    """When a customer who calls back goes straight to the agent who tried to reach them."""

    type: Type = Field(
        default=1, description="When a record is made, refreshed and removed: 0 (off) to 4, see the table."
    )
    expires_after: Expiry = Field(
        default=8 * 3600.0, description="How long a record lives, counted from the end of a call."
    )
    ring_for: Ring = Field(
        default=20.0, description="How long the agent rings before the call goes on to where it was headed."
    )
    min_talk: MinTalk = Field(default=5.0, description="An answered call shorter than this is no talk.")
    inbound_creates: bool = Field(
        default=False, description="Types 3 and 4 also make a record when a customer calls and an agent answers."
    )


class DirectCallbackOverride(Section):
    """The keys of `direct_callback` that an agent or a group sets for itself; None leaves the level above in force."""

    type: Type | None = Field(default=None, description="Overrides direct_callback.type.")
    expires_after: Expiry | None = Field(default=None, description="Overrides direct_callback.expires_after.")
    ring_for: Ring | None = Field(default=None, description="Overrides direct_callback.ring_for.")
    min_talk: MinTalk | None = Field(default=None, description="Overrides direct_callback.min_talk.")
    inbound_creates: bool | None = Field(default=None, description="Overrides direct_callback.inbound_creates.")
