"""`boomerang callbacks`, `dnc`, `campaigns` and `tickets` against a real desk behind a real control socket."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxy.cli.root import app
from proxy.control import ControlServer
from proxy.verbs.doors import SocketDoor
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.verbs.on_disk import NOW
from tests.proxy.verbs.test_callbacks import CUSTOMER, Node, asked

Run = Callable[..., Result]


class Office:
    """A desk and its verbs, served from a thread of their own, which alone may touch them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._loop, self._stop = self._ready.result(PATIENCE)

    async def _serve(self) -> None:
        self._node = Node(self.folder / "boomerang.db")
        self._node.loop = asyncio.get_running_loop()
        server = ControlServer(self.folder / "control.sock", SocketDoor(self._node.verbs), lambda: "Europe/Budapest")
        await server.start()
        stop = asyncio.Event()
        self._ready.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        await server.close()
        self._node.reader.close()
        self._node.store.close()

    def do(self, act: Callable[[Node], object]) -> None:
        """Have something done in that thread."""
        async def play() -> None:
            act(self._node)

        asyncio.run_coroutine_threadsafe(play(), self._loop).result(PATIENCE)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, office: Office) -> Run:
    monkeypatch.setenv("TZ", "UTC")

    def command(*args: str) -> Result:
        return CliRunner().invoke(app, [*args, "--socket", str(office.folder / "control.sock")])

    return command


def shown(run: Run, text: str, *words: str) -> None:
    """Ask until the answer holds a text: what was said is committed soon."""
    eventually(lambda: text in run(*words).stdout, f"{' '.join(words)} shows {text}")


def good(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_promise_look_and_take_back(run: Run) -> None:
    said = good(run("callbacks", "add", CUSTOMER, "--group", "sales", "--responsible", "202", "--note", "by mail"))
    task = said.split()[0]
    assert said.startswith(f"{task} {CUSTOMER}: open, due 20")
    listed = good(run("callbacks", "list"))
    assert task[-8:] in listed
    assert f"{task[-8:]} " not in listed.replace(task[-8:] + "\n", ""), "the short one only"
    assert CUSTOMER in listed
    assert json.loads(good(run("callbacks", "list", "--json")))[0]["responsible"] == "202"
    shown(run, "by mail", "callbacks", "show", task[-8:])
    assert "no attempts" in good(run("callbacks", "show", task[-8:]))
    assert ": held" in good(run("callbacks", "hold", task))
    assert "no callbacks" in good(run("callbacks", "list", "--state", "open"))
    assert ": open" in good(run("callbacks", "resume", task))
    assert ": open, due" in good(run("callbacks", "call-now", task))
    assert ": open, due" in good(run("callbacks", "call-now", task, "--force"))
    assert ": cancelled" in good(run("callbacks", "cancel", task, "--reason", "asked to"))
    shown(run, "cancelled", "callbacks", "show", task[-8:])
    again = run("callbacks", "cancel", task)
    assert (again.exit_code, again.stderr) == (1, f"boomerang: no callback {task!r} is open\n")


def test_a_request_from_the_queue_with_its_place(office: Office, run: Run) -> None:
    tasks: list[str] = []
    office.do(lambda node: tasks.append(asked(node)))
    [listed] = json.loads(good(run("callbacks", "list", "--kind", "queue", "--json")))
    assert (listed["id"], listed["place"]["taken_by"]) == (tasks[0], None)
    heading, line = good(run("callbacks", "list", "--kind", "queue")).splitlines()
    assert heading.split() == ["customer", "group", "kind", "state", "due,", "why", "tried", "for", "id"]
    assert line.split() == [CUSTOMER, "sales", "queue", "open", "in", "the", "queue", "0/1", "-", tasks[0][-8:]]
    assert "no callbacks" in good(run("callbacks", "list", "--kind", "missed"))
    assert run("callbacks", "list", "--kind", "origin").exit_code == 2

    def decline(node: Node) -> None:
        for agent in ("201", None, "201"):
            node.desk.places.place_taken(tasks[0], agent, NOW + 5)
            node.desk.places.place_declined(tasks[0], agent, "key", NOW + 9)
            node.desk.places.place_returned(tasks[0], "place 2", NOW + 10)

    office.do(decline)
    shown(run, "201 (2), unknown", "callbacks", "show", tasks[0])
    text = good(run("callbacks", "show", tasks[0]))
    assert "place rounds       3" in text
    assert "place taken by     201" in text
    good(run("callbacks", "cancel", tasks[0]))
    shown(run, "place held since   -", "callbacks", "show", tasks[0])


def test_wrong_words(run: Run) -> None:
    for words, text in ((("callbacks", "add", "12", "--group", "sales"), "cannot be read as a number"),
                        (("callbacks", "show", "x"), "there is no callback 'x'"),
                        (("tickets", "show", "9"), "there is no ticket '9'"),
                        (("campaigns", "show", "9"), "there is no campaign '9'")):
        result = run(*words)
        assert result.exit_code == 1
        assert text in result.stderr
    assert run("callbacks").exit_code == 2


def test_a_callback_that_fails_at_once_says_why(run: Run) -> None:
    good(run("dnc", "add", CUSTOMER))
    said = run("callbacks", "add", CUSTOMER, "--group", "sales")
    assert said.stdout.endswith(f"{CUSTOMER}: failed (do_not_call)\n"), (said.stdout, said.stderr)


def test_do_not_call(run: Run) -> None:
    assert good(run("dnc", "add", CUSTOMER, "--reason", "asked us")) == f"{CUSTOMER} is never called back\n"
    shown(run, "asked us", "dnc", "list")
    assert good(run("dnc", "remove", CUSTOMER)) == "removed: 1\n"
    assert run("dnc", "remove", CUSTOMER).exit_code == 1


def test_campaigns(run: Run) -> None:
    listed = good(run("campaigns", "list"))
    assert "Winter" in listed
    assert "running" in listed
    settings = dict(line.split(maxsplit=1) for line in good(run("campaigns", "show", "10001")).splitlines())
    assert (settings["parity"], settings["enabled"], settings["delay"]) == ("3", "yes", "0s")
    assert good(run("campaigns", "add", "Spring", "--group", "sales")) == "campaign 10002 Spring: from 2026-11-18\n"
    assert good(run("campaigns", "renumber", "10002", "20002")) == "campaign 10002 is 20002 now\n"
    assert good(run("campaigns", "remove", "20002")) == "campaign 20002 is gone\n"
    good(run("campaigns", "add", "Summer", "--group", "sales", "--set", "to=2027-08-31", "--set", "delay=5m"))
    settings = dict(line.split(maxsplit=1) for line in good(run("campaigns", "show", "10002")).splitlines())
    assert (settings["to"], settings["delay"]) == ("2027-08-31", "5m")


def opened(node: Node) -> None:
    task = node.desk.admin.add(CUSTOMER, "sales", NOW)
    node.store.put(node.desk.admin.tickets.open(task, "unreached", "Call %number%", "UTC", NOW)[1])


def test_tickets(run: Run, office: Office) -> None:
    office.do(opened)
    shown(run, f"Call {CUSTOMER}", "tickets", "list")
    assert good(run("tickets", "comment", "1", "called by hand")) == "commented on ticket 1\n"
    shown(run, "called by hand", "tickets", "show", "1")
    assert f"{CUSTOMER}: open" in good(run("tickets", "call", "1", "--note", "ask for Eva"))
    assert good(run("tickets", "close", "1")) == "ticket 1 is closed\n"
