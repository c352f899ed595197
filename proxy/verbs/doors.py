"""The doors: what may be asked for at each, and the one way from a door to whoever answers.

Whatever the door, arguments are read by the verb's own shape, a verb that changes something is answered when that is
settled, and the answer is written by its shape. So an argument, an error and an answer are the same everywhere.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from typing import Any

from config.problem import ConfigError
from proxy.control_client import ControlError
from proxy.status.commands import CommandError
from proxy.verbs.audit import Audit
from proxy.verbs.barrier import Barrier
from proxy.verbs.scope import Scope
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.caller import Caller, of_door
from proxy.verbs.shapes.catalogue import BY_NAME
from proxy.verbs.shapes.errors import ForbiddenError, UnknownError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.verb import Bound, Door


class Handlers:
    """The verbs of one daemon with who answers each. In the daemon's loop."""

    def __init__(self, barrier: Barrier, scope: Scope, audit: Audit, bound: Iterable[Bound]) -> None:
        """`scope`: who may say what about what; `audit`: writes down who changed what."""
        self._barrier, self._scope, self._audit = barrier, scope, audit
        self._bound: Mapping[str, Bound] = {one.verb.name: one for one in bound}

    def names(self, door: Door) -> list[str]:
        """Return what may be asked for at a door, in order."""
        return sorted(name for name, one in self._bound.items() if door in one.verb.doors)

    def call(self, door: Door, name: str, args: Mapping[str, Any],
             caller: Caller | None = None) -> Coroutine[Any, Any, Any] | AsyncIterator[Any]:
        """Have a verb answered: once, or for a stream item by item; `answers.write` makes JSON of it.

        `caller`: for whom it is asked; None: for whoever may use the door, who may do everything. Raises UnknownError,
        ForbiddenError, ArgumentError; whoever takes the answer gets these and ControlError or ConfigError.
        """
        bound = self._bound.get(name)
        if bound is None or door not in bound.verb.doors:
            raise UnknownError(f"there is no command {shown(name)}: {', '.join(self.names(door))}")
        caller = caller or of_door(door)
        try:
            self._scope.admit(bound.verb, caller)
        except ForbiddenError as error:
            self._refused(bound, args, caller, error)
            raise
        wanted = bound.verb.takes.read(args)
        if bound.verb.streams:
            return self._stream(bound, wanted, caller)
        return self._answer(bound, wanted, caller)

    async def one(self, name: str, args: Mapping[str, Any], caller: Caller) -> Any:
        """Have a verb answered that answers once, by the socket's door. Raises as `call`."""
        answer = self.call("socket", name, args, caller)
        assert not isinstance(answer, AsyncIterator), f"{name} streams"
        return await answer

    async def _answer(self, bound: Bound, wanted: Any, caller: Caller) -> Any:
        try:
            narrowing = await self._scope.check(bound.verb, wanted, caller)
            if bound.verb.changes:
                answer = await self._audit.record(bound.verb, wanted, caller, bound.handler)
                await self._barrier.settled()
                return await narrowing.narrow(answer)
        except ForbiddenError as error:
            self._refused(bound, wanted, caller, error)
            raise
        done = bound.handler(wanted)
        return await narrowing.narrow(await done if inspect.isawaitable(done) else done)

    def _refused(self, bound: Bound, wanted: Any, caller: Caller, error: ForbiddenError) -> None:
        if bound.verb.changes:
            self._audit.refused(bound.verb, wanted, caller, str(error))

    async def _stream(self, bound: Bound, wanted: Any, caller: Caller) -> AsyncIterator[Any]:
        narrowing = await self._scope.check(bound.verb, wanted, caller)
        async with contextlib.aclosing(narrowing.stream(bound.handler(wanted))) as items:
            async for item in items:
                yield item


class SocketDoor:
    """`control.Answering`: the door of the control socket, in the daemon's loop."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def call(self, verb: str, args: dict[str, Any], caller: Caller) -> Any:
        return self._handlers.call("socket", verb, args, caller)

    def write(self, verb: str, data: Any) -> Any:
        return answers.write(BY_NAME[verb], data)


class CommandDoor:
    """`status.commands.Commands`: a door in another thread, for MQTT."""

    def __init__(self, handlers: Handlers, loop: asyncio.AbstractEventLoop, door: Door) -> None:
        """`loop`: the daemon's own, where handlers run."""
        self._handlers, self._loop, self._door = handlers, loop, door

    async def run(self, verb: str, args: dict[str, Any]) -> Any:
        """See Commands. In any loop but the daemon's."""
        doing = asyncio.run_coroutine_threadsafe(self._done(verb, args), self._loop)
        answer = await asyncio.wrap_future(doing)
        return answers.write(BY_NAME[verb], answer)

    async def _done(self, verb: str, args: dict[str, Any]) -> Any:
        try:
            answer = self._handlers.call(self._door, verb, args)
            if isinstance(answer, AsyncIterator):
                raise ControlError(f"{verb} answers for as long as somebody listens, which this door does not")
            return await answer
        except ConfigError as error:
            raise CommandError(str(error), [problem._asdict() for problem in error.problems]) from None
        except ControlError as error:
            raise CommandError(str(error), error.problems, unknown=isinstance(error, UnknownError)) from None
