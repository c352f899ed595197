"""`/api/v1/policy`: the policy as one text of TOML, read, put whole, or changed by one setting.

What is wrong with a policy comes back as 422 with every problem at once, each with its key and line; nothing has
changed then. An answer that says what changed is given once the new policy is in the database.
"""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

from config.limits import FILE_BYTES
from config.toml import to_value
from proxy.status.api_base import Body, Do

UPLOADS: Final = {("PUT", "/api/v1/policy"): FILE_BYTES}
"""Paths whose bodies may be larger than others, and how large."""
TOML: Final = "application/toml"
TOML_TEXT: Final[dict[str, Any]] = {TOML: {"schema": {"type": "string"}}}
NAME: Final = "policy.toml"
"""What problems call the text that was put."""


class OneSetting(Body):
    """One setting of the policy."""

    key: str = Field(min_length=1, max_length=500, description='Dotted key, such as `number."+3614445555".kind`.')
    value: bool | int | list[str] | Annotated[str, Field(max_length=65_536)] = Field(
        description='The value, or its text as TOML writes it: `3` or `"3"`, `8h`, `["201"]`.')
    new: bool = Field(default=False, description="An agent, number, group or campaign that is not listed is made; "
                                                 "else it is taken for a typing error.")


class OneKey(Body):
    """What is taken out of the policy."""

    key: str = Field(min_length=1, max_length=500,
                     description="Dotted key of a setting, or of an agent, number, group or campaign: `group.sales`.")


class Change(BaseModel):
    """A setting that is another now."""

    key: str = Field(description="Dotted key as TOML writes it")
    old: bool | int | str | list[str] | None = Field(description="null: it was not set")
    new: bool | int | str | list[str] | None = Field(description="null: it is not set any more")
    means: str | None = Field(default=None, description="What the new value does, where it does not say so itself")


class Problem(BaseModel):
    """One thing that is wrong, or doubtful."""

    file: str
    key: str = Field(description="Dotted key as TOML writes it; empty: the whole text")
    line: int = Field(description="Line of the text, from 1; 0: of no line")
    text: str
    level: Literal["error", "warning"] = Field(description="warning: it is in force, but hardly anybody wants it so")


class Changes(BaseModel):
    """Everything that is in force otherwise than before; nothing where the policy was the same."""

    changes: list[Change]
    warnings: list[Problem] = Field(default=[], description="What is doubtful; left out where nothing is")


class Problems(BaseModel):
    """Why nothing has changed."""

    detail: str
    problems: list[Problem]


CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": Changes, "description": "What changed"},
    422: {"model": Problems, "description": "Nothing has changed; `problems` says why"},
}


def mount(api: APIRouter, do: Do) -> None:
    """Add the paths."""

    @api.get("/policy", summary="The policy as TOML", tags=["policy"], response_class=Response,
             responses={200: {"content": TOML_TEXT, "description": "policy.toml"}})
    async def policy() -> Response:
        return await do("policy.export", lambda data: Response(data["toml"], media_type=f"{TOML}; charset=utf-8"))

    @api.put("/policy", summary="Make a policy.toml the policy, whole", tags=["policy"], responses=CHANGED | {
        413: {"description": "Larger than a policy may be"}},
        openapi_extra={"requestBody": {"required": True, "content": TOML_TEXT}})
    async def put(request: Request) -> Response:
        return await do("policy.apply", toml=await _body(request), name=NAME)

    @api.patch("/policy", summary="Change one setting", tags=["policy"], responses=CHANGED)
    async def patch(one: OneSetting) -> Response:
        value = one.value if isinstance(one.value, str) else to_value(one.value)
        return await do("policy.set", key=one.key, value=value, new=one.new)

    @api.post("/policy/unset", summary="Take a setting, or an agent, number, group or campaign, out", tags=["policy"],
              responses=CHANGED)
    async def unset(one: OneKey) -> Response:
        return await do("policy.unset", key=one.key)


async def _body(request: Request) -> str:
    """Return the text that was sent. Raises HTTPException where it is no text."""
    read = await request.body()
    try:
        return read.decode()
    except UnicodeDecodeError as error:
        line = read.count(b"\n", 0, error.start) + 1
        raise HTTPException(422, f"{NAME}:{line}: not UTF-8") from None
