"""What a process and those it has started have used, by the kernel's count (proc(5))."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
SHORT = 15
"""Characters of a thread's name that the kernel keeps."""


class Used(NamedTuple):
    """Seconds of CPU, those of them that were the kernel's, and switches of context."""

    cpu: float = 0.0
    system: float = 0.0
    waited: int = 0
    """It had nothing to do: voluntary switches, which is about the number of its wake-ups."""
    pushed: int = 0
    """Somebody else had the core: involuntary switches."""


Usage = Mapping[tuple[int, int], tuple[str, Used]]
"""What an element's threads have used, by process and thread, with their names; those that are over are not in it."""


def processes(leader: int) -> Iterator[int]:
    """Every process in the leader's session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                yield int(entry.name)


def usage(leader: int) -> Usage:
    """What the element whose first process leads its session has used so far."""
    threads: dict[tuple[int, int], tuple[str, Used]] = {}
    for process in processes(leader):
        for task in Path(f"/proc/{process}/task").iterdir():
            try:
                threads[process, int(task.name)] = _name(leader, process, task), _used(task)
            except OSError:
                continue
    return threads


def _name(leader: int, process: int, task: Path) -> str:
    """`main` is the leader's main thread; other processes are one each, by their module where they are Python."""
    if process == leader:
        return "main" if int(task.name) == leader else (task / "comm").read_text().strip()
    words = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    if "-m" in words:
        return words[words.index("-m") + 1].rpartition(".")[2][:SHORT]
    return (task / "comm").read_text().strip()


def _used(task: Path) -> Used:
    fields = (task / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line)
    try:
        cpu = int((task / "schedstat").read_text().split()[0]) / 1e9
    except OSError:  # a kernel without: hundredths of a second
        cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return Used(cpu, int(fields[12]) / TICKS, int(status["voluntary_ctxt_switches"]),
                int(status["nonvoluntary_ctxt_switches"]))


def since(before: Usage, after: Usage) -> dict[str, Used]:
    """What threads have used from one moment to the other, by their names."""
    found: dict[str, list[Used]] = {}
    for key, (name, used) in after.items():
        earlier = before.get(key, (name, Used()))[1]
        found.setdefault(name, []).append(_less(used, earlier))
    return {
        name: Used(sum(each.cpu for each in several), sum(each.system for each in several),
                   sum(each.waited for each in several), sum(each.pushed for each in several))
        for name, several in found.items()}


def _less(late: Used, early: Used) -> Used:
    return Used(late.cpu - early.cpu, late.system - early.system, late.waited - early.waited,
                late.pushed - early.pushed)


def memory_mb(leader: int) -> float:
    """Memory of the element; pages that its processes share are counted once (`Pss`)."""
    found = 0
    for process in processes(leader):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        found += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return found * 1024 / 1e6
