"""`/api/v1/policy`: the policy as one text of TOML, read, and put whole.

What is wrong with a policy comes back as 422 with every problem at once, each with its key and line; nothing has
changed then. An answer that says what changed is given once the new policy is in the database.
"""

from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response

from config.limits import FILE_BYTES
from proxy.status.api_base import PROBLEMS, Do, answer
from proxy.verbs.shapes.answers import REF
from proxy.verbs.shapes.policy import APPLY, EXPORT, Changes, Doubt

UPLOADS: Final = {("PUT", "/api/v1/policy"): FILE_BYTES, ("POST", "/api/v1/policy/apply"): FILE_BYTES}
"""Paths whose bodies may be larger than others, and how large."""
TOML: Final = "application/toml"
TOML_TEXT: Final[dict[str, Any]] = {TOML: {"schema": {"type": "string"}}}
NAME: Final = "policy.toml"
"""What problems call the text that was put."""

__all__ = ["UPLOADS", "Doubt", "mount"]

CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "What changed", "content": {"application/json": {"schema": {"$ref": REF + Changes.__name__}}}},
    413: {"description": "Larger than a policy may be"},
    422: {"description": "Nothing has changed; `problems` says why",
          "content": {"application/json": {"schema": {"$ref": REF + PROBLEMS}}}},
}


def mount(api: APIRouter, do: Do) -> None:
    """Add the paths."""

    @api.get("/policy", summary=EXPORT.means, tags=["policy"], response_class=Response,
             responses={200: {"content": TOML_TEXT, "description": "policy.toml"}})
    async def policy() -> Response:
        data, instead = await do(EXPORT.name, {})
        return Response(data["toml"], media_type=f"{TOML}; charset=utf-8") if instead is None else instead

    @api.put("/policy", summary=APPLY.means, tags=["policy"], response_class=Response, responses=CHANGED,
             openapi_extra={"requestBody": {"required": True, "content": TOML_TEXT}})
    async def put(request: Request) -> Response:
        data, instead = await do(APPLY.name, {"toml": await _body(request), "name": NAME})
        return answer(data) if instead is None else instead


async def _body(request: Request) -> str:
    """Return the text that was sent. Raises HTTPException where it is no text."""
    read = await request.body()
    try:
        return read.decode()
    except UnicodeDecodeError as error:
        line = read.count(b"\n", 0, error.start) + 1
        raise HTTPException(422, f"{NAME}:{line}: not UTF-8") from None
