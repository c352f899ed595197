"""The fields of the policy's sections, as the company, a group, a number or an agent may have them.

Every sentence is marked for the catalogues and shown in the language of whoever asks.
"""

from typing import Final

from proxy.console.forms.fields import NONE, Choice, FormField, Kind
from proxy.console.forms.form import Section
from proxy.console.words import Words
from proxy.console.words import mark as _

LANGUAGES: Final = (Choice("en", "English"), Choice("hu", "Magyar"), Choice("sk", "Slovenčina"),
                    Choice("pl", "Polski"), Choice("de", "Deutsch"), Choice("ru", "Русский"))
KEYS: Final = tuple(Choice(key, key) for key in "0123456789*#")

ENABLED: Final = FormField(
    ("missed_callback", "enabled"), "switch", _("Call missed callers back"),
    _("On: who hung up before an agent answered is called back. Off: nobody is."))
WINDOW: Final = FormField(
    ("missed_callback", "window"), "choice", _("How long"),
    _("Attempts are spread evenly over the open time until then, the first one at once."), radios=True, choices=(
        Choice("end_of_day", _("Until the end of the day"), _("Midnight, or closing time where hours are set.")),
        Choice("24h", _("24 hours"), _("From the missed call on.")),
        Choice("48h", _("48 hours"), _("From the missed call on."))))
ATTEMPTS: Final = FormField(
    ("missed_callback", "attempts"), "number", _("Attempts"),
    _("How often a customer is called at most, 1 to 10. 4 or 5 are a good choice: fewer miss people, more annoy them."),
    unit=_("times"), bounds=(1, 10))
MIN_WAIT: Final = FormField(
    ("missed_callback", "min_wait"), "duration", _("Not missed when hung up within"),
    _("Where the PBX answers before it queues: who hangs up sooner is not called back."))
RESPONSIBLES: Final = (
    Choice("none", _("Nobody"), _("Any free agent of the group takes the callback.")),
    Choice("last_talk", _("Who last talked to the customer"), _("The agent of the last conversation.")),
    Choice("fixed", _("A fixed agent"), _("The one who is named below.")),
    Choice("current", _("Who is named with the callback"), _("Whoever makes the callback says for whom it is.")),
    Choice("group", _("A group"), _("Any agent of the group that is named below.")))


def responsible(*above: str) -> tuple[FormField, ...]:
    """Return the fields that say who is responsible; `above`: the section that they stand in."""
    return (
        FormField((*above, "responsible"), "choice", _("Responsible"),
                  _("Who may take a callback before anyone else may."), radios=True, choices=RESPONSIBLES),
        FormField((*above, "responsible_agent"), "text", _("Responsible agent"),
                  _("Extension, where a fixed agent is responsible."), source="agents"),
        FormField((*above, "responsible_group"), "choice", _("Responsible group"),
                  _("Where a group is responsible."), source="groups"),
        FormField((*above, "responsible_wait"), "duration", _("Wait for the responsible"),
                  _("How long a due callback waits; then the first free agent takes it, and the report counts it."),
                  unit="s"),
    )


MISSED: Final = Section("missed", _("Callback of missed calls"), (ENABLED, WINDOW, ATTEMPTS, MIN_WAIT),
                        _("Three steps: switch it on, choose how long, choose how often."))
RESPONSIBLE: Final = Section("responsible", _("Responsible agent or group"),
                             responsible("missed_callback"))


def sharing(*above: str) -> tuple[FormField, ...]:
    """Return the fields of a callback that campaigns have too."""
    return (
        FormField((*above, "agents_share"), "number", _("Share of agents"),
                  _("How many of the group's agents may be in callbacks at a time. Rounded down, but never below one: "
                    "with two agents, anything below 100 % is one agent, and below 50 % it is still one."),
                  unit="%", bounds=(1, 100)),
        FormField((*above, "order"), "choice", _("Order"), _("Whom to call first."), choices=(
            Choice("oldest", _("The oldest call first")), Choice("newest", _("The newest call first")),
            Choice("random", _("In random order")))),
        FormField((*above, "preview"), "duration", _("Time to read the card"),
                  _("How long the agent sees the customer's card before the phone rings; 0: not at all."), unit="s"),
        FormField((*above, "priority"), "choice", _("Priority"), _("When callbacks may take agents from live calls."),
                  radios=True, choices=(
            Choice("always", _("Always"), _("Callbacks and live calls are equal.")),
            Choice("agents_free", _("When agents are free"), _("Only while more agents are free than callers wait.")),
            Choice("queue_empty", _("When the queues are empty"), _("Only while nobody waits in the queues.")))),
        FormField((*above, "wrap_up"), "duration", _("Card stays after the call"),
                  _("How long the agent counts as busy with the card, at most 1 hour; 0: not at all."), unit="s"),
        FormField((*above, "record"), "switch", _("Record callbacks"), _("Conversations are kept as recordings.")),
        FormField((*above, "language"), "choice", _("Language of the prompts"),
                  _("What customers and agents hear."), choices=LANGUAGES),
        FormField((*above, "confirm_key"), "choice", _("Key against voicemail"),
                  _("The customer must press it to prove a person; none: whoever answers counts."),
                  choices=(Choice(NONE, _("No key")), *KEYS), blank=True),
    )


CALLBACK: Final = Section("callback", _("How a callback is placed"), (
    FormField(("callback", "agent_ring_for"), "duration", _("The agent rings for"),
              _("Then the callback goes to another agent.")),
    FormField(("callback", "accept_within"), "duration", _("Time to accept"),
              _("How long an agent who answered has to press 1 (accept) or 2 (decline), at most 120 s.")),
    FormField(("callback", "customer_ring_for"), "duration", _("The customer rings for"),
              _("Then it counts as not answered.")),
    FormField(("callback", "min_talk"), "duration", _("Reached from"),
              _("A shorter conversation does not count as reached: a voicemail, most likely.")),
    *sharing("callback"),
    FormField(("callback", "reserve"), "number", _("Reserve for live calls"),
              _("Free agents that callbacks leave alone."), unit=_("agents"), bounds=(0, 1_000_000)),
    FormField(("callback", "customer_first"), "switch", _("Ring the customer first"),
              _("On: the customer rings before the agent does.")),
    FormField(("callback", "show"), "text", _("Number that customers see"),
              _("One of ours, +E.164; used where the number they dialled is unknown."), source="numbers"),
    FormField(("callback", "retry_busy"), "duration", _("Again after busy"),
              _("How soon a customer who was busy is called again."), unit="m"),
    FormField(("callback", "retry_agent"), "duration", _("Agent is spared for"),
              _("How long an agent who was busy or did not answer is not rung again.")),
    FormField(("callback", "ring_unknown"), "switch", _("Ring agents of unknown state"),
              _("Agents of whom nobody knows whether they are free are rung after the free ones.")),
    FormField(("callback", "queue_legs"), "number", _("Calls into the queue"),
              _("A group without agents: calls into its queue extension at a time."), unit=_("calls"),
              bounds=(1, 1_000_000)),
    FormField(("callback", "remove_after"), "duration", _("Give up after"),
              _("Counted from the missed call; 0: never. A day is a good choice."), unit="h"),
), folded=True)

TICKETS: Final = Section("tickets", _("Tickets"), (
    FormField(("tickets", "enabled"), "switch", _("Open tickets"),
              _("On: a callback that ends without a conversation leaves a ticket.")),
    FormField(("tickets", "subject"), "text", _("Subject"),
              _("%number%, %group%, %agent%, %time% and %reason% are filled in.")),
    FormField(("tickets", "on"), "names", _("Ends that open one"),
              _("Any of: closed (closed all through), unreached, expired, guard (refused by the guard).")),
    FormField(("tickets", "on_start"), "switch", _("Ticket at the start"),
              _("An agent who accepts a callback opens one; when the customer does not answer, a note is added.")),
), folded=True)

QUEUE_ENABLED: Final = FormField(
    ("queue_callback", "enabled"), "switch", _("Callback from the queue"),
    _("On: who waits may press a key, hang up and keep the place."))
QUEUE_LANGUAGE: Final = FormField(
    ("queue_callback", "language"), "choice", _("Language of the prompts"), _("What customers and agents hear."),
    choices=LANGUAGES)
OFFER_PROMPT: Final = FormField(
    ("queue_callback", "offer_prompt"), "choice", _("Offer"),
    _("Recording that tells of the key; one that is chosen here was uploaded on the page Prompts."), source="prompts",
    built_in=("offer_callback",))
CONFIRM_PROMPT: Final = FormField(
    ("queue_callback", "confirm_prompt"), "choice", _("Confirmation"),
    _("Recording that says that they are called back."), source="prompts", built_in=("confirmed",))


def _queue(key: str, kind: Kind, label: str, hint: str, unit: str = "", bounds: tuple[int, int] | None = None,
           choices: tuple[Choice, ...] = ()) -> FormField:
    return FormField(("queue_callback", key), kind, label, hint, unit=unit, bounds=bounds, choices=choices)


QUEUE: Final = Section("queue", _("Callback from the queue"), (
    QUEUE_ENABLED, QUEUE_LANGUAGE, OFFER_PROMPT, CONFIRM_PROMPT,
    FormField(("queue_callback", "menu_prompt"), "choice", _("Menu"), _("Recording of the menu, with all its keys."),
              source="prompts", built_in=("menu_this", "menu_other", "menu_wait")),
    _queue("key", "choice", _("Key"), _("What they press for the menu."), choices=KEYS),
    _queue("offer_after", "duration", _("First offer after"), _("How long they wait before they are told of the key.")),
    _queue("offer_every", "duration", _("Offer again every"), _("0: they are told once.")),
    _queue("offer_from_wait", "duration", _("Offer from a wait of"),
           _("Only while the estimated wait is at least this; 0: always."), "m"),
    _queue("max_wait", "duration", _("Menu unasked after"), _("The menu comes by itself, once; 0: never."), "m"),
    _queue("announce_wait", "switch", _("Say the wait"), _("They are told the estimated wait, in minutes.")),
    _queue("other_number", "switch", _("Another number"), _("They may type in another number.")),
    _queue("tries", "number", _("Wrong entries"), _("So many, then the caller is back in the queue."), _("times"),
           (1, 10)),
    _queue("limit", "duration", _("Remove and open a ticket after"),
           _("A request that is not done by then is removed, and a ticket is opened. 60 minutes are usual."), "m"),
    _queue("declined", "choice", _("When an agent declines"), _("Where the request goes."), choices=(
        Choice("queue", _("To the end of the PBX's queue")), Choice("dispatch", _("To the next free agent")))),
    _queue("place_for", "duration", _("Keep the place for"),
           _("Then an agent is rung directly; 0: as long as the PBX keeps it."), "m"),
    _queue("retries", "number", _("Further tries"), _("When the customer does not answer; 0: none."), _("times"),
           (0, 9)),
    _queue("retry_after", "duration", _("Pause between tries"), _("From the end of one to the next."), "m"),
    _queue("max_pending", "number", _("Most requests at a time"),
           _("Above it nothing is offered in the group; 0: any number."), _("requests"), (0, 1_000_000)),
    _queue("stop_before_close", "duration", _("No offer before closing"),
           _("So long before the opening hours end."), "m"),
    _queue("per_live", "number", _("Live calls for each callback"),
           _("Without a place: so many callers who wait are taken for each callback; 0: no rule."), _("calls"),
           (0, 1_000_000)),
), _("What callers who wait may ask for."), folded=True)

TYPES: Final = (
    Choice("0", _("0: off"), _("No record is ever made: every call takes the usual way.")),
    Choice("1", _("1: after a call that did not reach the customer"),
           _("Whoever the agent did not reach comes back to that agent until the record expires; a new attempt changes "
             "nothing, a conversation ends it.")),
    Choice("2", _("2: as 1, each attempt counts anew"),
           _("As 1, but every further attempt of the same agent that fails starts the time again.")),
    Choice("3", _("3: after every call of the agent"),
           _("The customer comes back to the agent whether reached or not; a conversation does not end it, the agent's "
             "next call starts the time again.")),
    Choice("4", _("4: as 3, the customer's calls count too"),
           _("As 3, and every call of the customer starts the time again, answered or not.")),
)


def type_pairs(words: Words) -> list[tuple[str, str]]:
    """Return each type of direct callback as value and what it is called."""
    return [(one.value, words.gettext(one.label)) for one in TYPES]


DIRECT: Final = Section("direct", _("Direct callback"), (
    FormField(("direct_callback", "type"), "choice", _("Type"),
              _("When a customer who calls back goes straight to the agent who tried to reach them."), choices=TYPES,
              radios=True, whole=True),
    FormField(("direct_callback", "expires_after"), "duration", _("Expires after"),
              _("How long a record lives, counted from the end of the call."), unit="h"),
    FormField(("direct_callback", "ring_for"), "duration", _("The agent rings for"),
              _("Then the call goes on to where it was headed, and the customer notices nothing.")),
    FormField(("direct_callback", "min_talk"), "duration", _("Counts as a conversation from"),
              _("An answered call that is shorter is none.")),
    FormField(("direct_callback", "inbound_creates"), "switch", _("Records from incoming calls too"),
              _("Types 3 and 4 also make a record when a customer calls and an agent answers.")),
))
