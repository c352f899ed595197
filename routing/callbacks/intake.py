"""How a promise comes about: a missed call, or somebody who asks for one."""

from typing import Any, Final, NamedTuple

from routing.callbacks.campaigns import active, adds
from routing.callbacks.changes import Changes
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import Missed, QueuedCaller
from routing.callbacks.plan import times
from routing.callbacks.queue_facts import CampaignKeys
from routing.callbacks.refusal import Refusal
from routing.callbacks.responsible import Responsible, responsible
from routing.callbacks.task import Task, task_data
from routing.callbacks.tasks import Tasks
from routing.ids import Names
from routing.rows import TaskKind, TaskRow
from routing.storage import Store, StoreError

LOST_ROW: Final = TaskRow("", "", "", None, "missed", None, "", "", "failed", "", 0, 0, 1, 0, None, 0, 0, "none", None,
                          None, None, (), {}, None)
"""What the event of a call says that is promised nothing."""


class TaskRequest(NamedTuple):
    """A callback to be promised."""

    customer: str
    group: str
    kind: TaskKind
    campaign: str | None = None
    number: str | None = None
    pbx: str = ""
    trunk: str = ""
    responsible: Responsible | None = None
    """Whom its creator makes responsible; None: as the settings say."""
    at: float | None = None
    """When it is to be tried first; None: as the settings say."""
    options: dict[str, Any] | None = None
    instead: bool = False
    """A ticket is opened in its place."""


class Intake:
    """Makes tasks."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, store: Store, names: Names) -> None:
        self._tasks, self._eligibility, self._store, self._names = tasks, eligibility, store, names
        self.flood: Refusal | None = None
        """Why missed callers are promised nothing at the moment."""

    def known(self, fact: Missed) -> Task | None:
        """Return the task by which a customer who reached nobody is called already."""
        if fact.group is None:
            return None
        return self._tasks.index.of(fact.customer, fact.group) or next(
            (task for task in self._tasks.index.asked_by(fact.customer) if task.row.group == fact.group), None)

    def missed(self, fact: Missed, changes: Changes) -> str | None:
        """A customer reached nobody: promise a callback where the policy says so; return the task that does."""
        if fact.group is None:
            return None
        known = self.known(fact)
        if known is not None:
            self._tasks.change(known, changes, missed=known.row.missed + 1)
            self._note(known.row.id, fact, changes)
            return known.row.id if known.open else None
        campaign = self._campaign(fact, changes.now)
        instead = False
        if campaign is None and (fact.key is not None or not self._tasks.book.of(fact.group).missed.enabled):
            known_group = self._tasks.book.policy.group.get(fact.group)
            if fact.key is not None or known_group is None or known_group.on_missed != "ticket":
                return None
            instead = True
        self.flood = self._eligibility.admit(changes.now)
        request = TaskRequest(fact.customer, fact.group, "missed" if campaign is None else "campaign", campaign,
                              fact.number, fact.pbx, fact.trunk, at=fact.ended_at, instead=instead)
        if self.flood is not None:
            self.tell_lost(LOST_ROW._replace(customer=fact.customer, group=fact.group, campaign=campaign,
                                             number=fact.number), self.flood, changes)
            return None
        row = self.promise(request, changes, fact)
        return row.id if row.state in ("open", "done") else None

    @staticmethod
    def tell_lost(row: TaskRow, flood: Refusal, changes: Changes) -> None:
        """Tell of a call that is promised nothing, for too many are."""
        lost = row._replace(reason=flood.reason, expires_at=changes.now)
        changes.say("callback.failed", lambda: {**task_data(lost), "task": None, "text": flood.text})

    def campaign_keys(self, queued: QueuedCaller, now: float) -> CampaignKeys | None:
        """Return what a customer who waits may press for a campaign; None: nothing that would be kept."""
        book, found = self._tasks.book, []
        if queued.customer is None or not book.policy.campaign:
            return None
        for name, campaign in book.policy.campaigns_of(queued.group):
            if campaign.add_key is not None and active(campaign, now, book.policy.zone_for(queued.group)):
                settings = book.of(queued.group, name)
                if (campaign.as_ticket or times(settings, now, {}).due_at is not None) and \
                        self._eligibility.never(queued.customer, name, queued.number or settings.number) is None:
                    found.append((campaign, settings.callback.language))
        if not found:
            return None
        prompts = [(campaign.add_prompt, language) for campaign, language in found if campaign.add_prompt is not None]
        prompt, language = prompts[0] if prompts else (None, found[0][1])
        confirmed: dict[str, str | None] = {}
        for campaign, _ in found:  # the first by rank takes the call
            confirmed.setdefault(campaign.add_key or "", campaign.confirm_prompt)
        return CampaignKeys("".join(confirmed), prompt, language,
                            tuple((key, name) for key, name in confirmed.items() if name is not None))

    def promise(self, request: TaskRequest, changes: Changes, fact: Missed | None = None) -> TaskRow:
        """Make a task, which may be at its end already: refused, closed all through its window, or a ticket."""
        tasks, settings = self._tasks, self._tasks.book.of(request.group, request.campaign)
        row = self._row(request, settings, changes.now)
        task = tasks.begin(row, changes)
        if fact is not None:
            self._note(row.id, fact, changes)
        changes.note(row.id, "queued", row.responsible, task_kind=row.kind, expires_at=row.expires_at,
                     due_at=row.due_at)
        changes.tell("callback.queued", row)
        refusal = self._eligibility.never(request.customer, request.campaign, request.number or settings.number)
        if refusal is not None:
            self._eligibility.tell(task, refusal, changes)
            tasks.end(task, "failed", refusal.reason, changes, "guard", text=refusal.text)
        elif settings.campaign is not None and settings.campaign.as_ticket:
            tasks.end(task, "done", "ticket", changes)
            tasks.open_ticket_instead(task, "campaign", settings.campaign.ticket_subject, changes)
        elif request.instead:
            tasks.end(task, "done", "ticket", changes)
            tasks.open_ticket_instead(task, "missed", settings.tickets.subject, changes)
        elif row.due_at is None:
            changes.note(row.id, "closed", None, until=settings.open_time.next_open(row.expires_at))
            tasks.end(task, "expired", "closed", changes, "closed")
        return task.row

    def _row(self, request: TaskRequest, settings: EffectiveSettings, now: float) -> TaskRow:
        begin = now if request.at is None else request.at
        attempts, expires_at, due_at = times(settings, begin, request.options or {})
        who = request.responsible or responsible(
            settings.missed, lambda: self._last_talk(request.customer, settings.callback.min_talk))
        return TaskRow(
            self._names.new(now), request.customer, request.group, request.campaign, request.kind, request.number,
            request.pbx, request.trunk, "open", "", now, begin, 1 if request.kind in ("missed", "campaign") else 0,
            expires_at, due_at, 0, attempts, who.kind, who.name, None, None, (), request.options or {}, None,
        )

    def _campaign(self, fact: Missed, now: float) -> str | None:
        """Return the first campaign, by rank, that takes this call."""
        policy = self._tasks.book.policy
        for name, campaign in policy.campaigns_of(fact.group or ""):
            if active(campaign, now, policy.zone_for(campaign.group)) and \
                    adds(campaign, fact.ended_at - fact.began_at, fact.key):
                return name
        return None

    def _last_talk(self, customer: str, min_talk: float) -> str | None:
        try:
            found = self._store.calls.last_talk(customer, min_talk)
        except StoreError:
            return None
        return None if found is None else found[0]

    def _note(self, task: str, fact: Missed, changes: Changes) -> None:
        changes.note(task, "missed", None, call=fact.call, number=fact.number, why=fact.why, weight=fact.weight,
                     evidence=list(fact.evidence), waited_s=round(fact.ended_at - fact.began_at, 3))
