"""Verbs answered by plain functions, for tests of the doors."""

import contextlib
import inspect
import os
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from config.policy import Policy
from proxy.control_client import ControlError
from proxy.verbs.audit import Audit, Keeping
from proxy.verbs.barrier import Barrier
from proxy.verbs.doors import Handlers
from proxy.verbs.scope import Scope, Things
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.catalogue import BY_NAME
from proxy.verbs.shapes.verb import Bound
from routing.ids import uuid7
from routing.rows import AttemptRow, PauseRow, Record, TaskRow, Ticket, TokenRow, UserRow
from routing.storage import Store
from routing.writes import Write

Function = Callable[[dict[str, Any]], Any]
"""Gets the arguments as they came; gives data, an awaitable of data, or an async iterator of data."""


class Plain:
    """`control.Answering` over functions."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions

    def call(self, verb: str, args: dict[str, Any],
             caller: Caller) -> Coroutine[Any, Any, Any] | AsyncIterator[Any]:
        function = self._functions.get(verb)
        if function is None:
            raise ControlError(f"unknown verb {verb!r}")
        answer = function(args)
        return answer if isinstance(answer, AsyncIterator) else _once(answer)

    def write(self, verb: str, data: Any) -> Any:
        return answers.write(BY_NAME[verb], data) if verb in BY_NAME else data


async def _once(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def settling(store: Store, *bound: Bound, things: Things | None = None) -> Handlers:
    """The verbs of a store, answered once what they did is in it."""
    found = NoThings() if things is None else things
    return Handlers(Barrier(store, lambda: None), Scope(found), log_in(store, found), bound)


def log_in(keeping: Keeping, things: Things | None = None) -> Audit:
    """The audit log of a store."""
    found = NoThings() if things is None else things
    return Audit(keeping, found, lambda now: uuid7(now, os.urandom), lambda: 1_795_000_000.0)


class Forgetful:
    """`audit.Keeping` that keeps nothing."""

    @contextlib.contextmanager
    def together(self, more: list[Write]) -> Iterator[None]:
        yield


class NoThings:
    """`scope.Things` of a node that has none: for orders of whoever may do everything."""

    policy = Policy()

    async def task(self, name: str) -> TaskRow | None:
        return None

    async def passed(self, name: str) -> Sequence[tuple[str, str | None, tuple[str | None, ...]]]:
        return ()

    async def tasks(self, names: Collection[str]) -> Mapping[str, TaskRow]:
        return {}

    def living(self, ends: Collection[str]) -> Mapping[str, TaskRow]:
        return {}

    async def tried(self, tasks: Collection[str]) -> Mapping[str, Collection[str | None]]:
        return {}

    def call(self, name: str) -> tuple[str, str | None, tuple[str | None, ...]] | None:
        return None

    async def ticket(self, name: str) -> Ticket | None:
        return None

    async def attempt(self, recording: str) -> AttemptRow | None:
        return None

    def records(self, customer: str) -> Sequence[Record]:
        return ()

    def pause(self, agent: str) -> PauseRow | None:
        return None

    def do_not_call(self, customer: str) -> bool:
        return False

    async def prompt(self, name: str, language: str | None) -> int | None:
        return None

    async def users(self) -> Sequence[UserRow]:
        return ()

    async def tokens(self) -> Sequence[TokenRow]:
        return ()
