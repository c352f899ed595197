"""A path for each verb: arguments from path, query or body, the answer as its shape has it."""

from typing import Any, Final, get_args, get_origin

from fastapi import APIRouter, Request, Response

from proxy.console.api import idempotency
from proxy.console.api.answering import JSON, WITH_BODY, answer, body_of, described, parameters, problems, query_of
from proxy.console.api.list_routes import page_schema
from proxy.console.api.paths import NOUNS, Path, key_name, verb_paths
from proxy.console.asking import Asking, asking
from proxy.verbs.shapes.answers import Schemas
from proxy.verbs.shapes.catalogue import BY_NAME
from proxy.verbs.shapes.verb import Verb

BY_WHOM: Final = ("by", "author")
"""Arguments that say who asks: whoever does, where they are left out."""
SECRETS: Final = frozenset({"users.add", "users.passwd", "tokens.add"})
"""Verbs whose answers are shown once and kept nowhere."""


def mount(api: APIRouter, schemas: Schemas) -> None:
    """Add every path."""
    for one in verb_paths():
        _add(api, one, BY_NAME[one.verb], schemas)


async def say(asks: Asking, verb: Verb[Any, Any], args: dict[str, Any]) -> Any:
    """Have a verb answered. Raises ArgumentError before the daemon is asked, ControlError after."""
    given = {name: value for name, value in args.items() if value is not None}
    for name in BY_WHOM:
        if name in verb.takes.fields and not given.get(name):
            given[name] = asks.caller.name
    verb.takes.read(given)
    return await asks.node.call(verb.name, given, asks.caller)


def _add(api: APIRouter, one: Path, verb: Verb[Any, Any], schemas: Schemas) -> None:
    keyed = "{" in one.path
    listed = one.method == "GET" and get_origin(verb.gives) is list
    schema = page_schema(schemas.of(get_args(verb.gives)[0])) if listed else schemas.of(verb.gives)

    async def answered(request: Request) -> Response:
        asks = asking(request)

        async def act() -> Response:
            args = await body_of(request) if one.method in WITH_BODY else query_of(request, verb.takes)
            if keyed:
                (args[verb.key],) = [verb.takes.fields[verb.key].from_text(text)
                                     for text in request.path_params.values()]
            data = await say(asks, verb, args)
            return answer({"items": data, "next": None} if listed else data)

        return await idempotency.once(asks, act, keep=verb.name not in SECRETS) if one.method == "POST" else await act()

    creates = one.method == "POST"
    api.add_api_route(
        one.path, answered, methods=[one.method], summary=verb.means, tags=[NOUNS.get(verb.noun, verb.noun)],
        name=f"{one.method} {one.path}", deprecated=one.older or None, response_class=Response,
        description=f"Verb `{verb.name}`, for the role {verb.role}.",
        responses={200: {"description": "Done" if verb.changes else "What was asked for",
                         "content": {JSON: {"schema": schema}}},
                   **problems(*((408, 413) if one.method in WITH_BODY else ()))},
        openapi_extra=_arguments(one, verb, keyed, creates))


def _arguments(one: Path, verb: Verb[Any, Any], keyed: bool, creates: bool) -> dict[str, Any]:
    """Return how a path takes the arguments of its verb, as OpenAPI says it."""
    fields = described(verb)
    found: dict[str, Any] = {"parameters": []}
    if keyed:
        found["parameters"] += parameters({key_name(verb): fields.pop(verb.key)}, "path")
    if one.method in WITH_BODY:
        schema = {**verb.takes.schema(), "properties": fields}
        schema["required"] = [name for name in schema.get("required", ()) if name in fields]
        if not schema["required"]:
            del schema["required"]
        found["requestBody"] = {"required": "required" in schema, "content": {JSON: {"schema": schema}}}
        if creates:
            found["parameters"].append(idempotency.PARAMETER)
    else:
        found["parameters"] += parameters(fields)
    return found
