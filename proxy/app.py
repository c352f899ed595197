"""Runs a node: loop, signals, sockets, and the order of start and stop.

Order: lock of the folder, key, sockets, node (`node.py`), policy, calls of the process before, names of peers, reading;
then what may fail without stopping it: services, status, control socket; READY=1. Nothing is read from a socket before
it can be answered. A wrong configuration, a folder that another process works in, or a port that is taken stops the
start. How a process leaves is said in `daemon/leaving.py`.
"""

import asyncio
import contextlib
import gc
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from config.address import is_address
from config.node import NodeConfig, examine, load_node
from config.problem import ConfigError, Problem
from proxy import folder, handover, log, output
from proxy.answers import answers
from proxy.build import version
from proxy.console.settings import ConsoleSettings, LogSettings
from proxy.control import ControlServer
from proxy.control_client import ControlError
from proxy.daemon import building
from proxy.daemon.chores import Chores
from proxy.daemon.console_keeping import ConsoleKeeping
from proxy.daemon.control_keeping import ControlKeeping
from proxy.daemon.first_admin import first_admin
from proxy.daemon.history import SLICE_PAUSE, History
from proxy.daemon.journal import LogJournal, kinds_at
from proxy.daemon.lease_watch import LeaseWatch
from proxy.daemon.leaving import Leaving
from proxy.daemon.load_watch import LoadWatch
from proxy.daemon.locating import LoopLocator, PeerAddresses
from proxy.daemon.log_watch import LogWatch
from proxy.daemon.loop_timer import LoopTimer
from proxy.daemon.message_keeping import KINDS as MESSAGE_KINDS
from proxy.daemon.message_keeping import MessageKeeping
from proxy.daemon.policies import Policies
from proxy.daemon.source import DaemonSource
from proxy.daemon.thread_names import show_thread_names
from proxy.logger import get_logger
from proxy.media.client import MediaClient
from proxy.node import Surroundings, build_node
from proxy.notify import Notifier
from proxy.status.service import StatusService
from proxy.status.source import QUEUE_EVENTS, RunState
from proxy.transports.network import Network
from proxy.transports.resolver import Resolver
from proxy.verbs.doors import CommandDoor, Handlers, SocketDoor
from proxy.verbs.handlers.alarms import KEY_REPLACED
from proxy.verbs.handlers.events import EventAnswers
from proxy.verbs.shapes.caller import Caller
from routing.duty import ALONE
from routing.events import Event
from routing.hub import EventHub
from routing.store import backup
from routing.store.queue import StoreQueue
from routing.store.reader import Reader
from routing.store.sqlite import sqlite_store

if TYPE_CHECKING:
    from routing.store.cluster.history import ClusterHistory
    from routing.store.cluster.lease_keeper import LeaseKeeper

LOCK_PATIENCE: Final = 1.0
"""Seconds that a start waits for the process before it to be gone: one that was killed takes a moment."""
COUNT_PAUSE: Final = 30.0
"""Seconds between two counts of the direct callbacks."""
KEEP_PAUSE: Final = 2.0
"""Seconds between two looks whose messages are to be put on disk."""
SWEEP_PAUSE: Final = 2.0
"""Seconds between two sweeps of the ledger."""
HANDOVER_PATIENCE: Final = 60.0
"""Seconds that a start waits for the folder once the process before it has given its sockets."""
NAMES_PATIENCE: Final = 3.0
"""Seconds for which a start waits for the addresses of peers, so that nobody is taken for a stranger."""
GC_THRESHOLD: Final = (10_000, 500, 100)
"""The cycle collector has little to do, for a call leaves no cycle. It looks at the youngest objects often enough that
a look is short (2 ms where all of them live; the loop stands still meanwhile), and at the older ones hardly ever."""


def in_words(config: NodeConfig) -> bool:
    """Whether the log is for people, and not JSON."""
    return config.log.format == "console" or (config.log.format == "auto" and sys.stderr.isatty())


class Daemon:
    """One running Boomerang: a node, with what it needs of this machine."""

    def __init__(self, config: NodeConfig, offered: handover.Offered) -> None:
        """`offered`: sockets of the process before this one."""
        self.log = get_logger()
        self._config, self._offered = config, offered
        self._loop = asyncio.get_running_loop()
        self._notifier = Notifier()
        self._journal = LogJournal()
        self._chores = Chores(self._journal)
        self._hub = EventHub(self._journal, outbox=building.outbox(config))
        self._network = Network(building.listen_specs(config), siblings=config.cluster.places)
        self._console_socket: socket.socket | None = None
        """Where the process before this one has left it."""
        self._shared_history: ClusterHistory | None = None
        self.console: ConsoleKeeping | None = None
        self._resolver = Resolver(
            nameservers=config.dns.addresses, transports={listen.transport for listen in config.listen},
            families=sorted({"AAAA" if ":" in listen.host else "A"
                             for listen in config.listen}))

    # -- start

    async def start(self) -> None:
        """Start everything, in a folder that is ours. Raises ConfigError, OSError or ControlError where it cannot."""
        config = self._config
        for reason in folder.close_to_others(config.node.data):
            self.log.warning("data_folder_open", reason=reason)
        key = building.signing_key(config)
        await self._bind()
        # From here to the node nothing is awaited: what the store has to say would find nobody.
        self._store, self._leases = self._make_store()
        logged = self._hub.listen("log", self._journal, kinds_at(config.log.level))
        self.node = node = build_node(config, self._surroundings(), self._store, key.value, self._hub)
        reader = Reader(config.database, config.node.name)
        self.source = DaemonSource(config.node.name, node.ledger, self._store, reader, self._loop.call_soon_threadsafe,
                                   time.time, node.peer_states, node.figures)
        self._hub.listen("figures", self.source, QUEUE_EVENTS)
        self.policies = Policies(config, self._store, node.set_policy, self._raise)
        if key.replaced is not None:
            node.ledger.alarms.stand(KEY_REPLACED, key.replaced, time.time())
        node.set_policy(self.policies.first())
        restored = node.ledger.restore(time.time())
        if restored:
            self.log.info("calls_went_on_while_we_were_down", count=restored)
        await self._open_to_calls()
        if self._leases is not None:
            self._leases.start()
        node.start()
        if node.services is not None:
            self._hub.listen("deliveries", node.services, ("ticket.opened",))
        events = EventAnswers(config.log.level, self._hub, logged, kinds_at)
        await self._open_to_operators(answers(node, config, self._store, self.source, events, self.policies, version(),
                                             self._leases))
        self.leaving = Leaving(node, config.node.drain, config.node.data, self._notifier, self._show_state)
        self.leaving.open()
        self.source.state = "running"
        self._start_chores()
        self._heed_signals()
        show_thread_names()
        self._notifier.ready()
        self._notifier.status("running")
        self.log.info("running", node=config.node.name, version=version(),
                      listen=" ".join(f"{one.transport}://{one.bound_host}:{one.bound_port}"
                                      for one in self._network.listeners))

    def _make_store(self) -> "tuple[StoreQueue, LeaseKeeper | None]":
        """Make the store, and who says which of the work that nodes share is ours; None: all of it, for there are no
        others."""
        config, post = self._config, self._loop.call_soon_threadsafe
        if config.cluster.database is None:
            return sqlite_store(config.database, post, time.time, config.node.name, self._hub), None
        from routing.store.cluster.lease_keeper import LeaseKeeper  # with PostgreSQL's driver
        from routing.store.cluster.opening import cluster_store  # with PostgreSQL's driver, which not everybody has

        address, name = config.cluster.database.get_secret_value(), config.node.name
        store = cluster_store(config.database, address, post, time.time, name, self._hub)
        return store, LeaseKeeper(address, name, version(), lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
                                  LeaseWatch(), lambda: store.lag)

    async def _bind(self) -> None:
        """Have our sockets: those of the process before this one, where the configuration still names them."""
        self._network.adopt(self._offered.take)
        address = self._config.console.address
        if address is not None and is_address(address[0]):
            self._console_socket = self._offered.take("stream", *address)
        for sock in self._offered.rest:
            self._notifier.forget(handover.name_of(sock))
        if self._offered.rest:
            self._notifier.barrier()  # or its address could still be taken
        self._offered.close()
        await self._network.bind()
        for sock in self._network.sockets:
            self._notifier.keep(handover.name_of(sock), sock)

    def _surroundings(self) -> Surroundings:
        network, config = self._network, self._config
        return Surroundings(
            network=network, listeners=network.listeners, is_own=network.is_own, locator=LoopLocator(self._resolver),
            timers=LoopTimer(self._loop, lambda: network.behind, self._journal).timers, clock=time.monotonic,
            wall=time.time, draw=random.random, random_bytes=os.urandom, journal=self._journal, on_alarm=self._alarm,
            media=lambda alarm: MediaClient(building.media_settings(config, network.listeners[0]), alarm),
            post=self._loop.call_soon_threadsafe, duty=self._leases or ALONE)

    async def _open_to_calls(self) -> None:
        """Read from the sockets, once it is known who is who."""
        node, network = self.node, self._network
        network.serve(node.engine.receive, failed=node.connection_failed, unreachable=node.unreachable)
        addresses = PeerAddresses(self._resolver, node.table, node.peers)
        looking = self._chores.begin(addresses.look())
        await asyncio.wait({looking}, timeout=NAMES_PATIENCE)
        self._chores.begin(addresses.run())
        node.qualifier.start(self._loop.time())
        network.resume()

    async def _open_to_operators(self, handlers: Handlers) -> None:
        """Have MQTT, HTTP and the control socket."""
        config, ledger = self._config, self.node.ledger
        mqtt, http = building.mqtt_settings(config), building.http_settings(config)
        self.status = StatusService(
            self.source, self.node.engine.counters, mqtt, http, version(), CommandDoor(handlers, self._loop, "mqtt"),
            self._leases)
        self.status.start()
        if mqtt is not None:
            self._hub.listen("mqtt", self.status)
        server = ControlServer(config.socket, SocketDoor(handlers), lambda: ledger.policy.timezone)
        self.control = ControlKeeping(server, str(config.socket), self._raise)
        await self.control.look()
        if config.console.address is not None:
            self.console = ConsoleKeeping(
                config.console.address, self._console_settings().as_json(), self._console_socket,
                lambda sock: self._notifier.keep(handover.name_of(sock), sock), self._raise)
            ourselves = Caller("boomerang", "admin", "socket")
            self._chores.begin(first_admin(
                lambda verb, args: handlers.one(verb, args, ourselves),
                sys.stderr.write if sys.stderr.isatty() else None))

    def _console_settings(self) -> ConsoleSettings:
        config = self._config
        address = config.console.address
        assert address is not None
        return ConsoleSettings(
            node=config.node.name, version=version(), data=config.node.data.absolute(),
            socket=config.socket.absolute(), database=config.database.absolute(), listen=address[0],
            hosts=config.console.hosts, proxies=config.console.proxies, secure=config.console.secure,
            zone=self.node.ledger.policy.timezone,
            log=LogSettings(config.log.level, not in_words(config), config.log.mask_numbers))

    def _start_chores(self) -> None:
        node, chores, loop = self.node, self._chores, self._loop
        counters = node.engine.counters
        log_watch = LogWatch(counters, self._raise, loop.time)
        load = LoadWatch(node.engine.admission, counters, self._raise, loop.time)
        chores.each_round(load.look, (self._store.release, log_watch.look, self._snapshot, self.policies.turn,
                                    node.turn))
        chores.every(SWEEP_PAUSE, node.sweep)
        for work in (self._notifier.watch(), self._count_direct(), self._count_day(), self.control.run()):
            chores.begin(work)
        if self.console is not None:
            chores.begin(self.console.run())
        if self._config.capture.keep:
            reader = Reader(self._config.database, self._config.node.name)
            keeping = MessageKeeping(node.messages, reader, time.time)
            self._hub.listen("messages", keeping, MESSAGE_KINDS)
            chores.begin(keeping.run(KEEP_PAUSE))
        if self._config.node.history_keep:
            history = History(self._store, self._config.node.history_keep, time.time, time.monotonic,
                              lambda before: self._loop.run_in_executor(None, node.messages.prune, before))
            chores.every(SLICE_PAUSE, history.turn)
            self._keep_shared_history_short()

    def _keep_shared_history_short(self) -> None:
        """Have what is too old removed where nodes share it, by one of them; a clock that leaps is believed there as
        little as here."""
        config, loop = self._config, self._loop
        if self._leases is None or config.cluster.database is None:
            return
        from routing.store.cluster.history import ClusterHistory  # with PostgreSQL's driver

        self._shared_history = shared = ClusterHistory(
            config.cluster.database.get_secret_value(), config.node.name, self._leases,
            lambda work: loop.run_in_executor(None, work), loop.call_soon_threadsafe)
        history = History(shared, config.node.history_keep, time.time, time.monotonic, lambda before: None)
        self._chores.every(SLICE_PAUSE, history.turn)

    def _heed_signals(self) -> None:
        for number, what in ((signal.SIGTERM, self.leaving.terminate), (signal.SIGINT, self.leaving.terminate),
                             (signal.SIGUSR2, self.leaving.make_room), (signal.SIGHUP, self.reload)):
            self._loop.add_signal_handler(number, what)

    # -- chores

    def _snapshot(self) -> None:
        self.node.count(self._loop.time())
        self.source.refresh()
        self.status.changed()

    async def _count_day(self) -> None:
        while True:
            await asyncio.sleep(await self.source.count_day())

    async def _count_direct(self) -> None:
        while True:
            await self.source.count_direct()
            await asyncio.sleep(COUNT_PAUSE)

    # -- what others say

    def _raise(self, name: str, text: str | None) -> None:
        """Raise an alarm, or with None take it down."""
        self.node.ledger.alarms.report(name, text, time.time())

    def _alarm(self, event: Event) -> None:
        self._journal.alarm(event)
        self.source.alarm_event(event)
        if event.kind == "alarm.cleared" and event.data["alarm"] == "database":
            self._loop.call_soon(self.policies.read_late)

    def reload(self) -> None:
        """SIGHUP: a seed file that was edited is applied, else the policy in the database is read again."""
        self._notifier.reloading()
        self.policies.reload()
        self._notifier.ready()

    def _show_state(self, state: RunState) -> None:
        self.source.state = state
        self.source.refresh()
        self.status.changed()

    # -- end

    async def stop(self) -> None:
        """Stop everything, in the opposite order. What can wait for long comes first where calls have a successor."""
        await self._chores.stop()
        await self.leaving.settle()
        if self._leases is not None:
            await asyncio.to_thread(self._leases.stop)
        if self._shared_history is not None:
            self._shared_history.close()
        handing_over = self.leaving.hands_over
        if handing_over:
            await asyncio.to_thread(self.status.stop)  # what it has not told the next process will
        with contextlib.suppress(Exception):
            await self.control.close()
        await self.node.stop(leave=not handing_over)
        self._network.pause()
        self._store.close()
        await asyncio.sleep(0)  # answers that waited for the disk leave now
        console = [] if self.console is None or self.console.socket is None else [self.console.socket]
        self.leaving.give([*self._network.sockets, *console])
        if self.console is not None:
            self.console.close()
        await self._network.close()
        if not handing_over:
            self.status.committed()
            await asyncio.to_thread(self.status.stop)
        self._notifier.close()
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
    return config if (config.database).exists() else None


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
        unshared = building.sharing_problems(config, Path(path))
        if unshared:  # alone it would call back whom another node calls back
            return _explain(ConfigError(unshared))
    except ConfigError as error:
        _explain(error)
        spared = _without_seed(path)
        if spared is None:
            return 2
        config = spared
    words = in_words(config)
    output.shield(log.lost_notice(json=not words))
    log.configure(config.log.level, json=not words, mask=config.log.mask_numbers)
    log.catch_strays()
    for doubt in doubts:  # what is doubtful about a policy is told of the one in force
        get_logger().warning("config_doubtful", key=doubt.key, line=doubt.line, text=doubt.text)
    os.umask(folder.UMASK)
    later = backup.later(config.database)
    if later is not None:  # before anybody gives way to us
        sys.stderr.write(f"boomerang: cannot start: {later}\n")
        return 1
    alone = building.written_alone(config)
    if alone is not None:
        sys.stderr.write(f"boomerang: cannot start: {alone}\n")
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
