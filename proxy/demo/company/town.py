"""The customers of the played company: they call, give up, ask for callbacks, and answer when they are called."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

from proxy.demo.company.calls import CUSTOMER_HZ, ends, is_over, is_plain, over, pick_up, speaking, talk
from proxy.demo.company.house import ANNAS_NUMBER, CUSTOMERS, SALES, SALES_DESK, SERVICE_LINE
from proxy.demo.company.switchboard import NAMES, Play, Say, Switchboard
from proxy.demo.endpoint import Endpoint
from proxy.demo.phones import Incoming, Outgoing, dialled_user
from proxy.demo.sound import spoken
from proxy.demo.waiting import News
from proxy.media.contract import Clip

TALK: Final = (6.0, 30.0)
"""Seconds of a talk."""
AT_ONCE: Final = 6
"""Calls that customers and agents begin, at a time."""
ANSWERS, BUSY = 0.7, 0.12
"""Part of the customers who answer when they are called, and of those whose line is busy; the others do not hear it."""


class Town:
    """The customers of one company."""

    def __init__(self, end: Endpoint, switchboard: Switchboard, news: News, chance: random.Random, say: Say) -> None:
        self._end, self._switchboard, self._news = end, switchboard, news
        self._chance, self._say = chance, say
        self._engaged: set[str] = set()
        self._scenes: tuple[tuple[int, Callable[[], Coroutine[Any, Any, None]]], ...] = (
            (5, self._calls_sales), (4, self._gives_up), (5, self._asks_in_the_queue), (3, self._is_called),
            (1, self._calls_anna))

    async def answer(self, play: Play) -> None:
        """Take the calls that reach customers, for ever."""
        while True:
            arrived = await self._news.within(3600, lambda: self._end.invites.pop(0) if self._end.invites else None)
            if arrived is not None:
                play(self._take(Incoming(self._end, *arrived)))

    async def call(self, play: Play, pace: float) -> None:
        """Begin a new call about every `pace` seconds, for ever."""
        begun = [weight for weight, _ in self._scenes]
        while True:
            if len(self._engaged) < AT_ONCE:
                scene = self._chance.choices([one for _, one in self._scenes], begun)[0]
                play(scene())
            await asyncio.sleep(self._chance.uniform(0.6, 1.4) * pace)

    # Who calls

    def _somebody(self) -> str:
        """Return a customer who is in no call."""
        return self._chance.choice([one for one in CUSTOMERS if one not in self._engaged])

    def _seconds(self) -> float:
        return self._chance.uniform(*TALK)

    async def _rings(self, number: str, patience: float, what: str) -> None:
        """Somebody calls a number, waits so long, and talks where they are answered."""
        customer = self._somebody()
        self._engaged.add(customer)
        call = Outgoing(self._end, customer, number)
        self._say(f"{customer} calls {what}")
        async with over(call):
            try:
                answered = await self._news.within(patience, lambda: call.dialog or is_over(call))
                if not answered:
                    self._say(f"{customer} gives up")
                    call.give_up()
                    await ends(self._news, call, 5)
                if call.dialog is not None:
                    await talk(self._news, call, self._seconds())
            finally:
                self._engaged.discard(customer)

    async def _calls_sales(self) -> None:
        await self._rings(SALES_DESK, self._chance.uniform(8, 14), "the sales desk")

    async def _gives_up(self) -> None:
        await self._rings(SALES_DESK if self._chance.random() < 0.7 else SERVICE_LINE, self._chance.uniform(1, 1.8),
                          "and has no time to wait")

    async def _calls_anna(self) -> None:
        await self._rings(ANNAS_NUMBER, 12, f"{NAMES['201']}'s own number")

    async def _asks_in_the_queue(self) -> None:
        """Somebody waits for the service, is told of the key, and asks for a callback; or an agent was faster."""
        customer = self._somebody()
        self._engaged.add(customer)
        self._say(f"{customer} calls the service line")
        try:
            async with speaking(self._news, CUSTOMER_HZ) as audio:
                call = Outgoing(self._end, customer, SERVICE_LINE, sdp=audio.offer())
                async with over(call):
                    response = await self._news.within(30, lambda: call.exchange.final)
                    if response is None or response.status >= 300:
                        return
                    audio.agree(response.body)
                    offer = spoken(Clip("offer_callback"))[0]
                    if not await self._news.within(9, lambda: audio.heard.find(offer) >= 0 or is_over(call)):
                        await talk(self._news, call, self._seconds())
                        return
                    self._say(f"{customer} asks for a callback and hangs up")
                    for _ in range(2):
                        await ends(self._news, call, 3)
                        audio.press("1")
                    await talk(self._news, call, 25)
        finally:
            self._engaged.discard(customer)

    async def _is_called(self) -> None:
        """An agent calls a customer; some do not answer, and call back a while later."""
        free = self._switchboard.free(SALES)
        if not free:
            return
        agent, customer = self._chance.choice(free), self._somebody()
        self._say(f"{NAMES[agent]} calls {customer}")
        if await self._switchboard.call_out(agent, customer, self._seconds()) or self._chance.random() < 0.4:
            return
        await asyncio.sleep(self._chance.uniform(5, 40))
        if customer in self._engaged:
            return
        self._say(f"{customer} calls back {NAMES[agent]}, at the sales desk's number")
        self._engaged.add(customer)
        call = Outgoing(self._end, customer, SALES_DESK)
        async with over(call):
            try:
                if await self._news.within(20, lambda: call.dialog):
                    await talk(self._news, call, self._seconds())
                else:
                    call.give_up()
            finally:
                self._engaged.discard(customer)

    # Who is called

    async def _take(self, call: Incoming) -> None:
        async with over(call):
            customer = dialled_user(call.invite)
            which = self._chance.random()
            if customer in self._engaged or which < BUSY:
                call.refuse(486)
                return
            self._engaged.add(customer)
            try:
                call.ring()
                if which > BUSY + ANSWERS:
                    await ends(self._news, call, 60)
                elif not await ends(self._news, call, self._chance.uniform(2, 6)):
                    await self._talks(call)
            finally:
                self._engaged.discard(customer)

    async def _talks(self, call: Incoming) -> None:
        if is_plain(call):
            if await pick_up(self._news, call, None):
                await talk(self._news, call, self._seconds())
            return
        async with speaking(self._news, CUSTOMER_HZ) as audio:
            if await pick_up(self._news, call, audio):
                await talk(self._news, call, self._seconds())
