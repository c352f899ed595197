"""Commands over MQTT: `cmd/VERB` asks the daemon.

Rules
- An answer is one JSON object: `{"ok": true, "data": ...}`, or `{"ok": false, "error": text, "problems": [...]}`.
- It goes to the Response Topic with the Correlation Data (MQTT 5 section 4.10). On 3.1.1 the request says `reply_to`, a
  topic, and `id`, which comes back in the answer; both are taken on 5 too where the properties are not used. The `id`
  of a verb that is about one of several is both.
- No answer goes to a topic of state, events or commands, of this node or another one: whoever may send commands may
  not write these.
- A retained message on a command topic is no command: it would be done again after every reconnect.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from math import isfinite
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from proxy.logger import get_logger
from proxy.status.packets import is_topic_name
from proxy.status.payload import encoded
from proxy.verbs.shapes.catalogue import BY_NAME
from routing.events import write_answer

LONGEST: Final = 65_536
"""Bytes of one command's payload."""
AT_ONCE: Final = 16
"""Commands that wait for their answer at a time; further ones wait at the broker."""
PATIENCE: Final = 10.0
"""Seconds that the daemon has for an answer."""
EVERYTHING: Final = 1 << 28
"""Octets of an answer where the broker takes all that MQTT can carry."""
PATTERN: Final = "cmd/+"
"""Topic filter of commands, below `PREFIX/NODE/`."""
OURS: Final = frozenset({"status", "calls", "alarms", "trunk", "pbx", "group", "agent", "event", "cmd"})
"""First levels below `PREFIX/NODE/` that say something."""

log = get_logger()


class CommandError(Exception):
    """A command that cannot be done, and why."""

    def __init__(self, text: str, problems: list[dict[str, Any]] | None = None, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.problems = problems or []
        self.unknown = unknown
        """There is no such command, or nothing of that name."""


class Commands(Protocol):
    """The daemon as somebody outside may ask it."""

    async def run(self, verb: str, args: dict[str, Any]) -> Any:
        """Do a command and return its data, plain JSON values. Raises CommandError."""


class Message(NamedTuple):
    """A command as it came over MQTT."""

    verb: str
    payload: bytes
    response_topic: str | None = None
    correlation: bytes | None = None


class Reply(NamedTuple):
    """What is published because of a command."""

    topic: str
    payload: bytes
    correlation: bytes | None


async def serve(messages: AsyncIterator[Message], commands: Commands, base: str = "",
                room: int = EVERYTHING) -> AsyncIterator[Reply]:
    """Do commands as they come, up to `AT_ONCE` at a time, and yield the answers that somebody waits for.

    `room`: octets that an answer may have, with its topic and its correlation data.
    """
    under_way: set[asyncio.Task[Reply | None]] = set()
    coming: asyncio.Task[Message] = asyncio.ensure_future(anext(messages))
    try:
        while True:
            waits: set[asyncio.Task[Any]] = set(under_way)
            if len(under_way) < AT_ONCE:
                waits.add(coming)
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if coming in done:
                try:
                    message = coming.result()
                except StopAsyncIteration:
                    return
                under_way.add(asyncio.ensure_future(answer(message, commands, base, room)))
                coming = asyncio.ensure_future(anext(messages))
            for task in done & under_way:
                under_way.discard(task)
                reply = task.result()
                if reply is not None:
                    yield reply
    finally:
        for task in (*under_way, coming):
            task.cancel()
        await asyncio.gather(*under_way, coming, return_exceptions=True)


async def answer(message: Message, commands: Commands, base: str = "", room: int = EVERYTHING) -> Reply | None:
    """Do one command; None where nobody asked for an answer. `base`: `PREFIX/NODE`; `room`: as in `serve`."""
    try:
        args = _arguments(message.payload)
    except CommandError as error:
        return _reply(message, {}, _refused(error), base, room)
    asked = {}
    if "reply_to" in args:
        asked = {"reply_to": args.pop("reply_to")}
        if message.response_topic is None:  # else `id` is an argument of the command
            asked["id"] = args.get("id") if _means_one(message.verb) else args.pop("id", None)
    if not _takes_id(message.verb):  # whoever speaks both versions, or wants no answer, may say it all the same
        args.pop("id", None)
    said = await outcome(commands, message.verb, args)
    if not said["ok"]:
        log.warning("command_refused", verb=message.verb, reason=said["error"])
    return _reply(message, asked, said, base, room)


def _means_one(verb: str) -> bool:
    """Whether the verb's own `id` says which one is meant: then it also comes back in the answer."""
    known = BY_NAME.get(verb)
    return known is not None and known.key == "id"


def _takes_id(verb: str) -> bool:
    known = BY_NAME.get(verb)
    return known is None or "id" in known.takes.fields


async def outcome(commands: Commands, verb: str, args: dict[str, Any]) -> dict[str, Any]:
    """Do a command and return its answer, whatever happens."""
    try:
        async with asyncio.timeout(PATIENCE):
            return {"ok": True, "data": await commands.run(verb, args)}
    except CommandError as error:
        return _refused(error)
    except TimeoutError:
        return {"ok": False, "error": f"no answer within {PATIENCE:g} s", "problems": []}
    except Exception as error:
        log.exception("command_failed", verb=verb)
        return {"ok": False, "error": f"internal error: {type(error).__name__}", "problems": []}


def _arguments(payload: bytes) -> dict[str, Any]:
    if len(payload) > LONGEST:
        raise CommandError(f"a command has at most {LONGEST} bytes")
    if not payload.strip():
        return {}
    try:
        args = json.loads(payload, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise CommandError("the payload is no JSON") from None
    if not isinstance(args, dict):
        raise CommandError("the payload is no JSON object")
    return args


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(word: str) -> float:
    value = float(word)
    return value if isfinite(value) else _no_number(word)


def _refused(error: CommandError) -> dict[str, Any]:
    said = {"ok": False, "error": str(error), "problems": error.problems}
    return {**said, "unknown": True} if error.unknown else said


def _reply(message: Message, asked: dict[str, Any], said: dict[str, Any], base: str, room: int) -> Reply | None:
    reply_to = asked.get("reply_to")
    topic = message.response_topic or (reply_to if isinstance(reply_to, str) else None)
    if not topic:
        return None
    if not is_topic_name(topic) or _is_ours(topic, base.rpartition("/")[0]):
        log.warning("no_answer_there", verb=message.verb, topic=topic)
        return None
    mine = {} if asked.get("id") is None else {"id": asked["id"]}
    written = encoded(write_answer({**mine, **said}))
    if len(written) + len(topic.encode()) + len(message.correlation or b"") > room:
        log.warning("answer_too_long", verb=message.verb, octets=len(written), room=room)
        why = CommandError(f"the answer has {len(written)} octets, and the broker takes {room}: ask for less at a time")
        written = encoded(write_answer({**mine, **_refused(why)}))
    return Reply(topic, written, message.correlation)


def _is_ours(topic: str, prefix: str) -> bool:
    """Whether the contract says what stands at a topic."""
    if not prefix or not topic.startswith(f"{prefix}/"):
        return False
    levels = topic[len(prefix) + 1:].split("/")
    return len(levels) > 1 and levels[1] in OURS
