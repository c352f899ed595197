"""The data folder of a daemon that runs: nobody else works in it, nobody else reads it, what is lost there comes back.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.boomerang import ROOT
from tests.kit.process import Process
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up, passes


def modes(data: Path) -> dict[str, int]:
    """Mode of the folder and of everything in it."""
    return {str(path.relative_to(data)): path.stat().st_mode & 0o777 for path in (data, *data.rglob("*"))}


def test_a_second_daemon_on_the_folder(tmp_path: Path) -> None:
    """It says whose folder it is and ends, having touched nothing: the first one's calls and callbacks go on."""
    with Scene(tmp_path / "one") as scene:
        call, there = scene.talking()
        other = Scene(tmp_path / "two", extra={"node": {"name": "edge1", "data": scene.boomerang.data}})
        try:
            before = {path.name: path.stat().st_ino for path in scene.boomerang.data.iterdir()}
            other.boomerang.start(ready=False)
            assert other.boomerang.running.wait() == 1
            (line,) = other.boomerang.log
            assert str(scene.boomerang.data) in line
            assert f"process {scene.boomerang.running.pid}" in line
            assert {path.name: path.stat().st_ino for path in scene.boomerang.data.iterdir()} == before
            passes(call, there)
            hang_up(call, there)
            assert scene.boomerang.cli("status")["state"] == "running"
            scene.boomerang.kill9()
            other.boomerang.start()  # what was killed holds nothing, nor do the processes that it had started
            assert other.customer_reaches(CUSTOMER)
        finally:
            other.boomerang.stop()
            other.carrier.close()
            other.pbx.close()


@pytest.mark.parametrize("mask", ["0", "022"])
def test_nobody_else_reads_it(tmp_path: Path, mask: str) -> None:
    with Scene(tmp_path, before=("sh", "-c", f'umask {mask}; exec "$@"', "sh")) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        found = modes(scene.boomerang.data)
        assert found.pop(".") == 0o700
        assert {"boomerang.db", "boomerang.db-wal", "boomerang.db-shm", "control.sock", "signing.key"} <= set(found)
        folders = {name for name in found if (scene.boomerang.data / name).is_dir()}
        assert all(mode == (0o700 if name in folders else 0o600) for name, mode in found.items()), found


@pytest.mark.parametrize("left", [0, 7])
def test_a_signing_key_that_was_truncated_is_said(tmp_path: Path, left: int) -> None:
    """Without a key no call could pass, so there is a new one; that is said, and the old one is kept."""
    with Scene(tmp_path) as scene:
        key = scene.boomerang.data / "signing.key"
        scene.boomerang.kill9()
        whole = key.read_bytes()
        key.write_bytes(whole[:left])
        scene.boomerang.restart()
        line = scene.boomerang.logs("alarm.raised", alarm="signing_key")
        assert f"{key} holds {left} bytes instead of 32" in line["text"]
        assert "signing_key" in scene.boomerang.alarms()
        (aside,) = scene.boomerang.data.glob("signing.key.broken-*")
        assert aside.read_bytes() == whole[:left]
        assert len(key.read_bytes()) == 32
        scene.both_ways()


def test_with_a_key_of_all_nodes_the_folder_has_none(tmp_path: Path) -> None:
    (tmp_path / "node.key").write_text("5a" * 32)
    (tmp_path / "node.key").chmod(0o600)
    data = tmp_path / "data"
    with Scene(tmp_path, extra={"node": {"name": "edge1", "data": data, "signing_key": f"file:{tmp_path}/node.key"},
                                "cluster": {"siblings": ["203.0.113.6:5060"]}}) as scene:
        scene.both_ways()
        assert not (scene.boomerang.data / "signing.key").exists()


def test_a_control_socket_that_was_removed_is_made_again(tmp_path: Path) -> None:
    with Scene(tmp_path, faults={"proxy.daemon.control_keeping:CONTROL_PAUSE": 0.1}) as scene:
        door = scene.boomerang.data / "control.sock"
        with tracing(scene) as process:
            for _ in range(2):
                door.unlink()
                eventually(door.exists, "it is there again")
                assert door.stat().st_mode & 0o777 == 0o600
                assert scene.boomerang.cli("status")["state"] == "running"
            assert process.running, "who had come in by the old one stays"
        door.unlink()
        door.write_text("somebody's notes")
        eventually(lambda: scene.boomerang.figure("boomerang_alarms") == 1, "what stands in its place is an alarm")
        scene.boomerang.logs("alarm.raised", alarm="control")
        assert door.read_text() == "somebody's notes"
        door.unlink()
        eventually(lambda: scene.boomerang.figure("boomerang_alarms") == 0, "the alarm is down")
        assert scene.boomerang.cli("status")["alarms"] == []
        scene.boomerang.terminate()
        assert scene.boomerang.running.wait() == 0
        assert not door.exists()


@contextmanager
def tracing(scene: Scene) -> Iterator[Process]:
    """`boomerang trace`, once it listens."""
    argv = [sys.executable, "-m", "proxy", "trace", "-c", str(scene.boomerang.config)]
    with Process(argv, cwd=scene.boomerang.folder, env={"PYTHONPATH": str(ROOT)}, fork=True) as process:
        process.wait_for("edge1")
        yield process
