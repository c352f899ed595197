"""Kamailio as an element: it does the same job by hand, with one worker, in `kamailio.cfg`.

What it does is chosen by what is asked: a write in SQLite for each call that was missed, messages over MQTT by its own
module, calls in progress by its own module `dialog`.
"""

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.element import Element
from tests.bench.job import Job
from tests.bench.usage import processes
from tests.kit.process import Process
from tests.kit.waiting import eventually

SHARED_MB = 512
"""Memory that its processes share, at most: it is used as it is needed."""
LIFE = 8 * 3600
"""Seconds for which it remembers who tried to reach whom."""


def configure(job: Job, database: Path) -> None:
    """Write its script; SystemExit where a module is missing that is asked for."""
    modules = next(Path("/usr/lib").glob("**/kamailio/modules"))
    if job.broker and not (modules / "mqtt.so").exists():
        raise SystemExit("Kamailio cannot speak MQTT here: Debian's package kamailio-mqtt-modules is not installed")
    config = (Path(__file__).parent / "kamailio.cfg").read_text()
    for key, value in (("MODULES", modules), ("DATABASE", database), ("ELEMENT", job.element), ("CARRIER", job.carrier),
                       ("PBX", job.pbx), ("BROKER", job.broker)):
        config = config.replace(f"@{key}@", str(value))
    (job.folder / "kamailio.cfg").write_text(config)


def arguments(job: Job) -> list[str]:
    """Its command line: where its script is, and which parts of it are wanted."""
    parts = {"MQTT": job.broker is not None, "MISSED": job.calls == "missed", "DIALOG": job.held}
    wanted = [word for name, is_wanted in parts.items() if is_wanted for word in ("-A", name)]
    return ["-m", str(SHARED_MB), "-f", str(job.folder / "kamailio.cfg"), "-Y", str(job.folder), *wanted]


def kamailio(stack: ExitStack, job: Job) -> Element:
    """Start it, with as many live rows as Boomerang has records."""
    database = job.folder / "sticky.db"
    configure(job, database)
    expires = int(time.time()) + LIFE
    rows = "\n".join(f"insert into affinity values('+3630{number:08}','201',{expires});"
                     for number in range(job.records))
    subprocess.run(["sqlite3", database], check=True, text=True, stdout=subprocess.DEVNULL, input=(
        "pragma journal_mode=wal; create table affinity(customer text primary key, agent text, expires integer);"
        "create table missed(id text primary key, customer text, number text, at integer);"
        f"begin;{rows}commit;"))
    process = stack.enter_context(Process(["kamailio", "-DD", "-E", *arguments(job)]))
    eventually(lambda: not process.running or sum(1 for _ in processes(process.pid)) > 3, "Kamailio's workers")
    time.sleep(1)
    assert process.running, process.report()
    return Element(process, None)
