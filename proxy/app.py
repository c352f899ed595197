"""Builds the daemon, starts it in order, drains it, stops it: the only file that knows everything.

Order: lock of the folder, key, store, policy, ledger, sockets, proxy, names of peers, callbacks, status, control
socket, READY=1. Nothing is read from a socket before it can be answered. A stop waits for conversations of our own
alone: calls that pass go on with the next process, which gets the sockets (`proxy.handover`). What is not the proxy
path may fail at the start without stopping it; a wrong configuration, a folder
that another process works in, or a port that is taken stops it.
"""

import asyncio
import contextlib
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

import structlog
import uvloop

from config.node import NodeConfig, examine, load_node, peers_of
from config.policy import Policy
from config.problem import ConfigError, Problem
from proxy import folder, handover, log, output
from proxy.control import ControlServer
from proxy.control_client import ControlError
from proxy.core.broken import Breaks
from proxy.core.engine import Parts, Proxy
from proxy.core.peers import PeerTable
from proxy.core.qualify import Qualifier
from proxy.core.seals import Seals
from proxy.daemon import building
from proxy.daemon.callbacks import DATABASE, RECORDINGS
from proxy.daemon.chores import Chores
from proxy.daemon.control_keeping import ControlKeeping
from proxy.daemon.history import SLICE_PAUSE, History
from proxy.daemon.journal import LogJournal, kinds_at
from proxy.daemon.leaving import Leaving
from proxy.daemon.load_watch import LoadWatch
from proxy.daemon.locating import LoopLocator, PeerAddresses
from proxy.daemon.log_watch import LogWatch
from proxy.daemon.loop_timer import LoopTimer
from proxy.daemon.peer_states import PeerStates
from proxy.daemon.policies import Policies
from proxy.daemon.services import Services
from proxy.daemon.source import DaemonSource
from proxy.daemon.tracing import MessageTracer
from proxy.notify import Notifier
from proxy.sip.hop import Flow, Hop
from proxy.status.service import StatusService
from proxy.status.source import RunState
from proxy.transports.network import Network
from proxy.transports.resolver import Resolver
from proxy.ua.contract import PeerSide
from proxy.verbs.barrier import Barrier
from proxy.verbs.doors import CommandDoor, Handlers, SocketDoor
from proxy.verbs.handlers.alarms import KEY_REPLACED, AlarmAnswers
from proxy.verbs.handlers.callbacks import CallbackAnswers
from proxy.verbs.handlers.calls import CallAnswers
from proxy.verbs.handlers.campaigns import CampaignAnswers
from proxy.verbs.handlers.events import EventAnswers
from proxy.verbs.handlers.looking import LookAnswers, Sides
from proxy.verbs.handlers.policy import PolicyAnswers
from proxy.verbs.handlers.queues import QueueAnswers
from proxy.verbs.handlers.recordings import RecordingAnswers
from proxy.verbs.handlers.tickets import TicketAnswers
from proxy.verbs.shapes.verb import Bound
from routing.alarms import Alarms
from routing.desk_listener import DeskListener
from routing.events import Event
from routing.hub import EventHub
from routing.ids import Names
from routing.ledger import Ledger
from routing.route import Rules
from routing.store import backup
from routing.store.reader import Reader
from routing.store.sqlite import SqliteStore
from routing.teller import Teller

LOCK_PATIENCE: Final = 1.0
"""Seconds that a start waits for the process before it to be gone: one that was killed takes a moment."""
COUNT_PAUSE: Final = 30.0
"""Seconds between two counts of the direct callbacks."""
SWEEP_PAUSE: Final = 2.0
"""Seconds between two sweeps of the ledger."""
HANDOVER_PATIENCE: Final = 60.0
"""Seconds that a start waits for the folder once the process before it has given its sockets."""
NAMES_PATIENCE: Final = 3.0
"""Seconds for which a start waits for the addresses of peers, so that nobody is taken for a stranger."""
GC_THRESHOLD: Final = (10_000, 500, 100)
"""The cycle collector has little to do, for a call leaves no cycle. It looks at the youngest objects often enough that
a look is short (2 ms where all of them live; the loop stands still meanwhile), and at the older ones hardly ever."""


def version() -> str:
    """Version of the installed package; `0` in a bare checkout."""
    try:
        return installed_version("boomerang")
    except PackageNotFoundError:
        return "0"


class Daemon:
    """One running Boomerang."""

    def __init__(self, config: NodeConfig, offered: handover.Offered) -> None:
        """`offered`: sockets of the process before this one."""
        self.config = config
        self.offered = offered
        self.loop = asyncio.get_running_loop()
        self.log = structlog.get_logger()
        self.notifier = Notifier()
        self.journal = LogJournal()
        self.chores = Chores(self.journal)
        self.services: Services | None = None

    # -- start

    async def start(self) -> None:
        """Start everything, in a folder that is ours. Raises ConfigError, OSError or ControlError where it cannot."""
        config = self.config
        for reason in folder.close_to_others(config.node.data):
            self.log.warning("data_folder_open", reason=reason)
        key = building.signing_key(config.node.data)
        mqtt, http = building.mqtt_settings(config), building.http_settings(config)
        database = config.node.data / DATABASE
        self.hub = EventHub(self.journal, outbox=mqtt is not None)
        logged = self.hub.listen("log", self.journal, kinds_at(config.log.level))
        self.following = EventAnswers(config.log.level, self.hub, logged, kinds_at)
        self.store = SqliteStore(database, self._post, time.time, config.node.name, self.hub)
        self.teller = Teller(config.node.name, os.urandom, self.hub)
        alarms = Alarms(self.store, self.teller, self._alarm)
        self.desk = DeskListener(alarms, lambda error: self.journal.failure("callbacks", error))
        self.ledger = Ledger(self.store, Rules(Policy(), building.pbx_facts(config)), self.teller, alarms, self.desk)
        self.source = DaemonSource(config.node.name, self.ledger, self.store,
                                   Reader(database, config.node.name), self.loop.call_soon_threadsafe, time.time)
        self.policies = Policies(config, self.store, self._set_policy)
        if key.replaced is not None:
            self.ledger.alarms.stand(KEY_REPLACED, key.replaced, time.time())
        self._set_policy(self.policies.first())
        restored = self.ledger.restore(time.time())
        if restored:
            self.log.info("calls_went_on_while_we_were_down", count=restored)
        await self._start_proxy(key.value)
        self._start_services()
        handlers = self._handlers()
        self.status = StatusService(self.source, self.proxy.counters, mqtt, http, version(),
                                    CommandDoor(handlers, self.loop, "mqtt"), CommandDoor(handlers, self.loop, "api"))
        self.status.start()
        if mqtt is not None:
            self.hub.listen("mqtt", self.status)
        await self._start_control(handlers)
        self.leaving = Leaving(self, config.node.drain, config.node.data, self.notifier, self._show_state)
        self.leaving.open()
        self.source.state = "running"
        self._start_chores()
        self._heed_signals()
        self.notifier.ready()
        self.notifier.status("running")
        self.log.info("running", node=config.node.name, version=version(),
                      listen=" ".join(f"{one.transport}://{one.bound_host}:{one.bound_port}"
                                      for one in self.network.listeners))

    async def _start_proxy(self, key: bytes) -> None:
        config = self.config
        found = building.peers(config)
        self.table = PeerTable([peer for peer, _ in found])
        self.network = Network(building.listen_specs(config))
        transports = {listen.transport for listen in config.listen}
        families = sorted({"AAAA" if ":" in listen.host else "A" for listen in config.listen})
        resolver = Resolver(nameservers=config.dns.addresses, transports=transports,
                            families=families)  # type: ignore[arg-type]  # A and AAAA only
        self.addresses = PeerAddresses(resolver, self.table, found)
        self.tracer = MessageTracer(config.node.name, self._name_of, time.time, self._call_named)
        self._adopt()
        await self.network.bind()
        for sock in self.network.sockets:
            self.notifier.keep(handover.name_of(sock), sock)
        names = Names(os.urandom)
        self.proxy = Proxy(Parts(
            network=self.network, locator=LoopLocator(resolver), router=self.ledger, peers=self.table,
            seals=Seals(key), journal=self.journal, tracer=self.tracer, clock=time.monotonic, wall=time.time,
            new_id=lambda: names.new(time.time()), draw=random.random,
            timers=LoopTimer(self.loop, lambda: self.network.behind, self.journal).timers,
            is_own=self.network.is_own, domains=building.own_domains(config, self.network.listeners),
            private=building.private_headers(config), agent_from=building.agent_headers(config)))
        states = PeerStates(self.source.peers, self.ledger, self._tell_services, time.time)
        self.qualifier = Qualifier(self.proxy.transactions, states)
        self.breaks = Breaks(self.proxy.relays, self.qualifier)
        self.network.serve(self._receive, failed=self._connection_failed, unreachable=self._unreachable)
        looking = self.chores.begin(self._look_up_peers())
        await asyncio.wait({looking}, timeout=NAMES_PATIENCE)
        self.qualifier.start(self.loop.time())
        self.network.resume()

    def _adopt(self) -> None:
        """Use the sockets that the process before this one had; those that the configuration no longer names go."""
        self.network.adopt(self.offered.take)
        for sock in self.offered.rest:
            self.notifier.forget(handover.name_of(sock))
        if self.offered.rest:
            self.notifier.barrier()  # or its address could still be taken
        self.offered.close()

    async def _look_up_peers(self) -> None:
        await self.addresses.refresh()

    def _start_services(self) -> None:
        """What stands beside the proxy path: without it calls pass all the same."""
        try:
            self.services = Services(self.config, self.proxy, self.network.listeners[0], self.ledger, self.desk,
                                     self.teller, self.store, self._post, os.urandom)
            self.services.start()
            if self.services.callbacks is not None:
                self.source.callbacks = self.services.callbacks.desk.admin.figures
            self.hub.listen("deliveries", self.services, ("ticket.opened",))
        except Exception as error:
            self.journal.failure("services", error)
            self.ledger.alarms.report("callbacks", f"callbacks cannot be started: {error}", time.time())

    def _handlers(self) -> Handlers:
        """Everything that can be asked of this process from outside."""
        sides = Sides(tuple(self.config.trunk), self.config.node.name, tuple(self.config.pbx))
        data, ledger, store = self.config.node.data, self.ledger, self.store
        reader = Reader(data / DATABASE, self.config.node.name, strict=True)
        callbacks = None if self.services is None else self.services.callbacks
        open_tasks = tuple if callbacks is None else callbacks.desk.admin.open_tasks
        bound: list[Bound] = [
            *LookAnswers(ledger, store, reader, self.source, self.tracer, version(), sides, time.time).bound(),
            *PolicyAnswers(ledger, peers_of(self.config), data, self.policies.put).bound(),
            *self.following.bound(),
            *RecordingAnswers(data / RECORDINGS, reader, lambda: ledger.policy.region).bound(),
            *QueueAnswers(self.source, ledger, open_tasks, time.time).bound(),
            *AlarmAnswers(self.source.alarms, ledger, time.time).bound(),
        ]
        if self.services is not None:
            bound += CallAnswers(ledger.calls, self.services.end_call).bound()
        if callbacks is not None:
            bound += CallbackAnswers(callbacks, ledger, store, reader, time.time).bound()
            bound += CampaignAnswers(callbacks.desk.admin, ledger, time.time, self.policies.put).bound()
            bound += TicketAnswers(callbacks, store, reader, ledger, time.time).bound()
        return Handlers(Barrier(store, self.source.renew), bound)

    async def _start_control(self, handlers: Handlers) -> None:
        server = ControlServer(self.config.socket, SocketDoor(handlers), lambda: self.ledger.policy.timezone)
        self.control = ControlKeeping(server, str(self.config.socket), self._raise)
        await self.control.look()

    def _start_chores(self) -> None:
        chores = self.chores
        round_of = [self.store.release, self._snapshot]
        if self.services is not None:
            round_of.append(self.services.turn)
        self.log_watch = LogWatch(self.proxy.counters, self._raise, self.loop.time)
        load = LoadWatch(self.proxy.admission, self.proxy.counters, self._raise, self.loop.time)
        chores.each_round(load.look, round_of)
        chores.every(SWEEP_PAUSE, self._sweep)
        for work in (self.notifier.watch(), self._count_direct(), self._count_day(), self.addresses.run(),
                     self.control.run()):
            chores.begin(work)
        if self.config.node.history_keep:
            history = History(self.store, self.config.node.history_keep, time.time, time.monotonic)
            chores.every(SLICE_PAUSE, history.turn)

    def _heed_signals(self) -> None:
        for number, what in ((signal.SIGTERM, self.leaving.terminate), (signal.SIGINT, self.leaving.terminate),
                             (signal.SIGUSR2, self.leaving.make_room), (signal.SIGHUP, self.reload)):
            self.loop.add_signal_handler(number, what)

    def _raise(self, name: str, text: str | None) -> None:
        """Raise an alarm, or with None take it down."""
        self.ledger.alarms.report(name, text, time.time())

    # -- the proxy's one timer

    def _post(self, what: Callable[[], None]) -> None:
        """Run something in the proxy's thread. Any thread."""
        self.loop.call_soon_threadsafe(what)

    def _receive(self, data: bytes, flow: Flow, waited: float) -> None:
        self.proxy.receive(data, flow, waited)

    def _connection_failed(self, number: int, hop: Hop, reason: str) -> None:
        self.breaks.connection_failed(number, hop, self.loop.time())

    def _unreachable(self, hop: Hop) -> None:
        self.breaks.unreachable(hop, self.loop.time())

    # -- chores

    def _snapshot(self) -> None:
        counters = self.proxy.counters
        self.log_watch.look()
        counters.transactions = len(self.proxy.transactions.clients) + len(self.proxy.relays.by_key)
        now = self.loop.time()
        counters.breakers = {f"{hop.transport}:{hop.host}:{hop.port}": self.proxy.health.is_open(hop, now)
                             for peer in self.table for hop in peer.hops}
        self.source.refresh()
        self.status.changed()

    def _sweep(self) -> None:
        self.ledger.sweep(time.time())

    async def _count_day(self) -> None:
        while True:
            await asyncio.sleep(await self.source.count_day())

    async def _count_direct(self) -> None:
        while True:
            await self.source.count_direct()
            await asyncio.sleep(COUNT_PAUSE)

    # -- what others ask

    def _tell_services(self, side: PeerSide, name: str, up: bool) -> None:
        if self.services is not None:
            self.services.peer_state(side, name, up)

    def _name_of(self, transport: str, host: str, port: int) -> str:
        flow = Flow(next(iter(self.network.listeners))._replace(transport=transport), host, port)  # type: ignore[arg-type]
        found = self.table.candidates(flow)
        return found[0].name if len(found) == 1 else f"{host}:{port}"

    def _call_named(self, sip_call_id: bytes) -> str:
        text = sip_call_id.decode("utf-8", "replace")
        return next((call.id for call in self.ledger.calls() if call.sip_call_id == text), "")

    # -- policy

    def _alarm(self, event: Event) -> None:
        self.journal.alarm(event)
        self.source.alarm_event(event)
        if event.kind == "alarm.cleared" and event.data["alarm"] == "database":
            self.loop.call_soon(self.policies.read_late)

    def _set_policy(self, policy: Policy) -> None:
        self.ledger.set_policy(policy)
        if self.services is not None:
            self.services.set_policy(policy)

    def reload(self) -> None:
        """SIGHUP: a seed file that was edited is applied, else the policy in the database is read again."""
        self.notifier.reloading()
        self.policies.reload()
        self.notifier.ready()

    # -- end

    def _show_state(self, state: RunState) -> None:
        self.source.state = state
        self.source.refresh()
        self.status.changed()

    def drain(self) -> None:
        """Begin nothing new of our own; what is under way goes on to its end. Calls pass, new ones too."""
        self.proxy.ourselves.draining = True
        if self.services is not None:
            self.services.drain()

    def resume(self) -> None:
        """Go on after a drain that came to nothing."""
        self.proxy.ourselves.draining = False
        if self.services is not None:
            self.services.resume()

    def conversations(self) -> int:
        """How many conversations of our own are under way: they end with us, calls that only pass do not."""
        return 0 if self.services is None else self.services.under_way()

    def unanswered(self) -> int:
        """How many requests that passed wait for an answer."""
        return self.proxy.pending.count

    async def stop(self) -> None:
        """Stop everything, in the opposite order. What can wait for long comes first where calls have a successor."""
        await self.chores.stop()
        await self.leaving.settle()
        handing_over = self.leaving.hands_over
        if handing_over:
            await asyncio.to_thread(self.status.stop)  # what it has not told the next process will
        with contextlib.suppress(Exception):
            await self.control.close()
        if self.services is not None:
            with contextlib.suppress(Exception):
                await self.services.stop(leave=not handing_over)
        self.network.pause()
        self.store.close()
        await asyncio.sleep(0)  # answers that waited for the disk leave now
        self.leaving.give(list(self.network.sockets))
        await self.network.close()
        if not handing_over:
            self.status.committed()
            await asyncio.to_thread(self.status.stop)
        self.notifier.close()
        self.log.info("stopped", sockets="handed over" if handing_over else "closed")


async def _serve(config: NodeConfig, offered: handover.Offered) -> int:
    daemon = Daemon(config, offered)
    try:
        await daemon.start()
    except ConfigError as error:
        return _explain(error)
    except (OSError, ControlError) as error:
        daemon.log.error("cannot_start", reason=str(error))
        return 1
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    await daemon.leaving.time_to_stop.wait()
    await daemon.stop()
    return 0


def _explain(error: ConfigError) -> int:
    for problem in error.problems:
        sys.stderr.write(f"{problem}\n")
    return 2


def _without_seed(path: str | Path) -> NodeConfig | None:
    """The configuration, where only its seed is at fault and a database is there: a typing error in a file that is not
    needed any more must not keep calls from passing after a restart.
    """
    try:
        config = load_node(path, seeded=False)
    except ConfigError:
        return None
    return config if (config.node.data / DATABASE).exists() else None


def run(path: str | Path, take_over: bool = False) -> int:
    """Run the daemon in the foreground; exit code 0 after a clean stop, 1 where it could not start, 2 for bad files.

    `take_over`: in the place of the one that works in the same folder. Without it, that one is only followed if it is
    stopping.
    """
    doubts: list[Problem] = []
    try:
        found = examine(path)
        if found.config is None or found.errors:
            raise ConfigError(found.errors)
        config, doubts = found.config, [problem for problem in found.problems if problem.file == str(path)]
    except ConfigError as error:
        _explain(error)
        spared = _without_seed(path)
        if spared is None:
            return 2
        config = spared
    console = config.log.format == "console" or (config.log.format == "auto" and sys.stderr.isatty())
    output.shield(log.lost_notice(json=not console))
    log.configure(config.log.level, json=not console, mask=config.log.mask_numbers)
    log.catch_strays()
    for doubt in doubts:  # what is doubtful about a policy is told of the one in force
        structlog.get_logger().warning("config_doubtful", key=doubt.key, line=doubt.line, text=doubt.text)
    os.umask(folder.UMASK)
    later = backup.later(config.node.data / DATABASE)
    if later is not None:  # before anybody gives way to us
        sys.stderr.write(f"boomerang: cannot start: {later}\n")
        return 1
    try:
        folder.make(config.node.data)
        offered = handover.from_manager(os.environ)
        given = handover.ask(config.node.data, take_over)
        lock = folder.FolderLock.take(config.node.data, LOCK_PATIENCE if given is None else HANDOVER_PATIENCE)
    except (OSError, folder.FolderHeldError) as error:
        hint = " (--take-over takes its place)" if isinstance(error, folder.FolderHeldError) and not take_over else ""
        sys.stderr.write(f"boomerang: cannot start: {error}{hint}\n")
        return 1
    with lock:
        return uvloop.run(_serve(config, handover.Offered([*offered, *(given or ())])))
