"""Which files of tests run over which build: Python, or the compiled rooms (`setup.py`).

Both builds have to pass everything, but a run is to stay short. So what is quick and runs through compiled rooms is run
over both, and so is whatever asks for crashes, durability and order; the other files that start a daemon are
shared out between the builds by their names, so that each run sees half of them compiled; the rest meets no compiled
room that the others have not met, and runs over Python.
"""

from pathlib import PurePath
from typing import Final
from zlib import crc32

import pytest

from proxy.build import Build, build

BOTH: Final = (
    "flows/", "proxy/sip/", "proxy/core/", "routing/test_", "proxy/transports/",
    "proxy/daemon/test_locating.py", "proxy/daemon/test_messages.py", "proxy/status/test_link.py",
    "proxy/status/test_packets.py", "proxy/status/test_payload.py", "proxy/status/test_session.py",
    "peers/test_callback.py", "peers/test_crash.py", "peers/test_queue_callback_crash.py", "peers/test_restart.py",
    "peers/test_two_nodes.py", "survival/test_callback_crash.py", "survival/test_callback_kill.py",
    "survival/test_database.py", "survival/test_queue_kill.py", "docker/test_wheel.py",
)  # fmt: skip
COMPILED: Final = ("docker/test_compiled_install.py",)
"""What asks for the compiled build alone."""
SHARED: Final = ("peers/", "hostile/", "survival/")

replaces_parts = pytest.mark.skipif(build() == "compiled", reason="it puts a stand-in, or another limit, in a place "
                                    "that the compiled build has closed")
"""Marks a test of a part that is tested over Python alone."""


def runs_over(build: Build, file: PurePath) -> bool:
    """Whether a file of tests, named from the folder of the tests, runs over a build."""
    name = file.as_posix()
    if name.startswith(BOTH):
        return True
    if name in COMPILED:
        return build == "compiled"
    half: Build = "compiled" if name.startswith(SHARED) and crc32(name.encode()) % 2 else "pure"
    return build == half
