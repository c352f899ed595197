"""`boomerang run` without the library that reads every other command: the daemon would have it in memory for good."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from config.problem import ConfigError
from proxy.cli import said
from proxy.control_client import ControlError

NAMES_CONFIG: Final = ("-c", "--config")


class Start(NamedTuple):
    """What was said to `run`."""

    config: Path | None = None
    take_over: bool = False


def read_run(words: Sequence[str]) -> Start | None:
    """Read `[-c FILE] run [-c FILE] [--take-over]`, the words after the command's name.

    None where anything else is said, were it another way to say the same: it is for `proxy.cli.root` to read, or to
    refuse.
    """
    start, before = Start(), True
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "run" and before:
            before = False
        elif word in NAMES_CONFIG and left and not left[0].startswith("-"):
            start = start._replace(config=Path(left.pop(0)))
        elif word == "--take-over" and not before:
            start = start._replace(take_over=True)
        else:
            return None
    return None if before else start


def run(start: Start) -> int:
    """Run the daemon; its exit code."""
    from proxy.app import run as serve

    try:
        return serve(said.find_config(start.config), start.take_over)
    except (ConfigError, ControlError) as error:
        return said.explain(error)
