"""A real Asterisk as PBX: phones 201 and 202, a queue 600, a trunk towards Boomerang.

The system's own Asterisk is used where it is new enough, else the one in the chroot that `tests/peers/asterisk-chroot`
makes (root only). Every file it reads or writes is in a folder of this run. It is bound to 127.0.0.1.

What is dialled from the trunk: 2XX rings that phone; +3614445555 is answered and then queued (600); +3614445556 is
queued without an answer first; 600 is the queue itself. Phones call each other, and out with a leading +; *8 picks up
whatever rings, and **2XX what rings there. Its trunk may subscribe to the dialog event of 2XX, unless it has no hints.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kit.certificates import Certificate
from tests.kit.ports import LOOPBACK, bound, free_port
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually

SCRIPT = Path(__file__).parents[1] / "peers" / "asterisk-chroot"
PASSWORD = "phone-of-a-test"
HINTS = "exten => _2XX,hint,PJSIP/${EXTEN}\n"
"""What a phone does, for whoever subscribes to its extension."""
RTP_PORTS = 40

_BASE = {
    "modules.conf": """
[modules]
autoload=yes
noload=chan_iax2.so
noload=app_voicemail_odbc.so
noload=chan_unistim.so
noload=chan_ooh323.so
noload=chan_mgcp.so
noload=chan_skinny.so
noload=res_http_websocket.so
noload=res_pjsip_transport_websocket.so
noload=pbx_dundi.so
noload=pbx_ael.so
noload=pbx_lua.so
""",
    "logger.conf": """
[general]
dateformat=%T.%3q
[logfiles]
full => notice,warning,error,verbose
""",
    "features.conf": """
[general]
pickupexten=*8
""",
    "musiconhold.conf": """
[default]
mode=files
directory=moh
""",
    "extensions.conf": """
[general]
static=yes
[phones]
exten => _2XX,1,Gosub(ring,s,1(${EXTEN}))
exten => _**2XX,1,PickupChan(PJSIP/${EXTEN:2})
exten => _+X.,1,Dial(PJSIP/${EXTEN}@trunk,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 600,1,Goto(queue,600,1)
[trunk]
exten => _2XX,1,Gosub(ring,s,1(${EXTEN}))
exten => 600,1,Goto(queue,600,1)
exten => +3614445555,1,Answer()
 same => n,Goto(queue,600,1)
exten => +3614445556,1,Goto(queue,600,1)
[queue]
exten => 600,1,Queue(600,,,,60)
 same => n,Hangup(19)
[ring]
exten => s,1,Dial(PJSIP/${ARG1},60)
 same => n,Goto(${DIALSTATUS})
 same => n(BUSY),Hangup(17)
 same => n(CHANUNAVAIL),Hangup(20)
 same => n(NOANSWER),Hangup(19)
 same => n(CONGESTION),Hangup(42)
 same => n(CANCEL),Hangup(16)
""",
    "queues.conf": """
[general]
autofill=yes
shared_lastcall=no
[600]
strategy=ringall
timeout=30
retry=1
ringinuse=no
joinempty=yes
leavewhenempty=no
""",
}


def asterisk_root() -> Path | None:
    """Folder below which Asterisk is: `/`, the chroot's, or None where there is none that this user can run."""
    found = subprocess.run([SCRIPT, "root"], capture_output=True, text=True, check=False)
    if found.returncode:
        return None
    root = Path(found.stdout.strip())
    return root if root == Path("/") or os.getuid() == 0 else None


def transports(port: int) -> str:
    """Sections of pjsip.conf: UDP and TCP on a port, and whose a request is."""
    return f"""
[global]
type=global
endpoint_identifier_order=username,ip
[udp]
type=transport
protocol=udp
bind={LOOPBACK}:{port}
[tcp]
type=transport
protocol=tcp
bind={LOOPBACK}:{port}
"""


def phone_endpoint(user: str, caller_id: str) -> str:
    """Sections of pjsip.conf: a phone that may register, in the context `phones`."""
    return f"""
[{user}]
type=endpoint
context=phones
disallow=all
allow=alaw,ulaw
auth={user}
aors={user}
callerid={caller_id}
direct_media=no
call_group=1
pickup_group=1
transport=udp
[{user}]
type=auth
auth_type=userpass
username={user}
password={PASSWORD}
[{user}]
type=aor
max_contacts=1
remove_existing=yes
"""


class Asterisk:
    """One Asterisk: `with Asterisk(...) as pbx:`; `hop` is where its trunk sends calls, by `transport`.

    `login`: user name and password for the carrier's challenges. `members`: of the queue, beside the phones. `tls`: its
    certificate. `files`: further files of its configuration, or others instead of ours. `hints`: whether
    it tells its trunk what the phones do. `strategy`: the queue's; `ringall` shows a caller whose phone it is when that
    is picked up, the others when it starts to ring.
    """

    def __init__(
        self,
        root: Path,
        *,
        hop: str,
        phones: Sequence[str] = ("201", "202"),
        transport: str = "udp",
        files: Mapping[str, str] | None = None,
        tls: Certificate | None = None,
        hints: bool = True,
        strategy: str = "ringall",
        members: Sequence[str] = (),
        login: tuple[str, str] | None = None,
    ) -> None:
        self.root, self.hop, self.phones, self.transport, self.hints = root, hop, phones, transport, hints
        self.members, self.login = [*(f"PJSIP/{phone}" for phone in phones), *members], login
        self.port, self.tls_port, self.tls, self.strategy = free_port(), free_port(), tls, strategy
        (root / "tmp").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="boomerang-", dir=root / "tmp"))
        self._mounted: list[Path] = []
        self._process: Process | None = None
        self._write({**_BASE, **self._generated(), **(files or {})})

    @property
    def inside(self) -> Path:
        """Its folder as Asterisk sees it."""
        return Path("/") / self.folder.relative_to(self.root)

    def _write(self, files: Mapping[str, str]) -> None:
        for name in ("etc", "lib", "spool", "run", "log", "moh"):
            (self.folder / name).mkdir()
        if self.tls:
            pem = {"own.pem": self.tls.certificate, "own.key": self.tls.key, "ca.pem": self.tls.ca}
            files = {**files, **{name: path.read_text() for name, path in pem.items()}}
        for name, text in files.items():
            (self.folder / "etc" / name).write_text(text)

    def _generated(self) -> dict[str, str]:
        modules = next(self.root.glob("usr/lib/*/asterisk/modules"), self.root / "usr/lib/asterisk/modules")
        folders = {"etcdir": "etc", "varlibdir": "lib", "dbdir": "lib", "keydir": "lib", "spooldir": "spool"}
        folders |= {"rundir": "run", "logdir": "log"}
        lines = [f"ast{key} => {self.inside / name}" for key, name in folders.items()]
        lines += [f"astmoddir => /{modules.relative_to(self.root)}", "astdatadir => /usr/share/asterisk"]
        media = free_port(RTP_PORTS)
        members = "".join(f"member => {member}\n" for member in self.members)
        return {
            "asterisk.conf": "[directories]\n" + "\n".join(lines) + "\n[options]\nverbose=4\n",
            "rtp.conf": f"[general]\nrtpstart={media}\nrtpend={media + RTP_PORTS - 1}\n",
            "pjsip.conf": self._pjsip(),
            "queues.conf": _BASE["queues.conf"].replace("ringall", self.strategy) + members,
            "extensions.conf": _BASE["extensions.conf"] + (f"[trunk](+)\n{HINTS}" if self.hints else ""),
        }

    def _pjsip(self) -> str:
        text = transports(self.port) + f"""
[trunk]
type=endpoint
context=trunk
disallow=all
allow=alaw,ulaw
aors=trunk
from_user=+3614445555
send_pai=yes
send_rpid=no
trust_id_inbound=yes
trust_id_outbound=yes
send_connected_line=yes
direct_media=no
transport={self.transport}
[trunk]
type=aor
contact=sip:{self.hop};transport={self.transport}
[trunk]
type=identify
endpoint=trunk
match={LOOPBACK}
"""
        if self.login:
            text += f"""
[trunk](+)
outbound_auth=carrier
[carrier]
type=auth
auth_type=userpass
username={self.login[0]}
password={self.login[1]}
"""
        if self.tls:
            own = self.inside / "etc"
            text += f"""
[tls]
type=transport
protocol=tls
bind={LOOPBACK}:{self.tls_port}
cert_file={own / "own.pem"}
priv_key_file={own / "own.key"}
ca_list_file={own / "ca.pem"}
verify_server=yes
method=tlsv1_2
"""
        for phone in self.phones:
            text += phone_endpoint(phone, f"Agent {phone} <{phone}>")
        return text

    def start(self) -> None:
        """Start it and wait until it has booted."""
        argv = ["/usr/sbin/asterisk", "-f", "-C", str(self.inside / "etc" / "asterisk.conf")]
        if self.root != Path("/"):
            for name, options in (("proc", ["-t", "proc", "proc"]), ("dev", ["--bind", "/dev"])):
                place = self.root / name
                if not place.is_mount():
                    subprocess.run(["mount", *options, str(place)], check=True)
                    self._mounted.append(place)
            argv = ["chroot", str(self.root), *argv]
        self._process = Process(argv, name="asterisk", cwd=self.folder)
        self._process.started(self._booted)

    @property
    def _running(self) -> Process:
        assert self._process is not None, "Asterisk was not started"
        return self._process

    def _booted(self) -> bool:
        return bound(self.port) and "fully booted" in self.cli("core waitfullybooted")

    def cli(self, command: str) -> str:
        """Run one console command and give what it prints."""
        argv = ["/usr/sbin/asterisk", "-C", str(self.inside / "etc" / "asterisk.conf"), "-rx", command]
        if self.root != Path("/"):
            argv = ["chroot", str(self.root), *argv]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return done.stdout

    def registered(self, phone: str) -> bool:
        """Whether the phone has a contact."""
        return f"Contact:  {phone}/sip:" in self.cli(f"pjsip show aor {phone}")

    def channels(self) -> int:
        """How many channels are up."""
        found = re.search(r"(\d+) active channel", self.cli("core show channels count"))
        return int(found[1]) if found else -1

    def hang_up_all(self) -> None:
        """End every call, so that the next test finds it quiet."""
        if self.channels():
            self.cli("channel request hangup all")
            eventually(lambda: self.channels() == 0, "an Asterisk without calls")

    def trace(self, on: bool = True) -> None:
        """Log every SIP message (see `report`)."""
        self.cli(f"pjsip set logger {'on' if on else 'off'}")

    def report(self) -> str:
        """The end of its log."""
        log = self.folder / "log" / "full"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else self._running.lines
        told = [line for line in lines if "loader.c" not in line]
        return "--- asterisk\n" + "\n".join(f"    {line}" for line in told[-150:])

    def restart(self) -> None:
        """End it as a power cut would, and start it again with what it kept."""
        self._running.kill9()
        self.start()

    def restart_in_order(self) -> None:
        """Have it hang up every call and end, and start it again with what it kept."""
        self._running.signal(signal.SIGTERM)
        self._running.wait()
        self.start()

    def stop(self) -> None:
        """End it, undo the mounts that it made, and remove its folder."""
        if self._process is not None:
            self._process.stop()
        for place in reversed(self._mounted):
            # Lazily: a process that is still ending may hold it.
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        self._mounted.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Asterisk":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AssertionError):
            error.add_note(self.report())
        self.stop()
