"""A desk that only listens, for tests of the ledger."""

from routing.callbacks.facts import Missed, NewCaller, PastTalk, QueuedCaller
from routing.callbacks.queue_facts import CallerStayed, QueueOffer, QueueRequest, RequestAnswer
from routing.rows import JournalRow
from routing.writes import EMPTY_UNIT, Unit


class Ears:
    """`Happenings` that writes down what it hears, and puts a line into the journal for each."""

    def __init__(self) -> None:
        self.missed_calls: list[Missed] = []
        self.talks: list[PastTalk] = []
        self.asked: list[str] = []
        self.attempts: dict[str, str] = {}
        """Customers whom an attempt calls now."""
        self.broken = False
        self.may_press: QueueOffer | None = None
        self.promises = True
        self.places: dict[str, str] = {}
        """Requests whose places are held, by customer."""
        self.refused: set[str] = set()
        """Numbers that are not called back."""
        self.requests: list[QueueRequest] = []
        self.answer = RequestAnswer(None, "flood")
        self.stays: list[CallerStayed] = []
        self.promised_tasks: list[str] = []

    def missed(self, missed: Missed, now: float) -> Unit:
        self.missed_calls.append(missed)
        return self._line(missed.call, "missed", now)

    def talked(self, talk: PastTalk, now: float) -> Unit:
        self.talks.append(talk)
        return self._line(talk.call, "talked", now)

    def rang_in(self, caller: NewCaller, now: float) -> str | None:
        if self.broken:
            raise ZeroDivisionError("a bug of the desk")
        self.asked.append(caller.customer)
        return self.attempts.get(caller.customer)

    def queue_offer(self, queued: QueuedCaller, now: float) -> QueueOffer | None:
        return self.may_press

    def offered(self, queued: QueuedCaller, now: float) -> Unit:
        return self._line(queued.call, "offered", now)

    def place_of(self, queued: QueuedCaller, now: float) -> str | None:
        return self.places.get(queued.customer or "")

    def named(self, request: QueueRequest, now: float) -> tuple[bool, Unit]:
        self.requests.append(request)
        return request.customer not in self.refused, self._line(request.call, "named", now)

    def request(self, request: QueueRequest, now: float) -> tuple[RequestAnswer, Unit]:
        self.requests.append(request)
        return self.answer, self._line(request.call, "request", now)

    def promised(self, task: str, now: float) -> None:
        self.promised_tasks.append(task)

    def stayed(self, stayed: CallerStayed, now: float) -> Unit:
        self.stays.append(stayed)
        return EMPTY_UNIT

    def pressed(self, missed: Missed, now: float) -> tuple[str | None, Unit]:
        self.missed_calls.append(missed)
        return "task" if self.promises else None, self._line(missed.call, "missed", now)

    def _line(self, call: str, kind: str, now: float) -> Unit:
        if self.broken:
            raise ZeroDivisionError("a bug of the desk")
        return Unit((JournalRow(call, now, kind, None, {}),))
