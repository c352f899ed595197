"""What the paths of the API have in common."""

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, Protocol

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from proxy.verbs.shapes.verb import Verb
from routing.events import write_answer, write_json

PROBLEMS: Final = "Problems"
"""What the document calls an answer that says what is wrong."""
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "No token, or a wrong one"}, 403: {"description": "Not from this machine"},
    404: {"description": "Nothing of this name"}, 409: {"description": "It cannot be done; `detail` says why"},
}


def answer(data: Any, status: int = 200) -> Response:
    """Return a response of plain JSON values. Half a surrogate pair is written as JSON can write it, escaped."""
    content = write_answer(data).encode(errors="backslashreplace")
    return Response(content, status, media_type=JSONResponse.media_type)


def refused(text: str, problems: list[dict[str, Any]], status: int) -> Response:
    """Return why nothing was done."""
    return answer({"detail": text, "problems": problems}, status)


def unfit(error: RequestValidationError) -> Response:
    """Return the answer to a request whose arguments do not fit: where and why, and nothing of what was sent."""
    faults = [{"loc": [*fault["loc"]], "msg": fault["msg"], "type": fault["type"]} for fault in error.errors()]
    return answer({"detail": faults}, 422)


class Do(Protocol):
    """Has a verb answered."""

    async def __call__(self, verb: str, args: Mapping[str, Any]) -> tuple[Any, Response | None]:
        """Return the answer's data; the response to give instead, where it was refused."""


def asked(request: Request, verb: Verb[Any, Any]) -> dict[str, Any]:
    """Return the arguments in a query."""
    fields = verb.takes.fields
    return {name: fields[name].from_text(text) if name in fields else text
            for name, text in request.query_params.items()}


async def body_of(request: Request) -> dict[str, Any]:
    """Return the arguments in a body; none where it is empty. Raises HTTPException where it is no JSON object."""
    read = await request.body()
    if not read.strip():
        return {}
    try:
        value = json.loads(read.decode(), parse_constant=_no_number)
        write_json(value).encode()  # half a surrogate pair can be read and not be written
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"the body is no JSON that can be read: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(422, "the body is no JSON object")
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
