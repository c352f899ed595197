"""A real PostgreSQL server that is thrown away: Debian's package, a folder and a free loopback port of its own.

It refuses to be run by root: then it is run by nobody, in a folder of theirs.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.waiting import eventually

try:
    import psycopg
except ImportError:  # it is no part of what every installation has
    _driver = False
else:
    _driver = True


def _programs() -> Path | None:
    """Where the newest version's programs are: Debian puts them into no folder of PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    beside = shutil.which("initdb")
    return Path(beside).parent if beside else None


PROGRAMS = _programs()

MISSING = "postgresql is not installed" if PROGRAMS is None else None if _driver else "psycopg is not installed"
"""Why tests that need the server are skipped."""

USER = "boomerang"
"""Who may do everything in it, without a password."""

QUICK = "fsync=off\nfull_page_writes=off\n"
"""Settings for all that does not ask for what a loss of power leaves: the end of the server alone loses nothing."""


class Postgres:
    """One server; `stop` and `start` again keep its port and what is in it."""

    def __init__(self, folder: Path, settings: str = QUICK) -> None:
        """`folder`: nobody's else; where root runs this, it must be theirs who runs the server (`given`).
        `settings`: what stands in postgresql.conf besides where it listens.
        """
        assert PROGRAMS is not None, MISSING
        self.port = free_port()
        self._programs, self._folder, self._data = PROGRAMS, folder, folder / "data"
        owner = pwd.getpwuid(folder.stat().st_uid)
        self._prefix = () if os.geteuid() else (
            "setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--pdeathsig=KILL")
        made = subprocess.run(
            [*self._prefix, self._programs / "initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"], cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses='{LOOPBACK}'\nport={self.port}\nunix_socket_directories='{folder}'\n"
                       f"shared_buffers=16MB\nmax_connections=60\njit=off\n{settings}")
        self.process: Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that all the others belong to."""
        assert self.process is not None
        return self.process.pid

    def url(self, database: str = "postgres", password: str = "", port: int = 0) -> str:
        """Return where a database of it is, as programs are told; `port`: of a wire to it."""
        user = f"{USER}:{password}" if password else USER
        return f"postgresql://{user}@{LOOPBACK}:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = Process([*self._prefix, self._programs / "postgres", "-D", self._data], name="postgres",
                               cwd=self._folder)
        self.process.started(self._answers)

    def _answers(self) -> bool:
        asked: list[str | Path] = [self._programs / "pg_isready", "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(asked).returncode == 0

    def stop(self) -> None:
        """End it as an operator in a hurry would: whoever is connected is cut off, nothing is lost."""
        if self.process is not None:
            self.thaw()
            self.process.signal(signal.SIGINT)
            self.process.wait()
            self.process = None

    def kill9(self) -> None:
        """End it without a word, and everything that it has started."""
        if self.process is not None:
            children = self._children()
            self.process.kill9()
            _signal(children, signal.SIGKILL)
            eventually(lambda: not any(map(_runs, children)), "nothing of the server is left")
            self.process = None

    def freeze(self) -> None:
        """Let the kernel go on taking connections and bytes that nobody answers: a hung machine."""
        os.kill(self.pid, signal.SIGSTOP)
        _signal(self._children(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        _signal([*self._children(), self.pid], signal.SIGCONT)

    def _children(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if int(fields[1]) == self.pid:
                found.append(int(path.parent.name))
        return found

    def create(self, database: str, template: str = "template0") -> str:
        """Make a database like another one, which nobody is connected to; return where it is."""
        self.run(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.run(f'DROP DATABASE "{database}" WITH (FORCE)')

    def empty(self, database: str) -> None:
        """Remove every row of a store in it, and have it count from the beginning."""
        tables = [str(name) for [name] in self.run(
            "SELECT relname FROM pg_class WHERE relkind='r' AND relnamespace='public'::regnamespace "
            "AND relname NOT IN ('numbers', 'schema_steps')", database)]
        if tables:
            emptied = [f"DELETE FROM {table}" for table in tables]
            self.run("; ".join(["SET session_replication_role=replica", *emptied, "UPDATE numbers SET last=0"]),
                     database)  # what is removed so is not logged

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement on a connection of its own; return what it found."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            found: list[tuple[object, ...]] = cursor.fetchall() if cursor.description is not None else []
        return found


def _runs(pid: int) -> bool:
    try:
        return not re.search(r"\) Z ", Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return False


def _signal(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


@contextmanager
def given() -> Iterator[Path]:
    """A folder for a server, theirs who will run it: short, for the name of its socket has no room for more."""
    folder = Path(tempfile.mkdtemp(prefix="boomerang-pg-"))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def server(settings: str = QUICK) -> Iterator[Postgres]:
    """A running server, stopped at the end and gone with all that was in it."""
    with given() as folder:
        made = Postgres(folder, settings)
        try:
            made.start()
            yield made
        finally:
            made.kill9()
