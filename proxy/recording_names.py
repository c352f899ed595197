"""The names of recordings: what one says of itself, and which there are."""

import os
import re
from pathlib import Path
from typing import Final

from proxy.control_client import ControlError

_NAME: Final = re.compile(r"\d{8}T\d{6}Z-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9A-Za-z]+-[0-9A-Za-z]+\.wav")
"""As `proxy.callbacks.conversation.recording_name` gives it: when it began, the attempt, agent and customer; so names
sort by time."""


def attempt_of(name: str) -> str | None:
    """Return the id of the attempt that a recording is of; None: the name says of none."""
    match = _NAME.fullmatch(name)
    return None if match is None else match[1]


def names_in(folder: Path) -> list[str]:
    """Return the names of the recordings that are whole, in no order; none where there is no folder yet.

    Raises ControlError where the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return [one.name for one in entries if one.name.endswith(".wav") and one.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ControlError(f"the recordings cannot be read: {error.strerror}") from None
