"""What an element is to do while it is measured: where it stands, and which calls come."""

from pathlib import Path
from typing import Literal, NamedTuple

from tests.kit.ports import free_port

NUMBER = "+3614445555"
"""Our number, which customers call."""

Calls = Literal["answered", "missed", "outbound"]
"""Customers' calls that are answered; customers' calls that the PBX refuses; agents' calls that customers refuse."""


class Job(NamedTuple):
    """One element's surroundings."""

    folder: Path
    """Its own, empty."""
    calls: Calls
    records: int
    """Live direct callbacks in its database; none of them belongs to a caller of this bench."""
    callbacks: bool
    """Our number belongs to a group whose missed calls are called back."""
    held: bool
    """Thousands of calls are in progress at a time."""
    broker: int | None
    """Port of the MQTT broker that is told of calls."""
    element: int
    carrier: int
    pbx: int
    """Ports of the element and of SIPp on both its sides."""


def new_job(folder: Path, calls: Calls = "answered", *, records: int, callbacks: bool = False, held: bool = False,
            broker: int | None = None) -> Job:
    """Surroundings on ports that are free."""
    return Job(folder, calls, records, callbacks or calls == "missed", held, broker,
               free_port(), free_port(), free_port())
