"""The scene with audio: a caller whom nobody answered is called back, and what comes by RTP is listened to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from proxy.demo.audio import Audio
from proxy.demo.phones import Incoming, Outgoing, incoming
from proxy.demo.sound import spoken, tone
from proxy.demo.stage import BEAT, FRONT_DESK, TALK, UNREACHED, Stage
from proxy.demo.waiting import News, expect
from proxy.media.contract import Clip
from proxy.media.tones import CALL_TONE_HZ

AGENT: Final = "201"
"""Free for longer than 202, so that it is the one who is rung."""
READ_AS: Final = (UNREACHED[:4], UNREACHED[4:7], UNREACHED[7:])
"""The customer's number, as much of it at a time as is shown in one line."""
AGENT_HZ, CUSTOMER_HZ = 1000, 600
"""What each says: a voice that can be told from the other's, and from everything that Boomerang plays."""
TOLD: Final = ("callback.queued", "callback.due", "callback.assigned", "callback.connected", "callback.done",
               "callback.attempted")
"""Done once they have talked for `min_talk`; the attempt is over when they hang up."""
WRITTEN: Final = ("missed", "queued", "due", "assigned", "agent", "accepted", "attempt", "answered", "result", "ended")
"""What a journal must have."""


async def nobody_answered(stage: Stage) -> None:
    """A customer gives up; 201 is rung, hears who it is about and accepts; the two talk; the promise is kept."""
    queued = await _gives_up(stage)
    async with phone(stage.news) as anna, phone(stage.news) as theirs:
        agent = await _told(stage, anna)
        customer = await accepted(stage, anna, UNREACHED, FRONT_DESK, (
            f"{AGENT} presses 1 (RFC 4733), only now the customer's phone rings, from the number they dialled",
            f"while it rings, {AGENT} hears the ringing tone"))
        await talk(stage, anna, theirs, customer, "the customer picks up, and both hear each other: "
                   f"{AGENT_HZ} Hz arrive at the carrier's end, {CUSTOMER_HZ} Hz at {AGENT}'s")
        await hangs_up(stage, agent, customer, f"the customer hangs up, and {AGENT}'s call ends too")
    await _kept(stage, queued)


@contextlib.asynccontextmanager
async def phone(news: News) -> AsyncIterator[Audio]:
    """The audio of a phone, while it is needed."""
    audio = Audio(news)
    await audio.open()
    try:
        yield audio
    finally:
        audio.close()


async def _gives_up(stage: Stage) -> dict[str, Any]:
    """The customer hangs up while the front desk rings; return the event that promises them a callback."""
    call = Outgoing(stage.carrier, UNREACHED, FRONT_DESK)
    there = await incoming(stage.pbx, FRONT_DESK)
    there.ring()
    await call.rings()
    await asyncio.sleep(BEAT)
    call.give_up()
    with stage.show.proof("a customer gives up while the front desk rings: they are promised a callback, MQTT says so"):
        await call.ends_with(487)
        return await stage.mqtt.event("callback.queued", customer=UNREACHED, number=FRONT_DESK)


async def _told(stage: Stage, anna: Audio) -> Incoming:
    """201 is rung and hears what for; return the call."""
    show = stage.show
    with show.proof(f"Boomerang rings {AGENT} by itself, and the phone shows the customer's number"):
        agent = await incoming(stage.pbx, AGENT)
        comes_from(agent, UNREACHED)
    agent.ring()
    await asyncio.sleep(BEAT)
    with show.proof(f"{AGENT} picks up and hears \"Callback for {UNREACHED}\": every word is there, byte for byte"):
        await agent.answer(anna.answer(agent.invite.body))
        heard = 0
        for clip in (Clip("callback_for"), *(Clip("digits", digits=digits) for digits in READ_AS)):
            words = clip.digits or "Callback for"
            heard = await anna.hears(f"\"{words}\" at {AGENT}'s phone", spoken(clip), heard)
            show.sound(stage.pbx.name, True, "speech", f"{AGENT} hears: \"{words}\"")
    return agent


async def accepted(stage: Stage, anna: Audio, dials: str, shown: str, claims: tuple[str, str]) -> Incoming:
    """201 presses 1, so the phone of the customer who is dialled rings, from the number that is shown, and 201 hears
    that it does; return the customer's call. `claims`: what the two prove."""
    show = stage.show
    with show.proof(claims[0]):
        expect(not stage.carrier.invites, "the customer was rung before anybody had accepted")
        anna.press("1")
        show.sound(stage.pbx.name, False, "key 1", f"{AGENT} presses 1")
        customer = await incoming(stage.carrier, dials)
        comes_from(customer, shown)
    customer.ring()
    with show.proof(claims[1]):
        await anna.hears_tone("the ringing tone", CALL_TONE_HZ)
        show.sound(stage.pbx.name, True, f"{CALL_TONE_HZ} Hz", f"{AGENT} hears the ringing tone")
    return customer


async def talk(stage: Stage, anna: Audio, theirs: Audio, customer: Incoming, claim: str) -> None:
    """The customer picks up; each says a tone, and the other hears it and nothing else."""
    show = stage.show
    anna.say(tone(AGENT_HZ))
    theirs.say(tone(CUSTOMER_HZ))
    with show.proof(claim):
        await customer.answer(theirs.answer(customer.invite.body))
        await theirs.hears_tone(f"{AGENT}'s voice at the carrier's end", AGENT_HZ, [CUSTOMER_HZ, CALL_TONE_HZ])
        show.sound(stage.pbx.name, False, f"{AGENT_HZ} Hz")
        show.sound(stage.carrier.name, True, f"{AGENT_HZ} Hz", f"the customer hears {AGENT}")
        await anna.hears_tone(f"the customer's voice at {AGENT}'s phone", CUSTOMER_HZ, [AGENT_HZ, CALL_TONE_HZ])
        show.sound(stage.carrier.name, False, f"{CUSTOMER_HZ} Hz")
        show.sound(stage.pbx.name, True, f"{CUSTOMER_HZ} Hz", f"{AGENT} hears the customer")
    await asyncio.sleep(TALK)


async def hangs_up(stage: Stage, agent: Incoming, customer: Incoming, claim: str) -> None:
    """The customer hangs up, and the agent's call ends with theirs."""
    with stage.show.proof(claim):
        await customer.hang_up()
        await agent.hung_up()


async def _kept(stage: Stage, queued: dict[str, Any]) -> None:
    """The promise is kept, and everything about it can be read."""
    show, task = stage.show, queued["data"]["task"]
    with show.proof(f"the promise is kept: MQTT told {', '.join(kind.removeprefix('callback.') for kind in TOLD)}"):
        told = [queued, *[await stage.mqtt.event(kind, task=task) for kind in TOLD[1:]]]
        order = [event["kind"] for event in sorted(told, key=lambda event: int(event["seq"]))]
        expect(order == [*TOLD], f"they came as {', '.join(order)}")
    with show.proof("`boomerang callbacks show` tells of one attempt, kept, every step in its journal"):
        shown = await stage.node.ask("callbacks.show", id=task)
        journal = [line["kind"] for line in shown["journal"]]
        show.note(f"boomerang callbacks show: {shown['state']}, {shown['reason']}, attempts {shown['attempts']} of "
                  f"{shown['attempts_max']}")
        show.note("its journal: " + ", ".join(journal))
        expect((shown["state"], shown["reason"], shown["attempts"]) == ("done", "talked", 1), f"it is {shown}")
        expect([one["result"] for one in shown["tries"]] == ["talked"], f"its attempts are {shown['tries']}")
        missing = [kind for kind in WRITTEN if kind not in journal]
        expect(not missing, f"its journal lacks {', '.join(missing)}")
    with show.proof("the customer was rung once, and no call is left"):
        calls = await stage.node.ask("calls.list", active=True)
        expect(not calls, f"there is still {calls}")
        expect(not stage.carrier.invites and not stage.pbx.invites, "another call came")


def comes_from(call: Incoming, number: str) -> None:
    """DemoError where the phone shows another number."""
    shown = call.invite.from_.parsed_uri.user.decode("utf-8", "replace")
    expect(shown == number, f"the phone shows {shown}")
