"""The scenes of the demo, in order: what is played, and what each must prove."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from proxy.demo.called import nobody_answered
from proxy.demo.compare import difference
from proxy.demo.phones import Outgoing, incoming
from proxy.demo.queued import keeps_the_place
from proxy.demo.stage import BEAT, CALLER_MAY_SEE, CUSTOMER, FRONT_DESK, STRANGER, TALK, Stage
from proxy.demo.waiting import expect
from proxy.sip.message import Message


async def missed(stage: Stage) -> None:
    """Agent 201 calls, the customer's line is busy: a record is made."""
    show = stage.show
    call, there = await stage.agent_calls("201", CUSTOMER)
    with show.proof("an agent's call reaches the carrier, and the house's own header X-Agent stays in the house"):
        expect(not there.invite.has(b"x-agent"), "the carrier got X-Agent")
    there.refuse(486)
    with show.proof("the agent gets the carrier's 486"):
        await call.ends_with(486)
    with show.proof("a direct callback of 201 is made, and MQTT says so"):
        await stage.mqtt.event("direct.created", customer=CUSTOMER, agent="201")


async def killed(stage: Stage) -> None:
    """kill -9, start again: the record is there."""
    show = stage.show
    before = await stage.record(CUSTOMER)
    await stage.node.kill()
    show.note("kill -9")
    await stage.news.until(lambda: not stage.mqtt.online, "the end of the broker")
    with show.proof("after kill -9 and a restart the direct callback is there, with the same expiry"):
        pid = await stage.node.start()
        show.note(f"started again, process {pid}")
        await stage.news.until(lambda: stage.mqtt.online, "status online on MQTT")
        after = await stage.record(CUSTOMER)
        show.note("boomerang direct show: " + ", ".join(f"{one['customer']} -> {one['agent']}" for one in after))
        expect(len(before) == 1 and before == after, f"{before} became {after}")


async def called_back(stage: Stage) -> None:
    """The customer calls the front desk and reaches 201; they talk; the record is used up."""
    show = stage.show
    call = Outgoing(stage.carrier, CUSTOMER, FRONT_DESK)
    with show.proof("the customer calls the front desk, and 201's phone rings"):
        there = await incoming(stage.pbx, "201")
    with show.proof("X-Boomerang tells the PBX why; To is untouched"):
        why = there.invite.value(b"x-boomerang")
        wanted = f"direct; agent=201; type=1; dialled={FRONT_DESK}".encode()
        expect(why == wanted, f"X-Boomerang is {why!r}")
        sent = call.exchange.request
        expect(there.invite.value(b"to") == sent.value(b"to"), "To was changed")
    there.ring()
    await call.rings()
    await asyncio.sleep(BEAT)
    with show.proof("they talk: 200, ACK, and the customer's BYE reaches 201"):
        await there.answer()
        await call.ends_with(200)
        await asyncio.sleep(TALK)
        await call.hang_up()
        await there.hung_up()
    with show.proof("they have talked, so the direct callback is gone (type 1), and MQTT says so"):
        await stage.mqtt.event("direct.removed", customer=CUSTOMER, agent="201")
        left = await stage.record(CUSTOMER)
        expect(not left, f"there is still {left}")


async def busy(stage: Stage) -> None:
    """202 misses the customer, and is busy when they call back: the same call goes on to the front desk's queue."""
    show = stage.show
    call, there = await stage.agent_calls("202", CUSTOMER)
    call.give_up()
    with show.proof("202 gives up while the customer's phone rings: it stops ringing, and that is a missed call too"):
        await call.ends_with(487)
        await stage.news.until(lambda: there.cancelled, f"CANCEL at the {stage.carrier.name}")
        await stage.mqtt.event("direct.created", customer=CUSTOMER, agent="202")
    await asyncio.sleep(BEAT)

    call = Outgoing(stage.carrier, CUSTOMER, FRONT_DESK)
    first = await incoming(stage.pbx, "202")
    first.refuse(486)
    with show.proof("202 is busy: the same call goes on to the front desk, where it was headed"):
        second = await incoming(stage.pbx, FRONT_DESK)
        expect(second.invite.call_id == first.invite.call_id, "it is another call")
        expect(not second.invite.has(b"x-boomerang"), "it still says that it is for 202")
    second.ring()
    await call.rings()
    await asyncio.sleep(BEAT)
    with show.proof("the queue takes it, and the caller saw nothing but ringing"):
        await second.answer()
        await call.ends_with(200)
        seen = sorted(set(call.statuses))
        expect(set(seen) <= CALLER_MAY_SEE, f"the caller saw {seen}")
        await asyncio.sleep(TALK)
        await second.hang_up()
        await call.hung_up()
    with show.proof("nobody has talked with 202, so its direct callback stays"):
        await stage.mqtt.event("call.ended", customer=CUSTOMER, direction="inbound", tried="202")
        left = [one["agent"] for one in await stage.record(CUSTOMER)]
        expect(left == ["202"], f"there are direct callbacks of {left}")


UNUSUAL: Final = (
    b"sUbJeCt:  two  spaces,\r\n\tand a folded line",
    b"P-Charging-Vector: icid-value=\"a;b,c\";orig-ioi=home.example",
    b"Identity: bm90IGEgcmVhbCBvbmU;info=<https://cert.example/1>;alg=ES256",
    b"X-Nobody-Knows-This : \xc3\xa1rv\xc3\xadzt\xc5\xb1r\xc5\x91",
    b"Allow: INVITE, ACK, CANCEL, BYE, PONDER",
    b"k: timer, replaces",
    b"Date: Mon, 06 Jul 2026 07:00:00 GMT",
)
"""Legal, and not what a tidy parser would write itself."""


async def untouched(stage: Stage) -> None:
    """Somebody without a record calls: every octet that is not the proxy's to write is the same on the other side."""
    show = stage.show
    call = Outgoing(stage.carrier, STRANGER, FRONT_DESK, UNUSUAL)
    with show.proof("another caller's call goes to the front desk, headers and body byte for byte as they were sent"):
        there = await incoming(stage.pbx, FRONT_DESK)
        _same(call.exchange.request, there.invite)
    there.ring()
    await call.rings()
    await asyncio.sleep(BEAT)
    with show.proof("the 200 to that call passes byte for byte too"):
        sent = await there.answer()
        _same(sent, await call.ends_with(200))
    with show.proof("and so does a method that nobody knows, inside that call"):
        ponder = there.send(b"PONDER", (b"Content-Type: text/plain", b"x-ODD:\t1"), b"what is it\r\n\r\nlike?\x00\xff")
        _same(ponder.request, await call.received(b"PONDER"))
        await stage.news.until(lambda: ponder.final, "the answer to PONDER")
    await call.hang_up()
    await there.hung_up()


def _same(sent: Message, came: Message) -> None:
    found = difference(sent, came)
    expect(found is None, str(found))


class Scene(NamedTuple):
    """One scene."""

    title: str
    text: str
    """What to look for."""
    play: Callable[[Stage], Awaitable[None]]


SCENES: Final = (
    Scene("An agent misses a customer",
          f"Agent 201 calls {CUSTOMER}; the line is busy. Boomerang remembers.", missed),
    Scene("kill -9", "Boomerang is killed and started again. What it promised must still be there.", killed),
    Scene("The customer calls back",
          f"They dial the front desk, {FRONT_DESK}, and reach 201.", called_back),
    Scene("The customer calls back, and the agent is busy",
          "202 missed the customer, and talks to somebody else when they call. The same call goes to the queue.", busy),
    Scene("Any other call", "Nobody tried to reach this caller. The call passes as if Boomerang were not there.",
          untouched),
    Scene("A caller whom nobody reached is called back",
          "They hang up before anybody answers. Boomerang calls an agent, then them. The audio is real.",
          nobody_answered),
    Scene("A caller in the queue hangs up and keeps the place",
          "They press 1 and hang up; Boomerang waits on in the PBX's queue. The agent who takes the place presses 1.",
          keeps_the_place),
)
