"""Everything that can be asked of a node from outside, with whoever answers it; the doors ask for nothing else."""

import os
import time

from config.node import NodeConfig, peers_of
from config.places import PROMPTS, RECORDINGS
from proxy.daemon.policies import Policies
from proxy.daemon.source import DaemonSource
from proxy.node import Node
from proxy.verbs.audit import Audit
from proxy.verbs.barrier import Barrier
from proxy.verbs.doors import Handlers
from proxy.verbs.handlers.agents import AgentAnswers
from proxy.verbs.handlers.alarms import AlarmAnswers
from proxy.verbs.handlers.audit import AuditAnswers
from proxy.verbs.handlers.call_details import CallDetailAnswers
from proxy.verbs.handlers.callbacks import CallbackAnswers
from proxy.verbs.handlers.calls import CallAnswers
from proxy.verbs.handlers.campaigns import CampaignAnswers
from proxy.verbs.handlers.clicks import ClickAnswers
from proxy.verbs.handlers.events import EventAnswers
from proxy.verbs.handlers.looking import LookAnswers, Sides
from proxy.verbs.handlers.nodes import NodeAnswers, Place
from proxy.verbs.handlers.people import PeopleAnswers
from proxy.verbs.handlers.policy import PolicyAnswers
from proxy.verbs.handlers.prompts import PromptAnswers
from proxy.verbs.handlers.queues import NoTasks, QueueAnswers
from proxy.verbs.handlers.recordings import RecordingAnswers
from proxy.verbs.handlers.tickets import TicketAnswers
from proxy.verbs.node_things import NodeThings
from proxy.verbs.scope import Scope
from proxy.verbs.shapes.verb import Bound
from routing.ids import uuid7
from routing.nodes_seen import Sight
from routing.store.queue import StoreQueue
from routing.store.reader import Reader


def new_name(now: float) -> str:
    """Return a new UUID of a moment, seconds since the epoch."""
    return uuid7(now, os.urandom)


def answers(node: Node, config: NodeConfig, store: StoreQueue, source: DaemonSource, events: EventAnswers,
            policies: Policies, version: str, sight: Sight | None) -> Handlers:
    """Bind every verb; those about callbacks only where these could be started. `sight`: None where this node shares
    with nobody."""
    sides = Sides(tuple(config.trunk), config.node.name, tuple(config.pbx))
    data, ledger, callbacks = config.node.data, node.ledger, node.callbacks
    reader = Reader(config.database, config.node.name, strict=True)
    tasks = NoTasks() if callbacks is None else callbacks.desk.admin
    def place_of(call: str) -> str | None:
        return None if callbacks is None else callbacks.room.place_of(call)

    def barred(number: str) -> bool:
        return callbacks is not None and callbacks.desk.admin.is_do_not_call(number)

    bound: list[Bound] = [
        *LookAnswers(ledger, store, reader, source, node.tracer, version, sides, time.time, place_of).bound(),
        *CallDetailAnswers(ledger.calls, reader, node.messages, sides).bound(),
        *PolicyAnswers(ledger, peers_of(config), data, store, reader, policies.put).bound(),
        *events.bound(),
        *NodeAnswers(source, ledger, Place(version, node.listeners, data, config.database, node.ring,
                                           config.capture.bytes if node.ring else 0),
                     None if callbacks is None else callbacks.desk.admin, sight, time.time).bound(),
        *RecordingAnswers(data / RECORDINGS, reader, lambda: ledger.policy.region).bound(),
        *QueueAnswers(source, ledger, tasks, reader.callbacks, time.time).bound(),
        *AgentAnswers(source, ledger, callbacks, reader, time.time).bound(),
        *PromptAnswers(data / PROMPTS, lambda: ledger.policy).bound(),
        *PeopleAnswers(store, reader, lambda: ledger.policy, new_name, time.time).bound(),
        *AuditAnswers(reader).bound(),
        *AlarmAnswers(source.alarms, ledger, time.time).bound(),
    ]
    if node.services is not None:
        bound += CallAnswers(ledger.calls, node.services.end_call).bound()
    if callbacks is not None:
        bound += CallbackAnswers(callbacks, ledger, store, reader, time.time).bound()
        bound += ClickAnswers(callbacks, store, reader, ledger.attendance.is_agent).bound()
        bound += CampaignAnswers(callbacks.desk.admin, callbacks.desk.previews, ledger, time.time, policies.put).bound()
        bound += TicketAnswers(callbacks, store, reader, ledger, time.time).bound()
    things = NodeThings(lambda: ledger.policy, ledger.calls, tasks, store, reader, ledger.attendance.pause_of,
                        barred, data / PROMPTS)
    return Handlers(Barrier(store, source.renew), Scope(things), Audit(store, things, new_name, time.time), bound)
