"""Phones registered at a PBX, each a process: PJSIP by `pjsip_phone.py`, and baresip."""

import json
import shutil
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process

SCRIPT = Path(__file__).with_name("pjsip_phone.py")
REGISTERED_WITHIN = 10.0
MEDIA_PORTS = 20
"""RTP and RTCP of the calls that a phone has one after the other: it takes new ones for each."""


def has_pjsip() -> bool:
    return find_spec("pjsua2") is not None


def has_baresip() -> bool:
    return shutil.which("baresip") is not None


class PjsipPhone(Process):
    """A phone that answers by itself (`auto`), rings for ever (`silent`) or refuses (a status), after `after` s."""

    def __init__(
        self, user: str, password: str, registrar: int, *, answer: str = "auto", after: float = 0.3, log: int = 1
    ) -> None:
        self.user, self.registrar = user, registrar
        settings = {
            "user": user,
            "password": password,
            "registrar": f"{LOOPBACK}:{registrar}",
            "port": free_port(),
            "media": free_port(MEDIA_PORTS),
            "media_ports": MEDIA_PORTS,
            "answer": answer,
            "after": after,
            "log": log,
        }
        super().__init__([sys.executable, SCRIPT, json.dumps(settings)], name=f"PJSIP phone {user}")
        self.started(lambda: self.said("^phone registered"), REGISTERED_WITHIN)

    def dial(self, number: str) -> None:
        """Call a number through the registrar."""
        self.say(f"call sip:{number}@{LOOPBACK}:{self.registrar}")

    def hang_up(self) -> None:
        """End every call it has."""
        self.say("hangup")

    def pick_up(self) -> None:
        """Answer what rings."""
        self.say("answer 200")

    def rings(self, timeout: float = 10.0, *, after: int = 0) -> str:
        """Wait until it rings; gives the line that says who calls."""
        return self.wait_for("^phone ringing", timeout, after=after)

    def talks(self, timeout: float = 10.0, *, after: int = 0) -> None:
        """Wait until a call is confirmed."""
        self.wait_for("^phone call state=CONFIRMED", timeout, after=after)

    def ended(self, timeout: float = 10.0, *, after: int = 0) -> str:
        """Wait until a call is over; gives the line with its status."""
        return self.wait_for("^phone call state=DISCONN", timeout, after=after)

    def leave(self) -> None:
        """Unregister and end."""
        self.say("quit")
        self.wait()

    def rang(self) -> int:
        """How many calls have reached it."""
        return sum(line.startswith("phone ringing") for line in self.lines)


_BARESIP_CONFIG = """
poll_method epoll
sip_listen 127.0.0.1:{port}
call_max_calls 4
audio_player aubridge,a
audio_source aubridge,a
audio_alert aubridge,a
ausrc_channels 1
auplay_channels 1
rtp_ports {media}-{last}
net_interface 127.0.0.1
module_path {modules}
module stdio.so
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip(Process):
    """A baresip phone: answers by itself (`auto`) or rings for ever (`manual`)."""

    def __init__(self, folder: Path, user: str, password: str, registrar: int, *, answer: str = "auto") -> None:
        self.user, self.registrar, self.port, self.control = user, registrar, free_port(), free_port()
        media = free_port(MEDIA_PORTS)
        home = folder / f"baresip-{user}-{self.port}"
        home.mkdir(parents=True)
        modules = next(Path("/usr/lib").glob("**/baresip/modules"))
        settings = {
            "port": self.port,
            "media": media,
            "last": media + MEDIA_PORTS - 1,
            "control": self.control,
            "modules": modules,
        }
        (home / "config").write_text(_BARESIP_CONFIG.format(**settings))
        account = f"<sip:{user}@{LOOPBACK}:{registrar}>;auth_pass={password};answermode={answer};regint=300"
        (home / "accounts").write_text(account + ";audio_codecs=pcma\n")
        (home / "contacts").write_text("")
        super().__init__(["baresip", "-f", home], name=f"baresip {user}")
        self.started(lambda: self.said("200 OK"), REGISTERED_WITHIN)

    def dial(self, number: str) -> None:
        """Call a number through the registrar."""
        command = json.dumps({"command": "dial", "params": f"sip:{number}@{LOOPBACK}:{self.registrar}"})
        with socket.create_connection((LOOPBACK, self.control), timeout=5) as link:
            link.sendall(f"{len(command)}:{command},".encode())
            link.recv(65_535)

    def rings(self, timeout: float = 10.0, *, after: int = 0) -> str:
        """Wait until it rings; gives the line that says who calls."""
        return self.wait_for("ncoming call from", timeout, after=after)

    def talks(self, timeout: float = 10.0, *, after: int = 0) -> None:
        """Wait until a call is established."""
        self.wait_for("[Cc]all established", timeout, after=after)
