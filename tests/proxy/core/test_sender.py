"""The way out, alone."""

from proxy.core.sender import UDP_LIMIT, return_address
from proxy.sip.hop import Flow, Hop
from tests.kit.world import PBX, PROXY, STRANGER, TRUNK, address
from tests.proxy.core.workbench import HOP, Workbench, request


def outgoing(bench: Workbench, hop: Hop = HOP, *fields: str) -> object:
    return bench.sender.outgoing(request("INVITE", *fields), bench.flow(), hop, uri=None, target=0, tried=0,
                                 loop=b"00000000", token=None, call="c1", fields=())


def test_every_copy_gets_the_same_answer() -> None:
    bench = Workbench()
    for _ in range(2):
        bench.sender.answer(request(), bench.flow(), 404)
    first, second = bench.wire.sent
    assert (first, first.to, first.response.status) == (second, TRUNK, 404)
    assert bench.counters.sent_responses == {"4xx": 2}


def test_who_is_turned_away_stands_in_the_log() -> None:
    bench = Workbench()
    bench.sender.refuse(request(), bench.flow(STRANGER), 403, "unknown_source")
    assert (bench.notes.refusals, bench.counters.refused) == ([(*STRANGER, "unknown_source")], {"unknown_source": 1})
    assert bench.titles() == ["403 INVITE"]


def test_nothing_goes_to_ourselves_nor_where_we_have_no_listener() -> None:
    bench = Workbench()
    assert outgoing(bench, Hop("udp", *PROXY)) is None
    assert outgoing(bench, Hop("tcp", "::1", 5080)) is None
    assert [event for event, _ in bench.notes.lines] == ["own_address_as_next_hop"]


def test_what_is_large_takes_a_stream_where_the_peer_has_one() -> None:
    bench, large = Workbench(), "X-Large: " + "x" * UDP_LIMIT
    out = outgoing(bench, HOP, large)
    assert (getattr(out, "hop", None), [event for event, _ in bench.notes.lines]) == (HOP, ["larger_than_mtu"])
    bench.peers.set_addresses(bench.pbx, (address(PBX), address(PBX, "tcp")))
    assert getattr(outgoing(bench, HOP, large), "hop", None) == Hop("tcp", *PBX)


def test_a_new_request_is_made_ready_once() -> None:
    bench = Workbench()
    bench.pbx.request_host = b"pbx.example"
    one = request("INVITE", "X-Agent: 201", "Route: <sip:127.0.0.1;lr>", "P-Asserted-Identity: <sip:1@a>")
    bench.sender.prepare_new(one, b"sip:700@127.0.0.1", bench.pbx, trusted=False)
    assert (one.uri, one.max_forwards) == (b"sip:700@pbx.example", 69)
    assert not {b"x-agent", b"route", b"p-asserted-identity"} & set(one.names)


def test_only_trusted_peers_are_believed() -> None:
    bench = Workbench()
    assert bench.sender.flow_trusted(bench.flow())
    assert bench.sender.hop_trusted(HOP)
    assert not bench.sender.flow_trusted(bench.flow(STRANGER))
    assert not bench.sender.hop_trusted(Hop("udp", *STRANGER))


def test_answers_go_where_rfc_3261_says() -> None:
    bench = Workbench()
    assert return_address(request(source=("127.0.0.1", 5999)), bench.flow()) == ("127.0.0.1", 5999)
    by_tcp = Flow(bench.wire.listeners[1], "127.0.0.1", 40000, 1)
    assert return_address(request(), by_tcp) == TRUNK
