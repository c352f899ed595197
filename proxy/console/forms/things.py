"""The forms of what the policy lists: numbers, groups, agents and campaigns, and of the company itself."""

from collections.abc import Iterable
from typing import Final

from proxy.console.forms.fields import Choice, FormField
from proxy.console.forms.form import Form, Section
from proxy.console.forms.sections import (
    CALLBACK,
    CONFIRM_PROMPT,
    DIRECT,
    MISSED,
    OFFER_PROMPT,
    QUEUE,
    QUEUE_ENABLED,
    QUEUE_LANGUAGE,
    RESPONSIBLE,
    TICKETS,
    responsible,
    sharing,
)
from proxy.console.levels import Path
from proxy.console.words import mark as _

GROUP: Final = FormField(("group",), "choice", _("Group"), _("Its agents, hours and settings hold."), source="groups")
NUMBER_OWN: Final = Section("number", _("The number"), (
    FormField(("description",), "text", _("Description"), _("What the number is for, as lists show it.")),
    FormField(("kind",), "choice", _("Kind"), _("What an incoming call to it is."), radios=True, choices=(
        Choice("shared", _("Shared"), _("A front desk, menu or queue: direct callbacks apply.")),
        Choice("direct", _("Direct"), _("Belongs to one agent: a call always goes where it says.")))),
    GROUP,
    FormField(("agent",), "text", _("Agent"), _("Extension, where the number is direct."), source="agents"),
    FormField(("pbx",), "text", "PBX", _("Where calls to it go; empty: the first one.")),
    FormField(("trunk",), "text", _("Trunk"), _("Where calls from it go; empty: the first one.")),
))
NUMBER_QUEUE: Final = Section("offer", _("Callback from the queue"),
                              (QUEUE_ENABLED, QUEUE_LANGUAGE, OFFER_PROMPT, CONFIRM_PROMPT),
                              _("What callers who wait may ask for."))
_SHOWN: Final = {*NUMBER_QUEUE.fields}
NUMBER_MORE: Final = Section("queue", _("More of the callback from the queue"),
                             tuple(one for one in QUEUE.fields if one not in _SHOWN), folded=True)

AGENTS: Final = FormField(("agents",), "names", _("Agents"), _("Extensions, separated by spaces."))
TARGET: Final = FormField(("target",), "text", _("Queue extension"), _("Extension of the group's queue on the PBX."))
ON_MISSED: Final = FormField(
    ("on_missed",), "choice", _("Missed and not called back"), _("What happens where no callback takes the call."),
    choices=(Choice("nothing", _("Nothing")), Choice("ticket", _("A ticket is opened"))))
HOURS: Final = FormField(
    ("hours",), "lines", _("Opening hours"),
    _("One line for days that have the same: mon-fri 08:00-17:00, or sat,sun 09:00-12:00,13:00-18:00. Nothing: always "
      "open. Hours that pass midnight are two lines."))
ZONE: Final = FormField(("timezone",), "text", _("Time zone"), _("Name such as Europe/Budapest."))
HOLIDAYS: Final = FormField(
    ("holidays",), "text", _("Holidays of"),
    _("Country whose public holidays are closed days, such as HU, or a part of one, such as DE/BY; none: no holidays."),
    blank=True)
GROUP_OWN: Final = Section("group", _("The group"), (AGENTS, TARGET, ON_MISSED))
GROUP_HOURS: Final = Section("hours", _("Hours and holidays"), (HOURS, ZONE, HOLIDAYS))

CAMPAIGN_OWN: Final = Section("campaign", _("The campaign"), (
    FormField(("name",), "text", _("Name"), _("As lists show it.")),
    FormField(("enabled",), "switch", _("Runs"), _("Off: it rests, and takes nobody in.")),
    FormField(("group",), "choice", _("Queue (group)"), _("Whose missed calls it takes; its agents call back."),
              source="groups"),
    FormField(("from",), "day", _("First day"), _("Empty: it runs already.")),
    FormField(("to",), "day", _("Last day"), _("Empty: without end.")),
))
CAMPAIGN_DETAILS: Final = Section("details", _("Details"), (
    FormField(("hours",), "hours", _("Working hours"),
              _("One line for days that have the same, such as mon-fri 08:00-17:00.")),
    FormField(("rank",), "number", _("Order among campaigns"), _("The smaller one is served first."),
              bounds=(1, 1000)),
    FormField(("parity",), "number", _("Parity"), _("Share of the calls among campaigns of the same order."),
              bounds=(1, 1000)),
))
CAMPAIGN_IN: Final = Section("in", _("Who is taken in, and for how long"), (
    FormField(("add_after",), "duration", _("Hung up after at least"),
              _("Time in the queue; empty, and no key: every missed caller."), unit="s"),
    FormField(("add_key",), "choice", _("Or pressed the key"),
              _("Callers who press it while they wait are taken in, told so, and let go."),
              choices=tuple(Choice(key, key) for key in "0123456789")),
    FormField(("add_prompt",), "choice", _("Recording that tells of the key"),
              _("Played once; none: what the PBX plays tells of it."), source="prompts"),
    FormField(("confirm_prompt",), "choice", _("Confirmation"),
              _("Recording that says that they are called back."), source="prompts", built_in=("will_call_back",)),
    FormField(("remove_after",), "duration", _("Remove after"),
              _("Counted from the missed call. A day is a good choice: later hardly anybody expects the call."),
              unit="m"),
    FormField(("do_not_call",), "lines", _("Never called by this campaign"),
              _("Numbers, one a line. The list for everybody is on the page of its own.")),
))
CAMPAIGN_CALLS: Final = Section("calls", _("How it calls"), (
    FormField(("delay",), "duration", _("Delay"), _("After the missed call; 0: at once."), unit="s"),
    FormField(("retries",), "number", _("Further tries"), _("On busy or no answer, 0 to 9."), unit=_("times"),
              bounds=(0, 9)),
    FormField(("retry_after",), "duration", _("Pause between tries"), _("From the end of one to the next."), unit="m"),
    *sharing(),
))
CAMPAIGN_TICKET: Final = Section("ticket", _("As a ticket"), (
    FormField(("as_ticket",), "switch", _("Ticket instead of a call"),
              _("A ticket is opened; the agent calls back from there with one click.")),
    FormField(("ticket_subject",), "text", _("Subject"),
              _("%number%, %group%, %agent%, %time% and %reason% are filled in.")),
))
CAMPAIGN_RESPONSIBLE: Final = Section("responsible", _("Responsible agent or group"), responsible(), folded=True)


def setup_form(group: str | None) -> Form:
    """Return the set-up of missed calls, of the company (None) or of a group."""
    return Form(_base("group", group), (MISSED, RESPONSIBLE, CALLBACK, TICKETS))


def direct_form(kind: str, name: str | None) -> Form:
    """Return the settings of direct callback of the company (None), a group or an agent."""
    return Form(_base(kind, name), (DIRECT,))


def queue_form() -> Form:
    """Return the company's settings of callbacks from the queue."""
    return Form((), (_unfolded(QUEUE),))


def number_form(number: str) -> Form:
    """Return what a number of ours has."""
    return Form(("number", number), (NUMBER_OWN, NUMBER_QUEUE, NUMBER_MORE))


def group_form(group: str) -> Form:
    """Return everything that a group has."""
    folded = tuple(Section(one.name, one.heading, one.fields, one.lead, True)
                   for one in (GROUP_HOURS, MISSED, RESPONSIBLE, CALLBACK, QUEUE, TICKETS, DIRECT))
    return Form(("group", group), (GROUP_OWN, *folded))


def hours_form(group: str | None) -> Form:
    """Return hours, zone and holidays of a group; of the company (None) zone and holidays."""
    fields = GROUP_HOURS.fields if group is not None else (ZONE, HOLIDAYS)
    return Form(_base("group", group), (Section("hours", GROUP_HOURS.heading, fields),))


def agent_form(extension: str, groups: Iterable[str]) -> Form:
    """Return what an agent has; `groups`: all there are."""
    own = Section("agent", _("The agent"), (
        FormField(("name",), "text", _("Name"), _("As lists show it.")),
        *(FormField(("in", group), "member", group, "", member=extension) for group in groups)))
    return Form(("agent", extension), (own, DIRECT))


def campaign_form(campaign: str) -> Form:
    """Return every setting of a campaign."""
    return Form(("campaign", campaign), (CAMPAIGN_OWN, CAMPAIGN_DETAILS, CAMPAIGN_IN, CAMPAIGN_CALLS, CAMPAIGN_TICKET,
                                         CAMPAIGN_RESPONSIBLE))


def _base(kind: str, name: str | None) -> Path:
    return () if name is None else (kind, name)


def _unfolded(section: Section) -> Section:
    return Section(section.name, section.heading, section.fields, section.lead)
