"""What people of the played company do with a call, with or without audio: answer, talk, hang up."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from proxy.demo.audio import Audio
from proxy.demo.phones import SDP, Incoming, Outgoing, PhoneCall
from proxy.demo.sound import tone
from proxy.demo.waiting import News

AGENT_HZ, CUSTOMER_HZ = 440, 620
"""What the two sides say, so that recordings have something to hear."""
LONGEST: Final = 120.0
"""Seconds after which anybody hangs up."""


@asynccontextmanager
async def over(call: PhoneCall) -> AsyncIterator[None]:
    """Let go of a call when nobody has to do with it any more."""
    try:
        yield
    finally:
        call.end.forget(call)


@asynccontextmanager
async def speaking(news: News, hertz: int) -> AsyncIterator[Audio]:
    """The audio of a phone whose person says a tone."""
    audio = Audio(news)
    await audio.open()
    audio.say(tone(hertz))
    try:
        yield audio
    finally:
        audio.close()


def is_plain(call: Incoming) -> bool:
    """Whether nobody is to be heard in it: both ends are phones of the company that only ring."""
    return call.invite.body == SDP


def is_over(call: PhoneCall) -> bool:
    """Whether the far end hung up, gave up, or refused."""
    if isinstance(call, Incoming) and call.cancelled:
        return True
    if isinstance(call, Outgoing) and call.exchange.final is not None and call.exchange.final.status >= 300:
        return True
    return any(one.method == b"BYE" for one in call.requests)


async def ends(news: News, call: PhoneCall, seconds: float) -> bool:
    """Wait so long at most for the far end to end the call; return whether it did."""
    return bool(await news.within(seconds, lambda: is_over(call)))


async def talk(news: News, call: PhoneCall, seconds: float) -> None:
    """Talk for so long, or until the far end hangs up; then hang up."""
    if not await ends(news, call, min(seconds, LONGEST)):
        await call.hang_up()


async def pick_up(news: News, call: Incoming, audio: Audio | None, fields: Sequence[bytes] = ()) -> bool:
    """Answer; return whether the caller was still there. `audio` None: one where nobody is to be heard."""
    if is_over(call):
        return False
    call.accept(SDP if audio is None else audio.answer(call.invite.body), fields)
    await news.until(lambda: call.acknowledged or is_over(call), "ACK")
    return not is_over(call)
