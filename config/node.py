"""boomerang.toml, what a restart is needed for: reading it and checking it with everything it names."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from config import console_section
from config.address import (
    DEFAULT_PORT,
    SipPeer,
    Source,
    is_address,
    parse_host_port,
    parse_listen,
    parse_peer,
    parse_source,
)
from config.cautions import cautions
from config.cluster_section import NOBODYS, Cluster
from config.console_section import Console
from config.loading import FOLDER, WRITTEN, Found, build, locate, marked, parse_toml, read_text
from config.media_section import Media
from config.node_fields import is_pattern
from config.places import SOCKET_NAME
from config.policy import Peers, Policy, check_policy, in_policy
from config.problem import ConfigError, Problem
from config.sections import (
    DEFAULT_EXTENSIONS,
    Dns,
    Http,
    Listen,
    Log,
    Mqtt,
    Node,
    NodeConfig,
    Pbx,
    PolicySection,
    Trunk,
    idle_token,
)
from config.ticket_channels import TicketChannels

__all__ = [
    "Cluster",
    "Console",
    "Dns",
    "Examined",
    "Http",
    "Listen",
    "Log",
    "Media",
    "Mqtt",
    "Node",
    "NodeConfig",
    "Pbx",
    "PolicySection",
    "TicketChannels",
    "Trunk",
    "examine",
    "load_node",
    "load_seed",
    "peers_of",
    "read_socket",
]


KEYS: Final = ("signing_key", "accepted_keys")
"""Settings of `[node]` that name secrets."""


class Examined(NamedTuple):
    """What there is to say about boomerang.toml and everything it names."""

    config: NodeConfig | None
    """None where it cannot be used."""
    seed: Policy | None
    """The seed policy; None where none is named, or it cannot be used."""
    problems: list[Problem]
    """Errors and warnings, in the order of the lines."""

    @property
    def errors(self) -> list[Problem]:
        """What keeps it from being used."""
        return [problem for problem in self.problems if problem.level == "error"]


def load_node(path: str | Path, *, seeded: bool = True) -> NodeConfig:
    """Read boomerang.toml and check it with everything it names; ConfigError with every problem that is no warning.

    Paths in it start in its own folder. The seed policy is checked too (unless `seeded` is false), but not kept: see
    `load_seed`.
    """
    found = examine(path, seeded=seeded)
    if found.config is None or found.errors:
        raise ConfigError(found.errors)
    return found.config


def examine(path: str | Path, *, seeded: bool = True) -> Examined:
    """Say everything about boomerang.toml and what it names. ConfigError where it cannot even be parsed."""
    name = str(path)
    text = read_text(Path(path))
    raw = parse_toml(text, name)
    folder = Path(path).resolve().parent
    config, found = build(NodeConfig, raw, {FOLDER: folder, WRITTEN: True}, _home)
    found += _contradictions(raw)
    seed_file = _seed_of(raw, folder) if seeded else None
    seed, problems = None, list[Problem]()
    if seed_file is not None:
        try:
            data = None if config is None else config.node.data
            seed, problems = _read_seed(seed_file, _raw_peers(raw), data)
        except ConfigError as error:
            problems = [problem for problem in error.problems if problem.line]
            found += [(("policy", "seed"), str(problem)) for problem in error.problems if not problem.line]
    problems += marked(text, name)
    if config is not None:
        problems += locate([*console_section.doubts(config.console), *idle_token(config.http)], text, name, "warning")
    return Examined(config, seed, ConfigError([*locate(found, text, name), *problems]).problems)


def read_socket(path: str | Path) -> Path:
    """Return the control socket that boomerang.toml says, without asking for secrets that only the daemon has."""
    name = str(path)
    text = read_text(Path(path))
    section = {key: value for key, value in _table(parse_toml(text, name), "node").items() if key not in KEYS}
    node, found = build(Node, section, {FOLDER: Path(path).resolve().parent, WRITTEN: True})
    if node is None:
        raise ConfigError(locate([(("node", *key), what) for key, what in found], text, name))
    return node.data / SOCKET_NAME


def load_seed(config: NodeConfig) -> Policy | None:
    """Read the seed policy; None where none is named. ConfigError where it cannot be used."""
    if config.policy.seed is None:
        return None
    policy, problems = _read_seed(config.policy.seed, peers_of(config))
    if policy is None:
        raise ConfigError(problems)
    return policy


def peers_of(config: NodeConfig) -> Peers:
    """Return what a policy may name."""
    return Peers(tuple(config.trunk), tuple(config.pbx), tuple(pbx.extensions for pbx in config.pbx.values()))


def _raw_peers(raw: Mapping[str, Any]) -> Peers:
    """What a policy may name, of unchecked TOML; a pattern that is none is left out: its own problem is told."""
    patterns = [section.get("extensions", DEFAULT_EXTENSIONS)
                for section in _table(raw, "pbx").values() if isinstance(section, dict)]
    return Peers(_table(raw, "trunk"), _table(raw, "pbx"), tuple(filter(is_pattern, patterns)))


def _seed_of(raw: dict[str, Any], folder: Path) -> Path | None:
    """Seed that unchecked TOML names: its problems are told even where the rest is wrong too."""
    seed = _table(raw, "policy").get("seed")
    return folder / seed if isinstance(seed, str) and seed and "\0" not in seed else None


def _read_seed(path: Path, peers: Peers, data: Path | None = None) -> tuple[Policy | None, list[Problem]]:
    """Return the seed's policy (None: there are errors) and all problems; ConfigError where it cannot be parsed."""
    name = str(path)
    text = read_text(path)
    policy, found = check_policy(parse_toml(text, name), peers)
    doubts = [] if policy is None else cautions(policy, peers, data)
    return policy, [*marked(text, name), *locate(found, text, name), *locate(doubts, text, name, "warning")]


def _home(path: tuple[str | int, ...]) -> str | None:
    """Say where a key belongs that boomerang.toml does not know."""
    meant = path[1:] if path[0] == "policy" else path
    return "it stands in policy.toml, the file that policy.seed names" if meant and in_policy(meant) else None


def _contradictions(raw: dict[str, Any]) -> Iterator[Found]:
    """Find what no single section shows. Works on unchecked values, so that it adds to their problems."""
    yield from _listeners_twice(raw.get("listen"))
    yield from _ports_twice(raw)
    yield from _unreached(raw)
    yield from _ourselves(raw)
    yield from _siblings(raw)
    seen: dict[object, str] = {}
    for key, claims, way_out in (("peers", _peer_claims, "Leave it to one of the two"),
                                 ("sources", _source_claims, "Leave it to one of the two, or write a narrower one")):
        for kind, name, number, text in _written(raw, key):
            owners = [seen.setdefault(claim, f"{kind}.{name}") for claim in claims(text)]
            other = next((owner for owner in owners if owner != f"{kind}.{name}"), None)
            if other is not None:
                yield (kind, name, key, number), f"{text!r} is {other} already: whose call is it? {way_out}"


def _peer_claims(text: object) -> list[object]:
    """Say what a peer claims for itself: a name as it is written, or an address with port and transport."""
    peer: SipPeer | None = _quietly(parse_peer, text)
    if peer is None or not is_address(peer.host):
        return [peer] if peer is not None else []
    transport = peer.transport or "udp"
    return [(transport, parse_source(peer.host).network, peer.port or DEFAULT_PORT[transport])]


def _source_claims(text: object) -> list[object]:
    """Say what a source claims: a network whatever the port, or an address and port on every transport.

    A narrower network of somebody else is no contradiction: who calls from there is them.
    """
    source: Source | None = _quietly(parse_source, text)
    if source is None or source.port is None:
        return [source] if source is not None else []
    return [(transport, source.network, source.port) for transport in DEFAULT_PORT]


def _written(raw: Mapping[str, Any], key: str) -> Iterator[tuple[str, str, int, object]]:
    """Give what stands in a list of each trunk and PBX: kind, name, place in the list, value."""
    for kind in ("trunk", "pbx"):
        for name, section in _table(raw, kind).items():
            items = section.get(key) if isinstance(section, dict) else None
            for number, value in enumerate(items if isinstance(items, list) else ()):
                yield kind, name, number, value


def _listeners_twice(blocks: object) -> Iterator[Found]:
    taken: list[tuple[bool, str, int]] = []
    for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
        parsed = _quietly(parse_listen, block.get("uri") if isinstance(block, dict) else None)
        if parsed is None:
            continue
        transport, host, port = parsed
        if any(
            (transport == "udp") == udp and port == other_port and _overlap(host, other)
            for udp, other, other_port in taken
        ):
            yield ("listen", number, "uri"), "this address and port are taken by a listener above"
        taken.append((transport == "udp", host, port))


def _ports_twice(raw: dict[str, Any]) -> Iterator[Found]:
    """Find the console where a listener or the other web server is."""
    ours = _quietly(parse_host_port, _table(raw, "console").get("listen"))
    if ours is None or ours[1] is None:
        return
    others = {"http.listen": _quietly(parse_host_port, _table(raw, "http").get("listen"))}
    blocks = raw.get("listen")
    for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
        parsed = _quietly(parse_listen, block.get("uri") if isinstance(block, dict) else None)
        if parsed is not None and parsed[0] != "udp":
            others[f"listen[{number}].uri"] = parsed[1:]
    for key, other in others.items():
        if other is not None and other[1] == ours[1] and _overlap(ours[0], other[0]):
            yield ("console", "listen"), f"this address and port are taken by {key}"


def _unreached(raw: dict[str, Any]) -> Iterator[Found]:
    """Find peers for which no listener fits: what leaves goes out of a listener of the same transport and family.

    Of a name the family is not known; where RFC 3263 chooses the transport it takes one that we have.
    """
    blocks = raw.get("listen")
    uris = [block.get("uri") for block in (blocks if isinstance(blocks, list) else ()) if isinstance(block, dict)]
    listeners = [(transport, _family(host)) for transport, host, _ in filter(None, (_quietly(parse_listen, uri)
                                                                                   for uri in uris))]
    for kind, name, number, text in _written(raw, "peers") if listeners else ():
        peer = _quietly(parse_peer, text)
        if peer is None:
            continue
        family = _family(peer.host) if is_address(peer.host) else None
        if not any(peer.transport in (None, speaks) and family in (None, own) for speaks, own in listeners):
            way = " over ".join(filter(None, (peer.transport, family)))
            yield (kind, name, "peers", number), f"{text!r} is reached by {way}: there is no listener for that"


def _ourselves(raw: dict[str, Any]) -> Iterator[Found]:
    """Find peers that are a listener of ours: what is sent there comes back, and is refused as a loop."""
    own = _own_places(raw)
    for kind, name, number, text in _written(raw, "peers"):
        peer = _quietly(parse_peer, text)
        if peer is None:
            continue
        transport = peer.transport or "udp"
        found = own.get((transport, peer.host, peer.port or DEFAULT_PORT[transport]))
        if found is not None:
            yield (kind, name, "peers", number), (
                f"{text!r} is Boomerang itself, {found}: calls would come back in a circle; write the address of the "
                f"{'carrier' if kind == 'trunk' else 'PBX'}"
            )


def _own_places(raw: Mapping[str, Any]) -> dict[tuple[str, str, int], str]:
    """Say where listeners are and what they advertise, as transport, host and port; and which of these it is."""
    own: dict[tuple[str, str, int], str] = {}
    blocks = raw.get("listen")
    for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
        parsed = _quietly(parse_listen, block.get("uri") if isinstance(block, dict) else None)
        if parsed is None:
            continue
        transport, host, port = parsed
        own[transport, host, port] = f"listen[{number}]"
        if host in ("0.0.0.0", "::"):
            own |= {(transport, loopback, port): f"listen[{number}]" for loopback in ("127.0.0.1", "::1")}
        advertised = _quietly(parse_host_port, block.get("advertise"))
        if advertised is not None:
            own[transport, advertised[0], advertised[1] or port] = f"what listen[{number}] advertises"
    return own


def _siblings(raw: Mapping[str, Any]) -> Iterator[Found]:
    """Find siblings that stand there twice, or are ourselves or a peer, and those that cannot know our calls."""
    siblings = _table(raw, "cluster").get("siblings")
    if not isinstance(siblings, list) or not siblings:
        return
    if "signing_key" not in _table(raw, "node"):
        yield ("cluster", "siblings"), (
            "needs node.signing_key: without one key for all nodes what one of them began no other recognises")
    own, peers = _own_places(raw), _peer_places(raw)
    seen: set[tuple[str, int | None]] = set()
    for number, text in enumerate(siblings):
        place = _quietly(parse_host_port, text)
        if place is None or place[0] in NOBODYS:
            continue
        key = ("cluster", "siblings", number)
        host, port = place
        if place in seen:
            yield key, f"{text!r} stands there twice"
        seen.add(place)
        for transport, usual in DEFAULT_PORT.items():
            at = (transport, host, port or usual)
            if at in own or at in peers:
                yield key, (f"{text!r} is this node itself, {own[at]}: siblings are the others" if at in own else
                            f"{text!r} is {peers[at]}: what it says would be taken for our own")
                break


def _peer_places(raw: Mapping[str, Any]) -> dict[tuple[str, str, int], str]:
    """Say whose each address of a peer is, by transport, host and port."""
    found: dict[tuple[str, str, int], str] = {}
    for kind, name, _, text in _written(raw, "peers"):
        peer: SipPeer | None = _quietly(parse_peer, text)
        if peer is not None:
            transport = peer.transport or "udp"
            found[transport, peer.host, peer.port or DEFAULT_PORT[transport]] = f"a peer of {kind}.{name}"
    return found


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def _overlap(one: str, other: str) -> bool:
    """Two bind addresses that exclude each other: the same, or one of the same family is the wildcard."""
    same_family = (":" in one) == (":" in other)
    return one == other or (same_family and bool({one, other} & {"0.0.0.0", "::"}))


def _quietly(parse: Any, text: object) -> Any:
    """Parse what may be wrong: its own problem is told elsewhere."""
    try:
        return parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _table(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}
