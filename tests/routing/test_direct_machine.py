"""Whatever calls come in whatever order and overlap, the ledger routes as a plain reading of the table says."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config.policy import Policy, parse_policy
from routing.facts import Ending, Identity, NewCall
from routing.identity import PbxFacts
from routing.rows import EndedBy
from routing.storage import Store
from tests.kit.ledger_parts import new_ledger
from tests.routing.memory_store import MemoryStore
from tests.routing.world import BEGIN

AGENTS = ("201", "202", "203")
CUSTOMERS = ("+36201111111", "+36202222222")
E = 100
MIN_TALK = 5
PAUSES = st.sampled_from([0.5, 1, 4, 5, 30, 70, 99.5, 100])


@dataclass
class Entry:
    """One record of the oracle."""

    expires: float
    touched: float
    made: float


@dataclass
class Going:
    """One call of the oracle."""

    inbound: bool
    customer: str
    began: float
    agent: str | None = None
    tried: str | None = None
    answered: float | None = None
    lived: set[str] = field(default_factory=set)


class Machine(RuleBasedStateMachine):
    """The oracle keeps for every customer and agent when the record expires and when it was touched."""

    @initialize()
    def begin(self) -> None:
        self.store = MemoryStore()
        engine: Store = self.store
        self.now = BEGIN
        self.types = dict.fromkeys(AGENTS, (1, False))
        pbx = PbxFacts.of("^2[0-9]{2}$", ("From",))
        self.ledger = new_ledger(engine, self.read_policy(), {"office": pbx})
        self.records: dict[tuple[str, str], Entry] = {}
        self.going: dict[str, Going] = {}
        self.named = 0

    def read_policy(self) -> Policy:
        lines = ['region = "HU"', "[direct_callback]", f'expires_after = "{E}s"', f'min_talk = "{MIN_TALK}s"']
        for agent, (kind, creates) in self.types.items():
            lines += [f"[agent.{agent}]",
                      f"direct_callback = {{ type = {kind}, inbound_creates = {str(creates).lower()} }}"]
        return parse_policy("\n".join(lines))

    @rule(agent=st.sampled_from(AGENTS), kind=st.integers(0, 4), creates=st.booleans())
    def policy(self, agent: str, kind: int, creates: bool) -> None:
        self.types[agent] = kind, creates
        self.ledger.set_policy(self.read_policy())

    @rule(pause=PAUSES)
    def wait(self, pause: float) -> None:
        self.now += pause

    @rule()
    def sweep(self) -> None:
        self.ledger.sweep(self.now)

    @rule(inbound=st.booleans(), customer=st.sampled_from(CUSTOMERS), agent=st.sampled_from(AGENTS))
    def call(self, inbound: bool, customer: str, agent: str) -> None:
        self.named += 1
        name = f"call {self.named:03d}"
        going = self.going[name] = Going(inbound, customer, self.now)
        if inbound:
            new = NewCall(name, "inbound", "main", "office", "+3614445555", (Identity("from", customer, "c", ""),),
                          False, name)
            going.tried = self.ledger.decide(new, self.now).targets[0].user
            assert going.tried == self.winner(customer)
            going.lived = {who for (whose, who), entry in self.records.items()
                           if whose == customer and self.now < entry.expires}
        else:
            new = NewCall(name, "outbound", "main", "office", customer, (Identity("from", agent, "p", ""),),
                          False, name)
            going.agent = agent
            assert self.ledger.decide(new, self.now).targets[0].user is None

    def winner(self, customer: str) -> str | None:
        found = [(entry.touched, entry.made, agent) for (whose, agent), entry in self.records.items()
                 if whose == customer and self.now < entry.expires and self.types[agent][0] != 0]
        return None if not found else max(found)[2]

    @precondition(lambda self: any(going.answered is None for going in self.going.values()))
    @rule(data=st.data(), agent=st.none() | st.sampled_from(AGENTS))
    def answer(self, data: st.DataObject, agent: str | None) -> None:
        name = data.draw(st.sampled_from([name for name, going in self.going.items() if going.answered is None]))
        going = self.going[name]
        going.answered = self.now
        if not going.inbound:
            self.ledger.answered(name, 0, (), None, self.now)
            return
        identities = () if agent is None else (Identity("p-asserted-identity", agent, "p", ""),)
        last = 0 if going.tried is None else 1
        self.ledger.answered(name, last, identities, None, self.now)
        going.agent = agent

    @precondition(lambda self: self.going)
    @rule(data=st.data(), cause=st.sampled_from([486, 487, 408, 404, 401, 407]))
    def end(self, data: st.DataObject, cause: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.going)))
        going = self.going.pop(name)
        by: EndedBy = "caller"
        self.ledger.ended(name, Ending(cause if going.answered is None else 200, by), self.now)
        self.now += 0.125  # no two ends at one moment: see winner
        at = self.now - 0.125
        if going.answered is None and cause in (401, 407):
            return
        talked = going.answered is not None and at - going.answered >= MIN_TALK
        if going.inbound:
            self.inbound_ended(going, talked, at)
        elif going.agent is not None:
            self.outbound_ended(going.customer, going.agent, talked, at)

    def outbound_ended(self, customer: str, agent: str, talked: bool, at: float) -> None:
        key = customer, agent
        entry = self.records.get(key)
        lives = entry is not None and at < entry.expires
        match self.types[agent][0], talked:
            case (1 | 2), True:
                if lives:
                    del self.records[key]
            case 1, False if entry is not None and lives:
                entry.touched = at
            case ((1 | 2), False) | ((3 | 4), _):
                self.records[key] = Entry(at + E, at, entry.made if entry is not None and lives else at)

    def inbound_ended(self, going: Going, talked: bool, at: float) -> None:
        for agent in AGENTS:
            key = going.customer, agent
            entry = self.records.get(key)
            kind, creates = self.types[agent]
            mine = agent == going.agent
            if kind == 4 and entry is not None and agent in going.lived:
                entry.expires = at + E
                if mine or agent == going.tried:
                    entry.touched = at
                continue
            lives = entry is not None and at < entry.expires
            if not mine:
                continue
            if kind in (1, 2) and talked and lives:
                del self.records[key]
            elif kind == 3 and talked and entry is not None and lives:
                entry.touched = at
            elif (talked and kind == 4) if lives else (creates and kind in (3, 4)):
                self.records[key] = Entry(at + E, at, entry.made if entry is not None and lives else at)

    @invariant()
    def same_records(self) -> None:
        mine = {key: (entry.expires, entry.touched) for key, entry in self.records.items() if self.now < entry.expires}
        theirs = {key: (record.expires_at, record.touched_at) for key, record in self.store.all_direct.items()
                  if self.now < record.expires_at}
        assert mine == theirs

    @invariant()
    def events_tell_the_same(self) -> None:
        """Whoever only reads the events knows which records there are."""
        known: set[tuple[object, object]] = set()
        for event in self.store.events:
            key = event.data.get("customer"), event.data.get("agent")
            match event.kind:
                case "direct.created":
                    assert key not in known
                    known.add(key)
                case "direct.refreshed":
                    assert key in known
                case "direct.removed" | "direct.expired":
                    known.remove(key)
        assert known == set(self.store.all_direct)


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None,
                                     suppress_health_check=[HealthCheck.too_slow])
TestMachine = Machine.TestCase
