"""The sections of boomerang.toml as models: every setting with its type, default and sentence."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

from config.address import (
    SipPeer,
    Source,
    Transport,
    parse_host_port,
    parse_listen,
    parse_peer,
    parse_server,
    parse_source,
)
from config.broker import BrokerAddress, is_loopback, parse_broker
from config.checks import AfterValidator, BeforeValidator, Context, Field
from config.cluster_section import Cluster
from config.console_section import Console
from config.fields import AsciiName
from config.loading import Duration, Found
from config.media_section import Media
from config.node_fields import (
    BrokerUrl,
    FilePath,
    FolderPath,
    Headers,
    HostPort,
    HttpListen,
    Key,
    Keys,
    ListenUri,
    Pattern,
    Peers,
    ReadablePath,
    Secret,
    Servers,
    Sources,
    Topic,
    User,
)
from config.places import DATA, DATABASE_NAME, SOCKET_NAME
from config.section import Section
from config.ticket_channels import TicketChannels

DEFAULT_EXTENSIONS: Final = "^[1-9][0-9]{1,4}$"
"""What an agent is where a PBX does not say."""

DAY: Final = 86_400.0
"""Seconds."""


def _forever_or_a_day(seconds: float) -> float:
    if 0 < seconds < DAY:
        raise ValueError("keeps too little for today's figures and limits: write 1d or more, or 0s for ever")
    return seconds


class Node(Section):
    """This process."""

    name: AsciiName = Field(default="boomerang", description="Name of this node: a level of every MQTT topic.")
    data: FolderPath = Field(
        default=Path(DATA), description="Folder of the database, the control socket and the keys."
    )
    drain: Annotated[Duration, Field(le=DAY)] = Field(
        default=300.0,
        description="How long a stop waits for conversations of our own (callbacks, callers who wait) to end; calls "
        "that only pass go on without us and are not waited for.",
    )
    history_keep: Annotated[Duration, Field(le=3660 * DAY), AfterValidator(_forever_or_a_day)] = Field(
        default=400 * DAY,
        description="How long calls and callbacks that ended, and closed tickets, are kept; 0s: for ever.",
    )
    signing_key: Key | None = Field(
        default=None,
        description="Key behind what calls in progress are recognised by, the same for all nodes: 64 hexadecimal "
        "digits, as env:NAME or file:PATH; not set: signing.key in the data folder, which each node makes for itself.",
    )
    accepted_keys: Keys = Field(
        default=(),
        description="Further keys of which calls are recognised, while signing_key is changed: the one before it, or "
        "the one to come.",
    )


class Listen(Section):
    """One listening socket."""

    uri: ListenUri = Field(
        description="Where to listen: udp://, tcp:// or tls:// and address:port (5060, for tls 5061 unless named)."
    )
    advertise: HostPort | None = Field(
        default=None, description="host:port that others reach this listener by (behind NAT, or bound to 0.0.0.0)."
    )
    certificate: ReadablePath | None = Field(
        default=None, description="tls: PEM file with our certificate and its chain."
    )
    private_key: ReadablePath | None = Field(default=None, description="tls: PEM file with the certificate's key.")
    ca: ReadablePath | None = Field(
        default=None,
        description="tls: PEM file of authorities that peers' certificates must come from; else the system's.",
    )
    verify_client: bool = Field(default=False, description="tls: a client without a valid certificate is refused.")

    @cached_property
    def _parsed(self) -> tuple[Transport, str, int]:
        return parse_listen(self.uri)

    @property
    def transport(self) -> Transport:
        """`udp`, `tcp` or `tls`."""
        return self._parsed[0]

    @property
    def host(self) -> str:
        """Address to bind, IPv6 without brackets."""
        return self._parsed[1]

    @property
    def port(self) -> int:
        """Port to bind."""
        return self._parsed[2]

    @property
    def advertised(self) -> tuple[str, int] | None:
        """Host (IPv6 without brackets) and port that others reach us by; None where nothing was said."""
        if self.advertise is None:
            return None
        host, port = parse_host_port(self.advertise)
        return host, port or self.port

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Return what does not go together."""
        files = {"certificate": self.certificate, "private_key": self.private_key, "ca": self.ca}
        if self.transport == "tls":
            for key in ("certificate", "private_key"):
                if files[key] is None:
                    yield key, "is missing: a tls listener needs a certificate and its key"
        else:
            for key in (
                *(key for key, file in files.items() if file),
                *(["verify_client"] if self.verify_client else []),
            ):
                yield key, "is for a tls listener"


class _Peer(Section):
    """What a trunk and a PBX have in common."""

    peers: Peers = Field(description="SIP URIs that calls go to, tried in order; a name is resolved by RFC 3263.")
    sources: Sources = Field(
        default=(), description="Who else this is, beside its peers: address, address:port or network."
    )
    qualify: bool = Field(
        default=True,
        description="Ask it with OPTIONS whether it is alive; false: it is not asked, and calls alone show it.",
    )

    @cached_property
    def sip_peers(self) -> tuple[SipPeer, ...]:
        """The peers, parsed."""
        return tuple(map(parse_peer, self.peers))

    @cached_property
    def source_networks(self) -> tuple[Source, ...]:
        """The sources, parsed."""
        return tuple(map(parse_source, self.sources))


class Trunk(_Peer):
    """One carrier."""

    username: User | None = Field(default=None, description="User name for the carrier's digest challenges.")
    password: Secret | None = Field(default=None, description="Password for them, as env:NAME or file:PATH.")
    register_: bool = Field(
        default=False, alias="register", description="Register with the carrier; needs username and password."
    )
    register_expires: Annotated[Duration, Field(ge=60, le=86_400)] = Field(
        default=3600.0, description="How long a registration is asked for; the carrier may grant less."
    )
    realm: str = Field(
        default="",
        max_length=256,
        description="The only realm whose challenges are answered; empty: the first one that the carrier asks with.",
    )
    from_domain: HostPort | None = Field(
        default=None,
        description="Domain in From and P-Asserted-Identity of calls that Boomerang places; else its own address.",
    )
    request_host: HostPort | None = Field(
        default=None,
        description="Host in the Request-URI of what goes to this trunk, for a carrier that checks it; else what the "
        "PBX wrote stays, and calls that Boomerang places have the peer's.",
    )
    trusted: bool = Field(
        default=True, description="Its P-Asserted-Identity is believed; false: it is removed and From counts."
    )

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Return what does not go together."""
        if (self.username is None) != (self.password is None):
            missing = "password" if self.password is None else "username"
            yield missing, "is missing: username and password go together"
        elif self.register_ and self.username is None:
            yield "register", "needs username and password"


class Pbx(_Peer):
    """One PBX."""

    extensions: Pattern = Field(
        default=DEFAULT_EXTENSIONS, description="Regular expression that a whole extension must match to be an agent."
    )
    agent_from: Headers = Field(
        default=("X-Agent", "P-Asserted-Identity", "Remote-Party-ID", "From"),
        description="Headers that may say which agent calls, the first that fits wins.",
    )
    answers: Literal["on_agent", "before_queue", "auto"] = Field(
        default="on_agent",
        description="on_agent: a call is answered when the agent does; before_queue: the PBX answers, then queues: "
        "it must show its agents, or talks count as missed; auto: as on_agent where an answer names an agent and did "
        "not come within a second, else as before_queue.",
    )
    pass_register: bool = Field(default=False, description="REGISTER from this PBX is passed to the trunk; else 405.")

    dialog_event: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Ask this PBX what its agents' phones do (SUBSCRIBE, Event: dialog): auto, where its answer to "
        "OPTIONS names SUBSCRIBE in Allow; always; never.",
    )

    @cached_property
    def _extension(self) -> re.Pattern[str]:
        return re.compile(self.extensions, re.ASCII)

    def is_extension(self, user: str) -> bool:
        """Say whether a user part is an agent of this PBX."""
        return self._extension.fullmatch(user) is not None


class Dns(Section):
    """Where names are looked up."""

    servers: Servers = Field(
        default=(), description="Name servers, as address or address:port; none: those of /etc/resolv.conf."
    )

    @property
    def addresses(self) -> tuple[tuple[str, int], ...] | None:
        """Address and port of each; None where the system's are used."""
        return tuple(map(parse_server, self.servers)) or None


class Mqtt(Section):
    """The broker that status goes to."""

    url: BrokerUrl = Field(
        default="off", description="mqtt://host:port, mqtts://host:port, embedded (a broker in this process) or off."
    )
    prefix: Topic = Field(default="boomerang", description="First level of every topic.")
    username: User | None = Field(default=None, description="User name at the broker; env:NAME and file:PATH are read.")
    password: Secret | None = Field(default=None, description="Password at the broker, as env:NAME or file:PATH.")
    mask_numbers: bool = Field(
        default=False, description="Numbers in events and states show their first and last two digits only."
    )

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Return what does not go together."""
        broker = self.broker
        if broker is not None and broker.embedded and not is_loopback(broker.host) and not (
                self.username and self.password):
            yield "url", (f"the broker at {broker.host} would let in whoever reaches it, to read and to command: set "
                          "username and password, or write embedded (this machine only)")

    @cached_property
    def broker(self) -> BrokerAddress | None:
        """Where the broker is; None where MQTT is off."""
        return parse_broker(self.url)


class Http(Section):
    """The web server of health and metrics."""

    listen: HttpListen = Field(
        default="off", description="address:port to serve health and metrics on, or off."
    )

    token: str | None = Field(
        default=None,
        shown=False,
        description="Has no effect: the API is the console's (console.listen), with tokens of `boomerang tokens`.",
    )

    @property
    def address(self) -> tuple[str, int] | None:
        """Host (IPv6 without brackets) and port; None where it is off."""
        if self.listen == "off":
            return None
        host, port = parse_host_port(self.listen)
        return host, port or 0


def _off(value: object, context: Context) -> object:
    return "0s" if value == "off" else value


def idle_token(http: Http) -> list[Found]:
    """Return what to say of a key that opens nothing any more, as (path, text)."""
    if http.token is None:
        return []
    return [(("http", "token"), "has no effect any more: the API is the console's (console.listen), with roles and "
             "tokens of their own (`boomerang tokens add`); take this line out")]


class Capture(Section):
    """The SIP messages of the last minutes, kept in memory so that a call can be looked at afterwards."""

    keep: Annotated[Duration, Field(le=DAY), BeforeValidator(_off)] = Field(
        default=1800.0,
        description='How long messages are kept, such as "30m", or off. Those of callbacks that are over go to '
        "messages/ in the data folder, for as long as node.history_keep says.",
    )
    memory: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=32, description="Megabytes that they take at the most; the oldest go first."
    )

    @property
    def bytes(self) -> int:
        """Bytes that they take at the most."""
        return self.memory << 20


class PolicySection(Section):
    """Where the first policy comes from."""

    seed: FilePath | None = Field(
        default=None, description="policy.toml that is read into the database when it holds no policy yet."
    )


class Log(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important level that is written: debug, info, warning or error."
    )
    mask_numbers: bool = Field(default=True, description="Numbers in the log show their last three digits only.")
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="console, json, or auto: console on a terminal, else json."
    )


class NodeConfig(Section):
    """The whole of boomerang.toml."""

    node: Node = Field(default=Node(), description="This process.")
    listen: Annotated[tuple[Listen, ...], Field(min_length=1)] = Field(description="Listening sockets.")
    trunk: dict[AsciiName, Trunk] = Field(min_length=1, description="Carriers by name, the first one is the usual one.")
    pbx: dict[AsciiName, Pbx] = Field(min_length=1, description="PBXs by name, the first one is the usual one.")
    cluster: Cluster = Field(default=Cluster(), description="The other nodes.")
    dns: Dns = Field(default=Dns(), description="Where names are looked up.")
    mqtt: Mqtt = Field(default=Mqtt(), description="The broker that status goes to.")
    http: Http = Field(default=Http(), description="The web server of health and metrics.")
    console: Console = Field(default=Console(), description="The web server of API and pages.")
    capture: Capture = Field(default=Capture(), description="SIP messages that are kept to be looked at.")
    media: Media = Field(default=Media(), description="The audio of calls that Boomerang places.")
    tickets: TicketChannels = Field(default=TicketChannels(), description="Where tickets are sent on to.")
    policy: PolicySection = Field(default=PolicySection(), description="Where the first policy comes from.")
    log: Log = Field(default=Log(), description="What is logged, and how.")

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.node.data / SOCKET_NAME

    @property
    def database(self) -> Path:
        """The database."""
        return self.node.data / DATABASE_NAME
