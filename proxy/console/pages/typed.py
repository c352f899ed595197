"""What somebody typed into a form and sent."""

from typing import Final

from fastapi import Request

MOST_FIELDS: Final = 1_000


async def typed_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, without files; of one that stands there twice, the last one."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        return {name: value for name, value in form.multi_items() if isinstance(value, str)}
