"""Callback tasks: promises to call a customer."""

from typing import Annotated, Any, Final, Literal, TypedDict, get_args

from config.limits import LONGEST_RING, LONGEST_WINDOW, MOST_ATTEMPTS, Language
from proxy.verbs.shapes.fields import (
    LINE,
    NOTE,
    SENTENCE,
    flag_field,
    limit_field,
    line_field,
    lines_field,
    moment_field,
    number_field,
    one_of_field,
    seconds_field,
    whole_field,
    window_field,
    words_field,
)
from proxy.verbs.shapes.kinds import Facts, Moment
from proxy.verbs.shapes.verb import In, Nothing, Verb

TaskState = Literal["open", "held", "done", "failed", "expired", "cancelled"]
"""As `routing.rows.TaskState`, which a test holds it to: the rows are slow to load for a command."""


TaskKind = Literal["missed", "campaign", "manual", "queue"]
"""As `routing.rows.TaskKind`, held to it likewise."""


BulkAct = Literal["cancel", "hold", "resume", "reassign"]
"""What may be done with many tasks at once."""
MOST_TASKS: Final = 500
"""Tasks that one command changes at the most."""


class TaskPlace(TypedDict):
    """The place in the PBX's queue of a callback that was asked for there."""

    held_since: Annotated[Moment | None, "Since when a leg of ours stands there; null: none does"]
    taken_by: Annotated[str | None, "Agent who picked it up last; unknown: nothing shows who; null: nobody has"]
    rounds: Annotated[int, "Times that an agent picked it up"]


class Task(TypedDict):
    """A callback task."""

    id: Annotated[str, "UUID version 7"]
    customer: Annotated[str, "E.164"]
    group: str
    campaign: Annotated[str | None, "Five-digit id; null: of none"]
    kind: TaskKind
    number: Annotated[str | None, "Our number that they dialled and will be shown; null: the group's"]
    pbx: str
    trunk: str
    state: TaskState
    reason: Annotated[str, "Why it ended or is held; empty while it is open"]
    created: Moment
    missed_at: Annotated[Moment, "The first missed call"]
    missed: Annotated[int, "Missed calls that it stands for"]
    due: Annotated[Moment | None, "When it is tried next; null: never again"]
    expires: Annotated[Moment, "End of its window"]
    attempts: Annotated[int, "Attempts made that count"]
    attempts_max: int
    responsible_kind: str
    responsible: Annotated[str | None, "Extension or group that it is held for; null: nobody"]
    responsible_since: Moment | None
    released: Annotated[Moment | None, "When it was released to everybody"]
    declined: Annotated[list[str], "Agents who declined it in this round"]
    declined_by: Annotated[dict[str, int], "Agents who declined it or did not accept its place, and how often; "
                                           "unknown: nothing shows who"]
    place: Annotated[TaskPlace | None, "Of a task of kind queue; null: it is of another kind"]
    options: Annotated[Facts, "What it has otherwise than its group"]
    ended: Moment | None


class Try(TypedDict):
    """One attempt."""

    id: Annotated[str, "UUID version 7"]
    serial: int
    agent: str | None
    node: str
    step: Annotated[str, "How far it came"]
    claimed: Moment
    customer_at: Annotated[Moment | None, "When the customer was dialled"]
    answered: Moment | None
    ended: Moment | None
    result: str | None
    cause: Annotated[int | None, "Final SIP status of the leg that decided it"]
    talk: Annotated[float | None, "Seconds"]


class JournalLine(TypedDict):
    """One line of a task's journal."""

    time: Moment
    kind: str
    agent: str | None
    data: Facts


class TaskDetail(Task):
    """A task with all that came of it."""

    waits_until: Annotated[Moment | None, "Until then it waits for its responsible"]
    tries: list[Try]
    journal: list[JournalLine]


class PastTalk(TypedDict):
    """The last talk of a customer with us, whoever called."""

    agent: Annotated[str, "Extension"]
    time: Annotated[Moment, "When it began"]


class PastTry(TypedDict):
    """An attempt that is over, in short."""

    serial: int
    time: Annotated[Moment, "When it was assigned"]
    agent: str | None
    result: str | None
    talk: Annotated[float | None, "Seconds"]


class CardHistory(TypedDict):
    """What was between the customer and us before this, in short."""

    last_talk: PastTalk | None
    tries: Annotated[list[PastTry], "Attempts of this task before, the first first"]


class Card(TypedDict):
    """An attempt under way: an agent's card, from the preview to the end of the talk, and at their desk until the
    wrap-up is over."""

    attempt: Annotated[str | None, "UUID version 7; null: they picked up the place of a request, and have not accepted"]
    task: Annotated[str, "UUID version 7"]
    customer: Annotated[str, "E.164"]
    number: Annotated[str | None, "What the customer is shown"]
    group: str
    campaign: str | None
    kind: TaskKind
    agent: str | None
    phase: Annotated[str, "claimed, preview, agent_rings, agent_asked, customer_rings, customer_asked, "
                          "customer_rings_in, talking, ending; place: picked up in the PBX's queue; wrap_up: over, and "
                          "the agent finishes with it"]
    serial: Annotated[int, "Which attempt of the task it is; 0: none yet"]
    preview: Annotated[float, "Seconds that the card is seen before the phone rings"]
    preview_until: Annotated[Moment | None, "In phase preview: when the phone rings"]
    wrap_up_until: Annotated[Moment | None, "In phase wrap_up: when it is over"]
    claimed: Annotated[Moment, "When it was assigned, or the place picked up"]
    missed_at: Moment
    missed: Annotated[int, "Missed calls that it stands for"]
    declined: Annotated[list[str], "Agents who declined the task in this round"]
    history: CardHistory
    note: str


class OpenSpan(TypedDict):
    """A stretch of time."""

    begin: Moment
    end: Moment


class PlannedTry(TypedDict):
    """An attempt that would be made, should nobody be reached before it."""

    at: Moment
    instead_of: Annotated[Moment | None, "When it would have been, were those not quiet hours where the customer is; "
                                         "null: at that very moment"]


class Obstacle(TypedDict):
    """What keeps a task from being tried."""

    reason: Annotated[str, "One word, such as closed, quiet_hours, do_not_call, stop"]
    text: Annotated[str, "In words"]
    until: Annotated[Moment | None, "From when on it may be tried; null: while the policy is as it is, never"]


class LeftOut(TypedDict):
    """Attempts that a task may have and that would not be made."""

    attempts: Annotated[int, "How many"]
    why: Annotated[Literal["quiet_hours", "window"],
                   "quiet_hours: the first of them would be when it is quiet where the customer is, and later is none; "
                   "window: the window would be over"]
    at: Annotated[Moment | None, "When the first of them would be; null: not within the window"]


class Plan(TypedDict):
    """What is to come of a task, should nobody be reached. It promises nothing: an agent must be free."""

    begin: Annotated[Moment, "From when its window is counted"]
    expires: Annotated[Moment, "When the window is over"]
    zone: Annotated[str, "Time zone of its opening hours, IANA name"]
    open: Annotated[list[OpenSpan], "When it is open within the window"]
    tries: Annotated[list[PlannedTry], "None: it is over, or its place in the PBX's queue is held"]
    quiet: Annotated[list[OpenSpan], "When it is quiet where the customer is, within the window"]
    left_out: Annotated[LeftOut | None, "null: every attempt would be made, or it is over or its place is held"]
    not_now: Annotated[Obstacle | None, "Why it is not tried at this moment; null: nothing keeps it, or it is held, "
                                        "over or under way"]


class Became(TypedDict):
    """What became of one of many tasks that were to be changed."""

    id: Annotated[str, "As it was named"]
    customer: Annotated[str | None, "E.164; null: there is no such task"]
    done: bool
    state: Annotated[TaskState | None, "As it is now; null: there is no such task"]
    text: Annotated[str, "Why it was not done; empty: it was"]


class Said(TypedDict):
    """What an agent's click came to."""

    task: Annotated[str, "UUID version 7"]
    attempt: Annotated[str | None, "UUID version 7; null: the place of a request"]
    agent: Annotated[str, "Who said it"]
    phase: Annotated[str, "How far it is now, as a card has it; empty: it is over"]
    already: Annotated[bool, "It was said before, by a key or a click: nothing has changed"]


class Tally(TypedDict):
    """What became of callbacks today, and how many there are."""

    in_queue: Annotated[int, "Tasks that are open or held now"]
    offers_made: Annotated[int, "Callers who were told in a queue that they may ask for one, each once"]
    offers_taken: Annotated[int, "Of the promised: those that callers in a queue asked for"]
    promised: int
    dialled: Annotated[int, "Times that a customer was dialled"]
    kept: Annotated[int, "Ended with a talk that a callback brought about"]
    called_meanwhile: Annotated[int, "Ended because they talked in another call"]
    tickets: Annotated[int, "Ended with a ticket instead"]
    failed: int
    expired: int
    cancelled: int
    average_wait_s: Annotated[float | None, "Seconds to the talk from the missed call, or from the request in the "
                                              "queue; null: none yet"]


class Figures(TypedDict):
    """What became of callbacks today: of all, and by group, number of ours, campaign and kind."""

    day: Annotated[str, "YYYY-MM-DD"]
    timezone: Annotated[str, "The policy's, whose midnight counts"]
    since: Annotated[Moment, "That midnight"]
    total: Tally
    groups: Annotated[dict[str, Tally], "By name"]
    numbers: Annotated[dict[str, Tally], "By E.164"]
    campaigns: Annotated[dict[str, Tally], "By id"]
    kinds: Annotated[dict[str, Tally], "By what they came of: missed, campaign, manual, queue"]


class ListTasks(In):
    """Which tasks."""

    limit: int = limit_field()
    kind: str | None = one_of_field("Only tasks that came of this: missed, campaign, manual or queue.",
                                    get_args(TaskKind))
    state: str | None = one_of_field("Only tasks in this state: open, held, done, failed, expired or cancelled.",
                                     get_args(TaskState))
    customer: str | None = number_field("Only this customer's.")
    group: str | None = line_field("Only this group's.")


class OneTask(In):
    """Which task."""

    id: str = line_field("Of the task, or as much of its end as is unique.", required=True, place="TASK")


class ChangeTask(OneTask):
    """Which task, and why."""

    reason: str | None = line_field("For the journal.", most=SENTENCE)
    by: str | None = line_field("Who asks for it, for the journal.")


class Reassign(ChangeTask):
    """Which task, and for whom it is held from now on."""

    responsible: str | None = line_field("Who it waits for: an extension, or group:NAME; left out: nobody.",
                                         most=len("group:") + LINE)


class ChangeMany(In):
    """Which tasks, and what is to become of each."""

    act: str | None = one_of_field("What is done with each: cancel, hold, resume or reassign.", get_args(BulkAct),
                                   place="ACT")
    ids: tuple[str, ...] = words_field("Of the tasks, 500 at most.", MOST_TASKS, place="TASK")
    reason: str | None = line_field("For the journal.", most=SENTENCE)
    responsible: str | None = line_field("Of reassign: an extension, or group:NAME; left out: nobody.",
                                         most=len("group:") + LINE)
    by: str | None = line_field("Who asks for it, for the journal.")


class Example(In):
    """A call that might be missed, and what would hold for it."""

    group: str | None = line_field("Whose settings hold where the others are left out; left out: the company's.")
    at: float | None = moment_field("When it is missed; left out: now.")
    window: str | None = window_field("How long it is tried: end_of_day, or 1s to 14d, such as 24h.")
    attempts: int | None = whole_field("How often at most.", 1, MOST_ATTEMPTS)


class CallNow(ChangeTask):
    """Which task is made due, and how."""

    force: bool = flag_field("Although it is closed. The do-not-call list, quiet hours, caps and the stop switch "
                             "hold all the same.")


class Accept(In):
    """Which callback, and who says so."""

    id: str = line_field("Of the attempt or of the task, or as much of its end as is unique.", required=True,
                         place="ID")
    agent: str = line_field("Extension of the agent who says it.", required=True)


class Decline(Accept):
    """Which callback, who says so, and why."""

    reason: str = line_field("For the journal.", most=SENTENCE, default="")


class AddTask(In):
    """What is promised."""

    customer: str = number_field("Number of the customer, as +E.164 or as the policy's region writes it.",
                                 required=True, place="CUSTOMER")
    group: str | None = line_field("Who calls; the only group where left out.")
    number: str | None = number_field("Our number to show; the group's where left out.")
    campaign: str | None = line_field("Five-digit id of the campaign it belongs to.")
    responsible: str | None = line_field("Who it waits for: an extension, or group:NAME.", most=len("group:") + LINE)
    responsible_wait: float | None = seconds_field("Seconds that it waits for them.", LONGEST_WINDOW, was="wait")
    language: str | None = one_of_field("Of the prompts: en, hu, sk, pl, de or ru.", get_args(Language))
    preview: float | None = seconds_field("Seconds that the agent sees the card before the phone rings.", LONGEST_RING)
    at: float | None = moment_field("First try, such as 2026-11-23T12:00:00+01:00; at once where left out.")
    window: str | None = window_field("How long it is tried: end_of_day, or 1s to 14d, such as 24h.")
    attempts: int | None = whole_field("How often at most; the group's where left out.", 1, MOST_ATTEMPTS)
    note: str = lines_field("What the agent's card says.", most=NOTE, default="")
    by: str | None = line_field("Who asks for it, for the journal.")


LIST: Final = Verb("callbacks.list", ListTasks, list[Task], "agent", "Callback tasks, the newest first")
RUNNING: Final = Verb("callbacks.running", Nothing, list[Card], "agent", "Attempts under way: the agents' cards")
FIGURES: Final = Verb("callbacks.figures", Nothing, Figures, "agent",
                      "What became of callbacks today, by group, number, campaign and kind")
SHOW: Final = Verb("callbacks.show", OneTask, TaskDetail, "agent", "One task with its attempts and its journal",
                   key="id")
ADD: Final = Verb("callbacks.add", AddTask, Task, "agent", "Promise a callback", changes=True)
CANCEL: Final = Verb("callbacks.cancel", ChangeTask, Task, "supervisor", "End a task for good", changes=True, key="id")
HOLD: Final = Verb("callbacks.hold", ChangeTask, Task, "supervisor", "Stop a task for now", changes=True, key="id")
RESUME: Final = Verb("callbacks.resume", ChangeTask, Task, "supervisor", "Let a held task go on", changes=True,
                     key="id")
CALL_NOW: Final = Verb("callbacks.call-now", CallNow, Task, "supervisor", "Make a task due at once", changes=True,
                       key="id")
REASSIGN: Final = Verb("callbacks.reassign", Reassign, Task, "supervisor", "Hold a task for somebody else, or nobody",
                       changes=True, key="id")
BULK: Final = Verb("callbacks.bulk", ChangeMany, list[Became], "supervisor",
                   "Change many tasks at once; each is done or refused by itself", changes=True)
PLAN: Final = Verb("callbacks.plan", OneTask, Plan, "agent", "When a task would be tried from now on, and why not now",
                   key="id")
EXAMPLE: Final = Verb("callbacks.example", Example, Plan, "supervisor",
                      "When a call that is missed would be tried, should nobody be reached")
ACCEPT: Final = Verb("callbacks.accept", Accept, Said, "agent",
                     "Accept a callback as the key 1 does: the phone rings at once, and needs no key then",
                     changes=True, key="id")
DECLINE: Final = Verb("callbacks.decline", Decline, Said, "agent",
                      "Decline a callback as the key 2 does: it goes to somebody else, and the phone is still",
                      changes=True, key="id")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (
    LIST, RUNNING, FIGURES, SHOW, PLAN, EXAMPLE, ADD, CANCEL, HOLD, RESUME, CALL_NOW, REASSIGN, BULK,
    ACCEPT, DECLINE,
)
