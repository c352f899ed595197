"""Phones registered at a PBX, each a process: PJSIP by `pjsip_phone.py`, and baresip."""

import json
import shutil
import socket
import sys
import wave
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.tones import loudness, power
from tests.kit.waiting import PATIENCE, eventually

SCRIPT = Path(__file__).with_name("pjsip_phone.py")
REGISTERED_WITHIN = PATIENCE
AUDIBLE = 300.0
"""Root mean square of 16 bit samples; comfort noise stays far below."""
PURE = 0.8
"""Share of the power that a tone has where it is what is heard."""
WINDOW = 0.2
"""Seconds of audio that are looked at together."""
RATE = 8_000
"""Samples a second of what a PJSIP phone records."""
WAV_HEADER = 44
"""Octets before the samples."""
MEDIA_PORTS = 20
"""RTP and RTCP of the calls that a phone has one after the other: it takes new ones for each."""


def has_pjsip() -> bool:
    return find_spec("pjsua2") is not None


def has_baresip() -> bool:
    return shutil.which("baresip") is not None


@dataclass(frozen=True)
class Recording:
    """What a phone heard in one call, in stretches of WINDOW seconds."""

    rate: int
    windows: tuple[bytes, ...]

    @classmethod
    def read(cls, file: Path) -> "Recording | None":
        """Read a WAV file of 16 bit; None while it has no whole header."""
        try:
            with wave.open(str(file)) as audio:
                assert (audio.getnchannels(), audio.getsampwidth()) == (1, 2)
                rate, pcm = audio.getframerate(), audio.readframes(audio.getnframes())
        except (wave.Error, EOFError):
            return None
        return cls.of(pcm, rate)

    @classmethod
    def of(cls, pcm: bytes, rate: int) -> "Recording":
        """Cut 16 bit PCM into stretches; what is left at its end is left out."""
        size = 2 * round(rate * WINDOW)
        return cls(rate, tuple(pcm[at:at + size] for at in range(0, len(pcm) - size + 1, size)))

    def seconds_of(self, hertz: float) -> float:
        """Seconds in which it is this tone that is heard."""
        return WINDOW * sum(self._is(window, hertz) for window in self.windows)

    def seconds_before(self, hertz: float) -> float:
        """Seconds in which anything is heard before the tone begins."""
        before = takewhile(lambda window: not self._is(window, hertz), self.windows)
        return WINDOW * sum(loudness(window) > AUDIBLE for window in before)

    def _is(self, window: bytes, hertz: float) -> bool:
        return loudness(window) > AUDIBLE and power(window, hertz, self.rate) > PURE


class PjsipPhone(Process):
    """A phone that answers by itself (`auto`), rings for ever (`silent`), refuses (a status) or forwards (`302 202`, to
    that extension), after `after` s.

    `tone`: what it speaks with, in Hz. `recordings`: an empty folder for what it hears, see `hears`.
    """

    def __init__(
        self,
        user: str,
        password: str,
        registrar: int,
        *,
        answer: str = "auto",
        after: float = 0.3,
        tone: int = 0,
        recordings: Path | None = None,
        log: int = 1,
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
            "tone": tone,
            "recordings": str(recordings or ""),
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

    def press(self, digits: str) -> None:
        """Press keys in the call: RFC 4733."""
        self.say(f"digits {digits}")

    def press_by_info(self, digits: str) -> None:
        """Press keys in the call: SIP INFO."""
        self.say(f"info {digits}")

    def hold(self) -> None:
        """Put the call on hold."""
        self.say("hold")

    def resume(self) -> None:
        """Take the call from hold."""
        self.say("resume")

    def hears(self, call: int = 1, timeout: float = PATIENCE) -> Recording:
        """Wait for the end of its `call`th call that had audio, and give what it heard."""
        lines = eventually(lambda: [line for line in self.lines if line.startswith("phone recorded")][call - 1 :],
                           f"{call} recordings of {self.name}", timeout)
        file = Path(lines[0].partition("file=")[2])
        # PJSIP writes the end of it when its bridge comes round to it.
        recording = eventually(lambda: Recording.read(file), f"the recording of {self.name}", timeout)
        assert recording is not None
        return recording

    def until_heard(self, hertz: float, seconds: float, call: int = 1) -> None:
        """Wait until it has heard a tone for longer than that in its `call`th call with audio, which goes on.

        How long that takes is the machine's business: a busy one loses stretches of what is spoken.
        """
        def lines() -> list[str]:
            return [line for line in self.lines if line.startswith("phone recording")][call - 1:]

        file = Path(eventually(lines, f"{call} calls of {self.name} with audio")[0].partition("file=")[2])
        eventually(lambda: Recording.of(file.read_bytes()[WAV_HEADER:], RATE).seconds_of(hertz) > seconds,
                   f"{self.name} hears {hertz:g} Hz for {seconds:g} s", every=WINDOW)

    def rings(self, timeout: float = PATIENCE, *, after: int = 0) -> str:
        """Wait until it rings; gives the line that says who calls."""
        return self.wait_for("^phone ringing", timeout, after=after)

    def talks(self, timeout: float = PATIENCE, *, after: int = 0) -> None:
        """Wait until a call is confirmed."""
        self.wait_for("^phone call state=CONFIRMED", timeout, after=after)

    def ended(self, timeout: float = PATIENCE, *, after: int = 0) -> str:
        """Wait until a call is over; gives the line with its status."""
        return self.wait_for("^phone call state=DISCONN", timeout, after=after)

    def leave(self) -> None:
        """Hang up, unregister and end.

        Not `stop` after `hang_up`: PJSIP calls a call ended as soon as its BYE has left, and a PBX that challenges the
        BYE still waits for the one with credentials.
        """
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
        with socket.create_connection((LOOPBACK, self.control), timeout=PATIENCE) as link:
            link.sendall(f"{len(command)}:{command},".encode())
            link.recv(65_535)

    def rings(self, timeout: float = PATIENCE, *, after: int = 0) -> str:
        """Wait until it rings; gives the line that says who calls."""
        return self.wait_for("ncoming call from", timeout, after=after)

    def talks(self, timeout: float = PATIENCE, *, after: int = 0) -> None:
        """Wait until a call is established."""
        self.wait_for("[Cc]all established", timeout, after=after)
