"""A call center of real parts: Boomerang between an Asterisk as PBX and an Asterisk as carrier, phones behind both.

Every phone speaks with a tone of its own and keeps what it hears, so that a test can say who heard whom.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.kit.asterisk import PASSWORD, Asterisk
from tests.kit.boomerang import Boomerang
from tests.kit.carrier import SECRET, USERNAME, Carrier
from tests.kit.phones import PjsipPhone
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.site import peer
from tests.kit.waiting import PATIENCE, eventually

MEDIA_PORTS = 40
AGENT_TONE, CUSTOMER_TONE = 440, 1000
"""Hz; the prompts are speech, and 425 is ringback: neither lasts like these."""


class CallCenter:
    """`with CallCenter(root, folder, ...) as site:`; phones come with `agent` and `customer`, and go with it.

    `customers`: numbers that have a phone at the carrier. `pbx`: keys of boomerang.toml's PBX, `extra`: further tables.
    `phones`, `files`, `hints`, `strategy`, `members`: see Asterisk.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        *,
        customers: Sequence[str],
        policy: Mapping[str, Any],
        phones: Sequence[str] = ("201", "202"),
        pbx: Mapping[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
        hints: bool = True,
        strategy: str = "ringall",
        members: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self._stack = folder, ExitStack()
        hop, media = free_port(), free_port(MEDIA_PORTS)
        self.pbx = Asterisk(
            root, hop=f"{LOOPBACK}:{hop}", phones=phones, files=files, hints=hints, strategy=strategy, members=members,
            login=(USERNAME, SECRET),
        )  # fmt: skip
        self.carrier = Carrier(root, hop=f"{LOOPBACK}:{hop}", customers=customers)
        self.boomerang = Boomerang(
            folder / "boomerang",
            trunks={"main": {**peer(self.carrier.port), **self.carrier.account(folder)}},
            pbxs={"office": {**peer(self.pbx.port), **(pbx or {})}},
            port=hop,
            policy=policy,
            extra={"media": {"ports": f"{media}-{media + MEDIA_PORTS - 1}"}, **(extra or {})},
        )

    # Phones

    def agent(self, extension: str, answer: str = "auto", after: float = 0.3) -> PjsipPhone:
        """An agent's phone, registered at the PBX."""
        return self._phone(extension, self.pbx, AGENT_TONE, answer, after)

    def customer(self, number: str, answer: str = "auto", after: float = 0.3) -> PjsipPhone:
        """A customer's phone, registered at the carrier."""
        return self._phone(self.carrier.user(number), self.carrier, CUSTOMER_TONE, answer, after)

    def _phone(self, user: str, at: Asterisk, tone: int, answer: str, after: float) -> PjsipPhone:
        recordings = self.folder / "heard"
        recordings.mkdir(exist_ok=True)
        phone = PjsipPhone(user, PASSWORD, at.port, answer=answer, after=after, tone=tone, recordings=recordings)
        return self._stack.enter_context(phone)

    # What Boomerang knows

    def agents(self) -> dict[str, str]:
        """State of every agent by extension."""
        return {row["extension"]: row["state"] for row in self.boomerang.cli("agents")}

    def agent_becomes(self, extension: str, state: str, timeout: float = PATIENCE) -> None:
        """Wait until an agent's state is this one."""
        eventually(lambda: self.agents().get(extension) == state, f"agent {extension} is {state}", timeout)

    def tasks(self) -> list[dict[str, Any]]:
        """Rows of all callback tasks, the oldest first."""
        return [dict(row) for row in self.boomerang.sql("SELECT * FROM tasks ORDER BY id")]

    def task(self, fits: Callable[[dict[str, Any]], object], what: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait for a task that fits."""
        found = eventually(lambda: [one for one in self.tasks() if fits(one)], what, timeout)
        return found[0]

    # Start and end

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.pbx)
            self._stack.enter_context(self.carrier)
            self._stack.enter_context(self.boomerang)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stack.__exit__(type(error) if error else None, error, None)
