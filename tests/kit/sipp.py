"""SIPp as a carrier or a PBX: runs one scenario file and gives its statistics and the messages it saw.

Debian's SIPp is built without TLS; where TLS is tested, Kamailio, Asterisk or `SipSocket` speaks it.
"""

import csv
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.kit.ports import LOOPBACK, bound, free_port
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE

SCENARIOS = Path(__file__).parents[1] / "peers" / "sipp"
GLOBAL_TIMEOUT = 120
"""Seconds after which SIPp gives up by itself."""
MEDIA_PORTS = 4
"""Audio and video, which it binds whether it is used or not."""

_LOGGED = re.compile(rb"^-{20,} \S+ .*\n(?:UDP|TCP|TLS) message (received|sent).*\n\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stats:
    """What SIPp counted in the whole run."""

    succeeded: int
    failed: int
    retransmissions: int


@dataclass(frozen=True, slots=True)
class Logged:
    """One message in SIPp's log."""

    received: bool
    text: str

    @property
    def start_line(self) -> str:
        return self.text.partition("\n")[0].strip()

    def header(self, name: str) -> str | None:
        """First value of a header by its full name."""
        found = re.search(rf"(?im)^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text)
        return found[1] if found else None


def has_sipp() -> bool:
    return shutil.which("sipp") is not None


class Sipp(Process):
    """One SIPp process: a callee until it is stopped, or with `remote` a caller of that port of 127.0.0.1.

    `calls`, `rate`: how many calls the caller makes, and how many a second. `pause_ms`: how long the scenario's pause
    is. `contact`: the port that its Contact shows, where it sits behind a line of its own.
    """

    def __init__(
        self,
        scenario: str,
        folder: Path,
        *,
        port: int | None = None,
        remote: int | None = None,
        service: str = "+3614445555",
        keys: Mapping[str, str] | None = None,
        status: str = "486 Busy Here",
        calls: int = 1,
        rate: int = 10,
        transport: str = "u1",
        pause_ms: int = 200,
        contact: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.calls = calls if remote else 0
        self.folder = folder / f"sipp-{scenario}-{self.port}-{free_port()}"
        self.folder.mkdir(parents=True)
        # SIPp wants to know a response's code when it loads the scenario: [status] is filled in before.
        text = (SCENARIOS / f"{scenario}.xml").read_text().replace("[status]", status)
        text = text.replace("[contact_port]", str(contact or self.port))
        (self.folder / "scenario.xml").write_text(text)
        kind = "udp" if transport.startswith("u") else "tcp"
        media, control = str(free_port(MEDIA_PORTS)), str(free_port())
        argv = ["sipp", "-i", LOOPBACK, "-p", str(self.port), "-sf", "scenario.xml", "-t", transport, "-nostdin", "-aa"]
        argv += ["-mi", LOOPBACK, "-mp", media, "-cp", control, "-s", service, "-d", str(pause_ms)]
        argv += ["-timeout", str(GLOBAL_TIMEOUT), "-timeout_error", "-trace_stat", "-stf", "stat.csv", "-fd", "1"]
        argv += ["-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file", "errors.log"]
        for key, value in (keys or {}).items():
            argv += ["-key", key, value]
        if remote:
            # A caller may be asked by OPTIONS whether it lives: that is a call outside its scenario.
            argv += ["-m", str(calls), "-r", str(rate), "-oocsf", str(SCENARIOS / "options.xml")]
            argv.append(f"{LOOPBACK}:{remote}")
        super().__init__(argv, name=f"sipp {scenario}", cwd=self.folder)
        if not remote:
            self.started(lambda: bound(self.port, kind))

    def finish(self, timeout: float = PATIENCE) -> Stats:
        """Wait for the caller's end; AssertionError with the messages unless every call went by the scenario."""
        status = self.wait(timeout)
        stats = self.stats()
        good = Stats(self.calls, 0, stats.retransmissions)
        assert (status, stats) == (0, good), self.report()
        return stats

    def stats(self) -> Stats:
        """The counters of the last report."""
        counters = self.folder / "stat.csv"
        assert counters.exists(), self.report()
        with counters.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return Stats(
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
        )

    def messages(self) -> list[Logged]:
        """Every message received and sent so far, in order."""
        log = self.folder / "messages.log"
        if not log.exists():
            return []
        pieces = _LOGGED.split(log.read_bytes())[1:]
        ways, texts = pieces[::2], pieces[1::2]
        return [Logged(way == b"received", t.decode("utf-8", "replace")) for way, t in zip(ways, texts, strict=True)]

    def received(self, start: str) -> list[Logged]:
        """Messages received whose start line begins so: `INVITE `, `SIP/2.0 180`; each once, however often it came.

        Who is slow to answer gets a request again after T1, and nothing is wrong with that (RFC 3261 section 17.1).
        """
        return list(dict.fromkeys(m for m in self.messages() if m.received and m.start_line.startswith(start)))

    def statuses(self) -> list[int]:
        """Status codes received, in order; a copy of what came before counts no more."""
        return [int(m.start_line.split()[1]) for m in self.received("SIP/2.0 ")]

    def report(self) -> str:
        """SIPp's errors and its messages, short ones whole."""
        errors = self.folder / "errors.log"
        said = errors.read_text(errors="replace")[-4000:] if errors.exists() else "\n".join(self.lines[-20:])
        seen = "\n".join(f"    {'<-' if m.received else '->'} {m.start_line}" for m in self.messages()[-60:])
        return f"--- {self.name}: {' '.join(self.argv)}\n{said}\n{seen}"
