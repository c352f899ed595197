"""What a desk and whoever runs its attempts both stand on: built first, so that each of them is complete when made."""

from config.policy import Policy
from routing.callbacks.agent_pool import AgentPool
from routing.callbacks.attempt_life import AttemptLife
from routing.callbacks.attempt_outcomes import AttemptOutcomes
from routing.callbacks.changes import ChangeSets
from routing.callbacks.charge import Charge
from routing.callbacks.claims import Claims
from routing.callbacks.effective_settings import SettingsBook
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import LiveState
from routing.callbacks.per_live import PerLive
from routing.callbacks.places import Places
from routing.callbacks.tasks import Tasks
from routing.callbacks.tickets import Channel, TicketOffice
from routing.callbacks.wrap_ups import WrapUps
from routing.duty import Duty
from routing.ids import Names, RandomBytes
from routing.storage import Store
from routing.teller import Teller


class DeskRooms:
    """The parts of a desk that are there before anybody runs attempts."""

    def __init__(self, store: Store, policy: Policy, node: str, teller: Teller, live: LiveState,
                 random_bytes: RandomBytes, duty: Duty, channels: tuple[Channel, ...] = ()) -> None:
        """`random_bytes`: os.urandom or the like. `duty`: what is ours to do, where several nodes share the work.
        `channels`: where tickets are sent on to."""
        self.store, self.node, self.live = store, node, live
        self.names = Names(random_bytes)
        self.sets = ChangeSets(teller)
        self.charge = Charge(duty, node)
        self.tickets = TicketOffice(teller, self.names.new, channels)
        self.tasks = Tasks(SettingsBook(policy), lambda: int.from_bytes(random_bytes(7), "big") / (1 << 56),
                           self.tickets, node, self.charge)
        self.eligibility = Eligibility(self.tasks, live, policy, node)
        self.pool = AgentPool(self.tasks.index, live)
        self.wrap_ups = WrapUps(live)
        self.outcomes = AttemptOutcomes(self.tasks, self.eligibility, self.pool, self.wrap_ups)
        self.per_live = PerLive(live)
        self.attempts = AttemptLife(self.tasks, self.charge, self.eligibility, self.outcomes, self.per_live, store,
                                    self.sets)
        """Whom the runner tells (`facts.DeskFacts`)."""
        self.claims = Claims(self.tasks, self.charge, self.eligibility, self.pool, self.attempts, store, self.sets,
                             self.names, node)
        self.places = Places(self.tasks, self.claims, self.outcomes, store, self.sets)
        """Whom the queue room tells (`queue_facts.PlaceFacts`)."""
