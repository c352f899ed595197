"""Callback of missed calls: whom and how long (`missed_callback`), how a call is placed (`callback`), tickets.

Each has a global section, and one of a group's whose keys win, each for itself.
"""

from typing import Literal

from config.checks import Field
from config.duration import parse_duration
from config.fields import (
    E164,
    END_OF_DAY,
    Accept,
    Age,
    Attempts,
    ConfirmKey,
    Extension,
    Many,
    MinTalk,
    Name,
    Pause,
    Percent,
    Preview,
    Responsibility,
    Ring,
    Some,
    Subject,
    Wait,
    Window,
    WrapUp,
)
from config.limits import Language
from config.section import Section

ResponsibleRule = Literal["none", "last_talk", "fixed", "current", "group"]
"""For whom a task is held before anyone else may take it."""
Priority = Literal["always", "agents_free", "queue_empty"]
"""When callbacks may take agents away from live calls."""
Sort = Literal["oldest", "newest", "random"]
"""Which missed call is called back first."""
Ending = Literal["closed", "unreached", "expired", "guard"]
"""Ends of a task that open a ticket: closed all through its window, attempts used up, too old, refused by the guard."""


class MissedCallback(Section):
    """Which missed calls are called back, for how long, and for whom."""

    enabled: bool = Field(default=False, description="Missed callers are called back.")
    window: Window = Field(
        default="24h",
        description="How long after the missed call attempts are made: end_of_day (midnight, or closing time where "
        "hours are set), 24h, 48h, or any duration up to 14d.",
    )
    attempts: Attempts = Field(default=4, description="How often the customer is called at most, 1 to 10.")
    min_wait: Wait = Field(
        default=5.0, description="Where the PBX answers before it queues: who hangs up sooner is not missed."
    )
    responsible: ResponsibleRule = Field(
        default="none",
        description="Who may take a callback before anyone else: none, last_talk (who last talked to the customer), "
        "fixed, current (named by whoever makes the task) or group.",
    )
    responsible_agent: Extension | None = Field(default=None, description="The agent where responsible is fixed.")
    responsible_group: Name | None = Field(default=None, description="The group where responsible is group.")
    responsible_wait: Responsibility = Field(
        default=300.0, description="How long a due callback waits for its responsible before anyone may take it."
    )

    @property
    def window_s(self) -> float | None:
        """Seconds of the window; None for `end_of_day`."""
        return None if self.window == END_OF_DAY else parse_duration(self.window)


class MissedCallbackOverride(Section):
    """The keys of `missed_callback` that a group sets for itself; None leaves the global one in force."""

    enabled: bool | None = Field(default=None, description="Overrides missed_callback.enabled.")
    window: Window | None = Field(default=None, description="Overrides missed_callback.window.")
    attempts: Attempts | None = Field(default=None, description="Overrides missed_callback.attempts.")
    min_wait: Wait | None = Field(default=None, description="Overrides missed_callback.min_wait.")
    responsible: ResponsibleRule | None = Field(default=None, description="Overrides missed_callback.responsible.")
    responsible_agent: Extension | None = Field(
        default=None, description="Overrides missed_callback.responsible_agent."
    )
    responsible_group: Name | None = Field(default=None, description="Overrides missed_callback.responsible_group.")
    responsible_wait: Responsibility | None = Field(
        default=None, description="Overrides missed_callback.responsible_wait."
    )


class Callback(Section):
    """How a callback is placed."""

    agent_ring_for: Ring = Field(default=20.0, description="How long the agent rings.")
    accept_within: Accept = Field(
        default=20.0, description="How long an agent who answered has to press 1 (accept) or 2 (decline)."
    )
    customer_ring_for: Ring = Field(default=45.0, description="How long the customer rings.")
    min_talk: MinTalk = Field(
        default=5.0, description="A shorter conversation does not count as reached: a voicemail, most likely."
    )
    confirm_key: ConfirmKey = Field(
        default="", description="Key that the customer must press to prove a person (0-9, * or #); empty: none."
    )
    customer_first: bool = Field(default=False, description="The customer rings before the agent does.")
    record: bool = Field(default=False, description="Callbacks are recorded.")
    language: Language = Field(default="en", description="Language of the prompts: en, hu, sk, pl, de or ru.")
    agents_share: Percent = Field(
        default=100, description="Percent of the group's agents in callbacks at a time; always at least one."
    )
    reserve: Some = Field(default=0, description="Free agents that are kept for live calls.")
    priority: Priority = Field(
        default="always",
        description="When callbacks are made: always, agents_free (only while more agents are free than callers wait) "
        "or queue_empty (only while nobody waits in the queues).",
    )
    order: Sort = Field(default="oldest", description="Who is called first: oldest, newest or random.")
    preview: Preview = Field(default=0.0, description="How long the agent sees the card before the phone rings.")
    wrap_up: WrapUp = Field(default=0.0, description="How long the agent counts as busy with the card after the call.")
    show: E164 | None = Field(
        default=None, description="Number of ours that the customer is shown where the one they dialled is unknown."
    )
    retry_busy: Pause = Field(default=300.0, description="How soon a customer who was busy is called again.")
    retry_agent: Wait = Field(
        default=60.0, description="How long an agent who was busy or did not answer is not rung again."
    )
    ring_unknown: bool = Field(
        default=True, description="Agents of whom nobody knows whether they are free are rung too, after the free ones."
    )
    queue_legs: Many = Field(
        default=1, description="A group without agents: calls into its queue extension at a time, for callbacks."
    )
    remove_after: Age = Field(
        default=0.0, description="Callbacks older than this, counted from the missed call, are given up; 0s: never."
    )


class CallbackOverride(Section):
    """The keys of `callback` that a group sets for itself; None leaves the global one in force."""

    agent_ring_for: Ring | None = Field(default=None, description="Overrides callback.agent_ring_for.")
    accept_within: Accept | None = Field(default=None, description="Overrides callback.accept_within.")
    customer_ring_for: Ring | None = Field(default=None, description="Overrides callback.customer_ring_for.")
    min_talk: MinTalk | None = Field(default=None, description="Overrides callback.min_talk.")
    confirm_key: ConfirmKey | None = Field(default=None, description="Overrides callback.confirm_key.")
    customer_first: bool | None = Field(default=None, description="Overrides callback.customer_first.")
    record: bool | None = Field(default=None, description="Overrides callback.record.")
    language: Language | None = Field(default=None, description="Overrides callback.language.")
    agents_share: Percent | None = Field(default=None, description="Overrides callback.agents_share.")
    reserve: Some | None = Field(default=None, description="Overrides callback.reserve.")
    priority: Priority | None = Field(default=None, description="Overrides callback.priority.")
    order: Sort | None = Field(default=None, description="Overrides callback.order.")
    preview: Preview | None = Field(default=None, description="Overrides callback.preview.")
    wrap_up: WrapUp | None = Field(default=None, description="Overrides callback.wrap_up.")
    show: E164 | None = Field(default=None, description="Overrides callback.show.")
    retry_busy: Pause | None = Field(default=None, description="Overrides callback.retry_busy.")
    retry_agent: Wait | None = Field(default=None, description="Overrides callback.retry_agent.")
    ring_unknown: bool | None = Field(default=None, description="Overrides callback.ring_unknown.")
    queue_legs: Many | None = Field(default=None, description="Overrides callback.queue_legs.")
    remove_after: Age | None = Field(default=None, description="Overrides callback.remove_after.")


Endings = tuple[Ending, ...]


class Tickets(Section):
    """When a ticket is opened."""

    enabled: bool = Field(default=False, description="Tickets are opened.")
    subject: Subject = Field(
        default="Callback %number%",
        description="Subject of a ticket; %number%, %group%, %agent%, %time% and %reason% are filled in.",
    )
    on: Endings = Field(
        default=("closed", "unreached", "expired"),
        description="Ends of a callback that open one: closed (closed all through its window), unreached, expired, "
        "guard.",
    )
    on_start: bool = Field(default=False, description="An agent who accepts a callback opens one too.")


class TicketsOverride(Section):
    """The keys of `tickets` that a group sets for itself; None leaves the global one in force."""

    enabled: bool | None = Field(default=None, description="Overrides tickets.enabled.")
    subject: Subject | None = Field(default=None, description="Overrides tickets.subject.")
    on: Endings | None = Field(default=None, description="Overrides tickets.on.")
    on_start: bool | None = Field(default=None, description="Overrides tickets.on_start.")
