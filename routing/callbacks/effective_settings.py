"""What the policy says for the tasks of one group, or of one of its campaigns, worked out once a policy."""

from dataclasses import dataclass

from config.callbacks import Callback, MissedCallback, Tickets
from config.campaign import Campaign
from config.policy import Policy
from config.queue_callback import QueueCallback
from routing.callbacks.campaigns import active
from routing.callbacks.schedule import OpenTime, open_time_for
from routing.rows import TaskRow


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The settings in force."""

    group: str
    campaign: Campaign | None
    target: str | None
    """The group's queue extension."""
    agents: tuple[str, ...]
    kin: tuple[str, ...]
    """Groups that share an agent with this one, itself included."""
    number: str | None
    """What the customer is shown where the number they dialled is unknown."""
    open_time: OpenTime
    missed: MissedCallback
    callback: Callback
    tickets: Tickets

    zone: str
    """Time zone of its days."""

    def runs(self, now: float) -> bool:
        """Whether its campaign runs at all now; what belongs to none always does."""
        return self.campaign is None or active(self.campaign, now, self.zone)


class SettingsBook:
    """Settings by group and campaign."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._found: dict[tuple[str, str | None], EffectiveSettings] = {}
        self._shown: dict[str, str] = {}
        for e164, number in policy.number.items():
            if number.group is not None:
                self._shown.setdefault(number.group, e164)

    def of(self, group: str, campaign: str | None = None) -> EffectiveSettings:
        """Return what holds; a campaign or group that is no longer there leaves the level above in force."""
        known = self._found.get((group, campaign))
        if known is None:
            known = self._found[group, campaign] = self._make(group, campaign)
        return known

    def queue_of(self, row: TaskRow) -> QueueCallback:
        """Return what holds for the request of a caller who waited in a queue."""
        return self.policy.queue_for(row.group, row.number)

    def timing(self, group: str, campaign: str | None) -> tuple[object, ...]:
        """Return everything that says when tasks are tried: where two are equal, no task has another plan."""
        settings, policy = self.of(group, campaign), self.policy
        own = settings.campaign
        return (policy.hours_for(group, campaign), settings.zone, policy.holidays_for(group), settings.missed.window_s,
                settings.missed.attempts, settings.callback.remove_after, settings.callback.retry_busy,
                policy.guard.quiet_hours, None if own is None else (own.delay, own.retry_after))

    def agents_of(self, group: str) -> tuple[str, ...]:
        """Return the agents of a group; none where it is unknown or a queue extension."""
        found = self.policy.group.get(group)
        return () if found is None else found.agents

    def _make(self, group: str, campaign: str | None) -> EffectiveSettings:
        policy = self.policy
        known = policy.group.get(group)
        own = policy.campaign.get(campaign) if campaign is not None else None
        agents = () if known is None else known.agents
        callback = policy.callback_for(group, campaign)
        return EffectiveSettings(
            group, own, None if known is None else known.target, agents,
            tuple(name for name, other in policy.group.items() if name == group or set(agents) & set(other.agents)),
            callback.show or self._shown.get(group), open_time_for(policy, group, campaign),
            policy.missed_for(group, campaign), callback, policy.tickets_for(group), policy.zone_for(group),
        )
