"""Programs of the product that begin where their imports end.

Importing the product takes longer than most of what a test asks of it. One process a worker has imported it and does
nothing else; from it each program is forked, with the arguments, the folder, the environment, the files and the session
that it would have had, and runs its module as `python -m` does. What it imports later, and whatever it starts, is its
own. Where the start of the interpreter or the order of imports is what matters, the command itself is started.
"""

import atexit
import ctypes
import gc
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

from tests.kit.waiting import PATIENCE

ROOT: Final = Path(__file__).resolve().parents[2]
MODULES: Final = ("proxy.cli", "proxy.app", "proxy.status.http", "proxy.status.mqtt")
"""What a daemon has imported once it is up."""
FIRST: Final = 3
"""The first descriptor that a program may be given."""
MOST: Final = 64
"""Descriptors that one program may be given."""
LONGEST: Final = 1 << 17
"""Bytes of one message between the two."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Forked:
    """A program that was forked, with what `subprocess.Popen` says of one: `pid`, `stdin`, `stdout`, `poll`, `wait`."""

    def __init__(self, pid: int, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._ends = os.pidfd_open(pid)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Its exit status, as `Popen.poll` has it; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float) -> int:
        """Wait for its end; subprocess.TimeoutExpired where it goes on."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return status

    def _look(self, seconds: float) -> int | None:
        with self._lock:
            if self.returncode is None:
                ends = select.poll()  # not select(), which knows no descriptor above 1023
                ends.register(self._ends, select.POLLIN)
                if ends.poll(seconds * 1000):
                    self.returncode = _nursery().status_of(self.pid)
                    os.close(self._ends)
            return self.returncode


class _Nursery:
    """The process that has imported the product, seen from the tests."""

    def __init__(self) -> None:
        self._border, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            # No word about dying with the thread that starts it: it ends when the border closes.
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        assert self._border.recv(LONGEST), "the product cannot be imported: see above"

    def fork(self, asked: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Have a program started, and give its process id."""
        return self._ask(asked, descriptors)

    def status_of(self, pid: int) -> int:
        """Exit status of a program that has ended; it is gone then."""
        return self._ask({"reap": pid}, ())

    def _ask(self, asked: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        with self._lock:
            socket.send_fds(self._border, [json.dumps(asked).encode()], descriptors)
            said = self._border.recv(LONGEST)
        assert said, "the process that has imported the product has ended"
        return int(json.loads(said))

    def close(self) -> None:
        """End it, and with it whatever it has forked."""
        self._border.close()
        self._process.wait()


_made: list[_Nursery] = []
_making = threading.Lock()


def _nursery() -> _Nursery:
    with _making:
        if not _made:
            _made.append(_Nursery())
            atexit.register(_made[0].close)
        return _made[0]


def start(argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], descriptors: Sequence[int] = ()) -> Forked:
    """Start `python -m MODULE ARGUMENTS` with pipes, and with these files as its descriptors 3 and following.

    `env`: all of its environment.
    """
    (stdin, to), (out, stdout) = os.pipe(), os.pipe()
    try:
        pid = _fork(argv, cwd or Path.cwd(), env, [stdin, stdout, stdout, *descriptors])
    except BaseException:
        os.close(to)
        os.close(out)
        raise
    finally:
        os.close(stdin)
        os.close(stdout)
    return Forked(pid, os.fdopen(to, "wb"), os.fdopen(out, "rb"))


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` to its end, with something on its standard input.

    `env`: all of its environment. Raises subprocess.TimeoutExpired after a minute; it is killed then.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(typed.encode())
        stdin.seek(0)
        program = Forked(_fork(argv, cwd, env, [each.fileno() for each in (stdin, stdout, stderr)]))
        try:
            status = program.wait(PATIENCE)
        except BaseException:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait(PATIENCE)
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(argv, status, stdout.read().decode(), stderr.read().decode())


def _fork(argv: Sequence[str], cwd: Path, env: Mapping[str, str], descriptors: Sequence[int]) -> int:
    assert argv[:2] == [sys.executable, "-m"], f"only python -m can begin after its imports: {argv}"
    return _nursery().fork({"argv": list(argv[2:]), "cwd": str(cwd), "env": dict(env)}, descriptors)


def die_with_parent() -> None:
    """In a child: be killed when whoever started it dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(border: socket.socket) -> dict[str, Any] | None:
    """Fork a program for each that is asked for. Gives what was asked in the child, None where nobody asks any more."""
    while True:
        said, descriptors, _, _ = socket.recv_fds(border, LONGEST, MOST)
        if not said:
            return None
        asked: dict[str, Any] = json.loads(said)
        if "reap" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["reap"], 0)[1])
        else:
            done, doing = os.pipe()
            answer = os.fork()
            if not answer:
                _become(asked, descriptors)
                return asked
            for each in (doing, *descriptors):
                os.close(each)
            os.read(done, 1)  # which ends when the child has closed all that is not its own
            os.close(done)
        border.send(json.dumps(answer).encode())


def _become(asked: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Be the program that was asked for, but for what it runs: nothing of the process it comes from is left open."""
    die_with_parent()
    os.setsid()
    # Twice, for one of them may stand where another one belongs.
    above = max(descriptors) + FIRST + MOST
    safe = [os.dup2(each, above + at) for at, each in enumerate(descriptors)]
    for number, each in enumerate(safe):
        os.dup2(each, number)
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.chdir(asked["cwd"])
    sys.path[0] = asked["cwd"]
    sys.argv[:] = asked["argv"]
    os.closerange(len(safe), resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def main() -> None:
    """Import the product and serve; a program that was forked goes on from here."""
    border = socket.socket(fileno=int(sys.argv[1]))
    for module in MODULES:
        import_module(module)
    gc.collect()
    border.send(b"ready")
    asked = _serve(border)
    if asked is None:
        return
    border.detach()  # its descriptor is closed, or another file's by now
    runpy.run_module(asked["argv"][0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
