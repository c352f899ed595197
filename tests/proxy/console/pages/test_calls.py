"""The pages of calls of a real console: search, why a call went where it did, its messages, its end."""

import io
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from proxy.console.call_story import Story
from proxy.console.words import LANGUAGES, words_of
from tests.kit.call import Outgoing
from tests.kit.console_site import ADMIN, AGENT, SUPERVISOR, ConsoleSite
from tests.kit.sip_socket import SipSocket, reply
from tests.kit.waiting import eventually

SHARED: Final = "+3614445555"
QUEUED: Final = "+3614446666"
"""Its callers may ask for a callback while they wait."""
CUSTOMER: Final = "+36301234501"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("calls")) as site:
        yield site


def refused(caller: SipSocket, called: SipSocket, site: ConsoleSite, dialled: str, by: str, status: str) -> str:
    """A call that is refused at each place it goes to; gives its id once it is over."""
    call = Outgoing(caller, site.boomerang.hop, dialled, by)
    while True:
        invite = called.expect("INVITE", call.call_id)
        called.send(reply(invite, status, []), invite.source)
        if "X-Boomerang: direct" not in invite.head:
            break
    call.expect(int(status.split()[0]))
    return str(eventually(lambda: name_of(site, call.call_id), "it is over"))


def name_of(site: ConsoleSite, call_id: str) -> str | None:
    found = site.boomerang.sql("SELECT id FROM calls WHERE sip_call_id=? AND ended_at IS NOT NULL", call_id)
    return found[0][0] if found else None


@pytest.fixture(scope="module")
def missed(site: ConsoleSite) -> tuple[str, str]:
    """An agent does not reach a customer, who calls back and is not reached either: both calls."""
    out = refused(site.pbx, site.carrier, site, CUSTOMER, "201", "486 Busy Here")
    back = refused(site.carrier, site.pbx, site, SHARED, CUSTOMER, "480 Temporarily Unavailable")
    return out, back


def test_the_rule_that_decided_is_told_with_the_call_behind_it(site: ConsoleSite, missed: tuple[str, str]) -> None:
    out, back = missed
    page = site.client(ADMIN).get(f"/calls/{back}").text
    assert "Agent 201 had tried to reach this customer: a direct callback of type" in page
    assert f'href="/calls/{out}"' in page
    assert "Agent 201 did not take it; the same call went on" in page
    assert "A call to the outside" in site.client(ADMIN).get(f"/calls/{out}").text


def test_messages_are_drawn_written_out_and_a_capture(site: ConsoleSite, missed: tuple[str, str]) -> None:
    client, (_, back) = site.client(ADMIN), missed
    page = client.get(f"/calls/{back}").text
    assert page.count('class="ladder-row') >= 6
    assert '<text x="0"' in page
    assert "X-Boomerang: direct; agent=201" in page
    assert len(page) < 250_000
    answer = client.get(f"/calls/{back}/messages.pcap")
    assert answer.headers["content-disposition"] == f'attachment; filename="call-{back}.pcap"'
    dpkt: Any = pytest.importorskip("dpkt")

    def both() -> tuple[int, list[Any]] | None:
        """Rows that are drawn and messages of the capture, where nothing has passed between the two looks."""
        rows = client.get(f"/calls/{back}").text.count('class="ladder-row')
        capture = io.BytesIO(client.get(f"/calls/{back}/messages.pcap").content)
        messages = [dpkt.ip.IP(packet).data for _, packet in dpkt.pcap.Reader(capture)]
        return (rows, messages) if rows == len(messages) else None

    found = eventually(both, "as many rows as messages", every=0.2)
    assert found is not None
    rows, messages = found
    first = dpkt.sip.Request(messages[0].data)
    assert rows >= 6
    assert (first.method, messages[0].sport) == ("INVITE", site.carrier.port)


def test_a_caller_in_a_queue_is_shown_at_the_carrier_and_at_the_pbx(site: ConsoleSite) -> None:
    """There the PBX has a call of ours in the place of theirs, by another Call-ID; it refuses that, and gets theirs."""
    call = Outgoing(site.carrier, site.boomerang.hop, QUEUED, "+36301234511")
    invite = site.pbx.expect("INVITE", where=lambda one: "+36301234511" in one.header("From"))
    assert invite.call_id != call.call_id
    site.pbx.send(reply(invite, "480 Temporarily Unavailable", []), invite.source)
    plain = site.pbx.expect("INVITE", call.call_id)
    site.pbx.send(reply(plain, "480 Temporarily Unavailable", []), plain.source)
    call.refused(480)
    name = str(eventually(lambda: name_of(site, call.call_id), "it is over"))
    client = site.client(ADMIN)

    def drawn() -> dict[str, Any] | None:
        """Its messages, where as many are drawn: none has passed between the two looks."""
        told = site.verb("calls.messages", id=name)
        rows = client.get(f"/calls/{name}").text.count('class="ladder-row')
        return dict(told) if rows == len(told["messages"]) else None

    told = eventually(drawn, "as many rows as messages", every=0.2)
    assert told is not None
    trunk, node, pbx = told["columns"]
    passed = [(one["from"], one["to"], one["line"].split()[0]) for one in told["messages"]]
    places = [passed.index(one) for one in (
        (trunk, node, "INVITE"), (node, pbx, "INVITE"), (pbx, node, "480"), (node, trunk, "480"))]
    assert places == sorted(places)
    assert [one["time"] for one in told["messages"]] == sorted(one["time"] for one in told["messages"])
    capture = client.get(f"/calls/{name}/messages.pcap").content
    assert call.call_id.encode() in capture
    assert invite.call_id.encode() in capture


def test_each_role_sees_what_is_theirs(site: ConsoleSite, missed: tuple[str, str]) -> None:
    other = refused(site.pbx, site.carrier, site, "+36301234502", "209", "486 Busy Here")
    agent, supervisor = site.client(AGENT), site.client(SUPERVISOR)
    own = agent.get(f"/calls/{missed[0]}")
    assert (own.status_code, "SIP messages" in own.text, "/end" in own.text) == (200, False, False)
    assert agent.get(f"/calls/{other}").status_code == 403
    assert agent.get(f"/calls/{missed[0]}/messages.pcap").status_code == 403
    assert agent.post(f"/calls/{missed[0]}/end").status_code == 403
    assert "SIP messages" in supervisor.get(f"/calls/{missed[0]}").text
    assert supervisor.get("/calls/no-such-call").status_code == 404


def test_calls_are_searched(site: ConsoleSite, missed: tuple[str, str]) -> None:
    client = site.client(ADMIN)

    def found(**asked: str) -> set[str]:
        page = client.get("/calls", params={"kind": "call", **asked}).text
        return set(re.findall(r'<a href="/calls/([\w-]+)">', page))

    assert found(customer="06 30 123 4501") == {*missed}
    assert found(customer=CUSTOMER, result="missed") == {missed[1]}
    assert found(customer=CUSTOMER, agent="201", direction="outbound") == {missed[0]}
    assert missed[0] not in found(to="2020-01-01T00:00")
    assert found(**{"customer": CUSTOMER, "from": "2020-01-01T00:00"}) == {*missed}
    odd = client.get("/calls", params={"customer": '<script>alert("x")</script>'})
    assert (odd.status_code, "<script>alert" in odd.text) == (422, False)
    assert "&lt;script&gt;" in odd.text, "nothing typed is lost"
    assert client.get("/calls", params={"from": "yesterday"}).status_code == 422


def test_a_call_is_ended_from_its_page(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    call = Outgoing(site.carrier, site.boomerang.hop, SHARED, "+36301234503")
    invite = site.pbx.expect("INVITE", call.call_id)
    site.pbx.send(reply(invite, "180 Ringing", []), invite.source)
    call.expect(180)
    name = eventually(lambda: next((one["id"] for one in site.verb("calls.list", active=True)
                                    if one["customer"] == "+36301234503"), None), "it goes on")
    assert "It goes on." in client.get(f"/calls/{name}").text
    answer = client.post(f"/calls/{name}/end")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/calls/{name}")
    cancel = site.pbx.expect("CANCEL", call.call_id)
    site.pbx.send(reply(cancel, "200 OK", []), cancel.source)
    site.pbx.send(reply(invite, "487 Request Terminated", []), invite.source)
    call.expect(480)
    eventually(lambda: "ended unanswered by an operator" in client.get(f"/calls/{name}").text, "it is told")
    again = client.post(f"/calls/{name}/end")
    assert again.status_code == 404


CALL: Final[dict[str, Any]] = {
    "time": 1.0, "kind": "call", "direction": "inbound", "customer": CUSTOMER, "number": SHARED, "group": "sales",
    "agent": None, "dialled": SHARED, "trunk": "main", "pbx": "office", "cause": 200, "by": "caller", "talk": 12.0,
    "reason": "normal", "evidence": None, "tried": None, "answered": None, "ended": 2.0, "direct": None,
    "node": "edge1"}
RECORD: Final = {"agent": "201", "type": 2, "created": 1.0, "touched": 1.0, "expires": 2.0, "by": None}


@pytest.mark.parametrize(("more", "told"), [
    ({}, "shared and of group sales"), ({"group": None}, "shared and of no group"),
    ({"reason": "withheld", "customer": None}, "withheld"),
    ({"reason": "number", "agent": "205"}, "belongs to agent 205"),
    ({"reason": "number"}, "a direct one"), ({"reason": "on_behalf", "direction": "outbound"}, "in its queue"),
    ({"reason": "glare"}, "joined with that callback"), ({"reason": "place"}, "Their place in the queue"),
    ({"reason": "callback", "kind": "callback"}, "Boomerang rang agent"),
    ({"reason": "callback", "kind": "callback", "direction": "outbound"}, "through main, for agent"),
    ({"reason": "in_queue", "kind": "place"}, "to hold the place of"), ({"direction": "outbound"}, "to the outside"),
    ({"reason": "something_new"}, "Why it went there: something_new"),
    ({"direct": {**RECORD, "why": "expired"}}, "had expired"), ({"direct": {**RECORD, "why": "off"}}, "setting is off"),
    ({"direct": {**RECORD, "why": "dialled"}}, "dialled anyhow"),
    ({"direct": {**RECORD, "why": "elsewhere"}}, "none of this PBX"),
    ({"direct": {**RECORD, "why": "followed"}, "reason": "direct", "tried": "201"}, "did not take it"),
    ({"direct": {**RECORD, "why": "followed"}, "reason": "direct", "tried": "201", "agent": "201", "answered": 1.5,
      "evidence": "dialled"}, "agent 201 had it"),
    ({"answered": 1.5, "agent": "201", "evidence": "dialog_event"}, "had it: their phone was seen to talk"),
    ({"answered": 1.5, "agent": "201", "evidence": "something_new"}, "had it: something_new."),
    *(({"answered": 1.5, "agent": "201", "evidence": header.lower()},
       f"had it: the PBX named them in the header {header}.")
      for header in ("P-Asserted-Identity", "Remote-Party-Id", "From", "X-Agent")),
    ({"answered": 1.5}, "nothing shows which agent"), ({"answered": 1.5}, "after a talk of 0:12"),
    ({"ended": None}, "It goes on."), ({"reason": "adopted"}, "found under way"),
    ({"node": "edge2"}, "It began at node edge2."),
 ({"by": "lost"}, "no sign of life"),
])
def test_what_is_told_of_a_call(more: dict[str, Any], told: str) -> None:
    for language in LANGUAGES:
        sentences = Story(words_of(language), str, lambda seconds: "0:12", "edge1").sentences({**CALL, **more})
        assert len(sentences) >= 3
        assert not any("%(" in one for one in sentences)
        assert any("edge2" in one for one in sentences) == ("node" in more)
        if language == "en":
            assert told in " ".join(sentences)


def test_messages_of_an_attempt_are_on_disk_soon_after_it_is_over(site: ConsoleSite) -> None:
    """Whichever callback rings an agent first: there may be others of customers who were missed here."""
    site.verb("callbacks.add", customer="+36301234509", group="sales")
    invite = site.pbx.expect("INVITE")
    site.pbx.send(reply(invite, "486 Busy Here", []), invite.source)
    over = "SELECT id, attempt FROM calls WHERE sip_call_id=? AND ended_at IS NOT NULL"
    [(leg, attempt)] = eventually(lambda: site.boomerang.sql(over, invite.call_id), "its leg is over")
    found = eventually(lambda: [*(site.boomerang.data / "messages").rglob(f"{leg}.jsonl.gz")], "a file", every=0.2)
    assert len(found) == 1
    told = site.verb("calls.messages", id=attempt)
    assert leg in {one["id"] for one in told["calls"]}
    assert told["messages"][0]["line"].startswith("INVITE sip:")
