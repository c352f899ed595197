"""A disk that is sick, for the SQLite of this very process: its system calls fail or hang while a test says so.

SQLite lets its own tests put functions in the place of system calls (`xSetSystemCall` of sqlite3_vfs); what is above
them, from its pager to the store, is the real thing. Python and the store's own `open` see a healthy disk.
"""

import _sqlite3
import contextlib
import ctypes
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.kit.waiting import PATIENCE

_Reading = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long,
                            use_errno=True)
_Pointer = ctypes.c_void_p


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_int), ("file_size", ctypes.c_int), ("path_max", ctypes.c_int), ("next", _Pointer),
        ("name", ctypes.c_char_p), ("data", _Pointer), *((f"x{number}", _Pointer) for number in range(13)),
        ("set", _Pointer), ("get", _Pointer),
    ]  # fmt: skip


def _library() -> ctypes.CDLL | None:
    """The SQLite that the module of this interpreter uses."""
    for name in (_sqlite3.__file__, None, "libsqlite3.so.0"):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
            return library
    return None


LIBRARY = _library()


class SickDisk:
    """What SQLite's calls meet; healthy until told otherwise."""

    def __init__(self) -> None:
        self.fails: Callable[[str], bool] = lambda path: False
        """Whether reading from this file ends in EIO."""
        self.failed = 0
        self.healthy = threading.Event()
        self.healthy.set()
        """Writing waits for it."""

    def _sick(self, descriptor: int) -> bool:
        with contextlib.suppress(OSError):
            return self.fails(os.readlink(f"/proc/self/fd/{descriptor}"))
        return False


@contextmanager
def sick_disk() -> Iterator[SickDisk]:
    """Stand between SQLite and the system for a while."""
    assert LIBRARY is not None, "SQLite cannot be found in this process"
    disk = SickDisk()
    vfs = LIBRARY.sqlite3_vfs_find(None)
    setter = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, _Pointer)(vfs.contents.set)
    getter = ctypes.CFUNCTYPE(_Pointer, _Pointer, ctypes.c_char_p)(vfs.contents.get)
    kept: list[Any] = []

    def put(name: bytes, make: Callable[[Any], Callable[..., int]]) -> None:
        address = getter(vfs, name)
        if address:
            function = _Reading(make(_Reading(address)))
            kept.append(function)
            assert setter(vfs, name, ctypes.cast(function, _Pointer)) == 0

    def reading(real: Any) -> Callable[..., int]:
        def call(descriptor: int, buffer: int, size: int, offset: int) -> int:
            if disk._sick(descriptor):
                disk.failed += 1
                ctypes.set_errno(errno.EIO)
                return -1
            return int(real(descriptor, buffer, size, offset))

        return call

    def writing(real: Any) -> Callable[..., int]:
        def call(descriptor: int, buffer: int, size: int, offset: int) -> int:
            disk.healthy.wait(PATIENCE)
            return int(real(descriptor, buffer, size, offset))

        return call

    for name in (b"pread", b"pread64"):
        put(name, reading)
    for name in (b"pwrite", b"pwrite64"):
        put(name, writing)
    try:
        yield disk
    finally:
        disk.healthy.set()
        setter(vfs, None, None)  # all as they were
