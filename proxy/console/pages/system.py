"""The system: health, alarms, versions, listeners, disk, the guard with its stop switch, the log's level, the console's
own figures; and the policy as one text, with its history."""

import difflib
import os
import resource
import time
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from proxy.console.asking import Asked, Asking
from proxy.console.node_client import ConflictError, ForbiddenError, MissingError
from proxy.console.rendering import forward, page
from proxy.control_client import ControlError, NotRunningError
from proxy.verbs.shapes import events, nodes, policy, status
from proxy.verbs.shapes.answers import read

router = APIRouter()
STARTED: Final = time.time()
HISTORY: Final = 20
"""Versions of the policy that are shown."""
CHANGES: Final = 8
"""Changes of a version that are named."""
LEVELS: Final = ("debug", "info", "warning", "error")
MOST: Final = 4 << 20
"""Bytes of a policy that is sent."""
SHOWN_LINES: Final = 2_000
"""Lines of a difference."""


@router.get("/system")
async def system(asking: Asked) -> Response:
    """Show how the node is."""
    return page(asking, "system.html", **await _facts(asking), refused="")


async def _facts(asking: Asking) -> dict[str, Any]:
    """Ask one after the other: the node has other things to do. Raises NotRunningError."""
    caller, node = asking.caller, asking.node
    shown = read(status.STATUS, await node.call("status", {}, caller))
    here = read(nodes.HERE, await node.call("nodes.here", {}, caller))
    alarms = read(status.ALARMS, await node.call("alarms.list", {}, caller))
    level = None
    if caller.role == "admin":
        level = read(events.LOG_LEVEL, await node.call("log.level", {}, caller))["level"]
    live = asking.console.live
    return {
        "standing": shown, "here": here, "alarms": alarms, "level": level, "levels": LEVELS,
        "admin": caller.role == "admin",
        "console": {"since": STARTED, "followers": live.followers, "snapshots": asking.console.snapshots.taken,
                    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "pid": os.getpid()},
    }


async def _change(asking: Asking, verb: str, args: Mapping[str, Any], said: str) -> Response:
    """Have something changed, and say so; what is refused is told on the page."""
    try:
        await asking.node.call(verb, args, asking.caller)
    except (NotRunningError, ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return page(asking, "system.html", status=409, **await _facts(asking), refused=str(error))
    return forward(asking, "/system", said)


@router.post("/system/alarms/{name}/clear")
async def clear(asking: Asked, name: str) -> Response:
    """Take down an alarm that waits for somebody."""
    return await _change(asking, "alarms.clear", {"name": name}, asking.words.gettext("The alarm is cleared."))


@router.post("/system/stop")
async def stop(asking: Asked) -> Response:
    """Call nobody back any more."""
    return await _change(asking, "policy.set", {"key": "guard.stop", "value": True},
                         asking.words.gettext("Nobody is called back from now on."))


@router.post("/system/go-on")
async def go_on(asking: Asked) -> Response:
    """Call people back again."""
    return await _change(asking, "policy.set", {"key": "guard.stop", "value": False},
                         asking.words.gettext("Callbacks go on."))


@router.post("/system/log")
async def log(asking: Asked, request: Request) -> Response:
    """Set how much the log says."""
    async with request.form(max_files=0, max_fields=5) as form:
        level = str(form.get("level", ""))
    return await _change(asking, "log.level", {"level": level}, asking.words.gettext("The log has another level."))


# -- the policy as one text


@router.get("/system/policy")
async def show_policy(asking: Asked) -> Response:
    """Show the policy in force as one text."""
    return page(asking, "system_policy.html", **await _text(asking), problems=[], refused="", applied=None)


async def _text(asking: Asking) -> dict[str, Any]:
    found = await asking.node.call("policy.export", {}, asking.caller)
    steps = read(policy.HISTORY, await asking.node.call("policy.history", {"limit": HISTORY}, asking.caller))
    return {"toml": found["toml"], "made_from": found["version"], "steps": steps, "named": CHANGES,
            "admin": asking.caller.role == "admin"}


@router.post("/system/policy")
async def apply(asking: Asked, request: Request) -> Response:
    """Put a whole policy in force, or say with key and line why it cannot be; what was typed stays."""
    async with request.form(max_files=0, max_fields=5, max_part_size=MOST) as form:
        toml, version = str(form.get("toml", "")).replace("\r\n", "\n"), str(form.get("version", ""))
    args: dict[str, Any] = {"toml": toml}
    if version.isascii() and version.isdigit():
        args["version"] = int(version)
    try:
        found = await asking.node.call("policy.apply", args, asking.caller)
    except (NotRunningError, ForbiddenError):
        raise
    except ConflictError as error:
        facts = {**await _text(asking), "toml": toml, "problems": [], "refused": str(error), "applied": None}
        return page(asking, "system_policy.html", status=409, **facts)
    except ControlError as error:
        facts = {**await _text(asking), "toml": toml, "made_from": version, "problems": error.problems,
                 "refused": "" if error.problems else str(error), "applied": None}
        return page(asking, "system_policy.html", status=422, **facts)
    number = len(found["changes"])
    if found.get("warnings"):
        return page(asking, "system_policy.html", **await _text(asking), problems=found["warnings"], refused="",
                    applied=number)
    said = asking.words.ngettext("%(num)s setting is another now.", "%(num)s settings are others now.", number)
    return forward(asking, "/system/policy", said % {"num": number} if number else
                   asking.words.gettext("The policy was the same already."))


@router.get("/system/policy/{version}")
async def version_of(asking: Asked, version: str) -> Response:
    """Show a policy that was in force, and in what the one in force now differs."""
    then = read(policy.AT, await asking.node.call("policy.at", {"version": version}, asking.caller))
    now = await asking.node.call("policy.export", {}, asking.caller)
    return page(asking, "system_version.html", then=then, now_version=now["version"],
                lines=difference(then["toml"], now["toml"]))


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines of a difference: `added`, `gone`, `place` or `same`, each with its text."""
    kinds = {"+": "added", "-": "gone", "@": "place"}
    lines = [*difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)][2:]
    return [(kinds.get(line[:1], "same"), line) for line in lines[:SHOWN_LINES]]
