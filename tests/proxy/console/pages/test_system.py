"""The page of the system of a real console: the guard's switch, alarms, the log's level, the policy as text."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from proxy.console.pages.system import difference
from tests.kit.console_site import ADMIN, AGENT, SUPERVISOR, ConsoleSite


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("system")) as site:
        yield site


def test_the_node_is_told_as_it_is(site: ConsoleSite) -> None:
    page, here = site.client(ADMIN).get("/system").text, site.verb("nodes.here")
    assert here["listeners"][0]["bound"] == f"127.0.0.1:{site.boomerang.port}"
    assert here["disk"]["free"] > 0
    assert here["disk"]["database"] > 0
    assert here["messages"]["most"] == 32 << 20
    for text in (here["listeners"][0]["bound"], here["disk"]["folder"], here["python"], "Stop all callbacks"):
        assert text in page
    assert {one["name"] for one in here["guard"]["caps"]} == {"all_per_hour", "all_per_day", "tasks_per_hour",
                                                              "open_tasks"}


def test_the_stop_switch_stops_and_lets_go_on(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    assert client.post("/system/stop").status_code == 303
    assert site.verb("nodes.here")["guard"]["stop"] is True
    page = client.get("/system").text
    assert "Callbacks are stopped: nobody is called back." in page
    assert 'action="/system/stop"' not in page
    assert client.post("/system/go-on").status_code == 303
    assert site.verb("nodes.here")["guard"]["stop"] is False


def test_each_role_may_what_is_theirs(site: ConsoleSite) -> None:
    supervisor, agent = site.client(SUPERVISOR), site.client(AGENT)
    page = supervisor.get("/system").text
    assert "Calls to customers within an hour" in page
    assert 'method="post" action="/system/' not in page
    assert agent.get("/system").status_code == 403
    for path in ("/system/stop", "/system/go-on", "/system/log", "/system/policy", "/system/alarms/x/clear"):
        assert supervisor.post(path, data={"level": "info", "toml": ""}).status_code == 403, path
        assert agent.post(path, data={"level": "info", "toml": ""}).status_code == 403, path
    assert "readonly" in supervisor.get("/system/policy").text


def test_the_level_of_the_log(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    assert client.post("/system/log", data={"level": "warning"}).status_code == 303
    assert site.verb("log.level")["level"] == "warning"
    assert re.search(r'<option value="warning" selected>', client.get("/system").text)
    wrong = client.post("/system/log", data={"level": "<b>"})
    assert (wrong.status_code, "<b>" in wrong.text) == (409, False)
    assert "is none of debug, info, warning, error" in html.unescape(wrong.text)


def test_an_alarm_that_is_not_there_is_not_found(site: ConsoleSite) -> None:
    assert site.client(ADMIN).post("/system/alarms/none/clear").status_code == 404


def text_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def form_of(client: httpx.Client) -> dict[str, str]:
    page = client.get("/system/policy").text
    version = re.search(r'name="version" value="(\d*)"', page)
    assert version is not None
    return {"toml": text_of(page), "version": version[1]}


def test_the_policy_is_changed_as_text_and_its_history_says_what_changed(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    form = form_of(client)
    assert form["toml"] == site.verb("policy.export")["toml"]
    changed = {**form, "toml": form["toml"] + '\n[agent."299"]\nname = "Zoe <b>"\n'}
    answer = client.post("/system/policy", data=changed)
    assert (answer.status_code, "It is in force, but this is doubtful" in answer.text) in ((200, True), (303, False))
    assert site.verb("policy.show")["agent"]["299"]["name"] == "Zoe <b>"
    page = client.get("/system/policy").text
    assert "agent.299.name" in page.replace("&#34;", '"').replace('"', "")
    assert "Zoe <b>" not in page
    older = client.get(f"/system/policy/{form['version']}").text
    assert 'class="line-added"' in older
    assert "Zoe &lt;b&gt;" in older
    assert client.get("/system/policy/99999").status_code == 404


def test_a_policy_that_cannot_be_is_told_with_key_and_line_and_stays_typed(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    form = form_of(client)
    before = site.verb("policy.export")["toml"]
    wrong = {**form, "toml": 'region = "HU"\n[direct_callback]\ntype = 7\n# mine\n'}
    answer = client.post("/system/policy", data=wrong)
    assert answer.status_code == 422
    assert "Line 3" in answer.text
    assert "<code>direct_callback.type</code>" in answer.text
    assert text_of(answer.text) == wrong["toml"]
    broken = client.post("/system/policy", data={**form, "toml": "[[["})
    assert (broken.status_code, text_of(broken.text)) == (422, "[[[")
    assert site.verb("policy.export")["toml"] == before


def test_who_was_overtaken_is_told_and_nothing_typed_is_lost(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    form = form_of(client)
    site.verb("policy.set", key="direct_callback.ring_for", value="17s")
    mine = {**form, "toml": form["toml"] + "\n# mine\n"}
    answer = client.post("/system/policy", data=mine)
    assert (answer.status_code, text_of(answer.text)) == (409, mine["toml"])
    assert "look at it again" in answer.text
    assert site.verb("policy.show")["direct_callback"]["ring_for"] == "17s"


def test_the_foot_of_every_page_has_the_program_s_version(site: ConsoleSite) -> None:
    client, foot = site.client(ADMIN), re.compile(r'<footer class="foot">([^<]+)<')
    assert foot.findall(client.get("/system/policy").text) == foot.findall(client.get("/system").text)


def test_a_difference() -> None:
    assert difference("a\nb\n", "a\nc\n")[1:] == [("same", " a"), ("gone", "-b"), ("added", "+c")]
    assert difference("a\n", "a\n") == []
