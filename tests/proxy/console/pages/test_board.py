"""The board of a real console: what it shows to whom, that it is as MQTT says, and that it follows what happens."""

import html
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from threading import Barrier
from typing import Any

import httpx
import pytest

from proxy.console.pages.board import in_time
from routing.events import rfc3339
from tests.kit.call import Outgoing
from tests.kit.console_site import ADMIN, AGENT, SUPERVISOR, ConsoleSite
from tests.kit.sip_socket import reply
from tests.kit.waiting import PATIENCE, eventually

QUICK = 0.2


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("board")) as site:
        yield site


def rows(page: str) -> dict[str, list[str]]:
    """The three figures of each group and number, as the page writes them."""
    found = re.findall(r'<tr data-figures="([^"]+)">(.*?)</tr>', page)
    return {name: re.findall(r'<td class="number">(.*?)</td>', row) for name, row in found}


def written(seconds: float | None) -> str:
    if seconds is None:
        return "\u2013"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def test_three_figures_of_each_group_and_number_are_those_of_mqtt(site: ConsoleSite) -> None:
    task = site.verb("callbacks.add", customer="+36301112233", group=min(SUPERVISOR.groups or ()),
                     at=rfc3339(time.time() + 3600))["id"]
    client = site.client(ADMIN)

    def in_queue() -> int:
        return sum(one["callbacks_in_queue"] for one in site.verb("queues.list"))

    eventually(lambda: in_queue() == site.verb("callbacks.figures")["total"]["in_queue"] > 0, "it counts", every=QUICK)
    eventually(lambda: rows(client.get("/").text)[f"group:{min(SUPERVISOR.groups or ())}"][0] != "0", "it is shown",
               every=QUICK)

    def told() -> dict[str, list[str]]:
        found = {f"number:{name}": [str(one["in_queue"]), str(one["promised"]), written(one["average_wait_s"])]
                 for name, one in site.verb("callbacks.figures")["numbers"].items()}
        for one in site.verb("queues.list"):  # what the topics of the groups say
            found[f"group:{one['group']}"] = [str(one["callbacks_in_queue"]), str(one["callbacks_total"]),
                                              written(one["average_callback_wait_s"])]
        return found

    def shown() -> dict[str, list[str]]:
        return {name: row for name, row in rows(client.get("/").text).items() if name.startswith(("group:", "number:"))}

    assert shown().keys() == told().keys()
    eventually(lambda: shown() == told(), "the page says what is counted, each in its own time", every=QUICK)
    site.verb("callbacks.cancel", id=task)


def test_each_role_sees_what_is_theirs(site: ConsoleSite) -> None:
    admin, supervisor, agent = (site.client(person).get("/").text for person in (ADMIN, SUPERVISOR, AGENT))
    groups = {one["group"] for one in site.verb("queues.list")}
    assert SUPERVISOR.groups is not None
    others = groups - SUPERVISOR.groups
    assert others
    for group in groups:
        assert f'<th scope="row">{group}</th>' in admin
        assert (f'<th scope="row">{group}</th>' in supervisor) is (group in SUPERVISOR.groups)
    theirs = [one["extension"] for one in site.verb("agents.list") if AGENT.agent != one["extension"]]
    assert all(f'<span class="muted">{name}</span>' not in agent for name in theirs)
    assert f'<span class="muted">{AGENT.agent}</span>' in agent
    assert "Calls in progress" in supervisor
    assert "Calls in progress" not in agent


@contextmanager
def boards(client: httpx.Client) -> Iterator[Iterator[str]]:
    """The insides of the board as they are streamed."""
    with client.stream("GET", "/live/board") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")

        def events() -> Iterator[str]:
            data: list[str] = []
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    data.append(line.removeprefix("data: "))
                elif not line and data:
                    yield "\n".join(data)
                    data = []

        yield events()


def in_progress(board: str) -> int:
    found = re.search(r"<b><a[^>]*>(\d+)</a></b> Calls in progress", board)
    assert found is not None
    return int(found[1])


def test_what_happens_is_shown_while_the_board_is_open(site: ConsoleSite) -> None:
    with boards(site.client(ADMIN)) as shown:
        before = in_progress(next(shown))
        call = Outgoing(site.carrier, site.boomerang.hop, "+3614445555", "+36301110001")
        invite = site.pbx.expect("INVITE", call.call_id)
        assert next(count for board in shown if (count := in_progress(board)) != before) == before + 1
        site.pbx.send(reply(invite, "603 Decline", []), invite.source)
        call.expect(603)
        assert next(count for board in shown if (count := in_progress(board)) <= before) == before


def test_figures_lead_to_the_lists_that_they_count(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    found = {html.unescape(one) for one in re.findall(r'href="(/(?:callbacks|calls)\?[^"]+)"', client.get("/").text)}
    assert "/calls?result=active" in found
    assert any("due=now" in one for one in found)
    assert {client.get(one).status_code for one in found} == {200}
    assert 'href="/callbacks?' not in site.client(AGENT).get("/").text, "an agent's lists are others than these figures"


def test_one_snapshot_serves_all(site: ConsoleSite) -> None:
    together = Barrier(6)

    def look(_: int) -> list[str]:
        client = site.client(ADMIN)
        together.wait(PATIENCE)
        with boards(client) as shown:
            return [next(shown) for _ in range(2)]

    with ThreadPoolExecutor(6) as pool:
        seen = [*pool.map(look, range(6))]
    moments = {re.findall(r"As of (\d\d:\d\d:\d\d)", board)[0] for board in chain(*seen)}
    assert len(moments) <= 6, "six viewers saw the same snapshots"


@pytest.mark.parametrize(("tally", "expected"), [
    ({}, None), ({"cancelled": 3}, None), ({"kept": 2, "failed": 1}, (2, 3)),
    ({"kept": 1, "called_meanwhile": 1, "tickets": 1, "expired": 1}, (3, 4)),
])
def test_promises_kept_in_time(tally: dict[str, Any], expected: tuple[int, int] | None) -> None:
    assert in_time(tally) == expected


def test_a_trunk_that_fails_comes_first_with_what_to_do(site: ConsoleSite) -> None:
    """The last one: the carrier does not come back."""
    site.carrier.close()
    Outgoing(site.pbx, site.boomerang.hop, "+36301110002", "201")  # ICMP says that nobody is there
    client = site.client(ADMIN)
    eventually(lambda: "No address of the carrier answers" in client.get("/").text, "an alarm", every=QUICK)
    page = client.get("/").text
    tiles = re.findall(r'<li class="board-tile"><span class="badge badge-(\w+)">', page)
    assert tiles[0] == "down"
    assert page.index("board-alarms") < page.index("board-peers") < page.index("board-queues")
    assert "No address of the carrier answers" not in site.client(AGENT).get("/").text
