"""The API under `/api/v1/`: each path is a verb, made from its shape.

Who may is asked before any of it, by `door.py`: `access.py` has the rules. A few paths are more than a verb with JSON:
the policy as a file (`policy_api.py`), a recording as sound, and those of older versions, which are still there.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from proxy.status import policy_api
from proxy.status.api_base import PROBLEMS, RESPONSES, Do, answer, asked, body_of, refused
from proxy.status.commands import Commands, outcome
from proxy.verbs.shapes import answers, recordings
from proxy.verbs.shapes.catalogue import BY_NAME, at
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import Field
from proxy.verbs.shapes.verb import Verb

PREFIX: Final = "/api/v1"
WAV: Final = "audio/wav"
GIVEN: Final[dict[str, dict[str, Any]]] = {"tickets.comment": {"author": "api"}}
"""What is meant here where an argument is left out, other than what the verb itself says."""

NOUNS: Final = {"dnc": "do-not-call", "queues": "groups"}
"""What paths call it, where a verb calls it otherwise."""


class Path(NamedTuple):
    """One path of the API."""

    method: str
    path: str
    verb: str
    older: bool = False
    """It is of an older version; `path_of` is the one to use."""


APART: Final = {
    "status": ("GET", "/status"), "callbacks.figures": ("GET", "/figures"),
    "recordings.get": ("GET", "/recordings/{name}"),
}
"""Paths that are not made from the verb's name."""

BESIDE: Final = (
    Path("DELETE", "/do-not-call/{customer}", "dnc.remove"),
    Path("PATCH", "/policy", "policy.set"),
    Path("DELETE", "/direct/{customer}", "direct.remove", older=True),
    Path("GET", "/dnc", "dnc.list", older=True),
    Path("POST", "/dnc", "dnc.add", older=True),
    Path("DELETE", "/dnc/{customer}", "dnc.remove", older=True),
    Path("POST", "/tickets/{ticket}/comments", "tickets.comment", older=True),
)
"""Further paths of some verbs."""

SERVED_APART: Final = {"status", "recordings.get"}
"""Verbs whose path gives something else than their answer."""


def path_of(verb: Verb[Any, Any]) -> Path:
    """Return the path of a verb: `/NOUN` lists and adds, `/NOUN/KEY` shows, `/NOUN/KEY/ACT` does something else."""
    if verb.name in APART:
        return Path(*APART[verb.name], verb.name)
    noun = f"/{NOUNS.get(verb.noun, verb.noun)}"
    key = f"/{{{_key_name(verb)}}}" if verb.key else ""
    if verb.act in ("list", "show"):
        return Path("GET", noun + key, verb.name) if key or verb.act == "list" else \
            Path("GET", f"{noun}/show", verb.name)
    if verb.act == "add":
        return Path("POST", noun, verb.name)
    return Path("POST" if verb.changes else "GET", f"{noun}{key}/{verb.act}", verb.name)


def paths() -> list[Path]:
    """Return every path that answers a verb with JSON; those without a key first, for a key might look like them."""
    made = [path_of(verb) for name, verb in at("api").items() if name not in SERVED_APART]
    return sorted((*made, *BESIDE), key=lambda one: "{" in one.path)


def _key_name(verb: Verb[Any, Any]) -> str:
    field: Field = verb.takes.fields[verb.key]
    return field.place.lower()


def mount(app: FastAPI, commands: Commands) -> None:
    """Add every path of the API, and what describes it."""

    async def do(verb: str, args: Mapping[str, Any]) -> tuple[Any, Response | None]:
        said = await outcome(commands, verb, dict(args))
        if said["ok"]:
            return said["data"], None
        status = 404 if said.get("unknown") else 422 if said["problems"] else 409
        return None, refused(said["error"], said["problems"], status)

    api = APIRouter(prefix=PREFIX, responses=RESPONSES)
    schemas = answers.Schemas()
    for one in paths():
        _add(api, one, do, schemas)
    _recording(api, do, commands)
    policy_api.mount(api, do)
    app.include_router(api)
    _describe(app, schemas)


def _add(api: APIRouter, one: Path, do: Do, schemas: answers.Schemas) -> None:
    verb = BY_NAME[one.verb]
    given = {name: field.default for name, field in verb.takes.fields.items()
             if field.default is not None and field.default != ()} | GIVEN.get(verb.name, {})

    async def answered(request: Request) -> Response:
        sent = await body_of(request) if one.method in ("POST", "PATCH") else asked(request, verb)
        args = {**given, **{name: value for name, value in sent.items() if value is not None}}
        if request.path_params:
            (args[verb.key],) = request.path_params.values()
        try:
            verb.takes.read(args)
        except ArgumentError as error:  # told here, as everywhere
            return refused(str(error), error.problems, 422)
        data, instead = await do(verb.name, args)
        return answer(data) if instead is None else instead

    schema = schemas.of(verb.gives)
    api.add_api_route(
        one.path, answered, methods=[one.method], summary=verb.means, tags=[NOUNS.get(verb.noun, verb.noun)],
        name=f"{one.method} {one.path}", deprecated=one.older or None, response_class=Response,
        responses={200: {"description": "Done" if verb.changes else "What was asked for",
                         "content": {"application/json": {"schema": schema}}},
                   422: {"description": "An argument cannot be; `problems` names it and says why",
                         "content": {"application/json": {"schema": {"$ref": answers.REF + PROBLEMS}}}}},
        openapi_extra=_arguments(one, verb))


def _arguments(one: Path, verb: Verb[Any, Any]) -> dict[str, Any]:
    """Return how a path takes the arguments of its verb, as OpenAPI says it."""
    described = {name: field.described() for name, field in verb.takes.fields.items()}
    in_path = verb.key if "{" in one.path else ""
    found: dict[str, Any] = {}
    parameters = [{"name": _key_name(verb), "in": "path", "required": True, "schema": described.pop(in_path)}] \
        if in_path else []
    if one.method in ("POST", "PATCH"):
        schema = {**verb.takes.schema(), "properties": described}
        schema["required"] = [name for name in schema.get("required", ()) if name != in_path]
        found["requestBody"] = {"required": bool(schema["required"]),
                                "content": {"application/json": {"schema": schema}}}
    else:
        parameters += [{"name": name, "in": "query", "required": False, "schema": schema}
                       for name, schema in described.items()]
    return {**found, **({"parameters": parameters} if parameters else {})}


def _describe(app: FastAPI, schemas: answers.Schemas) -> None:
    """Have the document hold the shapes that its paths name."""
    make = app.openapi
    parts = {**schemas.parts, PROBLEMS: {
        "type": "object", "description": "Why nothing was done",
        "properties": {"detail": {"type": "string"},
                       "problems": {"type": "array", "items": schemas.of(policy_api.Doubt)}}}}
    parts |= schemas.parts

    def openapi() -> dict[str, Any]:
        document = make()
        document.setdefault("components", {}).setdefault("schemas", {}).update(parts)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI has it done


def _recording(api: APIRouter, do: Do, commands: Commands) -> None:
    parameters = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
                  {"name": "offset", "in": "query", "required": False,
                   "schema": recordings.GetRecording.fields["offset"].described()}]

    @api.get("/recordings/{name}", summary=recordings.GET.means, tags=["recordings"], response_class=Response,
             responses={200: {"content": {WAV: {}}}}, openapi_extra={"parameters": parameters})
    async def recording(request: Request) -> Response:
        args = {**asked(request, recordings.GET), "name": request.path_params["name"]}
        try:
            offset = recordings.GetRecording.read(args).offset
        except ArgumentError as error:
            return refused(str(error), error.problems, 422)
        first, instead = await do("recordings.get", args)
        if instead is not None:
            return instead
        length = max(0, first["bytes"] - offset)
        return StreamingResponse(_parts(commands, first), media_type=WAV, headers={"Content-Length": str(length)})


async def _parts(commands: Commands, part: dict[str, Any]) -> AsyncIterator[bytes]:
    """Give a recording from its first part on."""
    while True:
        yield base64.b64decode(part["data"])
        if part["next_offset"] is None:
            return
        part = await commands.run("recordings.get", {"name": part["name"], "offset": part["next_offset"]})
