"""`/numbers`, and the settings of a number, group or agent: the value that holds, and which level it comes from."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, TypedDict

from fastapi import APIRouter, Request, Response

from config.lines import format_key
from config.policy import Policy
from config.settings import ANY, settings
from proxy.console.api.answering import JSON, answer, parameters, problems, query_of
from proxy.console.api.list_routes import OF_PAGE, cut, limit_of, page_schema
from proxy.console.api.verb_routes import say
from proxy.console.asking import asking
from proxy.console.levels import in_force
from proxy.console.node_client import MissingError
from proxy.verbs.shapes import policy
from proxy.verbs.shapes.answers import Schemas
from proxy.verbs.shapes.verb import Nothing

KINDS: Final[Mapping[str, str]] = {"numbers": "number", "groups": "group", "agents": "agent"}
"""What the policy calls them."""


class ValueInForce(TypedDict):
    """A setting as it holds."""

    value: Annotated[bool | int | float | str | list[str] | None, "null: not set anywhere"]
    level: Annotated[Literal["campaign", "number", "agent", "group", "company"], "Where it stands"]
    name: Annotated[str, "Of that number, agent or group; empty: the company"]


class NumberItem(TypedDict):
    """A number of ours."""

    number: Annotated[str, "E.164"]
    group: str | None
    settings: Annotated[dict[str, ValueInForce], "By their keys below the number's, such as queue_callback.enabled"]


class SettingsOf(TypedDict):
    """The settings of a number, group or agent."""

    name: str
    settings: Annotated[dict[str, ValueInForce], "By their keys below its own, such as missed_callback.window"]


def mount(api: APIRouter, schemas: Schemas) -> None:
    """Add the paths."""
    said = "For the role supervisor: what is theirs."

    async def numbers(request: Request) -> Response:
        asks = asking(request)
        Nothing.read(query_of(request, Nothing, ("limit", "cursor")))
        raw = await say(asks, policy.SHOW, {})
        items: list[NumberItem] = [
            {"number": name, "group": own.get("group"), "settings": held(raw, "number", name)}
            for name, own in raw.get("number", {}).items()]
        found = cut(items, ("number",), "numbers", limit_of(request), request.query_params.get("cursor"))
        return answer({"items": found.items, "next": found.next})

    api.add_api_route(
        "/numbers", numbers, methods=["GET"], name="GET /numbers", tags=["numbers"], summary="Numbers of ours",
        description=said, response_class=Response,
        responses={200: {"description": "A page", "content": {JSON: {"schema": page_schema(schemas.of(NumberItem))}}},
                   **problems()},
        openapi_extra={"parameters": parameters(OF_PAGE)})
    for noun, kind in KINDS.items():
        path = f"/{noun}/{{name}}" if noun == "numbers" else f"/{noun}/{{name}}/settings"
        api.add_api_route(
            path, _one(kind), methods=["GET"], name=f"GET {path}", tags=[noun], description=said,
            summary=f"The settings of one of the {noun}, and which level each comes from", response_class=Response,
            responses={200: {"description": "They", "content": {JSON: {"schema": schemas.of(SettingsOf)}}},
                       **problems()},
            openapi_extra={"parameters": parameters({"name": {"type": "string", "maxLength": 64}}, "path")})


def _one(kind: str) -> Any:
    async def one(request: Request) -> Response:
        asks = asking(request)
        name = request.path_params["name"]
        raw = await say(asks, policy.SHOW, {})
        if name not in raw.get(kind, {}):
            raise MissingError(f"there is no {kind} {name[:60]!r} in the policy")
        return answer({"name": name, "settings": held(raw, kind, name)})

    return one


def held(raw: Mapping[str, Any], kind: str, name: str) -> dict[str, ValueInForce]:
    """Return every setting of a number, group or agent as it holds."""
    found: dict[str, ValueInForce] = {}
    for inner in _inner_keys(kind):
        value, place = in_force(raw, (kind, name, *inner))
        found[format_key(inner)] = {"value": value, "level": place.level, "name": place.name}
    return found


@cache
def _inner_keys(kind: str) -> tuple[tuple[str, ...], ...]:
    return tuple(one.key[2:] for one in settings(Policy) if one.key[:2] == (kind, ANY) and ANY not in one.key[2:])
