"""The JSON that a webhook gets: a template whose strings hold placeholders between percent signs."""

import json
import re
from pathlib import Path
from typing import Any, Final

PLACEHOLDERS: Final = (
    "delivery", "kind", "node", "ticket", "ticket_number", "subject", "state", "number", "group", "agent", "task",
    "reason", "time", "text", "comment", "author", "internal",
)
"""Names that `Parcel.values` has a value for."""

BUILT_IN: Final[dict[str, Any]] = {
    "schema": 1,
    "delivery": "%delivery%",
    "kind": "%kind%",
    "time": "%time%",
    "node": "%node%",
    "ticket": {
        "id": "%ticket%", "number": "%ticket_number%", "subject": "%subject%", "state": "%state%",
        "customer": "%number%", "group": "%group%", "agent": "%agent%", "task": "%task%", "reason": "%reason%",
    },
    "comment": {"id": "%comment%", "author": "%author%", "internal": "%internal%", "text": "%text%"},
}
"""What is sent where no template is set."""

_PLACE: Final = re.compile("%(" + "|".join(PLACEHOLDERS) + ")%")


def read_template(path: Path | None) -> Any:
    """Return the template of a file, or the built-in one; OSError, ValueError where it cannot be read."""
    return BUILT_IN if path is None else json.loads(path.read_text("utf-8"))


def fill(template: Any, values: dict[str, Any]) -> Any:
    """Return a template with its placeholders filled in.

    A string that is one placeholder and nothing else becomes the value as it is (a number, true, null); inside a
    longer text it is written out, null as nothing. Keys stay as they are, and so does what is no placeholder.
    """
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template)
    if whole is not None:
        return values[whole[1]]
    return _PLACE.sub(lambda found: _written(values[found[1]]), template)


def _written(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
