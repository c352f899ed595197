"""The models of policy.toml and what is in force where: every setting with its type, default and sentence.

Levels of `direct_callback`: the agent's own value, else that of the first group that lists the agent, else the global
one. Levels of `missed_callback`, `callback` and `tickets`: the campaign's value (where it has such a key), else the
group's, else the global one. Levels of `queue_callback`: the number's, else the group's, else the global one. Each key
for itself.
"""

from functools import cached_property
from typing import Final, Literal, TypeVar

from config.callbacks import (
    Callback,
    CallbackOverride,
    MissedCallback,
    MissedCallbackOverride,
    Tickets,
    TicketsOverride,
)
from config.campaign import Campaign
from config.checks import Field
from config.direct import DirectCallback, DirectCallbackOverride
from config.duration import format_duration
from config.fields import (
    E164,
    AsciiName,
    CampaignId,
    Extension,
    Extensions,
    Holidays,
    Hours,
    Name,
    Region,
    TimeZone,
)
from config.guard import DialLimits
from config.hours import Open, parse_all
from config.queue_callback import QueueCallback, QueueCallbackOverride
from config.section import Section

_Merged = TypeVar("_Merged", bound=Section)

FIRST_CAMPAIGN: Final = 10_001
"""Id of a first campaign."""


class Agent(Section):
    """What is known of one extension; an extension that is not listed is an agent all the same."""

    name: str = Field(default="", max_length=128, description="The agent's name, as logs and status show it.")
    direct_callback: DirectCallbackOverride = Field(
        default=DirectCallbackOverride(), description="The agent's own direct_callback settings."
    )


class Number(Section):
    """One number of ours on the trunk."""

    kind: Literal["shared", "direct"] = Field(
        default="shared",
        description="shared: a front desk, IVR or queue, where records apply; direct: always goes where it says.",
    )
    description: str = Field(
        default="", max_length=200, description="What the number is for, as pages and lists show it."
    )
    group: Name | None = Field(default=None, description="The group that this number belongs to.")
    agent: Extension | None = Field(default=None, description="The agent that a direct number belongs to.")
    pbx: AsciiName | None = Field(
        default=None, description="PBX that calls to this number go to; the first one unless set."
    )
    trunk: AsciiName | None = Field(
        default=None, description="Trunk that calls from this number go to; the first one unless set."
    )
    queue_callback: QueueCallbackOverride = Field(
        default=QueueCallbackOverride(), description="The number's own queue_callback settings."
    )


class Group(Section):
    """Agents who share numbers and settings."""

    target: Extension | None = Field(default=None, description="The group's queue extension on the PBX.")
    agents: Extensions = Field(default=(), description="The extensions that belong to this group.")
    hours: Hours = Field(
        default=(), description='Opening hours, such as "mon-fri 08:00-17:00"; none means always open.'
    )
    timezone: TimeZone | None = Field(default=None, description="Overrides timezone for the group's hours and days.")
    holidays: Holidays | None = Field(default=None, description="Overrides holidays for the group's hours.")
    on_missed: Literal["nothing", "ticket"] = Field(
        default="nothing", description="Where a missed caller is not called back (no missed_callback, and no campaign "
        "takes the call): nothing, or a ticket is opened."
    )
    missed_callback: MissedCallbackOverride = Field(
        default=MissedCallbackOverride(), description="The group's own missed_callback settings."
    )
    queue_callback: QueueCallbackOverride = Field(
        default=QueueCallbackOverride(), description="The group's own queue_callback settings."
    )
    callback: CallbackOverride = Field(default=CallbackOverride(), description="The group's own callback settings.")
    tickets: TicketsOverride = Field(default=TicketsOverride(), description="The group's own tickets settings.")
    direct_callback: DirectCallbackOverride = Field(
        default=DirectCallbackOverride(), description="The group's own direct_callback settings."
    )

    @cached_property
    def open_hours(self) -> tuple[Open, ...]:
        """The opening hours as stretches of the week; empty means always open."""
        return parse_all(self.hours)


SHARED: Final = Number()
"""What a number that is not listed is."""


class Policy(Section):
    """The whole policy."""

    region: Region = Field(
        default="", description="Country (ISO 3166) in which numbers without + are read; empty: they are unreadable."
    )
    timezone: TimeZone = Field(
        default="UTC", description="Time zone (IANA name) of opening hours and of the day that is counted."
    )
    holidays: Holidays = Field(
        default="",
        description='Country whose public holidays are closed days where hours are set, such as "HU", or a part of '
        'one, such as "DE/BY"; empty: none.',
    )
    direct_callback: DirectCallback = Field(default=DirectCallback(), description="Direct callback for everybody.")
    missed_callback: MissedCallback = Field(default=MissedCallback(), description="Which missed calls are called back.")
    queue_callback: QueueCallback = Field(
        default=QueueCallback(), description="What callers who wait in a queue may ask for."
    )
    callback: Callback = Field(default=Callback(), description="How callbacks are placed.")
    tickets: Tickets = Field(default=Tickets(), description="When a ticket is opened.")
    guard: DialLimits = Field(default=DialLimits(), description="What is dialled, how often and when.")
    agent: dict[Extension, Agent] = Field(default={}, description="Agents by extension.")
    number: dict[E164, Number] = Field(default={}, description="Our numbers by E.164 form.")
    group: dict[Name, Group] = Field(default={}, description="Groups by name.")
    campaign: dict[CampaignId, Campaign] = Field(default={}, description="Campaigns by their five-digit id.")

    def direct_for(self, extension: str) -> DirectCallback:
        """Return the settings of direct callback in force for an agent."""
        return self._direct.get(extension, self.direct_callback)

    def missed_for(self, group: str, campaign: str | None = None) -> MissedCallback:
        """Return which missed calls are called back; a campaign's window is its `remove_after`, its attempts one more
        than its `retries`."""
        return self._missed.get((group, campaign)) or self._missed.get((group, None), self.missed_callback)

    def callback_for(self, group: str, campaign: str | None = None) -> Callback:
        """Return how a callback of a group, or of one of its campaigns, is placed."""
        return self._callback.get((group, campaign)) or self._callback.get((group, None), self.callback)

    def queue_for(self, group: str | None, number: str | None) -> QueueCallback:
        """Return what callers to a number of ours (E.164), who wait for a group, may ask for."""
        key = group if group in self.group else None, number if number in self.number else None
        found = self._queues.get(key)
        if found is None:
            found = self._queues[key] = _merge(
                self.queue_callback, self.group[key[0]].queue_callback if key[0] is not None else None,
                self.number[key[1]].queue_callback if key[1] is not None else None)
        return found

    @property
    def offers_callbacks(self) -> bool:
        """Whether any caller at all may ask for a callback while they wait."""
        return self._offers

    def offers_to(self, group: str) -> bool:
        """Whether callers who wait for a group may ask for a callback, be it on one of its numbers only."""
        return group in self._offering

    def tickets_for(self, group: str) -> Tickets:
        """Return when a ticket is opened for a group."""
        return self._tickets.get(group, self.tickets)

    def hours_for(self, group: str, campaign: str | None = None) -> tuple[Open, ...]:
        """Return the stretches of the week in which a group, or one of its campaigns, works; empty: always."""
        own = self.campaign[campaign].hours if campaign in self.campaign else None
        if own is not None:
            return parse_all(own)
        return self.group[group].open_hours if group in self.group else ()

    def zone_for(self, group: str) -> str:
        """Return the time zone (IANA name) of a group's hours and days."""
        found = self.group[group].timezone if group in self.group else None
        return found or self.timezone

    def holidays_for(self, group: str) -> str:
        """Return the country (or `COUNTRY/PART`) whose holidays close a group; empty: none."""
        found = self.group[group].holidays if group in self.group else None
        return self.holidays if found is None else found

    def campaigns_of(self, group: str) -> tuple[tuple[str, Campaign], ...]:
        """Return the group's campaigns with their ids, by rank and id; those that are switched off too."""
        return self._campaigns.get(group, ())

    def free_campaign(self) -> str:
        """Return the first id that no campaign has; ValueError where all of 10001 to 99999 are taken."""
        for number in range(FIRST_CAMPAIGN, 100_000):
            if str(number) not in self.campaign:
                return str(number)
        raise ValueError("no id is left for another campaign")

    def group_of(self, extension: str) -> str | None:
        """Return the name of the first group that lists the agent."""
        return self._groups.get(extension)

    def number_for(self, e164: str) -> Number:
        """Return what is known of one of our numbers; one that is not listed is shared and in no group."""
        return self.number.get(e164, SHARED)

    @cached_property
    def _groups(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, group in self.group.items():
            for extension in group.agents:
                found.setdefault(extension, name)
        return found

    @cached_property
    def _campaigns(self) -> dict[str, tuple[tuple[str, Campaign], ...]]:
        found: dict[str, list[tuple[str, Campaign]]] = {}
        for key, campaign in self.campaign.items():
            found.setdefault(campaign.group, []).append((key, campaign))
        return {
            group: tuple(sorted(pairs, key=lambda pair: (pair[1].rank, pair[0]))) for group, pairs in found.items()
        }

    @cached_property
    def _direct(self) -> dict[str, DirectCallback]:
        """Settings of every extension that may differ from the global ones: bounded, whoever calls."""
        return {
            extension: _merge(
                self.direct_callback,
                self.group[self._groups[extension]].direct_callback if extension in self._groups else None,
                self.agent[extension].direct_callback if extension in self.agent else None,
            )
            for extension in (*self._groups, *self.agent)
        }

    @cached_property
    def _missed(self) -> dict[tuple[str, str | None], MissedCallback]:
        found: dict[tuple[str, str | None], MissedCallback] = {
            (name, None): _merge(self.missed_callback, group.missed_callback) for name, group in self.group.items()
        }
        for key, campaign in self.campaign.items():
            own = MissedCallbackOverride(
                window=format_duration(campaign.remove_after), attempts=campaign.retries + 1
            )
            level = found.get((campaign.group, None), self.missed_callback)
            found[campaign.group, key] = _merge(level, campaign, own)
        return found

    @cached_property
    def _callback(self) -> dict[tuple[str, str | None], Callback]:
        found: dict[tuple[str, str | None], Callback] = {
            (name, None): _merge(self.callback, group.callback) for name, group in self.group.items()
        }
        for key, campaign in self.campaign.items():
            found[campaign.group, key] = _merge(found.get((campaign.group, None), self.callback), campaign)
        return found

    @cached_property
    def _queues(self) -> dict[tuple[str | None, str | None], QueueCallback]:
        """By group and number that are listed: filled as they are asked for."""
        return {}

    @cached_property
    def _offers(self) -> bool:
        return (self.queue_callback.enabled or any(one.queue_callback.enabled for one in self.group.values())
                or any(one.queue_callback.enabled for one in self.number.values()))

    @cached_property
    def _offering(self) -> frozenset[str]:
        numbers = [(one.group, number) for number, one in self.number.items() if one.group is not None]
        every = [(group, None) for group in self.group]
        return frozenset(group for group, number in [*every, *numbers] if self.queue_for(group, number).enabled)

    @cached_property
    def _tickets(self) -> dict[str, Tickets]:
        return {name: _merge(self.tickets, group.tickets) for name, group in self.group.items()}


def _merge(base: _Merged, *overrides: Section | None) -> _Merged:
    """Return `base` with the keys that each override sets, the later one winning."""
    values = base.model_dump()
    for override in overrides:
        if override is not None:
            values |= override.model_dump(include=set(values), exclude_none=True)
    return type(base).model_validate(values)
