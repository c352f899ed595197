"""A real Boomerang between a real Asterisk, with queues and agents' phones, and customers that a test moves one by one.

Every number of ours leads to a queue of its own, and each has two agents of its own, so that the tests of a file share
one Asterisk and one daemon: what one does in its queue no other one sees. A customer speaks with a tone and keeps every
packet they hear; an agent's phone is PJSIP, registered when the test says so, and keeps a recording.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.kit.asterisk import PASSWORD, Asterisk
from tests.kit.boomerang import Boomerang
from tests.kit.far_call import FarCall, Plan
from tests.kit.far_end import Loop
from tests.kit.far_phones import FarCustomers
from tests.kit.key_tones import key_tone
from tests.kit.phones import PjsipPhone
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import PAYLOAD_TYPES
from tests.kit.site import peer
from tests.kit.spoken import told
from tests.kit.tones import PEAK, alaw_encode, power, sine
from tests.kit.waiting import PATIENCE, eventually

MEDIA_PORTS = RTP_PORTS = 120
EARLY = "+36209990000"
"""A customer who calls before the tests do."""
AGENT_TONE, CUSTOMER_TONE = 440, 1000
"""Hz; what is said is speech, 425 is ringback: neither lasts like these."""
MUSIC, MUSIC_SECONDS = (600, 1500), 10.0
"""Hz, both at once: a single tone is a voicemail box's."""


class Line(NamedTuple):
    """A number of ours and what the PBX does with it."""

    number: str
    queue: str
    agents: tuple[str, ...]
    strategy: str = "ringall"
    before: str = "Answer()"
    """What its dialplan does before `Queue`; empty: nothing answers before an agent."""
    patience: int = 0
    """Seconds after which the queue gives a caller up; 0: never."""
    after: str = "Hangup(19)"
    """What comes then."""


def line(place: int, **more: Any) -> Line:
    """The line with this number, from 10 on; its agents are 210 and 211 for the first, and so on."""
    return Line(f"+36144450{place:02}", f"6{place:02}", (f"2{place:02}", f"2{place + 1:02}"), **more)


class QueueAsterisk(Asterisk):
    """The PBX: queues by `lines`, and a voicemail box 100."""

    def __init__(self, root: Path, lines: Sequence[Line], *, hop: str, hints: bool = True,
                 dialplan: str = "") -> None:
        """`dialplan`: further lines of extensions.conf, at its end."""
        self._lines, self._more = lines, dialplan
        super().__init__(root, hop=hop, phones=[agent for one in lines for agent in one.agents], hints=hints)

    def play_music(self) -> None:
        """Have whoever waits hear MUSIC; before it starts."""
        tones = [array("h", sine(hertz, MUSIC_SECONDS, PEAK // 2)) for hertz in MUSIC]
        mixed = array("h", map(sum, zip(*tones, strict=True))).tobytes()
        (self.folder / "moh" / "two-tones.alaw").write_bytes(alaw_encode(mixed))
        (self.folder / "etc" / "musiconhold.conf").write_text(
            f"[default]\nmode=files\ndirectory={self.inside / 'moh'}\n")

    def _generated(self) -> dict[str, str]:
        first = free_port(RTP_PORTS)
        return {**super()._generated(), "rtp.conf": f"[general]\nrtpstart={first}\nrtpend={first + RTP_PORTS - 1}\n",
                "extensions.conf": self._extensions(), "queues.conf": self._queues(),
                "voicemail.conf": "[general]\nformat=wav\n[default]\n100 => 1234,Box\n"}

    def in_dialplan(self, number: str) -> bool:
        """Whether a call to one of the numbers is up, whatever the dialplan does with it."""
        return f"!trunk!{number}!" in self.cli("core show channels concise")

    def _pjsip(self) -> str:
        """Phones with A-law alone, so that what they hear is what was sent."""
        trunk, phones = super()._pjsip().split("[trunk]", 1)
        return trunk + "[trunk]" + phones.replace("allow=alaw,ulaw\nauth", "allow=alaw\nauth")

    def _extensions(self) -> str:
        text = "[general]\nstatic=yes\n[phones]\nexten => _2XX,1,Goto(trunk,${EXTEN},1)\n"
        text += "exten => _[+c].,1,Dial(PJSIP/${EXTEN}@trunk,60)\n same => n,Hangup(${HANGUPCAUSE})\n[trunk]\n"
        if self.hints:
            text += "exten => _2XX,hint,PJSIP/${EXTEN}\n"
        text += "exten => _2XX,1,Dial(PJSIP/${EXTEN},60)\n"
        text += " same => n,Hangup(${IF($[\"${DIALSTATUS}\"=\"BUSY\"]?17:19)})\n"
        for one in self._lines:
            steps = [*([one.before] if one.before else []), f"Queue({one.queue},,,,{one.patience or ''})", one.after]
            text += f"exten => {one.number},1,{steps[0]}\n" + "".join(f" same => n,{step}\n" for step in steps[1:])
        return text + self._more

    def _queues(self) -> str:
        text = "[general]\nautofill=yes\nshared_lastcall=no\n"
        for one in self._lines:
            text += f"[{one.queue}]\nstrategy={one.strategy}\ntimeout=30\nretry=1\nringinuse=no\njoinempty=yes\n"
            text += "leavewhenempty=no\n" + "".join(f"member => PJSIP/{agent}\n" for agent in one.agents)
        return text


class QueueCenter(FarCustomers):
    """`with QueueCenter(root, folder, lines, ...) as site:`; phones come with `agent`, callers with `calls`."""

    def __init__(self, root: Path, folder: Path, lines: Sequence[Line], *, policy: Mapping[str, Any] | None = None,
                 groups: Mapping[str, Mapping[str, Any]] | None = None, pbx: Mapping[str, Any] | None = None,
                 hints: bool = True, dialplan: str = "", mqtt: str = "off", music: bool = False,
                 extra: Mapping[str, Any] | None = None) -> None:
        """`policy`: further tables. `groups`: keys of a group, by its queue's name. `pbx`: keys of the PBX's table.

        `dialplan`, `hints`: see QueueAsterisk. `music`: who waits hears MUSIC, else nothing.
        """
        self.folder, self._stack = folder, ExitStack()
        self.loop = self._stack.enter_context(Loop())
        self.carrier = self.loop.open()
        self.carrier.default = Plan(tone=CUSTOMER_TONE)
        self._first = lines[0]
        hop, media = free_port(), free_port(MEDIA_PORTS)
        self.asterisk = QueueAsterisk(root, lines, hop=f"{LOOPBACK}:{hop}", hints=hints, dialplan=dialplan)
        if music:
            self.asterisk.play_music()
        tables = dict(policy or {})
        tables["queue_callback"] = {"enabled": True, "offer_after": "1s", **tables.get("queue_callback", {})}
        tables["direct_callback"] = {"type": 0, "min_talk": "1s", **tables.get("direct_callback", {})}
        tables["number"] = {one.number: {"group": f"g{one.queue}"} for one in lines}
        tables["group"] = {
            f"g{one.queue}": {
                "target": one.queue, "agents": list(one.agents), "missed_callback": {"enabled": False},
                "callback": {"min_talk": "1s", "retry_agent": "2s"}, **(groups or {}).get(one.queue, {}),
            } for one in lines
        }
        self.boomerang = Boomerang(
            folder / "boomerang", port=hop, trunks={"main": peer(self.carrier.port)},
            pbxs={"office": {**peer(self.asterisk.port), "answers": "auto", **(pbx or {})}}, policy=tables, mqtt=mqtt,
            extra={**(extra or {}), "media": {"ports": f"{media}-{media + MEDIA_PORTS - 1}",
                                              **(extra or {}).get("media", {})}})

    # Phones

    def agent(self, extension: str, answer: str = "silent", tone: int = AGENT_TONE) -> PjsipPhone:
        """An agent's phone, registered at the PBX from now on."""
        recordings = self.folder / "heard"
        recordings.mkdir(exist_ok=True)
        phone = PjsipPhone(extension, PASSWORD, self.asterisk.port, answer=answer, tone=tone, recordings=recordings)
        return self._stack.enter_context(phone)

    def calls(self, number: str, caller: str, tone: float = CUSTOMER_TONE, *, waits: bool = True,
              headers: Sequence[str] = ()) -> FarCall:
        """A customer calls; `waits`: return when they are answered."""
        plan = Plan(tone=tone)
        call = self.loop.do(lambda: self.carrier.dial(number, caller, self.boomerang.hop, plan, headers))
        if waits:
            self.until(call, "up")
        return call

    def types(self, call: FarCall, keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.press(call, key)

    def told(self, call: FarCall, language: str = "en", since: int = 0) -> list[str]:
        """Prompts that a customer has heard, after their first `since` packets."""
        rtp = call.rtp
        assert rtp is not None
        heard = rtp.heard[since:]
        return told(b"".join(one.payload for one in heard if one.payload_type == PAYLOAD_TYPES["PCMA"]), language)

    def press_in_band(self, call: FarCall, key: str) -> None:
        """Press a key as a tone in the audio; of a customer who says nothing else."""
        def say() -> None:
            assert call.rtp is not None
            self.carrier.keep(call.rtp.say([*key_tone(key, 0.12), *[0.0] * 800]))

        self.loop.do(say)

    def hears_music(self, call: FarCall, since: int = 0) -> bool:
        """Whether a customer heard MUSIC last, after their first `since` packets."""
        last = self.heard_since(call, since)[-6_400:]
        return len(last) == 6_400 and all(power(last, hertz) > 0.3 for hertz in MUSIC)

    # What Boomerang knows

    def tasks(self, customer: str | None = None) -> list[dict[str, Any]]:
        """Rows of callback tasks, the oldest first."""
        rows = [dict(row) for row in self.boomerang.sql("SELECT * FROM tasks ORDER BY id")]
        return [row for row in rows if customer in (None, row["customer"])]

    def task(self, customer: str, fits: Callable[[dict[str, Any]], object], what: str,
             timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until the newest task of a customer fits."""
        def found() -> dict[str, Any] | None:
            rows = self.tasks(customer)
            return rows[-1] if rows and fits(rows[-1]) else None

        row = eventually(found, what, timeout)
        assert row is not None
        return row

    def journal(self, task: str) -> list[tuple[str, str | None]]:
        """Lines of a task's journal: kind and agent."""
        rows = self.boomerang.sql("SELECT kind, agent FROM journal WHERE task = ? ORDER BY seq", task)
        return [(row["kind"], row["agent"]) for row in rows]

    def in_queue(self, queue: str) -> int:
        """How many callers the PBX's queue has."""
        return sum(" (wait:" in one for one in self.asterisk.cli(f"queue show {queue}").splitlines())

    # Start and end

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.asterisk)
            self._stack.enter_context(self.boomerang)
            self._open()
            self._stack = self._stack.pop_all()
        return self

    def _open(self) -> None:
        """Wait until callers wait with us."""
        first = self._first
        early = self.in_the_room(self.boomerang, lambda: self.calls(first.number, EARLY))
        self.hang_up(early)
        eventually(lambda: self.in_queue(first.queue) == 0, "whoever was early has left")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stack.__exit__(type(error) if error else None, error, None)
