"""What a form has sent, and what was wrong with it: for pages that ask a verb with what was typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from starlette.datastructures import UploadFile

from proxy.control_client import ControlError
from proxy.verbs.shapes.fields import Field, Flag, Words
from proxy.verbs.shapes.verb import Verb

AS_TYPED: Final = frozenset({"password", "old", "again"})
"""Fields whose blanks count."""
UNPROCESSABLE: Final = 422
CONFLICT: Final = 409


@dataclass(frozen=True)
class Posted:
    """One form as it was sent."""

    texts: Mapping[str, str]
    """The last text of each field, without blanks round it but for a password."""
    several: Mapping[str, tuple[str, ...]]
    """Every text of each field."""
    files: Mapping[str, UploadFile]

    def get(self, name: str) -> str:
        """Return what was typed; an empty text where nothing was."""
        return self.texts.get(name, "")

    def arguments(self, verb: Verb[Any, Any]) -> dict[str, Any]:
        """Return what a verb is to be asked with: what is empty is left out."""
        found: dict[str, Any] = {}
        for name, field in verb.takes.fields.items():
            value = self._value(name, field)
            if value not in ("", None, []):
                found[name] = value
        return found

    def _value(self, name: str, field: Field) -> Any:
        if isinstance(field, Words):
            return [one for one in self.several.get(name, ()) if one]
        if isinstance(field, Flag):
            return name in self.texts or None
        text = self.get(name)
        return field.from_text(text) if text else None


async def posted(request: Request) -> Posted:
    """Read a form."""
    form = await request.form()
    several: dict[str, tuple[str, ...]] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files[name] = value
        else:
            several[name] = (*several.get(name, ()), value if name in AS_TYPED else value.strip())
    return Posted({name: values[-1] for name, values in several.items()}, several, files)


def errors_of(error: ControlError) -> dict[str, str]:
    """Return what is wrong by the field that it is about, in the node's own words, without the field's name before
    them; of none by an empty name."""
    found = {str(one["key"]): str(one["text"]).removeprefix(f"{one['key']}: ") for one in error.problems
             if one.get("key")}
    return found or {"": str(error)}


def status_of(error: ControlError) -> int:
    """Return with which status the form is shown again."""
    return UNPROCESSABLE if error.problems else CONFLICT
