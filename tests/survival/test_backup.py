"""`boomerang backup` and `restore` as an operator uses them, and what the end of the daemon leaves."""

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.kit.boomerang import ROOT
from tests.kit.process import Process
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up, passes

OTHER = "+36207654321"


def run(scene: Scene, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command that is not asked for JSON."""
    argv = [sys.executable, "-m", "proxy", *arguments, "-c", str(scene.boomerang.config)]
    with Process(argv, cwd=scene.boomerang.folder, env={"PYTHONPATH": str(ROOT)}, fork=True) as command:
        return command.wait(), "\n".join(command.lines)


def test_backup_beside_a_running_daemon_and_restore_after_a_disaster(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        call, there = scene.talking()
        scene.agent_misses(AGENT, OTHER)
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        file = tmp_path / "monday.db"
        made = scene.boomerang.cli("backup", str(file))
        assert made["rows"]["direct"] == 1
        assert file.stat().st_mode & 0o777 == 0o600
        passes(call, there)
        hang_up(call, there)
        code, text = run(scene, "backup", str(file))
        assert (code, "is there already: --force replaces it" in text) == (1, True)
        assert run(scene, "backup", str(file), "--force")[0] == 0
        code, text = run(scene, "restore", str(file))
        assert code == 1
        assert f"process {scene.boomerang.running.pid}" in text
        assert "stop it first" in text
        scene.both_ways()

        scene.boomerang.kill9()
        shutil.rmtree(scene.boomerang.data)
        code, text = run(scene, "restore", str(file))
        assert code == 0, text
        assert scene.boomerang.data.stat().st_mode & 0o777 == 0o700
        scene.boomerang.restart()
        assert scene.customer_reaches(OTHER) == AGENT
        assert scene.boomerang.alarms() == {}


def test_restore_of_an_older_state(tmp_path: Path) -> None:
    """What is put back is the state of the backup; who asked not to be called since then is not called."""
    with Scene(tmp_path) as scene:
        scene.boomerang.cli("dnc", "add", "+36207650001")
        file = tmp_path / "monday.db"
        scene.boomerang.cli("backup", str(file))
        scene.boomerang.cli("dnc", "add", "+36207650002")
        scene.agent_misses(AGENT, OTHER)
        scene.boomerang.terminate()
        assert scene.boomerang.running.wait() == 0
        done = json.loads(run(scene, "restore", str(file), "--json")[1])
        assert done["barred"] == 1
        assert Path(done["aside"]).exists()
        scene.boomerang.restart()
        assert scene.customer_reaches(OTHER) != AGENT
        assert {row["customer"] for row in scene.boomerang.cli("dnc", "list")} == {"+36207650001", "+36207650002"}


def test_the_file_is_whole_when_the_daemon_has_ended(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        scene.both_ways()
        scene.boomerang.ask("status")
        scene.boomerang.cli("calls", "list", "--limit", "5")
        scene.boomerang.terminate()
        assert scene.boomerang.running.wait() == 0
        log = scene.boomerang.data / "boomerang.db-wal"
        assert not log.exists() or log.stat().st_size == 0
        alone = tmp_path / "alone.db"
        shutil.copy(scene.boomerang.data / "boomerang.db", alone)
        with closing(sqlite3.connect(alone)) as copy:
            assert copy.execute("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL").fetchone() == (3,)


def test_a_database_of_a_later_version_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """A downgrade: the daemon does not start, and leaves it as it is."""
    with Scene(tmp_path) as scene:
        scene.boomerang.terminate()
        assert scene.boomerang.running.wait() == 0
        file = scene.boomerang.data / "boomerang.db"
        with closing(sqlite3.connect(file)) as later:
            later.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES "
                          "('boomerang', 'm999_later', '2030-01-01')")
            later.commit()
        before = file.read_bytes()
        scene.boomerang.start(ready=False)
        assert scene.boomerang.running.wait() == 1
        (line,) = scene.boomerang.log
        assert "of a later version" in line
        assert str(file) in line
        assert file.read_bytes() == before
