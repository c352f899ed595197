"""What is measured: a proxy in a process of its own, with those it starts."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from tests.bench.job import Job
from tests.bench.setup_times import SetupTimes
from tests.kit.process import Process


class Element(NamedTuple):
    """One that runs."""

    process: Process
    setup_times: Callable[[], SetupTimes] | None
    """How long its INVITEs were with it so far, where it says so."""


Begin = Callable[[ExitStack, Job], Element]
"""Starts one, to be ended by the stack."""
