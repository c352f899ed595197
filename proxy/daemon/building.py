"""From configuration to the objects that the proxy is made of."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from config.address import SipPeer, is_address
from config.checks import SecretStr
from config.loading import locate, read_text
from config.node import NodeConfig
from config.places import PROMPTS, RECORDINGS
from config.problem import Problem
from proxy.core.headers import private_names
from proxy.core.peers import Address, Peer, SourceRule
from proxy.core.seals import Seals
from proxy.core.siblings import Siblings
from proxy.media.settings import MediaSettings
from proxy.sip.hop import Hop, Listener
from proxy.status.source import HttpSettings, MqttSettings
from proxy.transports.network import ListenSpec
from routing.events import Outbox
from routing.identity import PbxFacts

KEY_FILE: Final = "signing.key"
KEY_BYTES: Final = 32


class SigningKey(NamedTuple):
    """The key behind tokens and branches."""

    value: bytes
    replaced: str | None
    """What an operator must know: the key that was there could not be used, and calls in progress hang on it."""


def signing_key(config: NodeConfig) -> SigningKey:
    """Give the key that is configured; where none is, read that of the data folder, or make it.

    One in the folder that is no key is put aside and said: without any no new call could pass. Raises OSError where
    the folder does not let us.
    """
    if config.node.signing_key is not None:
        return SigningKey(config.node.signing_key.get_secret_value(), None)
    path = config.node.data / KEY_FILE
    replaced = None
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        pass
    else:
        if len(key) == KEY_BYTES:
            return SigningKey(key, None)
        aside = path.with_name(f"{KEY_FILE}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        path.rename(aside)
        replaced = (f"{path} holds {len(key)} bytes instead of {KEY_BYTES}: it is kept as {aside.name} and a new key "
                    "is in its place, so calls from before cannot be changed or ended through Boomerang")
    key = os.urandom(KEY_BYTES)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return SigningKey(key, replaced)


def sharing_problems(config: NodeConfig, path: Path) -> list[Problem]:
    """Say why the database that nodes share could never be opened from here, if one is configured. `path`: of
    boomerang.toml. Raises ConfigError where that is gone."""
    missing = None if config.cluster.database is None else why_unshared(config.cluster.database)
    return [] if missing is None else locate([(("cluster", "database"), missing)], read_text(path), str(path))


def written_alone(config: NodeConfig) -> str | None:
    """Say why the file of this node may not be shared as it is; None: it may, or nothing is shared."""
    if config.cluster.database is None:
        return None
    from routing.store.postgres.admission import why_not  # with PostgreSQL's driver

    return why_not(config.database, config.cluster.database.get_secret_value())


def why_unshared(address: SecretStr) -> str | None:
    """Say why a database of that address could never be opened from here; None: it could."""
    try:
        from routing.store.postgres.connection import Address
    except ImportError:
        return "needs PostgreSQL's driver, which is not installed here: pip install 'boomerang[cluster]'"
    try:
        Address(address.get_secret_value(), "")
    except ValueError as error:
        return f"what it names cannot be used: {error}"
    return None


def seals(config: NodeConfig, key: bytes) -> Seals:
    """Return what seals with this key, and recognises the others that are configured."""
    return Seals(key, [other.get_secret_value() for other in config.node.accepted_keys])


def siblings(config: NodeConfig) -> Siblings:
    """Return the other nodes. A key that is configured is not this node's alone."""
    return Siblings(config.cluster.places, begin_calls=config.node.signing_key is not None)


def listen_specs(config: NodeConfig) -> list[ListenSpec]:
    """Return the sockets to open."""
    return [ListenSpec(
        listen.transport, listen.host, listen.port,
        advertise_host=listen.advertised[0] if listen.advertised else None,
        advertise_port=listen.advertised[1] if listen.advertised else None,
        certificate=_text(listen.certificate), private_key=_text(listen.private_key), ca=_text(listen.ca),
        verify_client=listen.verify_client) for listen in config.listen]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def peers(config: NodeConfig) -> list[tuple[Peer, tuple[SipPeer, ...]]]:
    """Return every peer without addresses yet, and the URIs that its addresses come from."""
    first_trunk = next(iter(config.trunk))
    found: list[tuple[Peer, tuple[SipPeer, ...]]] = []
    for name, trunk in config.trunk.items():
        rules = tuple(SourceRule(*source) for source in trunk.source_networks)
        account = trunk.username if trunk.register_ else None
        host = None if trunk.request_host is None else trunk.request_host.encode()
        found.append((Peer("trunk", name, rules, _names(trunk.sip_peers), trunk.trusted, account, request_host=host,
                           qualify=trunk.qualify), trunk.sip_peers))
    for name, pbx in config.pbx.items():
        rules = tuple(SourceRule(*source) for source in pbx.source_networks)
        register_to = first_trunk if pbx.pass_register else None
        found.append((Peer("pbx", name, rules, _names(pbx.sip_peers), True, None, register_to, qualify=pbx.qualify),
                      pbx.sip_peers))
    return found


def _names(uris: tuple[SipPeer, ...]) -> frozenset[str]:
    return frozenset(uri.host for uri in uris if not is_address(uri.host))


def address_of(uri: SipPeer, hop: Hop) -> Address:
    """Return one resolved address of a peer; its Request-URIs keep the host as the operator wrote it."""
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    return Address(hop, (host if uri.port is None and not is_address(uri.host) else f"{host}:{hop.port}").encode())


def pbx_facts(config: NodeConfig) -> dict[str, PbxFacts]:
    """Return what the rules must know of each PBX."""
    return {name: PbxFacts.of(pbx.extensions, pbx.agent_from, pbx.answers) for name, pbx in config.pbx.items()}


def own_domains(config: NodeConfig, listeners: tuple[Listener, ...]) -> frozenset[str]:
    """Return the domains that mean ourselves: our own hosts and those of other nodes, the PBXs', and those that trunks
    know us by."""
    own = {one.host.strip("[]") for one in listeners} | {host for host, _ in config.cluster.places}
    own |= {uri.host for pbx in config.pbx.values() for uri in pbx.sip_peers}
    own |= {trunk.from_domain.partition(":")[0] for trunk in config.trunk.values() if trunk.from_domain}
    return frozenset(host.lower().rstrip(".") for host in own)


def private_headers(config: NodeConfig) -> frozenset[bytes]:
    """Return the canonical names of headers that may not cross the proxy."""
    return frozenset[bytes]().union(*(private_names(pbx.agent_from) for pbx in config.pbx.values()))


def agent_headers(config: NodeConfig) -> dict[str, tuple[bytes, ...]]:
    """Return, for each PBX, the canonical names of the headers that may say which agent calls."""
    return {name: tuple(header.lower().encode() for header in pbx.agent_from) for name, pbx in config.pbx.items()}


def mqtt_settings(config: NodeConfig) -> MqttSettings | None:
    """Return where to publish; None where MQTT is off."""
    broker = config.mqtt.broker
    if broker is None:
        return None
    password = config.mqtt.password
    return MqttSettings(
        node=config.node.name, prefix=config.mqtt.prefix, host=broker.host, port=broker.port, tls=broker.tls,
        username=config.mqtt.username, password=None if password is None else password.get_secret_value(),
        mask_numbers=config.mqtt.mask_numbers, embedded=broker.embedded)


def outbox(config: NodeConfig) -> Outbox:
    """Return how events are kept for MQTT."""
    if config.mqtt.broker is None:
        return Outbox.OFF
    return Outbox.MASKED if config.mqtt.mask_numbers else Outbox.PLAIN


def http_settings(config: NodeConfig) -> HttpSettings | None:
    """Return where to serve HTTP; None where it is off."""
    address = config.http.address
    return None if address is None else HttpSettings(*address)


def media_settings(config: NodeConfig, listener: Listener) -> MediaSettings:
    """Return where media goes: as configured, else where the first listener is."""
    media = config.media
    first, last = media.port_range
    return MediaSettings(
        listen=media.bind or listener.bound_host, advertise=media.advertised or listener.host.strip("[]"),
        first_port=first, last_port=last, recordings=str(config.node.data / RECORDINGS),
        prompts=str(config.node.data / PROMPTS), keep=media.recordings_keep,
        queue_share=media.queue_share, inband_keys=media.inband_keys)
