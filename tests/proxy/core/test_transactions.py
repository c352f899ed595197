"""The tables, alone: an entry is there from its start to its end, and found by either name."""

from proxy.core.requests_out import Outgoing
from proxy.sip.client import ClientTransaction
from proxy.sip.hop import Hop
from proxy.sip.message import Response
from proxy.sip.transaction import ClientBystander, ServerBystander
from tests.kit.world import PBX, STRANGER
from tests.proxy.core.workbench import HOP, Workbench, request, response

LONG = 64.0


class Owner(ClientBystander):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.heard.append(str(response.status))

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self.heard.append("unsent")

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self.heard.append("over")


def out(bench: Workbench, hop: Hop = HOP) -> Outgoing:
    one = request(branch="z9hG4bKours")
    return Outgoing(one, one.to_bytes(), hop, bench.wire.listeners[0])


def test_a_request_of_ours_is_found_by_its_response_and_gone_when_it_is_over() -> None:
    bench, owner = Workbench(), Owner()
    made = bench.transactions.start_client(out(bench), owner, bench.now)
    answer = response(bench.wire.sent[0].request, 486)
    assert bench.transactions.client_of(answer) is made
    made.receive(answer, bench.now)
    assert bench.titles() == ["INVITE", "ACK"]
    bench.wait(LONG)
    assert (bench.transactions.clients, owner.heard, len(bench.timers)) == ({}, ["486", "over"], 0)


def test_an_entry_knows_the_connection_that_it_left_by() -> None:
    bench = Workbench()
    bench.wire.connections[PBX] = 7
    assert bench.transactions.start_client(out(bench, Hop("tcp", *PBX)), Owner(), bench.now).carrier == 7
    assert bench.transactions.start_client(out(bench), Owner(), bench.now).carrier == 0


def test_what_cannot_be_sent_fails_and_is_gone() -> None:
    bench, owner = Workbench(), Owner()
    bench.wire.dead.add(PBX)
    bench.transactions.start_client(out(bench), owner, bench.now)
    bench.wire.failures.pop()()
    assert (owner.heard, bench.transactions.clients) == (["unsent", "over"], {})
    assert [event for event, _ in bench.notes.lines] == ["not_sent"]


def test_a_cancel_ends_by_itself() -> None:
    bench = Workbench()
    bench.transactions.send_cancel(out(bench), bench.now)
    assert bench.titles() == ["CANCEL"]
    bench.wait(LONG)
    assert bench.transactions.clients == {}


def test_a_request_of_theirs_is_found_by_both_names_from_the_same_neighbour() -> None:
    bench, tables = Workbench(), Workbench().transactions
    one, other_port = request(), request(source=("127.0.0.1", 5071))
    key = tables.key_of(one, bench.flow(), b"INVITE")
    made = tables.open_server(one, bench.flow(), ServerBystander(), bench.now)
    assert (made.key, tables.key_of(request(), bench.flow(), b"INVITE")) == (key, key)
    assert tables.key_of(other_port, bench.flow(), b"INVITE") == key
    assert tables.key_of(other_port, bench.flow(("192.0.2.7", 5060)), b"INVITE") != key
    made.terminate(bench.now)
    assert (tables.servers, tables.kin) == ({}, {})


def test_a_request_that_nobody_looked_for_gets_the_same_name() -> None:
    bench = Workbench()
    looked, tables = Workbench().transactions, bench.transactions
    key = looked.key_of(request(), bench.flow(), b"INVITE")
    assert tables.open_server(request(), bench.flow(STRANGER), ServerBystander(), bench.now).key == key


def test_an_entry_of_a_repeated_name_takes_only_itself_out() -> None:
    bench = Workbench()
    first = bench.transactions.open_server(request(), bench.flow(), ServerBystander(), bench.now)
    second = bench.transactions.open_server(request(source=("127.0.0.1", 5071)), bench.flow(), ServerBystander(),
                                            bench.now)
    first.terminate(bench.now)
    assert (list(bench.transactions.servers.values()), list(bench.transactions.kin.values())) == ([second], [second])
