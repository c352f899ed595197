"""What is wrong with a file: one value per problem, one error for all of them."""

from collections.abc import Sequence
from typing import NamedTuple


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

    def __str__(self) -> str:
        """One line: `boomerang.toml:12: trunk.main.peers[0]: not a SIP URI`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigError(ValueError):
    """A configuration that cannot be used; `problems` holds every reason, in the order of the lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line))
        super().__init__("\n".join(map(str, self.problems)))
