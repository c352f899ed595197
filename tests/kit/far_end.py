"""Far ends on real sockets that act by themselves: a PBX with its extensions, a carrier with its customers.

Each call does what the plan of the dialled user says: rings, answers, speaks, presses keys, hangs up. Everything runs
on one loop in a thread of its own (`Loop`); lists are only added to, so that a test may look at them from outside.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from tests.kit.far_call import Address, FarCall, Plan
from tests.kit.far_login import Login
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import reply, unique
from tests.kit.sip_text import Message, build
from tests.kit.waiting import PATIENCE

T1, T2, GIVE_UP = 0.5, 4.0, 32.0
"""RFC 3261 section 17.1.1.1."""

T = TypeVar("T")


class FarEnd(asyncio.DatagramProtocol):
    """Everything behind one address."""

    def __init__(self, port: int, login: Login | None = None) -> None:
        self.port, self.at, self.login = port, f"{LOOPBACK}:{port}", login
        self.plans: dict[str, Plan] = {}
        """By the user that is dialled."""
        self.default = Plan(answer=None)
        self.calls: list[FarCall] = []
        self.strange: list[Message] = []
        """Requests that belong to no call here."""
        self.responses: dict[str, bytes] = {}
        self._by_id: dict[str, FarCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data.strip():
            self._take(Message(data, addr))

    def close(self) -> None:
        """Hang up without a word."""
        for call in self.calls:
            call.over("us")
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

    # For the calls

    def via(self) -> str:
        return f"Via: SIP/2.0/UDP {self.at};branch={unique('z9hG4bK')};rport"

    def send(self, data: bytes, to: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, to)

    def repeat(self, data: bytes, to: Address, enough: Callable[[], bool],
               give_up: Callable[[], None] | None = None) -> None:
        """Send again with growing pauses until that is enough (RFC 3261 section 17)."""
        async def again() -> None:
            wait, end = T1, time.monotonic() + GIVE_UP
            while True:
                await asyncio.sleep(wait)
                if enough():
                    return
                if time.monotonic() > end:
                    break
                self.send(data, to)
                wait = min(2 * wait, T2)
            if give_up is not None:
                give_up()

        self.keep(again())

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until it ends or the far end closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Calls

    def to(self, user: str) -> list[FarCall]:
        """Calls that came in for a user, in order."""
        return [call for call in list(self.calls) if not call.caller and call.user == user]

    def open_calls(self) -> list[FarCall]:
        """Calls with somebody at the phone."""
        return [call for call in list(self.calls) if call.state != "over" and not call.left]

    def dial(self, user: str, caller: str, hop: Address, plan: Plan | None = None,
             headers: Sequence[str] = ()) -> FarCall:
        """Make a call, with further header lines. On the loop."""
        call_id, at = unique("call") + "@kit", f"{hop[0]}:{hop[1]}"
        own = f"<sip:{caller}@{self.at}>;tag={unique('f')}"
        lines = [self.via(), "Max-Forwards: 70", f"From: {own}", f"To: <sip:{user}@{at}>", f"Call-ID: {call_id}",
                 "CSeq: 1 INVITE", f"Contact: <sip:{caller}@{self.at}>", *headers]
        call = FarCall(self, Message(build(f"INVITE sip:{user}@{at} SIP/2.0", lines), hop), plan or Plan(), caller=True)
        body = call.sdp()
        data = build(f"INVITE sip:{user}@{at} SIP/2.0", [*lines, "Content-Type: application/sdp"], body)
        call.own = own
        self._add(call)
        self.send(data, hop)
        self.repeat(data, hop, lambda: bool(call.statuses) or call.state == "over", lambda: call.over("nobody"))
        return call

    def _add(self, call: FarCall) -> None:
        self._by_id[call.call_id] = call
        self.calls.append(call)

    def _take(self, message: Message) -> None:
        call = self._by_id.get(message.call_id)
        if message.status is None and message.branch in self.responses and message.method == "INVITE":
            self.send(self.responses[message.branch], message.source)
        elif message.status is None and message.method == "INVITE" and message.to_tag is None:
            self._invite(message)
        elif call is not None:
            call.take(message)
        elif message.status is None and message.method == "OPTIONS":
            self.send(reply(message, "200 OK", ["Allow: INVITE, ACK, CANCEL, BYE, OPTIONS"]), message.source)
        elif message.status is None and message.method != "ACK":
            self.strange.append(message)
            self.send(reply(message, "481 No Such Call", tag="none"), message.source)

    def _invite(self, invite: Message) -> None:
        how = self.login.accepts(invite) if self.login is not None else ""
        if how is None and self.login is not None:
            data = reply(invite, "407 Proxy Authentication Required", self.login.challenges(), tag=unique("c"))
            self.responses[invite.branch] = data
            self.send(data, invite.source)
            return
        plan = self.plans.get(invite.user, self.default)
        call = FarCall(self, invite, plan, caller=False)
        call.login = how or ""
        call.far, call.target, call.routes = invite.header("From"), invite.contact, invite.record_routes
        call.own = f"{invite.header('To')};tag={call.tag}"
        self._add(call)
        data = reply(invite, "100 Trying")
        self.responses[invite.branch] = data
        self.send(data, invite.source)
        loop = asyncio.get_running_loop()
        if plan.ring is not None:
            loop.call_later(plan.ring, call.ring)
        if plan.answer is not None:
            loop.call_later(plan.answer, call.final)


class Loop:
    """A running loop in a thread: `with Loop() as loop:`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="far ends", daemon=True)
        self._ends: list[FarEnd] = []

    def do(self, what: Callable[[], T]) -> T:
        """Run something on the loop and give what it gives."""
        async def run() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE)

    def open(self, login: Login | None = None, port: int | None = None) -> FarEnd:
        """A far end that listens."""
        end = FarEnd(port or free_port(), login)

        async def listen() -> None:
            await self._loop.create_datagram_endpoint(lambda: end, (LOOPBACK, end.port))

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(PATIENCE)
        self._ends.append(end)
        return end

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def end() -> None:
            for each in self._ends:
                each.close()
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
