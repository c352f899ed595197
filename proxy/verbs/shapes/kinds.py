"""Kinds of values in answers."""

from typing import Annotated, Any, Final


class _Note:
    """Marks a kind of value in an annotation."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


MOMENT: Final = _Note("moment")
FACTS: Final = _Note("facts")

Moment = Annotated[float, MOMENT]
"""Seconds since the epoch where it is made, RFC 3339 in UTC at every door."""
Facts = Annotated[dict[str, Any], FACTS]
"""Facts by name, whose keys are not the same in each."""
