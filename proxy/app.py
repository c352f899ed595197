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
from collections.abc import Callable, Mapping
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
from proxy.control import ControlError, ControlServer, Handler
from proxy.core.broken import Breaks
from proxy.core.counters import Counters
from proxy.core.engine import Parts, Proxy
from proxy.core.peers import PeerTable
from proxy.core.qualify import Qualifier
from proxy.core.seals import Seals
from proxy.daemon import building
from proxy.daemon.alarm_verbs import KEY_REPLACED, AlarmVerbs
from proxy.daemon.call_verbs import CallVerbs
from proxy.daemon.callback_verbs import CallbackVerbs
from proxy.daemon.callbacks import DATABASE, RECORDINGS
from proxy.daemon.campaign_verbs import CampaignVerbs
from proxy.daemon.figure_verbs import FigureVerbs
from proxy.daemon.following import EventFollowing
from proxy.daemon.gate import API_WORDS, MQTT_WORDS, Gate
from proxy.daemon.history import SLICE_PAUSE, History
from proxy.daemon.journal import LogJournal, kinds_at
from proxy.daemon.locating import LoopLocator, PeerAddresses
from proxy.daemon.policies import Policies
from proxy.daemon.policy_verbs import PolicyVerbs
from proxy.daemon.recording_verbs import RecordingVerbs
from proxy.daemon.services import Services
from proxy.daemon.source import DaemonSource
from proxy.daemon.ticket_verbs import TicketVerbs
from proxy.daemon.tracing import MessageTracer
from proxy.daemon.verbs import Sides, Verbs
from proxy.notify import Notifier
from proxy.sip.hop import Flow, Hop
from proxy.status.payload import peer_event_data
from proxy.status.service import StatusService
from proxy.status.source import PeerState, RunState
from proxy.transports.network import Network
from proxy.transports.resolver import Resolver
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

TIMER_GRAIN: Final = 0.05
"""Seconds; timers that are due closer together share one wake-up. A tenth of T1: no far end can tell."""
LOCK_PATIENCE: Final = 1.0
"""Seconds that a start waits for the process before it to be gone: one that was killed takes a moment."""
TICK: Final = 0.25
"""Seconds between two rounds of what is looked at all the time. One round, because waking up costs more than most of
what there is to do."""
COUNT_PAUSE: Final = 30.0
"""Seconds between two counts of the direct callbacks."""
SWEEP_PAUSE: Final = 2.0
"""Seconds between two sweeps of the ledger."""
CONTROL_PAUSE: Final = 2.0
"""Seconds between two looks whether the control socket is still there."""
LAG_OVERLOAD: Final = 0.4
"""Seconds by which two rounds must come too late for new calls to get 503."""
LAG_CALM: Final = 0.05
OVERLOAD_CALM: Final = 5.0
"""Seconds without a refused call after which there are no longer too many."""
LOG_CALM: Final = 5.0
"""Seconds without a lost line after which the log counts as read again."""
DRAIN_REPORT: Final = 5.0
"""Seconds between two lines that say what the drain waits for."""
DRAIN_GRACE: Final = 0.6
"""Seconds (a little more than T1) after the last conversation of ours in which the answer to its BYE may be asked for
again, and in which, where nobody has the sockets next, requests that are under way may be answered."""
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
        self.stopping = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        self.draining = False
        self.told_to_stop = False
        """By a signal, and not only by a process that wants our place."""
        self.for_restart = False
        """The service manager said that another process comes at once."""
        self._drainer: asyncio.Task[None] | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._armed_at = 0.0
        self._log_calm_at = self._overload_until = 0.0
        self._refused_for_overload = 0
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
        self.following = EventFollowing(config.log.level, self.hub, logged)
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
                                    Gate(handlers, self.loop, MQTT_WORDS), Gate(handlers, self.loop, API_WORDS))
        self.status.start()
        if mqtt is not None:
            self.hub.listen("mqtt", self.status)
        await self._start_control(handlers)
        self._open_door()
        self.source.state = "running"
        self._start_chores()
        self.notifier.ready()
        self.notifier.status("running")
        self.log.info("running", node=config.node.name, version=version(),
                      listen=" ".join(f"{one.transport}://{one.bound_host}:{one.bound_port}"
                                      for one in self.network.listeners))

    async def _start_proxy(self, key: bytes) -> None:
        config = self.config
        found = building.peers(config)
        self.table = PeerTable([peer for peer, _ in found])
        self.network = Network(building.listen_specs(config), self._receive, failed=self._connection_failed,
                               unreachable=self._unreachable)
        transports = {listen.transport for listen in config.listen}
        families = sorted({"AAAA" if ":" in listen.host else "A" for listen in config.listen})
        resolver = Resolver(nameservers=config.dns.addresses, transports=transports,
                            families=families)  # type: ignore[arg-type]  # A and AAAA only
        self.addresses = PeerAddresses(resolver, self.table, found)
        self.tracer = MessageTracer(config.node.name, self._name_of, time.time, self._call_named)
        self._adopt()
        await self.network.start(reading=False)
        for sock in self.network.sockets:
            self.notifier.keep(handover.name_of(sock), sock)
        names = Names(os.urandom)
        self.proxy = Proxy(Parts(
            network=self.network, locator=LoopLocator(resolver), router=self.ledger, peers=self.table,
            seals=Seals(key), journal=self.journal, tracer=self.tracer, clock=time.monotonic, wall=time.time,
            new_id=lambda: names.new(time.time()), draw=random.random,
            wake_at=self._wake_at,
            is_own=self.network.is_own, domains=building.own_domains(config, self.network.listeners),
            private=building.private_headers(config), agent_from=building.agent_headers(config)))
        self.qualifier = Qualifier(self.proxy.transactions, self)
        self.breaks = Breaks(self.proxy.relays, self.qualifier)
        looking = self.loop.create_task(self._look_up_peers())
        self.tasks.append(looking)
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

    def _open_door(self) -> None:
        self.door = handover.Door(self.config.node.data, self._wants_our_place, self._successor_gone)
        try:
            self.door.open()
        except (OSError, ValueError) as error:  # calls pass without it
            self.log.warning("no_hand_over", reason=str(error))

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

    def _handlers(self) -> dict[str, Handler]:
        """Everything that can be asked of this process from outside."""
        sides = Sides(tuple(self.config.trunk), self.config.node.name, tuple(self.config.pbx))
        reader = Reader(self.config.node.data / DATABASE, self.config.node.name, strict=True)
        table = Verbs(self.ledger, self.store, reader, self.source, self.tracer, version(), sides,
                      time.time).table()
        table |= PolicyVerbs(self.ledger, self.store, peers_of(self.config), self.config.node.data,
                             self.policies.put).table()
        callbacks = None if self.services is None else self.services.callbacks
        open_tasks = tuple if callbacks is None else callbacks.desk.admin.open_tasks
        table |= self.following.table()
        table |= RecordingVerbs(self.config.node.data / RECORDINGS, reader, lambda: self.ledger.policy.region).table()
        table |= FigureVerbs(self.source, self.ledger, open_tasks, time.time).table()
        table |= AlarmVerbs(self.ledger, self.store, self.source, time.time).table()
        if self.services is not None:
            table |= CallVerbs(self.ledger.calls, self.services.end_call).table()
        if callbacks is not None:
            table |= CallbackVerbs(callbacks, self.ledger, self.store, reader, time.time).table()
            table |= CampaignVerbs(callbacks.desk.admin, self.ledger, self.store, time.time, self.policies.put).table()
            table |= TicketVerbs(callbacks, self.store, reader, self.ledger, time.time).table()
        return table

    async def _start_control(self, handlers: Mapping[str, Handler]) -> None:
        self.control = ControlServer(self.config.socket, handlers, lambda: self.ledger.policy.timezone)
        await self._look_after_control()

    async def _look_after_control(self) -> None:
        """Have the control socket where commands look for it: made at the start, made again where it was removed."""
        try:
            made = await self.control.stand()
        except ControlError as error:
            self.ledger.alarms.report("control", str(error), time.time())
            return
        if made and self.source.state != "starting":
            self.log.warning("control_socket_made_again", path=str(self.config.socket))
        self.ledger.alarms.report("control", None, time.time())

    async def _keep_control(self) -> None:
        while True:
            await asyncio.sleep(CONTROL_PAUSE)
            await self._look_after_control()

    def _start_chores(self) -> None:
        chores = [self._tick(), self._every(SWEEP_PAUSE, self._sweep), self.notifier.watch(), self._count_direct(),
                  self._count_day(), self.addresses.run(), self._keep_control()]
        if self.config.node.history_keep:
            history = History(self.store, self.config.node.history_keep, time.time, time.monotonic)
            chores.append(self._every(SLICE_PAUSE, history.turn))
        self.tasks += [self.loop.create_task(chore) for chore in chores]
        for number, what in ((signal.SIGTERM, self.terminate), (signal.SIGINT, self.terminate),
                             (signal.SIGUSR2, self.make_room), (signal.SIGHUP, self.reload)):
            self.loop.add_signal_handler(number, what)

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

    def _wake_at(self, due: float) -> None:
        """Have the timers run at a moment, or with others that are due before it."""
        if self._armed is not None and self._armed_at <= due:
            return
        at = max(due, self.loop.time() + TIMER_GRAIN)
        if self._armed is not None:
            if self._armed_at <= at:
                return  # not put off: under load this is asked more often than once a grain
            self._armed.cancel()
        self._armed_at = at
        self._armed = self.loop.call_at(self._armed_at, self._timers_due)

    def _timers_due(self) -> None:
        self._armed = None
        try:
            # What has arrived before a timer was due is heard before the timer: nothing is repeated, and nobody given
            # up, whose answer only waits to be read.
            self.proxy.timers.run(self.loop.time() - self.network.behind)
        except Exception as error:
            self.journal.failure("timer", error)
        due = self.proxy.timers.next()
        if due is not None:
            self._wake_at(due)

    # -- chores

    async def _every(self, pause: float, chore: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(pause)
            self._do(chore)

    async def _tick(self) -> None:
        """Measure how late the loop is, let go what waits for a slow disk, show how things stand, turn the desk."""
        chores = [self.store.release, self._snapshot]
        if self.services is not None:
            chores.append(self.services.turn)
        late = False
        while True:
            before = self.loop.time()
            await asyncio.sleep(TICK)
            late = self._overload(self.loop.time() - before - TICK, late)
            for chore in chores:
                self._do(chore)

    def _do(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except Exception as error:
            self.journal.failure(getattr(chore, "__name__", "chore"), error)

    def _snapshot(self) -> None:
        counters = self.proxy.counters
        self._look_at_log(counters)
        counters.transactions = len(self.proxy.transactions.clients) + len(self.proxy.relays.by_key)
        now = self.loop.time()
        counters.breakers = {f"{hop.transport}:{hop.host}:{hop.port}": self.proxy.health.is_open(hop, now)
                             for peer in self.table for hop in peer.hops}
        self.source.refresh()
        self.status.changed()

    def _look_at_log(self, counters: Counters) -> None:
        """Count the lines that nobody read; the alarm goes down when some time has passed without."""
        lost, now = output.lost_lines(), self.loop.time()
        if lost > counters.log_lines_lost:
            counters.log_lines_lost = lost
            self._log_calm_at = now + LOG_CALM
            self.ledger.alarms.report("log", "nobody reads the log: lines are lost", time.time())
        elif self._log_calm_at and now >= self._log_calm_at:
            self._log_calm_at = 0.0
            self.ledger.alarms.report("log", None, time.time())

    def _sweep(self) -> None:
        self.ledger.sweep(time.time())

    async def _count_day(self) -> None:
        while True:
            await asyncio.sleep(await self.source.count_day())

    async def _count_direct(self) -> None:
        while True:
            await self.source.count_direct()
            await asyncio.sleep(COUNT_PAUSE)

    def _overload(self, lag: float, before: bool) -> bool:
        """Refuse new calls while the loop is late (the spec's "what survives"); return whether it is this time.

        That is the last resort: what waits in the sockets tells of too many calls before (`core/overload.py`). The
        alarm is for both. `lag` in seconds; `before`: whether it was the time before.
        """
        late = lag > LAG_OVERLOAD
        if late and before and not self.proxy.admission.overloaded:
            self.proxy.admission.overloaded = True
            self.ledger.alarms.report("overload", f"the loop is {lag:.1f} s late: new calls get 503", time.time())
        elif lag < LAG_CALM:
            self.proxy.admission.overloaded = False
        now, refused = self.loop.time(), self.proxy.counters.refused.get("overload", 0)
        if refused > self._refused_for_overload:
            self._refused_for_overload = refused
            self._overload_until = now + OVERLOAD_CALM
            self.ledger.alarms.report("overload", "more calls come than can be carried: new ones get 503", time.time())
        elif not self.proxy.admission.overloaded and now >= self._overload_until:
            self.ledger.alarms.report("overload", None, time.time())
        return late

    # -- what others ask

    def peer_state(self, side: str, name: str, up: bool, latency_ms: float | None) -> None:
        """See PeerWatch."""
        if self.services is not None:
            self.services.peer_state("trunk" if side == "trunk" else "pbx", name, up)
        before = self.source.peers.get((side, name))
        now = time.time()
        state = PeerState("up" if up else "down", now, latency_ms)
        if before is not None and before.state == state.state:
            self.source.peers[(side, name)] = before._replace(latency_ms=latency_ms)
            return
        self.source.peers[(side, name)] = state
        text = None if up else f"no address of {side}.{name} answers: its calls get 503"
        self.ledger.alarms.report(f"{side}_{name}", text, now)
        self.ledger.tell(f"{side}.state", peer_event_data(name, state), now)

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

    def terminate(self) -> None:
        """SIGTERM: let our own conversations end, then stop; the second time: stop."""
        if self.told_to_stop:
            self.log.warning("stopping_at_once", conversations=self._conversations())
            self.stopping.set()
            return
        self.told_to_stop = True
        self._begin_drain()

    def make_room(self) -> None:
        """SIGUSR2: as SIGTERM, but another process comes at once, and the carriers are not told that we leave."""
        self.for_restart = True
        self.terminate()

    def _wants_our_place(self, insists: bool) -> bool:
        """Somebody asks for our sockets: they get them as our last act, if we are to stop."""
        if insists or self.draining:
            self.log.info("another_process_takes_over")
            self._begin_drain()
            return True
        return False

    def _successor_gone(self) -> None:
        """Who wanted our place is no more: unless we were told to stop, we go on."""
        self.log.warning("take_over_given_up", goes_on=not self.told_to_stop)
        if self.told_to_stop or self.stopping.is_set():
            return
        if self._drainer is not None:
            self._drainer.cancel()
        self.draining = self.proxy.ourselves.draining = False
        if self.services is not None:
            self.services.resume()
        self._show_state("running")
        self.notifier.ready()

    def _begin_drain(self) -> None:
        if self.draining:
            return
        self.draining = self.proxy.ourselves.draining = True
        if self.services is not None:
            self.services.drain()
        self._drainer = self.loop.create_task(self._drain())
        self.notifier.stopping()
        self._show_state("draining")

    def _show_state(self, state: RunState) -> None:
        self.source.state = state
        self.source.refresh()
        self.status.changed()

    def _conversations(self) -> int:
        """How many conversations of our own are under way: they end with us, calls that only pass do not."""
        return 0 if self.services is None else self.services.under_way()

    async def _drain(self) -> None:
        """Wait for our own conversations, for `node.drain` at most. Calls pass meanwhile, new ones too."""
        end, waited = self.loop.time() + self.config.node.drain, False
        while (count := self._conversations()) and (left := end - self.loop.time()) > 0:
            waited = True
            self.log.info("draining", waiting_for_conversations=count, at_most=f"{left:.0f}s")
            self.notifier.status(f"draining: {count} conversations of our own, {left:.0f} s at most")
            report = min(end, self.loop.time() + DRAIN_REPORT)
            while self._conversations() and self.loop.time() < report:
                await asyncio.sleep(0.1)
        if waited and not self._conversations():
            await asyncio.sleep(DRAIN_GRACE)
        if not self._hands_over:
            grace = self.loop.time() + DRAIN_GRACE
            while self.proxy.pending.count and self.loop.time() < grace:
                await asyncio.sleep(0.02)
        self.stopping.set()

    @property
    def _hands_over(self) -> bool:
        """Whether another process is known to come."""
        return self.for_restart or self.door.successor

    async def stop(self) -> None:
        """Stop everything, in the opposite order. What can wait for long comes first where calls have a successor."""
        for task in (*self.tasks, *filter(None, [self._drainer])):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        handing_over = self._hands_over
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
        self.door.give(list(self.network.sockets))
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
    await daemon.stopping.wait()
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
