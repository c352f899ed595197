"""An agent's desk over HTTP of a real console: the card before the call, accept, decline, pause; whose desk it is."""

import html
import re
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.kit.call import incoming
from tests.kit.console import Answer, Visitor
from tests.kit.sip_socket import reply
from tests.kit.task_site import TaskSite, follow
from tests.kit.waiting import eventually

NASTY = "<script>alert('x')</script>\"&\u202eő"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskSite]:
    with TaskSite(tmp_path_factory.mktemp("desk")) as site:
        yield site


@pytest.fixture(scope="module")
def anna(site: TaskSite) -> Visitor:
    return site.visitor("anna")


@pytest.fixture
def quiet(site: TaskSite) -> Iterator[None]:
    """Nobody's callbacks are under way; Béla is on pause, so that whatever comes is Anna's."""
    site.verb("agents.pause", agent="202", reason="away")
    eventually(lambda: site.verb("callbacks.running") == [], "nothing is under way")
    yield
    for task in site.verb("callbacks.list", state="open"):
        site.verb("callbacks.hold", id=task["id"])
    eventually(lambda: site.verb("callbacks.running") == [], "nothing is under way")


def shown(page: Answer) -> str:
    assert page.status == 200, page.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2])).split())


def token(page: Answer) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def say(visitor: Visitor, act: str, **fields: str) -> str:
    """Click something at a desk; return what the page says then."""
    answer = visitor.post(f"/desk/{act}", {"csrf": token(visitor.get("/desk")), **fields})
    assert answer.status == 303, answer.text
    return shown(visitor.get(answer.headers["location"]))


def card_of(site: TaskSite, customer: str) -> Mapping[str, object]:
    found: Mapping[str, object] | None = eventually(lambda: next(
        (one for one in site.verb("agents.desk", agent="201")["cards"] if one["customer"] == customer), None), customer)
    assert found is not None
    return found


def heard_of(visitor: Visitor, path: str, begin: Callable[[], object], what: str) -> str:
    """Follow a desk, begin something, and return the part of the page once it tells of that."""
    heard: list[str] = []

    def hear(text: str) -> None:
        if not heard:
            begin()
        heard.append(text)

    follow(visitor, path, hear, lambda: any(what in text for text in heard[1:]))
    return heard[-1]


@pytest.mark.usefixtures("quiet")
def test_the_card_comes_by_itself_and_an_accepted_call_rings_at_once(site: TaskSite, anna: Visitor) -> None:
    assert "No callback is before you." in shown(anna.get("/desk"))
    part = heard_of(anna, "/desk/events?agent=201", lambda: site.promise("+36702110001", note=NASTY), "+36702110001")
    assert "<script>" not in part
    assert html.escape(NASTY, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in part
    card = card_of(site, "+36702110001")
    assert card["phase"] in ("claimed", "preview")
    page = anna.get("/desk")
    until = re.search(r'data-until="([\d.]+)"', page.text)
    assert until is not None
    assert float(until[1]) - time.time() <= 120.0, "until when is the server's to say"
    assert re.search(r'data-until="[\d.]+">[0-2]:\d\d</span>', page.text), "how long, for who has no script too"
    assert "the phone rings in" in shown(page)
    row = re.search(r">\+36702110001</a>.*?</tr>", site.visitor("olga").get("/callbacks").text, re.DOTALL)
    assert row is not None
    assert '<span class="badge badge-busy">under way</span>' in row[0]
    assert "1 accepts, 2 declines" in shown(page)
    assert "Accepted: pick up" in say(anna, "accept", id=str(card["attempt"]))
    ring = site.pbx.expect("INVITE")
    assert ring.user == "201"
    site.pbx.send(reply(ring, "486 Busy Here", tag="busy"), site.daemon.hop)


@pytest.mark.usefixtures("quiet")
def test_a_whole_callback_is_followed_at_the_desk(site: TaskSite, anna: Visitor) -> None:
    """Accepted by click, the phone answered, the customer rung, a talk, the wrap-up and its end: each shown as it
    comes, without being asked for.
    """
    task = site.promise("+36702150001", note="Wants an offer")
    card = card_of(site, "+36702150001")
    agent = customer = None

    def go_on(text: str) -> None:
        nonlocal agent, customer
        if "card is shown" in text and agent is None:
            say(anna, "accept", id=str(card["attempt"]))
            agent = incoming(site.pbx, user="201")
            agent.ring()
        elif "phone rings" in text and customer is None and agent is not None:
            agent.pick_up()
            customer = incoming(site.carrier)
            customer.ring()
        elif "customer is rung" in text and customer is not None:
            customer.pick_up()
        elif ">talking" in text and agent is not None:
            agent.request("BYE")

        elif "Wrap-up" in text and customer is not None:
            customer.hung_up()
            assert re.search(r'data-until="[\d.]+"', text), "it counts down"
            assert "+36702150001" in text
            assert "Done: you may be rung again." in say(anna, "done")
        told.append(text)

    told: list[str] = []
    follow(anna, "/desk/events?agent=201", go_on,
           lambda: any("Wrap-up" in text for text in told) and "No callback is before you." in told[-1])
    made = site.verb("callbacks.show", id=task)["tries"]
    assert [one["agent"] for one in made] == ["201"]
    olga = site.visitor("olga")
    page = olga.get(f"/callbacks/{task}")
    assert "Agent 201 Anna accepted." in shown(page)
    assert "The customer answered." in shown(page)
    messages = olga.get(f"/callbacks/{task}/messages/{made[0]['id']}")
    assert messages.status == 200
    assert 'class="ladder"' in messages.text
    assert "INVITE" in messages.text
    part = olga.get(f"/callbacks/{task}/messages/{made[0]['id']}", HX_Request="true")
    assert "<html" not in part.text
    assert 'class="ladder"' in part.text
    recording = re.search(r'<audio [^>]*src="([^"]+)"', page.text)
    assert recording is not None, "it was recorded"
    sound = olga.get(html.unescape(recording[1]))
    assert (sound.status, sound.body[:4]) == (200, b"RIFF")
    assert "SIP messages" not in anna.get(f"/callbacks/{task}").text, "an agent is not shown them"


@pytest.mark.usefixtures("quiet")
def test_a_declined_callback_is_in_the_queue_again_with_its_reason(site: TaskSite, anna: Visitor) -> None:
    task = site.promise("+36702120001")
    card = card_of(site, "+36702120001")
    assert "it goes to somebody else" in say(anna, "decline", id=str(card["attempt"]), reason="not mine")
    eventually(lambda: "201" in site.verb("callbacks.show", id=task)["declined_by"], "it is written down")
    page = shown(anna.get(f"/callbacks/{task}"))
    assert "Agent 201 Anna declined. Reason: not mine" in page
    assert site.verb("callbacks.show", id=task)["state"] == "open"
    assert "Declined" in say(anna, "decline", id=str(card["attempt"])), "said before, by a key or a click"
    assert "Not done: too late" in say(anna, "accept", id=str(card["attempt"]))


@pytest.mark.usefixtures("quiet")
def test_on_pause_nothing_rings_until_they_resume(site: TaskSite, anna: Visitor) -> None:
    said = say(anna, "pause", reason=NASTY[:60])
    assert "You are on pause" in said
    assert "<script>" not in anna.get("/desk").text.partition("<main")[2]
    assert site.verb("agents.desk", agent="201")["pause"]["reason"] == NASTY[:60]
    task = site.promise("+36702130001", at=time.time())
    eventually(lambda: any(line["kind"] == "due" for line in site.verb("callbacks.show", id=task)["journal"]), "due")
    assert site.verb("callbacks.running") == []
    assert "Nothing rings you until you resume" not in shown(anna.get("/desk")), "there is nothing to pause"
    assert "You may be rung again." in say(anna, "resume")
    assert card_of(site, "+36702130001")["task"] == task


def test_own_callbacks_and_what_is_done_with_nothing(site: TaskSite, anna: Visitor) -> None:
    site.promise("+36702140001", at=time.time() + 3600, responsible="201", note="ask for Eva")
    said = shown(anna.get("/desk"))
    assert "Callbacks that wait for you first" in said
    assert "+36702140001" in said
    assert "ask for Eva" in said
    assert "Done: you may be rung again." in say(anna, "done"), "without a wrap-up nothing happens"
    assert "Not done: " in say(anna, "accept", id="nothing")
    assert "Nothing was done." in say(anna, "explode")


def test_whose_desk_it_is(site: TaskSite, anna: Visitor) -> None:
    assert anna.get("/desk?agent=202").status == 403
    assert anna.get("/desk/events?agent=202").status == 403
    answer = anna.post("/desk/pause", {"csrf": token(anna.get("/desk")), "agent": "202", "reason": "x"})
    assert answer.status == 403
    sara = site.visitor("sara")
    chooser = shown(sara.get("/desk"))
    assert "Whose desk?" in chooser
    assert "202" in chooser
    assert "301" not in chooser, "of another group"
    desk = shown(sara.get("/desk?agent=202"))
    assert "Desk of 202 Béla" in desk
    assert "done for them, in your name" in desk
    own = 'href="/desk" aria-current="page"'
    assert own in anna.get("/desk").text
    assert own in sara.get("/desk").text
    assert own not in sara.get("/desk?agent=202").text, "it is not their own"
    assert "You may be rung again." in say_for(sara, "resume", "202")
    assert sara.get("/desk?agent=301").status == 403
    assert site.visitor("olga").get("/desk?agent=999").status == 404


def say_for(visitor: Visitor, act: str, agent: str) -> str:
    answer = visitor.post(f"/desk/{act}", {"csrf": token(visitor.get(f"/desk?agent={agent}")), "agent": agent})
    assert answer.status == 303
    assert answer.headers["location"] == f"/desk?agent={agent}"
    return shown(visitor.get(answer.headers["location"]))


@pytest.mark.parametrize("language", ["hu", "sk", "pl", "de", "ru"])
def test_it_is_in_every_language(anna: Visitor, language: str) -> None:
    english, theirs = shown(anna.get("/desk?lang=en")), shown(anna.get(f"/desk?lang={language}"))
    assert english[:7] == 'id="mai' or english != theirs
    for sentence in ("On the phone", "Callbacks that wait for you first", "Nothing rings you until you resume"):
        assert sentence in english
        assert sentence not in theirs
    anna.get("/desk?lang=en")
