"""The database locked, full or gone under a running daemon: calls pass, an alarm is up, it heals without a restart."""

import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.mosquitto import MISSING, Subscriber, broker, listening
from tests.kit.site import SHARED
from tests.kit.small_disk import small_disk
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, alarm_heard, hang_up, passes

SLOWEST = 6.0
"""Seconds for two whole calls while the database is in trouble: an answer waits for a commit, but not for long."""

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")


@contextmanager
def watched(folder: Path, extra: Mapping[str, Any] | None = None) -> Iterator[tuple[Scene, Subscriber]]:
    """A site with a broker, and somebody who listens."""
    with (
        broker(folder) as server,
        listening(server.port, "boomerang/#") as subscriber,
        Scene(folder / "site", mqtt=f"mqtt://127.0.0.1:{server.port}", extra=extra) as scene,
    ):
        subscriber.wait_for("boomerang/edge1/status", "online")
        yield scene, subscriber


def heals(scene: Scene, subscriber: Subscriber) -> None:
    """The alarm goes down everywhere, calls are written again, and a record made now is used."""
    alarm_heard(subscriber, "database", up=False)
    scene.boomerang.logs("alarm.cleared", alarm="database")
    subscriber.wait_for("boomerang/edge1/event/alarm.cleared")
    scene.agent_misses(AGENT, "+36207654321")
    assert scene.customer_reaches("+36207654321") == AGENT
    eventually(lambda: scene.boomerang.sql("SELECT 1 FROM calls WHERE customer = '+36207654321' AND tried = ?", AGENT),
               "the calls are in the database")  # fmt: skip


def raised(scene: Scene, subscriber: Subscriber) -> None:
    """The alarm is on MQTT and in the log."""
    alarm_heard(subscriber, "database", up=True)
    scene.boomerang.logs("alarm.raised", alarm="database")
    assert "database" in scene.boomerang.alarms()


def test_locked_by_another_process(tmp_path: Path) -> None:
    with watched(tmp_path) as (scene, subscriber):
        call, there = scene.talking()
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM calls WHERE answered_at IS NOT NULL"), "the call's row")
        with closing(sqlite3.connect(scene.boomerang.data / "boomerang.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            scene.both_ways()
            assert time.monotonic() - began < SLOWEST
            raised(scene, subscriber)
            began = time.monotonic()
            scene.both_ways()
            assert time.monotonic() - began < SLOWEST
            passes(call, there)
            hang_up(call, there)
            eventually(lambda: scene.boomerang.figure("boomerang_store_queue") > 0, "what waits is counted")
            scene.agent_misses(AGENT, CUSTOMER)
            assert scene.customer_reaches(CUSTOMER) in (AGENT, SHARED)
            other.execute("ROLLBACK")
        heals(scene, subscriber)
        rows = scene.boomerang.sql("SELECT direction, cause FROM calls WHERE customer = ? ORDER BY id", CUSTOMER)
        assert [tuple(row) for row in rows][:5] == [
            ("inbound", 200), ("inbound", 200), ("outbound", 200), ("inbound", 200), ("outbound", 200)
        ]  # fmt: skip
        assert len(rows) == 7, "what happened meanwhile was written afterwards"


def fill(disk: Path) -> Path:
    """Leave no octet free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return filler


def test_disk_full(tmp_path: Path) -> None:
    with small_disk(tmp_path, "4m") as disk, watched(tmp_path, extra={"node": {"name": "edge1", "data": disk}}) as made:
        scene, subscriber = made
        scene.boomerang.data = disk
        call, there = scene.talking()
        filler = fill(disk)
        for _ in range(20):
            scene.both_ways()
            if scene.boomerang.alarms():
                break
        raised(scene, subscriber)
        scene.both_ways()
        passes(call, there)
        hang_up(call, there)
        filler.unlink()
        heals(scene, subscriber)


def test_no_more_may_be_written(tmp_path: Path) -> None:
    """The same without a file system of its own: the process may write no file beyond its first octet."""
    with watched(tmp_path) as (scene, subscriber):
        call, there = scene.talking()
        pid = scene.boomerang.running.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        scene.both_ways()
        raised(scene, subscriber)
        scene.both_ways()
        passes(call, there)
        hang_up(call, there)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        heals(scene, subscriber)


def delete(file: Path) -> None:
    for name in ("", "-wal", "-shm"):
        Path(f"{file}{name}").unlink(missing_ok=True)


def overwrite(file: Path) -> None:
    """Garbage over the file that is open."""
    with file.open("r+b") as inside:
        inside.write(os.urandom(file.stat().st_size))


def replace(file: Path) -> None:
    """Another file in its place, which is no database."""
    other = file.with_name("garbage")
    other.write_bytes(os.urandom(20_000))
    other.rename(file)


@pytest.mark.parametrize("harm", [delete, overwrite, replace])
def test_gone_or_garbage(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    with watched(tmp_path) as (scene, subscriber):
        call, there = scene.talking()
        scene.agent_misses(AGENT, CUSTOMER)
        file = scene.boomerang.data / "boomerang.db"
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        with closing(sqlite3.connect(file)) as other:  # else the log still holds every page, and nothing is lost
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        harm(file)
        scene.both_ways()
        passes(call, there)
        if harm is not delete:  # a deleted file is put back from what is still open: nothing is lost
            scene.boomerang.logs("alarm.raised", alarm="database")
            heals(scene, subscriber)
        hang_up(call, there)
        scene.agent_misses(AGENT, CUSTOMER)
        eventually(lambda: file.exists() and scene.boomerang.sql("SELECT 1 FROM direct WHERE customer = ?", CUSTOMER),
                   "the new record is in a new file")  # fmt: skip
        scene.boomerang.kill9()
        scene.boomerang.restart()
        assert scene.customer_reaches(CUSTOMER) == AGENT


def test_a_deleted_database_comes_back_with_what_it_held(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        delete(scene.boomerang.data / "boomerang.db")
        eventually((scene.boomerang.data / "boomerang.db").exists, "the file is back")
        scene.boomerang.kill9()
        scene.boomerang.restart()
        assert scene.customer_reaches(CUSTOMER) == AGENT


def without_privileges() -> tuple[str, ...]:
    """Program that makes root obey the modes of files, as everybody else does."""
    if os.geteuid():
        return ()
    tool = shutil.which("setpriv")
    if tool is None:
        pytest.skip("setpriv is missing, and root may read every file")
    return (tool, "--bounding-set=-dac_override,-dac_read_search")


def test_not_to_be_read(tmp_path: Path) -> None:
    """Its mode is taken away: what is open goes on; after a restart calls take their normal route until it is back."""
    with Scene(tmp_path, before=without_privileges()) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        file = scene.boomerang.data / "boomerang.db"
        file.chmod(0)
        scene.both_ways()
        scene.boomerang.kill9()
        scene.boomerang.restart()
        assert "unable to open" in scene.boomerang.logs("alarm.raised", alarm="database")["text"]
        eventually(lambda: "database" in scene.boomerang.alarms(), "the alarm is in the status")
        assert scene.customer_reaches("+36201112222") == SHARED
        scene.both_ways()
        file.chmod(0o600)
        eventually(lambda: not scene.boomerang.alarms(), "the alarm is down")
        scene.agent_misses(AGENT, CUSTOMER)
        assert scene.customer_reaches(CUSTOMER) == AGENT


def test_what_was_lost_is_an_alarm_until_an_operator_takes_it_down(tmp_path: Path) -> None:
    """A page is no good: everything else is there, calls pass meanwhile, and the alarm outlives restarts."""
    with Scene(tmp_path) as scene:
        for number in ("+36207650001", "+36207650002", "+36207650003"):
            scene.boomerang.cli("dnc", "add", number)
        scene.agent_misses(AGENT, "+36207654321")
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        scene.boomerang.terminate()
        assert scene.boomerang.running.wait() == 0
        file = scene.boomerang.data / "boomerang.db"
        with closing(sqlite3.connect(file)) as other:
            (page,) = other.execute("SELECT rootpage FROM sqlite_schema WHERE name='calls'").fetchone()
        with file.open("r+b") as inside:
            inside.seek((page - 1) * 4096)
            inside.write(os.urandom(4096))
        scene.boomerang.restart()
        scene.both_ways()
        loss = eventually(lambda: scene.boomerang.alarms().get("database_loss"), "the loss is said") or ""
        assert "rows lost: calls" in loss
        assert "do_not_call 3" in loss
        assert list(scene.boomerang.data.glob("boomerang.db.broken-*"))
        eventually(lambda: "database" not in scene.boomerang.alarms(), "it is well again")
        assert scene.customer_reaches("+36207654321") == AGENT
        assert len(scene.boomerang.cli("dnc", "list")) == 3
        scene.boomerang.kill9()
        scene.boomerang.restart()
        assert scene.boomerang.alarms() == {"database_loss": loss}
        assert scene.boomerang.cli("alarms", "list")[0]["by_hand"]
        with pytest.raises(AssertionError, match="no alarm 'database' is up"):
            scene.boomerang.cli("alarms", "clear", "database")
        assert scene.boomerang.cli("alarms", "clear", "database_loss") == {"name": "database_loss"}
        assert scene.boomerang.cli("alarms", "list") == []
        scene.boomerang.kill9()
        scene.boomerang.restart()
        assert scene.boomerang.alarms() == {}
