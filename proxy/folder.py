"""The data folder: closed to others, and held by one process at a time.

Whoever works in it - the daemon, `boomerang restore` - takes the lock before opening anything there. The kernel keeps
it (flock(2)) and frees it with the process, however that ends; a process that this one starts does not inherit it.
Both the file LOCK and the folder itself are locked, so that neither a removed file nor a file system that cannot lock a
folder lets two in. The file says who holds them, for people only.
"""

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LOCK: Final = "boomerang.lock"

LOOK_AGAIN: Final = 0.05
"""Seconds between two looks at a lock that is held."""

UMASK: Final = 0o077
"""What a process that works in the folder has: whatever it makes, the database's companions too, is its user's only."""

_NO_LOCKS: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
"""Answers of file systems that cannot lock this kind of thing."""
_PID_SIGNS: Final = 20
_OURS: Final = re.compile(r"boomerang\.(?:db|lock).*|signing\.key.*|.*\.sock|recordings|prompts|lost\+found")
"""Names of what stands in a folder that is for us alone."""


class FolderHeldError(Exception):
    """Another process works in the folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        """`pid`: of that process, where the lock says it."""
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(f"the data folder {folder} is in use by a Boomerang that is running, {who}")
        self.folder, self.pid = folder, pid


class FolderLock:
    """A folder that is held: until `free`, the end of a `with`, or the end of the process."""

    def __init__(self, folder: Path, descriptors: tuple[int, ...]) -> None:
        """Use `take`. `descriptors`: open files on which the lock lies."""
        self.folder = folder
        self._descriptors = descriptors

    @classmethod
    def take(cls, folder: Path, patience: float = 0.0) -> Self:
        """Take the lock of a folder that exists, waiting `patience` seconds at most while somebody else holds it.

        FolderHeldError where they still do then. Where nothing at all can be locked, as on a disk that has become
        read-only under a folder without the file, the lock is taken for free: calls come first. Blocks the thread.
        """
        end = time.monotonic() + patience
        while True:
            try:
                return cls(folder, _lock(folder))
            except FolderHeldError:
                left = end - time.monotonic()
                if left <= 0:
                    raise
            time.sleep(min(LOOK_AGAIN, left))

    @property
    def held(self) -> bool:
        """Whether anything is locked."""
        return bool(self._descriptors)

    def free(self) -> None:
        """Let others in."""
        descriptors, self._descriptors = self._descriptors, ()
        for descriptor in descriptors:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.free()


def _lock(folder: Path) -> tuple[int, ...]:
    """Lock what can be locked; return the open files that carry it. FolderHeldError, and then nothing is locked."""
    with contextlib.ExitStack() as undo:
        file = _opened(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        if file is None:  # a full or a read-only disk: what is there can be locked all the same
            file = _opened(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
        itself = _opened(folder, os.O_RDONLY | os.O_DIRECTORY)  # by whatever name: one that is linked to is the same
        found = [each for each in (file, itself) if each is not None]
        for each in found:
            undo.callback(os.close, each)
        if file is not None:
            _give(file, folder)
        try:
            locked = [each for each in found if _flock(each)]
        except BlockingIOError:
            raise FolderHeldError(folder, None if file is None else _read_pid(file)) from None
        if file is not None:
            _write_pid(file)
        undo.pop_all()
    for each in set(found) - set(locked):
        os.close(each)
    return tuple(locked)


def _opened(path: Path, flags: int) -> int | None:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _give(file: int, folder: Path) -> None:
    """Let whoever the folder belongs to have what root makes there."""
    with contextlib.suppress(OSError):
        if os.geteuid() == 0:
            owner = folder.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)


def _flock(descriptor: int) -> bool:
    """Lock a file; whether that is possible there. BlockingIOError where somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _read_pid(file: int) -> int | None:
    text = os.pread(file, _PID_SIGNS, 0).strip()
    return int(text) if text.isdigit() else None


def _write_pid(file: int) -> None:
    with contextlib.suppress(OSError):  # a full disk keeps nobody from starting
        os.pwrite(file, b"%-*d" % (_PID_SIGNS, os.getpid()), 0)


def make(folder: Path) -> None:
    """Make the folder where there is none, for its user only. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def close_to_others(folder: Path) -> list[str]:
    """Take every right of others away from the folder and from what stands in it; return what is to be said of it.

    A folder that holds other things than ours is left as it is, and said: it may be somebody's home.
    """
    said: list[str] = []
    try:
        entries = list(os.scandir(folder))
        strange = next((entry.name for entry in entries if not _OURS.fullmatch(entry.name)), None)
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & UMASK and strange is None:
            folder.chmod(0o700)
        elif mode & UMASK:
            said.append(f"{folder} can be entered by others (mode {mode:o}) and holds more than Boomerang's files "
                        f"({strange}): name a folder of its own in node.data, or chmod 700 it")
    except OSError as error:
        return [f"{folder} cannot be closed to others: {error}"]
    for entry in entries:
        try:
            mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
            if mode & UMASK and _OURS.fullmatch(entry.name) and not entry.is_symlink():
                os.chmod(entry.path, mode & ~UMASK)
        except FileNotFoundError:
            continue
        except OSError as error:
            said.append(f"{entry.path} cannot be closed to others: {error}")
    return said
