"""`/prompts`: what callers and agents hear: listened to, uploaded (and converted), removed, per language."""

import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from config.limits import Language
from config.lines import split_key
from proxy.console.asking import Asked, Asking
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.posted import Posted, errors_of, posted, status_of
from proxy.console.prompt_times import WHEN
from proxy.console.rendering import forward, page
from proxy.control_client import ControlError
from proxy.media.convert import load
from proxy.media.texts import TEXTS
from proxy.media.wav import WavError, header
from proxy.verbs.shapes import answers, prompts
from proxy.verbs.shapes.errors import ArgumentError

router = APIRouter()
PATH: Final = "/prompts"
EVERY: Final = "all"
"""Stands for no language in an address."""
LANGUAGES: Final = get_args(Language)
LARGEST: Final = 30 << 20
"""Bytes of a file that is uploaded."""
CONVERSION: Final = 20.0
"""Seconds that a conversion may take: whoever sent the recording is told before their connection is cut."""
NOTHING: Final = Posted({}, {}, {})


@router.get(PATH)
async def show(asking: Asked) -> Response:
    """Show every recording of a language, and those of every language."""
    return await _page(asking, NOTHING)


@router.get(PATH + "/{language}/{name}.wav")
async def listen(asking: Asked, language: str, name: str) -> Response:
    """Give a recording as a file."""
    wanted: dict[str, Any] = {"name": name, "built_in": "built_in" in asking.request.query_params}
    if language != EVERY:
        wanted["language"] = language
    first = await asking.node.call(prompts.GET.name, wanted, asking.caller)
    return StreamingResponse(_parts(asking, wanted, first), media_type="audio/wav", headers={
        "content-length": str(first["bytes"]), "cache-control": "no-cache"})


async def _parts(asking: Asking, wanted: dict[str, Any], part: Any) -> AsyncIterator[bytes]:
    while True:
        yield base64.b64decode(part["data"])
        if part["next_offset"] is None:
            return
        part = await asking.node.call(prompts.GET.name, {**wanted, "offset": part["next_offset"]}, asking.caller)


@router.post(PATH)
async def change(request: Request, asking: Asked) -> Response:
    """Upload a recording, or remove one."""
    form = await posted(request)
    words = asking.words
    try:
        if form.get("do") == "remove":
            await asking.node.call(prompts.REMOVE.name, form.arguments(prompts.REMOVE), asking.caller)
            return forward(asking, PATH, words.gettext("The recording is removed."))
        await asking.node.call("prompts.list", {}, asking.caller)  # whoever may not is not kept waiting
        data = await asyncio.to_thread(_converted, await _sent(form))
        arguments = {**form.arguments(prompts.ADD), "data": data}
        await asking.node.call(prompts.ADD.name, arguments, asking.caller)
        return forward(asking, PATH, words.gettext("The recording is kept: callers hear it from now on."))
    except (ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return await _page(asking, form, error)


async def _sent(form: Posted) -> bytes:
    file = form.files.get("file")
    if file is None or not file.filename:
        raise ArgumentError("file", "file is missing: a WAV file")
    content = await file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ArgumentError("file", f"file: a recording has at most {LARGEST >> 20} MiB")
    return content


def _converted(content: bytes) -> str:
    """Return a recording as it is played, in base64. It is converted by a process of its own: in a thread."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "sent.wav"
        place.write_bytes(content)
        try:
            pcm = load(place, CONVERSION)
        except WavError as error:
            raise ArgumentError("file", f"file: {error}") from None
    return base64.b64encode(header(len(pcm)) + pcm).decode()


def _users(settings: Iterable[str], gettext: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return who has a recording by some settings: what they are called, and where they are shown."""
    found: dict[str, str] = {}
    for setting in settings:
        kind, *rest = split_key(setting)
        name = rest[0] if rest else ""
        if kind == "number":
            found[gettext("Number %(name)s") % {"name": name}] = f"/numbers/{quote(name, safe='')}"
        elif kind == "group":
            found[gettext("Group %(name)s") % {"name": name}] = f"/groups/{quote(name, safe='')}"
        elif kind == "campaign":
            found[gettext("Campaign %(name)s") % {"name": name}] = f"/campaigns/{quote(name, safe='')}"
        else:
            found[gettext("The company")] = "/setup/queue"
    return [*found.items()]


async def _page(asking: Asking, form: Posted, error: ControlError | None = None) -> Response:
    found = answers.read(prompts.LIST, await asking.node.call(prompts.LIST.name, {}, asking.caller))
    wanted = asking.request.query_params.get("of", "")
    if wanted not in LANGUAGES:
        wanted = asking.words.language
    errors = {} if error is None else errors_of(error)
    if "data" in errors:
        errors["file"] = errors.pop("data")
    own = {one["name"] for one in found if not one["built_in"] and one["language"] in (None, wanted)}
    gettext = asking.words.gettext
    rows = [{**one, "place": f"{PATH}/{one['language'] or EVERY}/{one['name']}.wav"
             + ("?built_in=1" if one["built_in"] else ""), "users": _users(one["used"], gettext),
             "says": TEXTS[wanted].get(one["name"], ""), "replaced": one["built_in"] and one["name"] in own,
             "when": gettext(WHEN[one["name"]]) if one["name"] in WHEN else ""}
            for one in found if one["language"] in (None, wanted)]
    return page(asking, "prompts.html", status=200 if error is None else status_of(error),
                own=[one for one in rows if not one["built_in"]], shipped=[one for one in rows if one["built_in"]],
                of=wanted, form=form, errors=errors, spoken=LANGUAGES)
