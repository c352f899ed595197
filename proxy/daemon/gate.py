"""The doors for commands from the status thread: MQTT and the API ask here what the control socket asks."""

import asyncio
import inspect
from collections.abc import Container, Mapping
from typing import Any, Final

from config.problem import ConfigError
from proxy.control import ControlError, Handler, with_moments
from proxy.daemon.arguments import UnknownError
from proxy.status.commands import CommandError

MQTT_WORDS: Final = frozenset({"callbacks", "dnc", "campaigns", "tickets", "agents", "calls", "direct", "queues"})
"""What commands over MQTT may be about. Of the policy only campaigns: the rest is for operators."""
API_WORDS: Final = MQTT_WORDS | {"policy", "recordings", "alarms"}


class Gate:
    """`status.commands.Commands` over the daemon's handlers."""

    def __init__(self, handlers: Mapping[str, Handler], loop: asyncio.AbstractEventLoop,
                 words: Container[str]) -> None:
        """`loop`: the daemon's own, where handlers run. `words`: what may be asked for here."""
        self._handlers = {verb: handler for verb, handler in handlers.items() if verb.partition(".")[0] in words}
        self._loop = loop

    async def run(self, verb: str, args: dict[str, Any]) -> Any:
        """See Commands. In any loop but the daemon's."""
        handler = self._handlers.get(verb)
        if handler is None:
            raise CommandError(f"there is no command {verb!r}: {', '.join(sorted(self._handlers))}", unknown=True)
        doing = asyncio.run_coroutine_threadsafe(_done(handler, args), self._loop)
        return with_moments(await asyncio.wrap_future(doing))


async def _done(handler: Handler, args: dict[str, Any]) -> Any:
    try:
        found = handler(args)
        return await found if inspect.isawaitable(found) else found
    except ConfigError as error:
        raise CommandError(str(error), [problem._asdict() for problem in error.problems]) from None
    except ControlError as error:
        raise CommandError(str(error), error.problems, unknown=isinstance(error, UnknownError)) from None
