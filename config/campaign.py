"""`campaign`: callbacks of one group's missed calls under rules of their own, between two dates."""

import datetime

from config.callbacks import Priority, ResponsibleRule, Sort
from config.checks import Field
from config.fields import (
    CampaignAge,
    ConfirmKey,
    Date,
    E164s,
    Extension,
    Hours,
    MenuKey,
    Name,
    Pause,
    Percent,
    Preview,
    Responsibility,
    Retries,
    Subject,
    Wait,
    Weight,
    WrapUp,
)
from config.limits import Language
from config.section import Section


class Campaign(Section):
    """One campaign. Keys that are not set here are the group's (`callback`, `missed_callback`)."""

    name: str = Field(default="", max_length=128, description="The campaign's name, as status and lists show it.")
    enabled: bool = Field(default=True, description="The campaign runs.")
    group: Name = Field(description="Group whose missed calls and agents it uses.")
    from_: Date | None = Field(
        default=None, alias="from", description="First day, such as 2026-11-01; not set: it runs already."
    )
    to: Date | None = Field(default=None, description="Last day; not set: without end.")
    hours: Hours | None = Field(
        default=None, description="Working hours in place of the group's; an empty list: at any time."
    )
    rank: Weight = Field(default=1, description="Order among campaigns: the smaller one is served first.")
    parity: Weight = Field(default=1, description="Share of the calls among campaigns of the same rank.")
    delay: Wait = Field(default=0.0, description="How long after the missed call it is called back first.")
    do_not_call: E164s = Field(default=(), description="Numbers that this campaign never calls.")
    remove_after: CampaignAge = Field(
        default=86_400.0, description="How long a missed call stays in the campaign: its window."
    )
    retries: Retries = Field(default=3, description="How many more times a customer who was not reached is called.")
    retry_after: Pause = Field(default=1800.0, description="How long between these.")
    add_after: Wait | None = Field(
        default=None,
        description="Callers who hung up after at least so long in the queue are added; not set, and no add_key: "
        "every missed caller.",
    )
    add_key: MenuKey | None = Field(
        default=None, description="Callers who press this key while they wait are added, told so, and let go."
    )
    add_prompt: Name | None = Field(
        default=None, description="Recording that tells who waits of the key, once; not set: what the PBX plays does."
    )
    confirm_prompt: Name | None = Field(
        default=None, description="Recording that tells who pressed the key that they are called back; not set: the "
        "built-in one."
    )
    as_ticket: bool = Field(default=False, description="Instead of a call, a ticket is opened.")
    ticket_subject: Subject = Field(default="Callback %number%", description="Subject of that ticket, as for tickets.")
    record: bool | None = Field(default=None, description="Overrides callback.record.")
    agents_share: Percent | None = Field(default=None, description="Overrides callback.agents_share.")
    order: Sort | None = Field(default=None, description="Overrides callback.order.")
    preview: Preview | None = Field(default=None, description="Overrides callback.preview.")
    priority: Priority | None = Field(default=None, description="Overrides callback.priority.")
    wrap_up: WrapUp | None = Field(default=None, description="Overrides callback.wrap_up.")
    language: Language | None = Field(default=None, description="Overrides callback.language.")
    confirm_key: ConfirmKey | None = Field(default=None, description="Overrides callback.confirm_key.")
    responsible: ResponsibleRule | None = Field(default=None, description="Overrides missed_callback.responsible.")
    responsible_agent: Extension | None = Field(
        default=None, description="Overrides missed_callback.responsible_agent."
    )
    responsible_group: Name | None = Field(default=None, description="Overrides missed_callback.responsible_group.")
    responsible_wait: Responsibility | None = Field(
        default=None, description="Overrides missed_callback.responsible_wait."
    )

    @property
    def first_day(self) -> datetime.date | None:
        """`from` as a date."""
        return None if self.from_ is None else datetime.date.fromisoformat(self.from_)

    @property
    def last_day(self) -> datetime.date | None:
        """`to` as a date."""
        return None if self.to is None else datetime.date.fromisoformat(self.to)
