"""What the paths of the API have in common."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Protocol

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from routing.events import write_answer, write_json


def answer(data: Any, status: int = 200) -> Response:
    """Return a response of plain JSON values. Half a surrogate pair is written as JSON can write it, escaped."""
    content = write_answer(data).encode(errors="backslashreplace")
    return Response(content, status, media_type=JSONResponse.media_type)


def unfit(error: RequestValidationError) -> Response:
    """Return the answer to a request whose arguments do not fit: where and why, and nothing of what was sent."""
    faults = [{"loc": [*fault["loc"]], "msg": fault["msg"], "type": fault["type"]} for fault in error.errors()]
    return answer({"detail": faults}, 422)


class Do(Protocol):
    """Does a command, its arguments by name (None: not given), and makes a response of its answer."""

    async def __call__(self, verb: str, write: Callable[[Any], Response] = answer, **args: Any) -> Response:
        """`write`: makes the response of the answer's data."""


class Body(BaseModel):
    """The JSON body of a request: unknown keys are errors, and so are NaN and infinite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class JsonRoute(APIRoute):
    """A route on which a body that is no JSON (RFC 8259) is answered 422, whatever is wrong with it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See APIRoute."""
        handle = super().get_route_handler()

        async def read_strictly(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return read_strictly


class _JsonRequest(Request):
    """A request with a JSON body."""

    async def json(self) -> Any:
        """Return what the body says."""
        try:
            value = json.loads((await self.body()).decode(), parse_constant=_no_number)
            write_json(value).encode()  # half a surrogate pair can be read and not be written
            return value
        except (ValueError, RecursionError) as error:
            raise HTTPException(422, f"the body is no JSON that can be read: {error}") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
