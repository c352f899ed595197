"""What the paths of the API have in common: arguments in, JSON or a problem (RFC 9457) out."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from fastapi import Request, Response

from proxy.console.trouble import PROBLEM
from proxy.verbs.shapes.answers import REF
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import Schema
from proxy.verbs.shapes.verb import In, Verb
from routing.events import write_answer, write_json

JSON: Final = "application/json"
WITH_BODY: Final = frozenset({"POST", "PATCH", "PUT"})
PROBLEM_NAME: Final = "Problem"
PROBLEM_SCHEMA: Final[Schema] = {
    "type": "object", "description": "Why nothing was done (RFC 9457)",
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence that says what is wrong"},
        "errors": {"type": "array", "description": "What is wrong, one by one", "items": {
            "type": "object", "required": ["field", "reason"], "properties": {
                "field": {"type": "string", "description": "An argument, or the key of a setting; empty: the whole"},
                "reason": {"type": "string"},
                "line": {"type": "integer", "description": "Of the text that was sent; 0: of no line"}}}}},
    "required": ["type", "title", "status", "detail"]}
REASONS: Final[Mapping[int, str]] = {
    400: "The request cannot be read", 401: "Nobody has logged in, and no token that holds is shown",
    403: "Whoever asks may not", 404: "There is nothing of that name", 408: "The body did not come in time",
    409: "It cannot be done as things are", 412: "Somebody has changed it meanwhile", 413: "The body is too large",
    422: "An argument cannot be: `errors` names it and says why", 503: "The daemon or the database is away",
}


def problems(*more: int) -> dict[int | str, dict[str, Any]]:
    """Return how the document describes refusals: those that every path has, and further ones."""
    schema = {PROBLEM: {"schema": {"$ref": REF + PROBLEM_NAME}}}
    return {status: {"description": REASONS[status], "content": schema}
            for status in sorted({400, 401, 403, 404, 409, 422, 503, *more})}


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON. Half a surrogate pair is written as JSON can write it, escaped."""
    content = write_answer(data).encode(errors="backslashreplace")
    return Response(content, status, dict(headers or {}), media_type=JSON)


def query_of(request: Request, takes: type[In], apart: Sequence[str] = ()) -> dict[str, Any]:
    """Return arguments as JSON has them, from a query. Raises ArgumentError where one is said twice.

    `apart`: names that are none of them.
    """
    found: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name in apart:
            continue
        if name in found:
            raise ArgumentError(name, f"{name}: it is said twice")
        field = takes.fields.get(name)
        found[name] = text if field is None else field.from_text(text)
    return found


def one_of_query(request: Request, name: str, usual: str, words: Sequence[str]) -> str:
    """Return one word of a query. Raises ArgumentError where it is none of those that there are."""
    word = request.query_params.get(name, usual)
    if word not in words:
        raise ArgumentError(name, f"{name}: {word[:60]!r} is none of {', '.join(words)}")
    return word


async def body_of(request: Request) -> dict[str, Any]:
    """Return the arguments in a body; none where it is empty. Raises ArgumentError where it is no JSON object."""
    read = await request.body()
    if not read.strip():
        return {}
    try:
        value = json.loads(read.decode(), parse_constant=_no_number, parse_float=_finite)
        write_json(value).encode()  # half a surrogate pair can be read and not be written
    except (ValueError, RecursionError) as error:
        raise ArgumentError("", f"the body is no JSON that can be read: {error}") from None
    if not isinstance(value, dict):
        raise ArgumentError("", "the body is no JSON object")
    return value


def parameters(described: Mapping[str, Schema], place: str = "query") -> list[dict[str, Any]]:
    """Return how the document describes arguments of a query or a path."""
    return [{"name": name, "in": place, "required": place == "path", "schema": schema,
             "description": schema.get("description", "")} for name, schema in described.items()]


def described(verb: Verb[Any, Any]) -> dict[str, Schema]:
    """Return the schemas of a verb's arguments."""
    return {name: field.described() for name, field in verb.takes.fields.items()}


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
