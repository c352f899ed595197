"""What an agent says of a callback by a click."""

from collections.abc import Callable, Mapping
from typing import Final

from proxy.control_client import ControlError
from proxy.verbs.barrier import Settling, committed
from proxy.verbs.handlers.callbacks import DeskHolder
from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import callbacks as shapes
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.verb import Bound
from routing.callbacks.clicks import Click, ClickAnswer, Heard
from routing.rows import AttemptRow
from routing.store.reader import Reader

REFUSALS: Final[Mapping[Heard, str]] = {
    Heard.ACCEPTED: "too late: {agent} has accepted it",
    Heard.TALKING: "too late: they talk already",
    Heard.OVER: "too late: it is over",
    Heard.OTHERS: "too late: {agent} has it",
    Heard.UNPROVED: "nothing shows who has it: press the key on the phone",
    Heard.NOT_PICKED_UP: "nobody has picked up its place in the queue",
    Heard.CUSTOMER_BACK: "its customer has rung in and is in the queue themselves",
    Heard.NOBODY_RUNG: "nobody is being rung for it",
}
"""How each refusal is told."""


class ClickAnswers:
    """Answers `callbacks.accept` and `callbacks.decline`."""

    def __init__(self, callbacks: DeskHolder, store: Settling, reader: Reader, is_agent: Callable[[str], bool]) -> None:
        """`is_agent`: whether an extension is one."""
        self._callbacks, self._store, self._reader, self._is_agent = callbacks, store, reader, is_agent

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.ACCEPT.by(self.accept), shapes.DECLINE.by(self.decline)]

    async def accept(self, args: shapes.Accept) -> shapes.Said:
        """Accept a callback."""
        return await self._click(args, Click.ACCEPT, "")

    async def decline(self, args: shapes.Decline) -> shapes.Said:
        """Decline a callback."""
        return await self._click(args, Click.DECLINE, args.reason)

    async def _click(self, args: shapes.Accept, click: Click, reason: str) -> shapes.Said:
        if not self._is_agent(args.agent):
            raise UnknownError(f"there is no agent {shown(args.agent)}")
        name = self._whole(args.id)
        if self._is_claimed(name):  # the card is shown already, while that is on its way to the disk
            await committed(self._store)
        answer = self._callbacks.click(name, click, args.agent, reason) or \
            await self._past(name, click, args.agent)
        if answer.heard in (Heard.DONE, Heard.ALREADY):
            return {"task": answer.task, "attempt": answer.attempt, "agent": args.agent, "phase": answer.phase,
                    "already": answer.heard is Heard.ALREADY}
        if answer.heard is Heard.OVER and answer.result:
            raise ControlError(f"too late: it is over ({answer.result})")
        raise ControlError(REFUSALS[answer.heard].format(agent=answer.agent))

    def _whole(self, end: str) -> str:
        """Return the id that is meant, of an attempt under way or of an open task; what names neither stays."""
        admin = self._callbacks.desk.admin
        found = {one.row.id for one in admin.attempts() if one.row.id.endswith(end)}
        found |= {row.id for row in admin.open_tasks() if row.id.endswith(end)}
        if len(found) > 1:
            raise ControlError(f"{end!r} is the end of {len(found)} callbacks and attempts: name more of it")
        return next(iter(found), end)

    def _is_claimed(self, name: str) -> bool:
        """Whether an attempt, named by its id or its task's, is about to begin."""
        return any(name in (one.row.id, one.row.task) and not one.begun
                   for one in self._callbacks.desk.admin.attempts())

    async def _past(self, name: str, click: Click, agent: str) -> ClickAnswer:
        """Say what comes of a click of what does not run: from before this process, or what waits."""
        if self._is_claimed(name) or any(row.id == name for row in self._callbacks.desk.admin.open_tasks()):
            return ClickAnswer(Heard.NOBODY_RUNG, name)
        row = await look_up(lambda: self._last_attempt(name))
        if row is None:
            raise UnknownError(f"there is no callback {shown(name)}")
        declined = click is Click.DECLINE and (row.result, row.agent) == ("declined", agent)
        return ClickAnswer(Heard.ALREADY if declined else Heard.OVER, row.task, row.id, "", row.agent, row.result)

    def _last_attempt(self, name: str) -> AttemptRow | None:
        return self._reader.attempt(name) or next(reversed(self._reader.callbacks.attempts_of(name)), None)
