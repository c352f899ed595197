"""What verbs are about, as this node has it: for those who may not have everything (`scope.Things`)."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from config.policy import Policy
from proxy.media.library import NAME as PROMPT
from proxy.recording_names import attempt_of
from proxy.verbs.handlers.callbacks import UUID_SIGNS
from proxy.verbs.handlers.queues import OpenTasks
from proxy.verbs.handlers.reading import look_up, read
from routing.calls import Call
from routing.numbers import Numbers
from routing.rows import AttemptRow, PauseRow, Record, TaskRow, Ticket, TokenRow, UserRow
from routing.storage import Store
from routing.store.reader import Reader


class NodeThings:
    """Looks in what lives first, else by a reader of the database in another thread."""

    def __init__(self, policy: Callable[[], Policy], calls: Callable[[], tuple[Call, ...]], opened: OpenTasks,
                 store: Store, reader: Reader, pause: Callable[[str], PauseRow | None],
                 do_not_call: Callable[[str], bool], prompts: Path) -> None:
        """`policy`: the one in force; `calls`: those in progress; `opened`: the callbacks that live; `reader`: a strict
        one; `pause`: of an extension; `do_not_call`: whether a number (E.164) is on the list; `prompts`: the folder of
        what is uploaded."""
        self._policy, self._calls, self._opened = policy, calls, opened
        self._store, self._reader = store, reader
        self._pause, self._do_not_call, self._prompts = pause, do_not_call, prompts

    @property
    def policy(self) -> Policy:
        return self._policy()

    async def task(self, name: str) -> TaskRow | None:
        known = self._opened.open_task(name)
        if known is not None:
            return known
        if len(name) == UUID_SIGNS:
            return (await self.tasks([name])).get(name)
        live = [row for row in self._opened.open_tasks() if row.id.endswith(name)]
        if live:
            return live[0] if len(live) == 1 else None
        found = await look_up(lambda: self._reader.tasks_ending(name))
        return (await self.tasks(found)).get(found[0]) if len(found) == 1 else None

    async def tasks(self, names: Collection[str]) -> Mapping[str, TaskRow]:
        rows = await look_up(lambda: [self._reader.callbacks.task(name) for name in dict.fromkeys(names)])
        return {row.id: row for row in rows if row is not None}

    def living(self, ends: Collection[str]) -> Mapping[str, TaskRow]:
        wanted, found, several = set(ends), dict[str, TaskRow](), set[str]()
        lengths = {len(end) for end in wanted if 0 < len(end) <= UUID_SIGNS}
        for row in self._opened.open_tasks() if lengths else ():
            for signs in lengths:
                end = row.id[-signs:]
                if end in wanted:
                    several |= {end} if end in found else set()
                    found[end] = row
        return {end: row for end, row in found.items() if end not in several}

    async def tried(self, tasks: Collection[str]) -> Mapping[str, Collection[str | None]]:
        return await look_up(lambda: {name: [one.agent for one in self._reader.callbacks.attempts_of(name)]
                                      for name in tasks})

    def call(self, name: str) -> tuple[str, str | None, tuple[str | None, ...]] | None:
        found = [call for call in self._calls() if call.id.endswith(name)]
        if len(found) != 1:
            return None
        return found[0].id, found[0].group, (found[0].agent, found[0].tried)

    async def passed(self, name: str) -> Sequence[tuple[str, str | None, tuple[str | None, ...]]]:
        live = [(call.id, call.group, (call.agent, call.tried)) for call in self._calls()
                if name in (call.id, call.attempt, call.task)]
        rows = await look_up(lambda: [self._reader.calls.one(name), *self._reader.calls_of(name)])
        return [*live, *((row.id, row.group, (row.agent, row.tried)) for row in rows if row is not None)]

    async def ticket(self, name: str) -> Ticket | None:
        return await look_up(lambda: self._reader.tickets.one(name))

    async def attempt(self, recording: str) -> AttemptRow | None:
        found = attempt_of(recording)
        return None if found is None else await look_up(lambda: self._reader.attempt(found))

    def records(self, customer: str) -> Sequence[Record]:
        number = Numbers(self.policy.region).e164(customer)
        return () if number is None else read(lambda: self._store.direct.records(number))

    def pause(self, agent: str) -> PauseRow | None:
        return self._pause(agent)

    def do_not_call(self, customer: str) -> bool:
        number = Numbers(self.policy.region).e164(customer)
        return number is not None and self._do_not_call(number)

    async def prompt(self, name: str, language: str | None) -> int | None:
        if PROMPT.fullmatch(name) is None:
            return None
        place = self._prompts / (language or "") / f"{name}.wav"
        try:
            return await asyncio.to_thread(lambda: place.stat().st_size)
        except OSError:
            return None

    async def users(self) -> Sequence[UserRow]:
        return await look_up(self._reader.people.users)

    async def tokens(self) -> Sequence[TokenRow]:
        return await look_up(self._reader.people.tokens)
