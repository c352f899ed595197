"""RFC 3263 against a name server of our own."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.rcode
import dns.resolver
import pytest

from proxy.sip.hop import Hop
from proxy.transports import dns_servers, questions
from proxy.transports.dns_records import Naptr, Question, Srv
from proxy.transports.dns_servers import DnsServers
from proxy.transports.resolver import ResolveError, Resolver
from tests.proxy.transports.dns_server import NameServer, name_server
from tests.proxy.transports.support import run, until

LIFETIME = 0.6


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def resolving(**more: Any) -> AsyncIterator[tuple[Resolver, NameServer, Clock]]:
    clock = Clock()
    async with name_server() as server:
        options: dict[str, Any] = {"clock": clock, "draw": lambda: 0.0, "hosts": None, "lifetime": LIFETIME} | more
        resolver = Resolver(nameservers=[("127.0.0.1", server.port)], **options)
        try:
            yield resolver, server, clock
        finally:
            await resolver.close()


@pytest.mark.parametrize(
    ("asked", "hop"),
    [
        (("192.0.2.1", None, None, False), Hop("udp", "192.0.2.1", 5060)),
        (("192.0.2.1", 5080, None, False), Hop("udp", "192.0.2.1", 5080)),
        (("192.0.2.1", None, "tcp", False), Hop("tcp", "192.0.2.1", 5060)),
        (("192.0.2.1", None, "tls", False), Hop("tls", "192.0.2.1", 5061, "192.0.2.1")),
        (("192.0.2.1", None, None, True), Hop("tls", "192.0.2.1", 5061, "192.0.2.1")),
        (("192.0.2.1", 5062, "tcp", True), Hop("tls", "192.0.2.1", 5062, "192.0.2.1")),
        (("[2001:DB8::1]", None, None, False), Hop("udp", "2001:db8::1", 5060)),
        (("2001:db8::1", 5070, "tcp", False), Hop("tcp", "2001:db8::1", 5070)),
        (("::ffff:192.0.2.1", None, None, False), Hop("udp", "192.0.2.1", 5060)),
    ],
)
def test_an_address_needs_no_question(asked: tuple[str, int | None, str | None, bool], hop: Hop) -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            assert resolver.cached(*asked) == [hop]
            assert await resolver.resolve(*asked) == [hop]
            assert not server.asked

    run(scenario())


def test_explicit_port_asks_for_addresses_only() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add("pbx.test", "A", "192.0.2.1", "192.0.2.2")
            server.add("pbx.test", "AAAA", "2001:db8::1")
            hops = await resolver.resolve("PBX.test.", 5080, None, False)
            # The order of the addresses in one answer is the server's, and servers change it.
            assert set(hops[:2]) == {Hop("udp", "192.0.2.1", 5080), Hop("udp", "192.0.2.2", 5080)}
            assert hops[2:] == [Hop("udp", "2001:db8::1", 5080)]
            assert set(server.asked) == {("pbx.test", "A"), ("pbx.test", "AAAA")}

    run(scenario())


def test_naptr_then_srv_then_addresses() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add(
                "carrier.test",
                "NAPTR",
                '20 10 "s" "SIP+D2U" "" _sip._udp.carrier.test.',
                '10 20 "S" "sip+d2t" "" _sip._tcp.carrier.test.',
                '10 10 "s" "SIPS+D2T" "" _sips._tcp.carrier.test.',
                '5 1 "u" "E2U+sip" "!^.*$!sip:x@y!" .',
                '5 1 "s" "SIP+D2S" "" _sip._sctp.carrier.test.',
            )
            server.add("_sips._tcp.carrier.test", "SRV", "10 0 5071 a.carrier.test.")
            server.add("_sip._tcp.carrier.test", "SRV", "10 0 5070 a.carrier.test.")
            server.add("_sip._udp.carrier.test", "SRV", "20 0 5060 a.carrier.test.", "10 0 5062 b.carrier.test.")
            server.add("a.carrier.test", "A", "192.0.2.1")
            server.add("b.carrier.test", "A", "192.0.2.2")
            assert await resolver.resolve("carrier.test", None, None, False) == [
                Hop("tls", "192.0.2.1", 5071, "carrier.test"),
                Hop("tcp", "192.0.2.1", 5070),
                Hop("udp", "192.0.2.2", 5062),
                Hop("udp", "192.0.2.1", 5060),
            ]
            assert ("_sip._sctp.carrier.test", "SRV") not in server.asked
            assert await resolver.resolve("carrier.test", None, None, True) == [
                Hop("tls", "192.0.2.1", 5071, "carrier.test")
            ]

    run(scenario())


def test_without_naptr_all_services_we_speak_are_asked_for() -> None:
    async def scenario() -> None:
        async with resolving(transports=("udp", "tcp")) as (resolver, server, _):
            server.add("_sip._udp.pbx.test", "SRV", "10 0 5070 a.pbx.test.")
            server.add("_sip._tcp.pbx.test", "SRV", "10 0 5071 a.pbx.test.")
            server.add("a.pbx.test", "A", "192.0.2.1")
            assert await resolver.resolve("pbx.test", None, None, False) == [
                Hop("udp", "192.0.2.1", 5070),
                Hop("tcp", "192.0.2.1", 5071),
            ]
            assert ("_sips._tcp.pbx.test", "SRV") not in server.asked

    run(scenario())


def test_a_named_transport_skips_naptr() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add("_sip._tcp.pbx.test", "SRV", "10 0 5071 a.pbx.test.")
            server.add("a.pbx.test", "AAAA", "2001:db8::1")
            assert await resolver.resolve("pbx.test", None, "tcp", False) == [Hop("tcp", "2001:db8::1", 5071)]
            assert ("pbx.test", "NAPTR") not in server.asked

    run(scenario())


@pytest.mark.parametrize(
    ("transport", "secure", "hop"),
    [
        (None, False, Hop("udp", "192.0.2.1", 5060)),
        ("tcp", False, Hop("tcp", "192.0.2.1", 5060)),
        (None, True, Hop("tls", "192.0.2.1", 5061, "pbx.test")),
    ],
)
def test_without_services_the_defaults_hold(transport: str | None, secure: bool, hop: Hop) -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add("pbx.test", "A", "192.0.2.1")
            assert await resolver.resolve("pbx.test", None, transport, secure) == [hop]

    run(scenario())


def test_default_is_a_transport_that_we_have() -> None:
    async def scenario() -> None:
        async with resolving(transports=["tcp"]) as (resolver, server, _):
            server.add("pbx.test", "A", "192.0.2.1")
            assert await resolver.resolve("pbx.test", 5060, None, False) == [Hop("tcp", "192.0.2.1", 5060)]

    run(scenario())


def test_families_we_do_not_speak_are_not_asked_for() -> None:
    async def scenario() -> None:
        async with resolving(families=["A"]) as (resolver, server, _):
            server.add("pbx.test", "A", "192.0.2.1")
            server.add("pbx.test", "AAAA", "2001:db8::1")
            assert await resolver.resolve("pbx.test", 5060, None, False) == [Hop("udp", "192.0.2.1", 5060)]
            assert ("pbx.test", "AAAA") not in server.asked
            assert await resolver.resolve("localhost", 5060, None, False) == [Hop("udp", "127.0.0.1", 5060)]

    run(scenario())


def test_aliases_are_followed() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add("pbx.test", "CNAME", "real.test.")
            server.add("real.test", "A", "192.0.2.1")
            assert await resolver.resolve("pbx.test", 5061, "tls", False) == [Hop("tls", "192.0.2.1", 5061, "pbx.test")]

    run(scenario())


def test_weights_share_the_load() -> None:
    steps = itertools.cycle(step / 100 for step in range(100))
    first: Counter[str] = Counter()

    async def scenario() -> None:
        async with resolving(draw=lambda: next(steps)) as (resolver, server, _):
            records = ("10 70 5060 a.test.", "10 30 5060 b.test.", "10 0 5060 c.test.", "5 0 5060 d.test.")
            server.add("_sip._udp.pbx.test", "SRV", *records)
            for number, name in enumerate("abcd"):
                server.add(f"{name}.test", "A", f"192.0.2.{number}")
            for _ in range(400):
                hops = await resolver.resolve("pbx.test", None, "udp", False)
                assert hops[0].host == "192.0.2.3"  # priority before weight
                assert len(set(hops)) == 4
                first[hops[1].host] += 1
            assert sum(server.asked.values()) == 1 + 8

    run(scenario())
    assert 250 <= first["192.0.2.0"] <= 310
    assert 90 <= first["192.0.2.1"] <= 150


def test_no_such_service_is_not_looked_for_elsewhere() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add("_sip._udp.pbx.test", "SRV", "0 0 0 .")
            server.add("pbx.test", "A", "192.0.2.1")
            with pytest.raises(ResolveError, match=r"pbx\.test: offers no SIP service"):
                await resolver.resolve("pbx.test", None, "udp", False)

    run(scenario())


@pytest.mark.parametrize(
    ("host", "transport", "secure", "said"),
    [
        ("nowhere.test", None, False, "nowhere.test: no address"),
        ("pbx.test", "udp", True, "transport udp cannot be used with sips"),
        ("pbx.test", "sctp", False, "transport sctp cannot be used"),
        ("", None, False, "no host name"),
        ("a..b", None, False, "no host name"),
        ("a" * 64 + ".test", None, False, "no host name"),
        ("a." * 200, None, False, "no host name"),
        ("p\u00e9.test", None, False, "no host name"),
        ("a\\999.test", None, False, "a\\\\999.test: "),
    ],
)
def test_what_cannot_be_resolved_is_said(host: str, transport: str | None, secure: bool, said: str) -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, _, _):
            assert resolver.cached(host, None, transport, secure) is None
            with pytest.raises(ResolveError, match=said) as info:
                await resolver.resolve(host, None, transport, secure)
            assert info.value.host == host[:253]

    run(scenario())


def test_answers_serve_for_their_ttl() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, clock):
            server.add("pbx.test", "A", "192.0.2.1")
            asked = ("pbx.test", 5060, None, False)
            assert resolver.cached(*asked) is None
            hops = await resolver.resolve(*asked)
            server.add("pbx.test", "A", "192.0.2.2")
            clock.now += server.ttl - 1
            assert resolver.cached(*asked) == await resolver.resolve(*asked) == hops
            assert server.asked["pbx.test", "A"] == 1
            clock.now += 1
            assert resolver.cached(*asked) is None
            assert await resolver.resolve(*asked) == [Hop("udp", "192.0.2.2", 5060)]
            assert server.asked["pbx.test", "A"] == 2

    run(scenario())


@pytest.mark.parametrize(("ttl", "kept"), [(0, questions.TTL_MIN), (10_000_000, questions.TTL_MAX)])
def test_ttl_is_bounded(ttl: int, kept: float) -> None:
    async def scenario() -> None:
        async with resolving(families=["A"]) as (resolver, server, clock):
            server.ttl = ttl
            server.add("pbx.test", "A", "192.0.2.1")
            asked = ("pbx.test", 5060, None, False)
            hops = await resolver.resolve(*asked)
            clock.now += kept - 1
            assert resolver.cached(*asked) == hops
            clock.now += 2
            assert resolver.cached(*asked) is None

    run(scenario())


def test_denials_are_remembered() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, clock):
            for _ in range(3):
                with pytest.raises(ResolveError):
                    await resolver.resolve("nowhere.test", 5060, None, False)
            assert server.asked["nowhere.test", "A"] == 1
            clock.now += server.ttl
            with pytest.raises(ResolveError):
                await resolver.resolve("nowhere.test", 5060, None, False)
            assert server.asked["nowhere.test", "A"] == 2

    run(scenario())


def test_concurrent_questions_are_one() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, _):
            server.add("pbx.test", "A", "192.0.2.1")
            server.mute = True
            tasks = [asyncio.create_task(resolver.resolve("pbx.test", 5060, None, False)) for _ in range(50)]
            await until(lambda: len(server.asked) == 2)
            tasks[0].cancel()  # one who loses patience does not spoil it for the others
            await asyncio.wait(tasks[:1])
            server.speak()
            assert await asyncio.gather(*tasks[1:]) == [[Hop("udp", "192.0.2.1", 5060)]] * 49
            assert set(server.asked.values()) <= {1, 2}  # once more for what was asked while mute

    run(scenario())


def test_dead_server_stale_answers_then_recovery() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, clock):
            server.add("pbx.test", "A", "192.0.2.1")
            asked = ("pbx.test", 5060, None, False)
            hops = await resolver.resolve(*asked)
            port = server.port
            server.die()
            clock.now += server.ttl + 1
            assert resolver.cached(*asked) is None
            assert await resolver.resolve(*asked) == hops
            assert resolver.cached(*asked) == hops  # nobody else waits during the pause
            clock.now += questions.STALE_MAX - 60
            assert await resolver.resolve(*asked) == hops
            loop = asyncio.get_running_loop()
            transport, again = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", port))
            again.add("pbx.test", "A", "192.0.2.2")
            assert await resolver.resolve(*asked) == hops
            clock.now += questions.RETRY_PAUSE
            assert await resolver.resolve(*asked) == [Hop("udp", "192.0.2.2", 5060)]
            transport.close()

    run(scenario())


def test_stale_answers_end() -> None:
    async def scenario() -> None:
        async with resolving() as (resolver, server, clock):
            server.add("pbx.test", "A", "192.0.2.1")
            asked = ("pbx.test", 5060, None, False)
            await resolver.resolve(*asked)
            server.die()
            clock.now += server.ttl + questions.STALE_MAX + 1
            with pytest.raises(ResolveError, match=r"pbx.test: .+"):
                await resolver.resolve(*asked)

    run(scenario())


def test_slow_server_does_not_delay_who_has_a_stale_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "STALE_AFTER", 0.02)

    async def scenario() -> None:
        async with resolving(lifetime=5.0, families=["A"]) as (resolver, server, clock):
            server.add("pbx.test", "A", "192.0.2.1")
            asked = ("pbx.test", 5060, None, False)
            hops = await resolver.resolve(*asked)
            clock.now += server.ttl + 1
            server.mute = True
            server.add("pbx.test", "A", "192.0.2.2")
            assert await resolver.resolve(*asked) == hops
            await until(lambda: server.asked["pbx.test", "A"] == 2)
            server.speak()
            await until(lambda: resolver.cached(*asked) == [Hop("udp", "192.0.2.2", 5060)])

    run(scenario())


def test_servfail_is_a_failure_with_a_pause() -> None:
    async def scenario() -> None:
        async with resolving(families=["A"]) as (resolver, server, clock):
            server.add("pbx.test", "A", "192.0.2.1")
            server.rcode = dns.rcode.SERVFAIL
            asked = ("pbx.test", 5060, None, False)
            for _ in range(3):
                with pytest.raises(ResolveError, match="SERVFAIL"):
                    await resolver.resolve(*asked)
            tries = server.asked["pbx.test", "A"]
            server.rcode = None
            with pytest.raises(ResolveError):
                await resolver.resolve(*asked)
            assert server.asked["pbx.test", "A"] == tries
            clock.now += questions.FAILURE_PAUSE
            assert await resolver.resolve(*asked) == [Hop("udp", "192.0.2.1", 5060)]

    run(scenario())


def test_pause_grows_with_every_failure_in_a_row() -> None:
    async def scenario() -> None:
        async with resolving(families=["A"]) as (resolver, server, clock):
            server.rcode = dns.rcode.SERVFAIL
            asked, pauses = Question("pbx.test", "A"), []
            for _ in range(9):
                await resolver._questions.ask(asked)
                pauses.append(resolver._questions._entries[asked].pause)
                clock.now += pauses[-1]
            assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]

    run(scenario())


def test_memory_is_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ENTRIES_MAX", 3)

    async def scenario() -> None:
        async with resolving(families=["A"]) as (resolver, server, _):
            for number in range(5):
                server.add(f"pbx{number}.test", "A", f"192.0.2.{number}")
                await resolver.resolve(f"pbx{number}.test", 5060, None, False)
            assert [resolver.cached(f"pbx{n}.test", 5060, None, False) is None for n in range(5)] == [
                True,
                True,
                False,
                False,
                False,
            ]

    run(scenario())


def test_open_questions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "OPEN_MAX", 2)

    async def scenario() -> None:
        async with resolving(families=["A"]) as (resolver, server, _):
            server.mute = True
            tasks = [asyncio.create_task(resolver.resolve(f"pbx{n}.test", 5060, None, False)) for n in range(3)]
            await until(lambda: len(server.asked) == 2)
            with pytest.raises(ResolveError, match="too many DNS questions"):
                await tasks[2]
            for task in tasks[:2]:
                task.cancel()
            await asyncio.wait(tasks)

    run(scenario())


def test_closing_ends_what_is_under_way() -> None:
    async def scenario() -> None:
        async with resolving(lifetime=60.0) as (resolver, server, _):
            server.mute = True
            task = asyncio.create_task(resolver.resolve("pbx.test", 5060, None, False))
            await until(lambda: server.asked)
            await resolver.close()
            with pytest.raises(ResolveError, match="closing"):
                await task

    run(scenario())


def test_hosts_file_goes_before_dns(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# comment\n192.0.2.7 PBX.test pbx # tail\n2001:db8::7\tpbx\n192.0.2.7 pbx\nnonsense pbx\n\n")

    async def scenario() -> None:
        async with resolving(hosts=hosts) as (resolver, server, _):
            assert resolver.cached("pbx.test", None, None, False) == [Hop("udp", "192.0.2.7", 5060)]
            assert resolver.cached("pbx", None, "tls", False) == [
                Hop("tls", "192.0.2.7", 5061, "pbx"),
                Hop("tls", "2001:db8::7", 5061, "pbx"),
            ]
            assert await resolver.resolve("localhost", 5080, None, False) == [
                Hop("udp", "127.0.0.1", 5080),
                Hop("udp", "::1", 5080),
            ]
            assert not server.asked

    run(scenario())


def test_hosts_file_may_be_missing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with resolving(hosts=tmp_path / "none") as (resolver, _, _):
            assert resolver.cached("localhost", 5060, None, False) is not None

    run(scenario())


def test_without_any_name_server_addresses_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def unconfigured(configure: bool) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr("dns.asyncresolver.Resolver", unconfigured)

    async def scenario() -> None:
        resolver = Resolver(hosts=None)
        assert await resolver.resolve("192.0.2.1", None, None, False) == [Hop("udp", "192.0.2.1", 5060)]
        with pytest.raises(ResolveError, match="no DNS server is configured"):
            await resolver.resolve("pbx.test", None, None, False)

    run(scenario())


def test_records_sort_as_they_are_to_be_taken() -> None:
    assert Naptr(1, 9, "s", "SIP+D2U", False, "b") < Naptr(2, 1, "s", "SIP+D2U", False, "a")
    assert Srv(1, 0, 5060, "a") < Srv(2, 9, 5060, "a")


def test_what_asks_is_loaded_where_no_call_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question may come of a message, while calls pass."""
    loaded: list[threading.Thread] = []

    class Servers(DnsServers):
        def __init__(self, *given: Any) -> None:
            loaded.append(threading.current_thread())
            super().__init__(*given)

    monkeypatch.setattr(dns_servers, "DnsServers", Servers)

    async def scenario() -> None:
        async with resolving() as (resolver, _, _):
            with pytest.raises(ResolveError):
                await resolver.resolve("nowhere.test", 5060, "udp", False)
        assert loaded
        assert threading.current_thread() not in loaded

    run(scenario())
