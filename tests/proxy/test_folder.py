"""The data folder: one process at a time, nobody else inside."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy import folder
from proxy.folder import LOCK, FolderHeldError, FolderLock
from tests.kit.boomerang import ROOT
from tests.kit.small_disk import small_disk

HOLD = """
import sys
from pathlib import Path
from proxy.folder import FolderLock
lock = FolderLock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def other(held: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that holds a folder, until its standard input is closed."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with other(tmp_path) as process:
        with pytest.raises(FolderHeldError, match=f"{tmp_path}.* process {process.pid}") as refused:
            FolderLock.take(tmp_path)
        assert (refused.value.folder, refused.value.pid) == (tmp_path, process.pid)
        process.kill()
        process.wait()
        with FolderLock.take(tmp_path) as lock:
            assert lock.held
            assert int((tmp_path / LOCK).read_text()) == os.getpid()
    FolderLock.take(tmp_path).free()


def test_a_removed_lock_file_lets_nobody_in(tmp_path: Path) -> None:
    with other(tmp_path):
        (tmp_path / LOCK).unlink()
        with pytest.raises(FolderHeldError, match="another process"):
            FolderLock.take(tmp_path)
        with pytest.raises(FolderHeldError):  # the one that was made meanwhile is as good
            FolderLock.take(tmp_path)


def test_a_folder_by_another_name_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with other(tmp_path / "link"):
        (tmp_path / "data" / LOCK).unlink()
        for name in ("link", "data"):
            with pytest.raises(FolderHeldError):
                FolderLock.take(tmp_path / name)


def test_it_waits_for_one_that_ends(tmp_path: Path) -> None:
    with other(tmp_path) as process:
        assert process.stdin is not None
        threading.Timer(0.2, process.stdin.close).start()
        FolderLock.take(tmp_path, patience=30.0).free()


def test_it_waits_no_longer_than_it_is_told_to(tmp_path: Path) -> None:
    with other(tmp_path):
        began = time.monotonic()
        with pytest.raises(FolderHeldError):
            FolderLock.take(tmp_path, patience=0.2)
        assert time.monotonic() - began >= 0.2


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    """Not even one that is handed every open file: the lock goes with the process that took it."""
    lock = FolderLock.take(tmp_path)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as child:
        lock.free()
        FolderLock.take(tmp_path).free()
        assert child.poll() is None
        child.kill()


def test_a_disk_that_has_become_read_only_or_full_keeps_nobody_from_starting(tmp_path: Path) -> None:
    with small_disk(tmp_path, "64k") as disk:
        (disk / "filler").write_bytes(b"x" * 65_536)
        with FolderLock.take(disk) as lock:
            assert lock.held
            with pytest.raises(FolderHeldError, match="another process"):
                FolderLock.take(disk)
        (disk / LOCK).unlink()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with FolderLock.take(disk) as lock:
            assert lock.held
            with pytest.raises(FolderHeldError):
                FolderLock.take(disk)
        assert folder.close_to_others(disk) != []


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_made_for_its_user_only(tmp_path: Path, mask: int) -> None:
    data = tmp_path / "deep" / "data"
    with umask(mask):
        folder.make(data)
        FolderLock.take(data).free()
    assert (mode(data), mode(data / LOCK)) == (0o700, 0o600)


def test_what_was_open_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with umask(0):
        (data / "recordings").mkdir(parents=True)
        (data / "prompts").mkdir()
        for name in ("boomerang.db", "boomerang.db-wal", "signing.key", "boomerang.db.broken-1"):
            (data / name).touch()
        (tmp_path / "elsewhere").touch()
        (data / "boomerang.db.old").symlink_to(tmp_path / "elsewhere")
    assert folder.close_to_others(data) == []
    assert {path.name: mode(path) for path in (data, *data.iterdir()) if not path.is_symlink()} == {
        "data": 0o700, "recordings": 0o700, "prompts": 0o700, "boomerang.db": 0o600, "boomerang.db-wal": 0o600,
        "signing.key": 0o600, "boomerang.db.broken-1": 0o600}
    assert mode(tmp_path / "elsewhere") == 0o666


def test_a_folder_that_holds_other_things_is_said_and_left(tmp_path: Path) -> None:
    with umask(0o022):
        data = tmp_path / "home"
        data.mkdir()
        (data / "letters").mkdir()
        (data / "boomerang.db").touch()
    (said,) = folder.close_to_others(data)
    assert "letters" in said
    assert "755" in said
    assert (mode(data), mode(data / "letters"), mode(data / "boomerang.db")) == (0o755, 0o755, 0o600)
