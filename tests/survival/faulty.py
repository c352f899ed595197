"""The command with something wrong in it: `python -m tests.survival.faulty FAULTS run -c FILE`.

FAULTS: a JSON object. `"package:NAME": value` replaces a named limit wherever the package uses it; `"decide"`,
`"facts"`, `"clock"`, `"slow"`, `"hang"` and `"die"` are the faults below. They wait for a file of that name in the
working folder, so that a test says when.
`"quick"` and `"impatient"` are none: they only make timers and deadlines short. Nor is `"shared"`: its value is the
path of a database that other daemons, each in a folder of its own and with a name of its own, write to as well.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

BLOCKED = 0.8
"""Seconds for which the loop is held up at a time."""


class OurBugError(Exception):
    """What a broken rule raises."""


def broken(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, which raises while the file is there."""

    def method(*args: Any, **keys: Any) -> Any:
        if Path(name).exists():
            raise OurBugError(name)
        return work(*args, **keys)

    return method


def decide() -> None:
    """The question how a call is routed ends in an exception."""
    from routing.ledger import Ledger

    Ledger.decide = broken("decide", Ledger.decide)  # type: ignore[method-assign]


def facts() -> None:
    """Whatever the ledger is told about a call ends in an exception."""
    from routing.ledger import Ledger

    for name in ("ringing", "target_failed", "answered", "alive", "ended"):
        setattr(Ledger, name, broken("facts", getattr(Ledger, name)))


def clock() -> None:
    """The wall clock is off by the seconds in the file `clock`, from SIGUSR1 on; the monotonic one is not."""
    true, offset = time.time, [0.0]

    def jump(*_: object) -> None:
        offset[0] = float(Path("clock").read_text())
        Path("jumped").touch()

    signal.signal(signal.SIGUSR1, jump)
    time.time = lambda: true() + offset[0]


def slow() -> None:
    """The loop is held up again and again."""
    from proxy import app
    from proxy.node import Node

    sweep = Node.sweep

    def method(self: Node) -> None:
        if Path("slow").exists():
            time.sleep(BLOCKED)
        sweep(self)

    Node.sweep = method  # type: ignore[method-assign]
    app.SWEEP_PAUSE = 0.01  # type: ignore[misc]


def hang() -> None:
    """The loop stands still from the next SIGHUP on, for as long as the file `hang` is there."""
    from proxy import app

    def method(_self: app.Daemon) -> None:
        while Path("hang").exists():
            time.sleep(0.01)

    app.Daemon.reload = method  # type: ignore[method-assign,assignment]


def quick() -> None:
    """The protocol's timers run 25 times as fast, so that a test sees what is left when all of them have run."""
    from proxy import node
    from proxy.sip.timers import TimerValues

    names = vars(node)
    names["Parts"] = partial(names["Parts"], values=TimerValues(T1=0.02, T2=0.16, T4=0.2))


def impatient() -> None:
    """The deadlines of stream connections are one second each."""
    from proxy import app
    from proxy.transports.limits import StreamLimits

    limits = StreamLimits(handshake=1.0, first_byte=1.0, message=1.0, linger=0.5)
    names = vars(app)
    names["Network"] = partial(names["Network"], limits=limits)


def die() -> None:
    """It is killed once the step of an attempt is on disk: the file says which, and how many seconds later.

    At 0 seconds nobody has been told yet of that commit: nothing that stands on it has been sent.
    """
    from routing.rows import AttemptRow
    from routing.store.engine import Queued
    from routing.store.writer import Writer

    commit = Writer._commit

    def method(self: Writer, batch: list[Queued]) -> Any:
        done = commit(self, batch)
        step, _, later = Path("die").read_text().partition(" ") if Path("die").exists() else ("", "", "")
        rows = [row for queued in batch for row in (*queued.unit.of(AttemptRow), queued.claim) if row is not None]
        if step in [row.step for row in rows]:
            if not float(later):
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Timer(float(later), os.kill, (os.getpid(), signal.SIGKILL)).start()
        return done

    Writer._commit = method  # type: ignore[method-assign]


def shared(path: str) -> None:
    """It keeps everything in the database at a path, which it shares with others."""
    import config.places

    config.places.DATABASE_NAME = path  # type: ignore[misc]  # an absolute path below any folder is itself
    from routing.store import database, sqlite_engine

    engine = sqlite_engine.SqliteEngine.__init__

    def method(self: sqlite_engine.SqliteEngine, path: Path, owner: database.Owner, *args: Any) -> None:
        engine(self, path, owner._replace(shared=True), *args)

    sqlite_engine.SqliteEngine.__init__ = method  # type: ignore[assignment, method-assign]


FAULTS = {"decide": decide, "facts": facts, "clock": clock, "slow": slow, "hang": hang, "die": die, "quick": quick,
          "impatient": impatient}


def replace(where: str, limit: str, value: object) -> None:
    """Give a limit another value in a module, or in every module of a package that uses it."""
    top = importlib.import_module(where)
    below = pkgutil.iter_modules(getattr(top, "__path__", ()))
    modules = [top, *(importlib.import_module(f"{where}.{each.name}") for each in below)]
    using = [module for module in modules if hasattr(module, limit)]
    assert using, f"no {limit} in {where}"
    for module in using:
        setattr(module, limit, value)


def main() -> None:
    """Put the faults in and go on as the command."""
    wanted: dict[str, Any] = json.loads(sys.argv.pop(1))
    for name, value in wanted.items():
        if name == "shared":
            shared(value)
        elif name in FAULTS:
            FAULTS[name]()
        else:
            where, _, limit = name.partition(":")
            replace(where, limit, value)
    from proxy.cli import main as command

    command()


if __name__ == "__main__":
    main()
