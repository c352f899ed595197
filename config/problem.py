"""What is wrong with a file: one value per problem, one error for all of them."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

Level = Literal["error", "warning", "ok"]
"""error: it cannot be used; warning: it can, but hardly anybody wants it so; ok: tried, and as it should be."""


class Problem(NamedTuple):
    """One thing that is wrong with a configuration."""

    file: str
    """File as the operator named it."""
    key: str
    """Dotted key as TOML writes it (`trunk.main.peers[0]`); empty where the whole file is meant."""
    line: int
    """Line of the file, from 1; 0 where no line can be named."""
    text: str
    """What is wrong, in a sentence without a full stop."""
    level: Level = "error"

    def __str__(self) -> str:
        """One line: `boomerang.toml:12: trunk.main.peers[0]: not a SIP URI`; what is no error says so before it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        if self.level != "error":
            place += f": {self.level}"
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


LONGEST: Final = 500
"""Characters of what a problem says: a wrong value may have any length."""


def shorten(text: str) -> str:
    """Return a text with its middle left out where it is too long to be read."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST // 2]} ... {text[-(LONGEST // 2):]}"


class ConfigError(ValueError):
    """A configuration that cannot be used; `problems` holds every reason, in the order of the lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line))
        super().__init__("\n".join(map(str, self.problems)))
