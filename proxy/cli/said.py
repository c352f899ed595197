"""What the command says of what went wrong, and where it looks for its configuration: nothing that is slow to load."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TextIO

from config.problem import ConfigError, Problem
from proxy.control_client import ControlError

DEFAULT_CONFIGS: Final = (Path("boomerang.toml"), Path("/etc/boomerang/boomerang.toml"))
"""Where the configuration is looked for, in this order."""

FAILED: Final = 1
WRONG: Final = 2


def find_config(named: Path | None) -> Path:
    """Return the boomerang.toml that is meant. Raises ConfigError where there is none."""
    found = named or next((path for path in DEFAULT_CONFIGS if path.exists()), None)
    if found is None:
        names = " and no ".join(map(str, DEFAULT_CONFIGS))
        raise ConfigError([Problem("boomerang", "", 0, f"there is no {names}: name one with -c")])
    return found


def explain(error: ConfigError | ControlError) -> int:
    """Say an error that is the operator's to know on standard error; the exit code that goes with it."""
    if isinstance(error, ConfigError):
        tell(error.problems, sys.stderr)
        return WRONG
    problems = [Problem(**problem) for problem in error.problems if problem["file"]]
    if not problems:  # none, or one of the arguments: the error says it
        complain(str(error))
        return FAILED
    tell(problems, sys.stderr)
    return WRONG


def tell(problems: Iterable[Problem], stream: TextIO) -> None:
    """Write problems, one line each."""
    for problem in problems:
        stream.write(f"{problem}\n")


def complain(text: str) -> None:
    """Say what went wrong."""
    sys.stderr.write(f"boomerang: {text}\n")
