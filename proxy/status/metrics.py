"""Prometheus figures, read from the daemon's counters and snapshot at the moment of the scrape.

Nothing is kept here and nothing is counted twice. Labels are words: methods, status classes, reasons, names from the
configuration, addresses of configured peers; never a phone number, and never an extension.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from proxy.build import build
from proxy.core.counters import Counters, Histogram
from proxy.status.exposition import Family
from proxy.status.source import PeerState, Snapshot, StatusSource
from routing.nodes_seen import STATES, NodesSeen, Sight

GROUP_FIGURES: Final = (
    ("group_calls", "Calls in progress", "calls"),
    ("group_waiting", "Callers who wait for an agent", "waiting"),
    ("group_longest_wait_seconds", "How long the first of them has waited", "longest_wait_s"),
    ("places_held", "Legs of ours in the PBX's queue for those who asked for a callback there", "places_held"),
    ("offers_made_today", "Callers who were told since midnight that they may ask for a callback", "offers_made"),
    ("offers_taken_today", "Callbacks that callers asked for since midnight", "offers_taken"),
    ("callbacks_in_queue", "Callbacks that are open or held", "callbacks_in_queue"),
    ("callbacks_due", "Callbacks that wait for an agent now", "callbacks_due"),
    ("callbacks_running", "Attempts under way", "callbacks_running"),
    ("callbacks_today", "Callbacks promised since midnight", "callbacks_total"),
    ("callbacks_dialled_today", "Attempts that dialled a customer since midnight",
     "callbacks_dialled"),
    ("callbacks_kept_today", "Callbacks that ended with a talk since midnight", "callbacks_kept"),
)
"""Figures of each group: name, help, field of its state."""

OF_QUEUES: Final = {
    "queue.offered": "Callers who were told that they may ask for a callback, each once",
    "queue.requested": "Callbacks that callers asked for",
    "place.held": "Places that were held after the caller had hung up",
    "place.taken": "Times that an agent picked a place up",
    "place.lost": "Places that ended before an agent accepted",
    "place.returned": "Places that were held anew, because an agent did not accept",
}
"""What the events of these kinds count, since the start of the process."""

CAMPAIGN_FIGURES: Final = (
    ("callbacks_today", "Callbacks promised since midnight", "promised"),
    ("callbacks_dialled_today", "Attempts that dialled a customer since midnight", "dialled"),
    ("callbacks_kept_today", "Callbacks that ended with a talk since midnight", "kept"),
)
"""Figures of each campaign: name, help, field of its tally."""


class Connection(Protocol):
    """Whatever knows whether MQTT is connected."""

    @property
    def mqtt_connected(self) -> bool | None:
        """None where MQTT is switched off."""


class DaemonCollector:
    """Turns counters and snapshot into metric families."""

    def __init__(self, source: StatusSource, counters: Counters, connection: Connection, version: str,
                 sight: Sight | None) -> None:
        """`sight`: of the nodes that this one shares with; None: there are none, and no family for them."""
        self._sight = sight
        self._source = source
        self._counters = counters
        self._connection = connection
        self._version = version

    def collect(self) -> Iterator[Family]:
        """Yield every family; called once per scrape."""
        yield from self._messages()
        yield from self._calls()
        snapshot = self._source.snapshot()
        yield from self._state(snapshot)
        yield from _peers("trunk", snapshot.trunks)
        yield from _peers("pbx", snapshot.pbxs)
        yield from _groups(snapshot)
        if self._sight is not None:
            yield from _cluster(snapshot.node, self._sight.seen())

    def _messages(self) -> Iterator[Family]:
        c = self._counters
        yield _counter("sip_requests_received", "SIP requests received", "method", c.received_requests)
        yield _counter("sip_responses_received", "SIP responses received", "class", c.received_responses)
        yield _counter("sip_requests_sent", "SIP requests sent", "method", c.sent_requests)
        yield _counter("sip_responses_sent", "SIP responses sent", "class", c.sent_responses)
        yield _counter("sip_parse_errors", "Messages that could not be read", "reason", c.parse_errors)
        yield _counter("sip_refused", "Messages refused by the access rules", "reason", c.refused)
        yield _plain("sip_retransmissions_absorbed", "Retransmissions that went no further",
                     c.retransmissions_absorbed)
        yield _plain("sip_orphans", "Responses and CANCELs of calls that an earlier process began", c.taken_up)
        yield _plain("log_lines_lost", "Lines of the log that nobody read in time", c.log_lines_lost)
        yield _gauge("sip_transactions", "Transactions in progress", c.transactions)
        breaker = Family("gauge", "boomerang_circuit_breaker_open", "1 while an address of a peer is left out",
                         ("address",))
        for address, is_open in c.breakers.copy().items():
            breaker.add(is_open, address)
        yield breaker

    def _calls(self) -> Iterator[Family]:
        c = self._counters
        family = Family("counter", "boomerang_calls", "Calls that are over", ("direction", "outcome"))
        for label, count in c.calls.copy().items():
            direction, _, outcome = label.partition(".")
            family.add(count, direction, outcome)
        yield family
        yield _plain("direct_callbacks_used", "Calls sent to an agent by direct callback", c.direct_used)
        yield _counter("fail_open", "Calls sent their normal way because something of ours failed", "what",
                       c.fail_open)
        yield _histogram("decision_seconds", "Time one routing decision takes", c.decision_seconds)
        yield _histogram("setup_seconds", "Time from an INVITE's arrival to its departure", c.setup_seconds)

    def _state(self, snapshot: Snapshot) -> Iterator[Family]:
        info = Family("gauge", "boomerang_info", "Always 1; says which node, version and build this is",
                      ("node", "version", "build"))
        info.add(1, snapshot.node, self._version, build())
        yield info
        yield _gauge("start_time_seconds", "When the daemon started, seconds since the epoch", snapshot.started)
        yield _gauge("draining", "1 while the process is stopping", snapshot.state == "draining")
        calls = snapshot.calls
        yield _gauge("calls_active", "Calls of customers in progress", calls.active)
        yield _gauge("calls_today", "Calls of customers since midnight", calls.today)
        yield _gauge("callback_calls_active", "Callbacks of which a leg is up", calls.callbacks_active)
        yield _gauge("callback_calls_today", "Times that a callback dialled its customer since midnight",
                     calls.callbacks_dialled_today)
        yield _gauge("callback_calls_answered_today", "Of those, how many the customer answered",
                     calls.callbacks_answered_today)
        if snapshot.direct_live is not None:
            yield _gauge("direct_callbacks_live", "Live direct callbacks", snapshot.direct_live)
        yield _gauge("alarms", "Standing alarms", len(snapshot.alarms))
        yield _gauge("store_queue", "Writes that wait for the database", snapshot.store_queue)
        yield _gauge("store_log_bytes", "Length of the database's write-ahead log", snapshot.store_log_bytes)
        yield _gauge("outbox_events", "Events that wait for the broker", snapshot.outbox)
        connected = self._connection.mqtt_connected
        if connected is not None:
            yield _gauge("mqtt_connected", "1 while connected to the broker", connected)


def _plain(name: str, help_text: str, value: int) -> Family:
    family = Family("counter", f"boomerang_{name}", help_text)
    family.add(value)
    return family


def _gauge(name: str, help_text: str, value: float) -> Family:
    family = Family("gauge", f"boomerang_{name}", help_text)
    family.add(value)
    return family


def _counter(name: str, help_text: str, label: str, table: Mapping[str, int]) -> Family:
    family = Family("counter", f"boomerang_{name}", help_text, (label,))
    for key, count in dict(table).items():
        family.add(count, key)
    return family


def _histogram(name: str, help_text: str, histogram: Histogram) -> Family:
    family = Family("histogram", f"boomerang_{name}", help_text)
    family.add_buckets(histogram.bounds, tuple(histogram.buckets), histogram.total)
    return family


def _peers(side: str, peers: Mapping[str, PeerState]) -> Iterator[Family]:
    up = Family("gauge", f"boomerang_{side}_up", f"1 while the {side} answers", (side,))
    latency = Family("gauge", f"boomerang_{side}_latency_seconds", "Of the last answered OPTIONS", (side,))
    for name, peer in peers.items():
        up.add(peer.state == "up", name)
        if peer.latency_ms is not None:
            latency.add(peer.latency_ms / 1000, name)
    yield up
    yield latency


def _cluster(node: str, seen: NodesSeen) -> Iterator[Family]:
    [ours] = (one for one in seen.nodes if one.node == node)
    if ours.push_lag is not None and ours.pull_lag is not None:
        yield _gauge("cluster_lag_seconds", "For how long the oldest waits that other nodes do not have", ours.push_lag)
        yield _gauge("cluster_pull_seconds", "Since it was known last that all is here that other nodes have",
                     ours.pull_lag)
    yield _gauge("cluster_leases", "Leases that this node has", len(ours.leases))
    epochs = Family("gauge", "boomerang_cluster_lease_epoch", "Of a lease that this node has; grows with each holder",
                    ("lease",))
    for name, epoch in ours.leases:
        epochs.add(epoch, name)
    yield epochs
    nodes = Family("gauge", "boomerang_cluster_nodes", "Nodes that share a database, this one among them, as seen last",
                   ("state",))
    for state in STATES:
        nodes.add(sum(one.state == state for one in seen.nodes), state)
    yield nodes


def _groups(snapshot: Snapshot) -> Iterator[Family]:
    agents = Family("gauge", "boomerang_group_agents", "Agents by state", ("group", "state"))
    waits = Family("gauge", "boomerang_callback_wait_average_seconds", "From missed call or request to talk",
                   ("group",))
    estimated = Family("gauge", "boomerang_group_estimated_wait_seconds", "Of who rings in now", ("group",))
    for name, group in snapshot.groups.items():
        agents.add(group.agents_free, name, "free")
        agents.add(group.agents_busy, name, "busy")
        agents.add(group.agents_paused, name, "paused")
        agents.add(group.agents_away, name, "away")
        agents.add(group.agents_unknown, name, "unknown")
        if group.average_callback_wait_s is not None:
            waits.add(group.average_callback_wait_s, name)
        if group.estimated_wait_s is not None:
            estimated.add(group.estimated_wait_s, name)
    yield agents
    yield waits
    yield estimated
    for metric, help_text, figure in GROUP_FIGURES:
        counted = Family("gauge", f"boomerang_{metric}", help_text, ("group",))
        for name, group in snapshot.groups.items():
            counted.add(getattr(group, figure), name)
        yield counted
    for metric, help_text, column in CAMPAIGN_FIGURES:
        of_campaign = Family("gauge", f"boomerang_campaign_{metric}", help_text, ("campaign",))
        for name, tally in snapshot.campaigns.items():
            of_campaign.add(getattr(tally, column), name)
        yield of_campaign
    for metric, help_text, counts in (
            ("callbacks", "Callbacks promised since the start of the process", snapshot.callbacks_made),
            ("callbacks_kept", "Of those that ended since then, those that brought about a talk",
             snapshot.callbacks_kept)):
        since_start = Family("counter", f"boomerang_{metric}", help_text, ("group",))
        for name in snapshot.groups:
            since_start.add(counts.get(name, 0), name)
        yield since_start
    for kind, help_text in OF_QUEUES.items():
        happened = Family("counter", f"boomerang_{kind.replace('.', '_')}", help_text, ("group",))
        for name in snapshot.groups:
            happened.add(snapshot.queue_events.get((kind, name), 0), name)
        yield happened
