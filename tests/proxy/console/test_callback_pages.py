"""The pages of callbacks, asked for over HTTP of a real console beside a real daemon."""

import html
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from tests.kit.console import Answer, Visitor
from tests.kit.task_site import TaskSite, follow
from tests.kit.waiting import eventually

LATER = 3600.0
ZONE = ZoneInfo("Europe/Budapest")
NASTY = "<script>alert('x')</script>\"&\u202e" + "ő" * 200


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskSite]:
    with TaskSite(tmp_path_factory.mktemp("tasks")) as site:
        yield site


@pytest.fixture(scope="module")
def olga(site: TaskSite) -> Visitor:
    return site.visitor("olga")


@pytest.fixture(scope="module")
def sara(site: TaskSite) -> Visitor:
    return site.visitor("sara")


def later(site: TaskSite, customer: str, group: str = "sales", **more: object) -> str:
    return site.promise(customer, group, at=time.time() + LATER, **more)


def token(page: Answer) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def shown(page: Answer) -> str:
    """What a page says, without its tags."""
    assert page.status == 200, page.text
    return html.unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]))


def post(visitor: Visitor, page: str, path: str, **fields: str) -> Answer:
    return visitor.post(path, {"csrf": token(visitor.get(page)), **fields})


def listed(visitor: Visitor, query: str) -> list[str]:
    page = visitor.get(f"/callbacks{query}").text
    return re.findall(r'href="/callbacks/[0-9a-f-]{36}" class="number">([^<]+)<', page)


def badge_of(visitor: Visitor, customer: str) -> str:
    """Return how the list says that a callback stands."""
    page = visitor.get(f"/callbacks?state=all&customer={quote(customer)}").text
    found = re.search(r'<td>\s*<span class="badge badge-\w+">(.*?)</span>', page)
    assert found is not None
    return found[1]


def test_the_list_is_filtered_sorted_and_paged_by_the_server(site: TaskSite, olga: Visitor) -> None:
    ids = [later(site, f"+3670111000{last}", "support" if last % 2 else "sales") for last in range(6)]
    site.verb("callbacks.hold", id=ids[0], reason="lunch")
    site.verb("callbacks.cancel", id=ids[5])
    mine = [f"+3670111000{last}" for last in range(6)]
    assert [one for one in listed(olga, "") if one in mine] == mine[4::-1], "the newest first, what is over is left out"
    assert [one for one in listed(olga, "?sort=customer&order=asc") if one in mine] == mine[:5]
    assert [one for one in listed(olga, "?group=support") if one in mine] == [mine[3], mine[1]]
    assert [one for one in listed(olga, "?state=held") if one in mine] == [mine[0]]
    assert mine[5] in listed(olga, "?state=cancelled")
    assert mine[5] in listed(olga, "?state=all&customer=" + quote(mine[5]))
    assert [one for one in listed(olga, "?age=over-1h") if one in mine] == []
    assert [one for one in listed(olga, "?age=1h&kind=manual&due=later") if one in mine] == mine[4::-1]
    assert [badge_of(olga, one) for one in (mine[0], mine[1], mine[5])] == ["Held", "planned", "Cancelled"]
    assert listed(olga, "?kind=missed") == []
    wrong = olga.get("/callbacks?campaign=x&customer=abc")
    assert wrong.status == 422
    assert "cannot be read as a number" in wrong.text
    assert 'value="abc"' in wrong.text, "what was typed is there"


def test_supervisors_see_their_groups_and_agents_what_is_theirs(site: TaskSite, sara: Visitor) -> None:
    ours, theirs = later(site, "+36701120001", responsible="201"), later(site, "+36701120002", "support")
    assert "+36701120001" in listed(sara, "")
    assert "+36701120002" not in listed(sara, "")
    assert sara.get(f"/callbacks/{theirs}").status == 403
    anna = site.visitor("anna")
    assert "+36701120001" in listed(anna, "")
    assert "+36701120002" not in listed(anna, "?state=all")
    page = anna.get(f"/callbacks/{ours}")
    assert page.status == 200
    assert "What can be done" not in page.text, "an agent changes nothing here"
    assert 'name="id"' not in anna.get("/callbacks").text
    assert post(anna, "/callbacks", f"/callbacks/{ours}/cancel").status == 403
    assert site.verb("callbacks.show", id=ours)["state"] == "open"
    own = len(listed(anna, ""))
    counts = f"{own} callback is promised" if own == 1 else f"{own} callbacks are promised"
    heard: list[str] = []
    follow(anna, "/callbacks/events", heard.append, lambda: bool(heard))
    assert counts in heard[0], "the figures are of what the list shows"


def test_many_are_changed_and_each_says_what_became_of_it(site: TaskSite, olga: Visitor) -> None:
    one, two = later(site, "+36701130001"), later(site, "+36701130002")
    over = later(site, "+36701130003")
    site.verb("callbacks.cancel", id=over)

    def say(act: str, *ids: str, **more: str) -> str:
        fields = [("csrf", token(olga.get("/callbacks"))), ("act", act), *(("id", one) for one in ids), *more.items()]
        body = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields).encode()
        return shown(olga.ask("POST", "/callbacks/bulk", body, Content_Type="application/x-www-form-urlencoded",
                              Sec_Fetch_Site="same-origin"))

    said = say("reassign", one, two, over, responsible="202", reason="Béla knows them")
    assert "2 were done. 1 was not." in " ".join(said.split())
    assert "is open" in said
    assert {site.verb("callbacks.show", id=task)["responsible"] for task in (one, two)} == {"202"}
    say("hold", one, two, reason=NASTY[:200])
    assert site.verb("callbacks.show", id=one)["state"] == "held"
    assert "<script>" not in olga.get(f"/callbacks/{one}").text.partition("<main")[2]
    say("resume", one)
    said = say("cancel", one, two)
    assert "2 were done." in said
    assert {site.verb("callbacks.show", id=task)["state"] for task in (one, two)} == {"cancelled"}
    none = post(olga, "/callbacks", "/callbacks/bulk", act="cancel")
    assert (none.status, none.headers["location"]) == (303, "/callbacks")
    assert "no callback was chosen" in olga.get("/callbacks").text


def test_nobody_changes_many_of_others(site: TaskSite, sara: Visitor) -> None:
    theirs = later(site, "+36701140001", "support")
    refused = post(sara, "/callbacks", "/callbacks/bulk", act="cancel", id=theirs)
    assert refused.status == 403
    assert "Nothing was changed" in refused.text
    assert site.verb("callbacks.show", id=theirs)["state"] == "open"


def test_one_is_added_by_a_form_and_nothing_typed_is_lost(site: TaskSite, olga: Visitor) -> None:
    page = olga.get("/callbacks/add?customer=06701150001&group=support")
    assert 'value="06701150001"' in page.text
    assert re.search(r'<option value="support" selected>', page.text)
    wrong = post(olga, "/callbacks/add", "/callbacks/add", customer="12", group="sales", attempts="many", note=NASTY)
    assert wrong.status == 422
    assert "write a number" in wrong.text
    assert html.escape(NASTY, quote=False).replace("'", "&#39;").replace('"', "&#34;") in wrong.text
    wrong = post(olga, "/callbacks/add", "/callbacks/add", customer="12", group="sales", note="keep me")
    assert wrong.status == 422
    assert re.search(r'id="f-customer-error">(?!customer:).*cannot be read', html.unescape(wrong.text))
    assert "keep me" in wrong.text
    first = datetime.now(ZONE).replace(hour=10, minute=30, second=0, microsecond=0) + timedelta(days=2)
    made = post(olga, "/callbacks/add", "/callbacks/add", customer="06 70 115 0001", group="sales", note=NASTY,
                responsible="group:support", responsible_wait="90", at=f"{first:%Y-%m-%dT%H:%M}", window="48h",
                attempts="3")
    assert made.status == 303, made.text
    task = site.verb("callbacks.show", id=made.headers["location"].rpartition("/")[2])
    assert (task["customer"], task["responsible"], task["attempts_max"]) == ("+36701150001", "support", 3)
    assert task["options"]["note"] == NASTY
    assert datetime.fromisoformat(task["due"]) == first, "typed in the policy's zone"
    assert task["journal"][-1]["data"]["by"] == "olga"
    shown_page = olga.get(made.headers["location"])
    assert "The callback is promised." in shown_page.text
    assert "<script>alert" not in shown_page.text


def test_the_detail_says_how_it_stands_and_what_is_to_come(site: TaskSite, olga: Visitor) -> None:
    task = later(site, "+36701160001", responsible="202", responsible_wait=60, note="ask for Eva", window="24h")
    said = " ".join(shown(olga.get(f"/callbacks/{task}")).split())
    assert "Next attempt at" in said
    assert "202 Béla; their time begins when it is due" in said
    assert "0 of at most 4" in said
    assert "ask for Eva" in said
    assert "Asked for by operator. Note: ask for Eva" in said
    drawn = re.search(r'<svg[^>]*class="timeline".*?</svg>', olga.get(f"/callbacks/{task}").text, re.DOTALL)
    assert drawn is not None
    assert len(re.findall("timeline-planned", drawn[0])) == 4
    assert "timeline-open" in drawn[0]
    assert 'style="' not in olga.get(f"/callbacks/{task}").text
    held = post(olga, f"/callbacks/{task}", f"/callbacks/{task}/hold", reason="lunch")
    assert held.status == 303
    said = " ".join(shown(olga.get(f"/callbacks/{task}")).split())
    assert "The callback is on hold." in said
    assert "Held by olga: lunch." in said
    assert post(olga, f"/callbacks/{task}", f"/callbacks/{task}/resume").status == 303
    assert post(olga, f"/callbacks/{task}", f"/callbacks/{task}/reassign", responsible="group:support").status == 303
    assert "olga gave it to support." in shown(olga.get(f"/callbacks/{task}"))
    assert post(olga, f"/callbacks/{task}", f"/callbacks/{task}/cancel", reason="law").status == 303
    said = " ".join(shown(olga.get(f"/callbacks/{task}")).split())
    assert "Cancelled at" in said
    assert "By olga: law." in said
    assert "What can be done" not in said
    assert post(olga, "/callbacks/add", f"/callbacks/{task}/cancel").status == 409, "it is over"
    assert olga.get("/callbacks/nothing").status == 404
    assert post(olga, "/callbacks/add", f"/callbacks/{task}/explode").status == 404


def test_a_closed_group_is_called_by_force_alone(site: TaskSite, olga: Visitor) -> None:
    day = time.strftime("%a", time.localtime(time.time() + 3 * 86_400)).lower()
    site.verb("policy.set", key="group.support.hours", value=f'["{day} 08:00-09:00"]')
    task = site.promise("+36701170001", "support", window="7d")
    said = " ".join(shown(olga.get(f"/callbacks/{task}")).split())
    assert "Next attempt at" in said
    assert "Why not now: it is closed. Looked at again at" in said
    refused = post(olga, f"/callbacks/{task}", f"/callbacks/{task}/call-now")
    assert refused.status == 409
    assert "with force it is called all the same" in html.unescape(refused.text)
    assert post(olga, f"/callbacks/{task}", f"/callbacks/{task}/call-now", force="yes").status == 303
    assert "although it was closed" in shown(olga.get(f"/callbacks/{task}"))
    site.verb("policy.unset", key="group.support.hours")


@pytest.mark.parametrize("language", ["hu", "sk", "pl", "de", "ru"])
def test_every_page_is_in_its_language(site: TaskSite, olga: Visitor, language: str) -> None:
    task = later(site, f"+3670118{ord(language[0]):03}{ord(language[1]) % 10}")
    english = {one: {*sentences(olga.get(f"{one}?lang=en"))} for one in ("/callbacks", "/callbacks/add")}
    for path in ("/callbacks", "/callbacks/add"):
        both = {*sentences(olga.get(f"{path}?lang={language}"))} & english[path]
        assert [one for one in both if len(one.split()) > 2 and not re.search(r"\d", one)] == []
    assert olga.get(f"/callbacks/{task}?lang={language}").status == 200
    assert olga.get("/callbacks?lang=en").status == 200


def sentences(page: Answer) -> list[str]:
    return [one.strip() for one in re.findall(r">([^<>]{4,})<", page.text.partition("<main")[2]) if one.strip()]


def test_a_page_that_is_open_stays_true(site: TaskSite, olga: Visitor) -> None:
    task = later(site, "+36701190001")
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)
        if len(heard) == 1:
            site.verb("callbacks.hold", id=task, reason="lunch")

    follow(olga, f"/callbacks/{task}/events", hear, lambda: any("Held by lunch" in text for text in heard))
    assert "Next attempt at" in heard[0], "what is true when it is opened comes first"
    assert "csrf" not in heard[0]
    assert eventually(lambda: site.verb("callbacks.show", id=task)["state"] == "held", "it is held")
