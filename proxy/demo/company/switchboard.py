"""The company's PBX: queues that ring agents, phones that agents answer, callbacks that they accept or decline."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

from proxy.demo.company.calls import AGENT_HZ, ends, is_over, is_plain, over, pick_up, speaking, talk
from proxy.demo.company.house import ANNAS_NUMBER, NUMBERS, PEOPLE, SALES, SERVICE, agents_of
from proxy.demo.endpoint import Endpoint
from proxy.demo.phones import Incoming, Outgoing, dialled_user
from proxy.demo.waiting import News

QUEUES: Final = {"600": SALES, "601": SERVICE, NUMBERS[SALES]: SALES, NUMBERS[SERVICE]: SERVICE}
"""Groups whose queue is behind a number or an extension."""
NAMES: Final = {person.extension: person.name for person in PEOPLE}
SLOW: Final = 0.2
"""Part of the calls to the sales desk that ring long, so that callers give up."""
DECLINES, MISSES = 0.12, 0.08
"""Part of the callbacks that an agent declines, or does not hear."""

Say = Callable[[str], None]
"""Prints a line."""
Play = Callable[[Coroutine[Any, Any, None]], object]
"""Plays something beside all else."""


class Switchboard:
    """Takes every call that reaches the company, and calls out."""

    def __init__(self, end: Endpoint, news: News, chance: random.Random, say: Say) -> None:
        self._end, self._news, self._chance, self._say = end, news, chance, say
        self._engaged: set[str] = set()
        self._away: set[str] = set()

    def free(self, group: str) -> list[str]:
        """Return the agents of a group who could take a call."""
        return [one for one in agents_of(group) if one not in self._engaged | self._away]

    async def run(self, play: Play) -> None:
        """Take calls for ever."""
        while True:
            arrived = await self._news.within(3600, lambda: self._end.invites.pop(0) if self._end.invites else None)
            if arrived is not None:
                play(self._take(Incoming(self._end, *arrived)))

    async def _take(self, call: Incoming) -> None:
        async with over(call):
            called = dialled_user(call.invite)
            if called in QUEUES:
                await self._queue(call, QUEUES[called])
            elif called in NAMES or called == ANNAS_NUMBER:
                await self._extension(call, "201" if called == ANNAS_NUMBER else called)
            else:
                call.refuse(404)

    async def _queue(self, call: Incoming, group: str) -> None:
        """Ring until an agent is free and takes it, or the caller gives up."""
        chance = self._chance
        call.ring()
        patience = chance.uniform(7, 14) if group == SERVICE else chance.uniform(2, 5)
        if group == SALES and chance.random() < SLOW:
            patience = 16
        if await ends(self._news, call, patience):
            return
        while not (free := self.free(group)):
            if await ends(self._news, call, 0.5):
                return
        agent = chance.choice(free)
        await self._answer(call, agent, (f"P-Asserted-Identity: <sip:{agent}@pbx.example>".encode(),))

    async def _extension(self, call: Incoming, agent: str) -> None:
        """Ring one phone."""
        chance = self._chance
        if agent in self._engaged:
            call.refuse(486)
            return
        callback = (call.invite.value(b"x-boomerang") or b"").startswith(b"callback")
        self._engaged.add(agent)
        try:
            call.ring()
            if callback and chance.random() < MISSES:
                self._say(f"{NAMES[agent]} does not hear the phone")
                await ends(self._news, call, 60)
                return
            if await ends(self._news, call, chance.uniform(2, 5)):
                return
        finally:
            self._engaged.discard(agent)
        await self._answer(call, agent)

    async def _answer(self, call: Incoming, agent: str, fields: tuple[bytes, ...] = ()) -> None:
        self._engaged.add(agent)
        try:
            if is_plain(call):
                if await pick_up(self._news, call, None, fields):
                    self._say(f"{NAMES[agent]} answers")
                    await talk(self._news, call, 60)
                return
            async with speaking(self._news, AGENT_HZ) as audio:
                if await pick_up(self._news, call, audio, fields):
                    self._say(f"{NAMES[agent]} answers")
                    # Accept what Boomerang may ask; whoever talks to a caller already only makes a sound.
                    if await ends(self._news, call, self._chance.uniform(3, 5)):
                        return
                    declines = self._chance.random() < DECLINES
                    audio.press("2" if declines else "1")
                    await talk(self._news, call, 60)
        finally:
            self._engaged.discard(agent)

    async def call_out(self, agent: str, customer: str, seconds: float) -> bool:
        """An agent calls a customer; return whether they talked."""
        self._engaged.add(agent)
        asserted = (f"P-Asserted-Identity: <sip:{agent}@pbx.example>".encode(), b"X-Agent: " + agent.encode())
        call = Outgoing(self._end, NUMBERS[SALES], customer, asserted)
        async with over(call):
            try:
                answered = await self._news.within(15, lambda: call.dialog or is_over(call))
                if not answered:
                    call.give_up()
                    await ends(self._news, call, 5)
                if call.dialog is None:
                    return False
                await talk(self._news, call, seconds)
                return True
            finally:
                self._engaged.discard(agent)

    async def pause(self, agent: str, seconds: float) -> None:
        """Leave an agent's phone alone for a while."""
        self._away.add(agent)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._away.discard(agent)
