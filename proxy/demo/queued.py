"""The scene of the queue: a caller asks for a callback and keeps the place; what comes by RTP is listened to."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from proxy.demo.audio import Audio
from proxy.demo.called import AGENT, accepted, hangs_up, phone, talk
from proxy.demo.phones import Incoming, Outgoing, incoming
from proxy.demo.sound import spoken
from proxy.demo.stage import BEAT, QUEUE, WAITING, Stage
from proxy.demo.waiting import expect
from proxy.media.contract import Clip

READ_AS: Final = (WAITING[:4], WAITING[4:7], WAITING[7:])
"""The customer's number, as much of it at a time as is shown in one line."""
TOLD: Final = ("queue.offered", "queue.requested", "place.held", "place.taken", "callback.connected",
               "callback.done", "callback.attempted")
WRITTEN: Final = ("requested", "accepted", "attempt", "answered", "result", "ended")
"""What a journal must have."""


async def keeps_the_place(stage: Stage) -> None:
    """A caller asks and is hung up on; 201 takes their place and accepts; the two talk; the promise is kept."""
    async with phone(stage.news) as first, phone(stage.news) as anna, phone(stage.news) as second:
        call, place = await _waits(stage, first)
        requested = await _asks(stage, call, place, first)
        await _taken(stage, place, anna)
        customer = await accepted(stage, anna, WAITING, QUEUE, (
            f"{AGENT} presses 1, only now the customer's phone rings, from the number they dialled",
            f"while it rings, {AGENT} hears the ringing tone in the call that they have"))
        await talk(stage, anna, second, customer,
                   "the customer picks up, and both hear each other across the queue")
        await hangs_up(stage, place, customer, "the customer hangs up, and the place has served its time")
    await _kept(stage, requested)


async def _waits(stage: Stage, theirs: Audio) -> tuple[Outgoing, Incoming]:
    """The customer calls and waits; return both sides of the call."""
    call = Outgoing(stage.carrier, WAITING, QUEUE, sdp=theirs.offer())
    place = await incoming(stage.pbx, QUEUE)
    place.ring()
    await call.rings()
    with stage.show.proof("a customer waits in a queue that answers only when an agent does: after a second Boomerang "
                          "answers them itself, so that it can speak to them"):
        response = await call.ends_with(200)
        theirs.agree(response.body)
    return call, place


async def _asks(stage: Stage, call: Outgoing, place: Incoming, theirs: Audio) -> dict[str, Any]:
    """The customer presses 1 and 1 again, and is hung up on; return the event of the request."""
    show = stage.show
    with show.proof("they are told of the key: \"You need not wait on the line. To be called back, please press 1\""):
        heard = await _hears(theirs, (Clip("offer_callback"), Clip("digits", digits="1")), 0)
    show.sound(stage.carrier.name, True, "speech", "the customer hears: \"... please press 1\"")
    theirs.press("1")
    show.sound(stage.carrier.name, False, "key 1", "the customer presses 1")
    with show.proof("they press 1 (RFC 4733) and hear the menu"):
        heard = await _hears(theirs, (Clip("menu_this"),), heard)
    show.sound(stage.carrier.name, True, "speech", "the customer hears the menu")
    theirs.press("1")
    show.sound(stage.carrier.name, False, "key 1", "the customer presses 1: on this number")
    with show.proof("they press 1 again: they are told that they are called back and keep the place, then hung up on"):
        requested = await stage.mqtt.event("queue.requested", customer=WAITING)
        await _hears(theirs, (Clip("confirmed"), Clip("goodbye")), heard)
        show.sound(stage.carrier.name, True, "speech", "the customer hears: \"Your place in the queue is kept\"")
        await call.hung_up()
    with show.proof("their place stays in the PBX's queue"):
        await asyncio.sleep(BEAT)
        expect(not place.cancelled, "the place was given up")
        expect(not stage.pbx.invites, "another call came")
    return requested


async def _taken(stage: Stage, place: Incoming, anna: Audio) -> None:
    """201 picks the place up and hears what it is about."""
    show = stage.show
    with show.proof(f"{AGENT} takes the place and hears \"Callback for {WAITING}\", byte for byte"):
        await place.answer(anna.answer(place.invite.body), (b"P-Asserted-Identity: <sip:%s@pbx.example>" %
                                                            AGENT.encode(),))
        heard = 0
        for clip in (Clip("callback_for"), *(Clip("digits", digits=digits) for digits in READ_AS)):
            heard = await _hears(anna, (clip,), heard)
            show.sound(stage.pbx.name, True, "speech", f"{AGENT} hears: \"{clip.digits or 'Callback for'}\"")


async def _kept(stage: Stage, requested: dict[str, Any]) -> None:
    """The promise is kept, and everything about it can be read."""
    show, task = stage.show, requested["data"]["task"]
    with show.proof(f"the promise is kept: MQTT told {', '.join(TOLD)}"):
        await stage.mqtt.event("queue.offered", customer=WAITING)
        for kind in TOLD[2:]:
            await stage.mqtt.event(kind, task=task)
    with show.proof("`boomerang callbacks show` tells of a callback of kind queue, kept at the first attempt"):
        shown = await stage.node.ask("callbacks.show", id=task)
        journal = [line["kind"] for line in shown["journal"]]
        show.note(f"boomerang callbacks show: {shown['kind']}, {shown['state']}, {shown['reason']}")
        show.note("its journal: " + ", ".join(journal))
        expect((shown["kind"], shown["state"], shown["reason"], shown["attempts"]) == ("queue", "done", "talked", 1),
               f"it is {shown}")
        missing = [kind for kind in WRITTEN if kind not in journal]
        expect(not missing, f"its journal lacks {', '.join(missing)}")
    with show.proof("they were rung once, by one place in the queue, and no call is left"):
        calls = await stage.node.ask("calls.list", active=True)
        expect(not calls, f"there is still {calls}")
        expect(not stage.carrier.invites and not stage.pbx.invites, "another call came")


async def _hears(phone: Audio, clips: Sequence[Clip], since: int) -> int:
    """Wait until these prompts were heard, byte for byte; return where they ended."""
    for clip in clips:
        since = await phone.hears(f"\"{clip.digits or clip.prompt}\"", spoken(clip), since)
    return since
