"""A house on the virtual wire: the proxy over a real ledger, and a desk that only listens."""

from config.policy import parse_policy
from routing.identity import Answers, PbxFacts
from tests.kit.actor import CUSTOMER, DIALLED
from tests.kit.ledger_parts import new_ledger
from tests.kit.script import Script
from tests.kit.world import PROXY, World
from tests.routing.listening import Ears
from tests.routing.memory_store import MemoryStore

POLICY = f"""
region = "HU"
[number."{DIALLED}"]
group = "sales"
[group.sales]
target = "600"
agents = ["201", "202"]
"""


class House:
    """A proxy over a real ledger, whose desk listens."""

    def __init__(self, answers: Answers, store: MemoryStore | None = None, own: tuple[str, int] = PROXY,
                 siblings: tuple[tuple[str, int | None], ...] | None = None) -> None:
        """`store`: its database; None: a new one. `own`, `siblings`: as `World` has them."""
        self.ears = Ears()
        self.store = store or MemoryStore()
        facts = {"office": PbxFacts.of("^[2-7][0-9]{2}$", ("From",), answers)}
        self.ledger = new_ledger(self.store, parse_policy(POLICY), facts, desk=self.ears)
        self.world = World(rules=self.ledger, own=own, siblings=siblings)
        self.call = Script(self.world)

    @property
    def wall(self) -> float:
        return self.world.proxy.parts.wall()

    def watched(self) -> None:
        for agent in ("201", "202"):
            self.ledger.dialog_event(agent, "free", None, self.wall)

    def missed(self) -> list[tuple[str, str]]:
        """Why each missed call was one, and how sure that is."""
        assert all(missed.customer == CUSTOMER for missed in self.ears.missed_calls)
        return [(missed.why, missed.weight) for missed in self.ears.missed_calls]

    def assert_nothing_left(self) -> None:
        """Let a long time pass: then no transaction, no call and no alarm is left."""
        self.call.assert_nothing_left()
        assert self.ledger.calls() == ()
        assert self.ledger.alarms.up() == {}

    def talks(self) -> list[tuple[str | None, float]]:
        return [(talk.agent, round(talk.seconds, 3)) for talk in self.ears.talks]
