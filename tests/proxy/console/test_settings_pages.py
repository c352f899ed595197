"""The pages of the settings, over HTTP, with a real console process and a real daemon behind them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from proxy.control_client import ControlClient
from tests.kit.boomerang import Boomerang
from tests.kit.console import PASSWORD, Answer, Visitor, wait_for_console, with_console
from tests.kit.html_form import HtmlPage

POLICY: dict[str, Any] = {
    "missed_callback": {"enabled": True},
    "group": {"sales": {"agents": ["201", "202"], "target": "600", "hours": ["mon-fri 08:00-17:00"],
                        "missed_callback": {"window": "48h"}},
              "support": {"agents": ["203", "204"]}},
    "agent": {"201": {"name": "Anna"}},
    "number": {"+3614445555": {"group": "sales", "description": "Front desk"}},
    "campaign": {"10001": {"name": "Autumn", "group": "sales", "from": "2026-11-01"},
                 "10002": {"name": "Old", "group": "sales", "to": "2026-02-01"}},
}
NUMBER = quote("+3614445555", safe="")


@dataclass
class World:
    """A daemon with its console."""

    daemon: Boomerang
    port: int

    def visitor(self, name: str = "boss") -> Visitor:
        found = Visitor(self.port, Accept_Language="en")
        found.log_in(name)
        return found

    def verb(self, verb: str, **args: Any) -> Any:
        return ControlClient(self.daemon.data / "control.sock").call(verb, **args)

    def policy(self, *path: str) -> Any:
        found = self.verb("policy.show")
        for name in path:
            found = found.get(name) if found is not None else None
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("settings")
    daemon, port = with_console(folder, policy=POLICY)
    try:
        daemon.start()
        wait_for_console(port)
        found = World(daemon, port)
        for name, role, more in (("boss", "admin", {}), ("sue", "supervisor", {"groups": ["sales"]}),
                                 ("anna", "agent", {"agent": "201"})):
            found.verb("users.add", name=name, role=role, password=PASSWORD, **more)
        yield found
    finally:
        daemon.stop()


def send(visitor: Visitor, path: str, action: str | None = None, **typed: str) -> Answer:
    """Fill in the form of a page and send it. `__` in a name is a dot."""
    form = HtmlPage(visitor.get(path).text).form(action or path.partition("?")[0])
    return visitor.post(form.action, {**form.fields, **{name.replace("__", "."): text for name, text in typed.items()}})


def text_of(answer: Answer) -> str:
    return HtmlPage(answer.text).text


PATHS = ("/setup", "/setup?group=sales", "/setup/queue", "/direct", "/direct?group=sales", "/direct?agent=201",
         "/numbers", "/numbers/new", f"/numbers/{NUMBER}", "/groups", "/groups/new", "/groups/sales", "/agents",
         "/agents/new", "/agents/201", "/agents/299", "/hours", "/hours?group=sales", "/campaigns", "/campaigns/new",
         "/campaigns/10001", "/campaigns/10002")


OTHERS = {"/numbers/new": 403, "/groups/new": 403, "/agents/new": 403, "/agents/299": 404}
"""What a supervisor of the sales gets where it is not theirs."""


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_shown_to_those_it_is_for(world: World, path: str) -> None:
    for_agents = path.partition("?")[0] in ("/direct", "/agents")
    of_sales = OTHERS.get(path, 200)
    for name, status in (("boss", 200), ("sue", of_sales), ("anna", 200 if for_agents else 403)):
        answer = world.visitor(name).get(path)
        assert answer.status == status, name
        assert len(answer.body) < 250_000


@pytest.mark.parametrize("path", ["/setup?group=none", "/hours?group=none", "/groups/none", "/campaigns/99999",
                                  "/numbers/x", "/direct?group=none"])
def test_what_there_is_not_is_said(world: World, path: str) -> None:
    assert world.visitor().get(path).status == 404


def test_a_form_sent_as_it_was_changes_nothing(world: World) -> None:
    before = world.policy()
    for path in PATHS:
        if path not in ("/numbers", "/groups", "/agents", "/campaigns") and not path.endswith("/new"):
            answer = send(world.visitor(), path)
            assert answer.status == 303, (path, text_of(answer)[-500:])
    assert world.policy() == before


def test_the_company_and_a_group_that_wins(world: World) -> None:
    boss = world.visitor()
    done = send(boss, "/setup", missed_callback__attempts="6", missed_callback__window="24h")
    assert (done.status, done.headers["location"]) == (303, "/setup")
    assert "Saved: 1 setting is another now." in text_of(boss.get("/setup"))
    assert "Others win with their own: sales (48 hours)" in text_of(boss.get("/setup"))
    group = text_of(boss.get("/setup?group=sales"))
    assert "Set here, so this wins; the company has: 24 hours" in group
    assert "Inherited from the company: 6" in group
    assert send(boss, "/setup?group=sales", missed_callback__window="", missed_callback__attempts="3").status == 303
    assert world.policy("group", "sales", "missed_callback") == {"attempts": 3}
    send(boss, "/setup?group=sales", missed_callback__window="48h", missed_callback__attempts="")


def test_what_is_doubtful_about_what_was_saved_is_said_beside_it(world: World) -> None:
    boss = world.visitor()
    done = send(boss, f"/numbers/{NUMBER}", queue_callback__offer_prompt="not-there")
    assert done.status == 303
    page = boss.get(done.headers["location"])
    assert "there is no recording 'not-there'" in text_of(page)
    assert 'class="flash flash-warn"' in page.text
    assert "not-there'" not in text_of(boss.get(f"/numbers/{NUMBER}")), "it is said once"
    send(boss, f"/numbers/{NUMBER}", queue_callback__offer_prompt="")


def test_the_recordings_that_came_with_the_program_can_be_heard_beside_their_fields(world: World) -> None:
    page = world.visitor().get(f"/numbers/{NUMBER}").text
    for name in ("offer_callback", "confirmed"):
        place = f"/prompts/en/{name}.wav?built_in=1"
        assert f'src="{place}"' in page
        assert world.visitor("sue").get(place).body[:4] == b"RIFF"


def test_the_example_is_drawn_for_what_stands_in_the_form(world: World) -> None:
    boss, before = world.visitor(), world.policy()
    shown = send(boss, "/setup", missed_callback__attempts="6", missed_callback__window="24h", at="2026-11-18T12:00",
                 do="preview")
    text = text_of(shown)
    assert "2026-11-18 : 12:00, 16:00, 20:00 (3 attempts)" in text
    assert "2026-11-19 : 00:00, 04:00, 08:00 (3 attempts)" in text
    assert "<svg" in shown.text
    open_days = text_of(send(boss, "/setup?group=sales", missed_callback__attempts="6", missed_callback__window="24h",
                             at="2026-11-16T12:00", do="preview"))
    assert "2026-11-16 : 12:00, 13:30, 15:00, 16:30 (4 attempts)" in open_days
    assert "2026-11-17 : 09:00, 10:30 (2 attempts)" in open_days
    assert world.policy() == before, "it shows, and saves nothing"


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(world: World) -> None:
    boss, before = world.visitor(), world.policy()
    answer = send(boss, "/setup", missed_callback__attempts="70", tickets__subject="%nobody%",
                  callback__preview="soon")
    assert answer.status == 422
    page = HtmlPage(answer.text).form("/setup").fields
    assert (page["missed_callback.attempts"], page["tickets.subject"], page["callback.preview"]) == (
        "70", "%nobody%", "soon")
    assert 'id="f-callback-preview-error"' in answer.text
    again = boss.post("/setup", {**page, "callback.preview": "5"})
    assert again.status == 422
    assert 'id="f-missed_callback-attempts-error"' in again.text
    assert 'id="f-tickets-subject-error"' in again.text
    assert world.policy() == before


def test_who_saves_second_is_told_what_the_first_saved(world: World) -> None:
    boss, other = world.visitor(), world.visitor()
    form = HtmlPage(boss.get("/setup?group=support").text).form("/setup")
    assert send(other, "/setup?group=support", missed_callback__attempts="2", callback__preview="7").status == 303
    typed = {**form.fields, "missed_callback.attempts": "9", "tickets.subject": "Mine %number%"}
    refused = boss.post(form.action, typed)
    assert refused.status == 409
    assert "Somebody else has set this to: 2" in text_of(refused)
    again = HtmlPage(refused.text).form("/setup").fields
    assert (again["missed_callback.attempts"], again["callback.preview"], again["tickets.subject"]) == (
        "9", "7", "Mine %number%")
    assert boss.post(form.action, again).status == 303
    group = world.policy("group", "support")
    assert group["missed_callback"] == {"attempts": 9}
    assert group["callback"] == {"preview": "7s"}, "what only the other has changed stays"


def test_others_who_save_elsewhere_are_in_nobody_s_way(world: World) -> None:
    boss = world.visitor()
    form = HtmlPage(boss.get("/agents/202").text).form("/agents/202")
    world.verb("policy.set", key="group.support.target", value='"700"')
    assert boss.post("/agents/202", {**form.fields, "name": "Ben"}).status == 303
    assert world.policy("agent", "202", "name") == "Ben"


def test_a_supervisor_changes_what_is_of_their_groups_and_nothing_else(world: World) -> None:
    sue = world.visitor("sue")
    assert send(sue, "/setup?group=sales", callback__preview="3").status == 303
    company = HtmlPage(sue.get("/setup").text).form("/setup")
    refused = sue.post("/setup", {**company.fields, "missed_callback.attempts": "1"})
    assert refused.status == 403
    assert "is not sue's" in text_of(refused)
    group = HtmlPage(sue.get("/groups/sales").text).form("/groups/sales").fields
    assert group["agents"] == "201 202", "it comes back as it was, though it is not theirs to change"
    assert sue.post("/groups/sales", {**group, "agents": "299"}).status == 403
    assert sue.get("/groups/support").status == 404
    assert world.policy("group", "sales", "agents") == ["201", "202"]


def test_a_number_is_listed_set_and_taken_out(world: World) -> None:
    boss = world.visitor()
    form = HtmlPage(boss.get("/numbers/new").text).form("/numbers/new")
    wrong = boss.post("/numbers/new", {**form.fields, "id": "nonsense", "description": "Kept"})
    assert wrong.status == 422
    assert HtmlPage(wrong.text).form("/numbers/new").fields["description"] == "Kept"
    made = boss.post("/numbers/new", {**form.fields, "id": "06 1 444 5556", "group": "sales",
                                      "queue_callback.enabled": "true", "queue_callback.language": "hu",
                                      "queue_callback.offer_prompt": "welcome"})
    assert (made.status, made.headers["location"]) == (303, "/numbers/%2B3614445556")
    assert world.policy("number", "+3614445556")["queue_callback"] == {
        "enabled": True, "language": "hu", "offer_prompt": "welcome"}
    assert boss.post("/numbers/new", {**form.fields, "id": "+3614445556"}).status == 422, "it is listed already"
    assert "+3614445556" in text_of(boss.get("/numbers?q=5556"))
    assert "+3614445556" not in text_of(boss.get("/numbers?q=nothing"))
    assert send(boss, "/numbers/%2B3614445556", action="/numbers/%2B3614445556/remove").status == 303
    assert world.policy("number", "+3614445556") is None


def test_a_group_is_made_and_cannot_go_while_something_needs_it(world: World) -> None:
    boss = world.visitor()
    form = HtmlPage(boss.get("/groups/new").text).form("/groups/new")
    assert boss.post("/groups/new", {**form.fields, "id": "with space", "agents": "205"}).status == 422
    assert boss.post("/groups/new", {**form.fields, "id": "vip", "agents": "205 206"}).status == 303
    assert world.policy("group", "vip", "agents") == ["205", "206"]
    refused = send(boss, "/groups/sales", action="/groups/sales/remove")
    assert refused.status == 422
    assert "there is no group 'sales'" in text_of(refused)
    assert send(boss, "/groups/vip", action="/groups/vip/remove").status == 303
    assert world.policy("group", "vip") is None


def test_an_agent_has_a_name_groups_and_a_type_of_its_own(world: World) -> None:
    boss = world.visitor()
    form = HtmlPage(boss.get("/agents/204").text).form("/agents/204")
    assert form.fields["in.support"] == "yes"
    del form.fields["in.support"]
    done = boss.post("/agents/204", {**form.fields, "name": '<script>"Zoë"', "in.sales": "yes",
                                     "direct_callback.type": "4"})
    assert done.status == 303
    assert (world.policy("group", "sales", "agents"), world.policy("group", "support", "agents")) == (
        ["201", "202", "204"], ["203"])
    shown = boss.get("/agents")
    assert "<script>\"" not in shown.text
    assert '<script>"Zoë"' in text_of(shown)
    direct = boss.get("/direct?agent=204")
    assert "<script>\"Zoë\" (type 4)" in text_of(direct)
    assert "Set here, so this wins; the company has: 1: after a call" in text_of(direct)
    send(boss, "/agents/204", action="/agents/204/remove")
    world.verb("policy.set", key="group.sales.agents", value='["201", "202"]')
    world.verb("policy.set", key="group.support.agents", value='["203", "204"]')


def test_each_type_of_direct_callback_stands_with_its_sentence(world: World) -> None:
    for language, word in (("en", "No record is ever made"), ("hu", "Sosem készül bejegyzés"),
                           ("sk", "Záznam nikdy nevznikne"), ("pl", "Wpis nigdy nie powstaje"),
                           ("de", "Es entsteht nie ein Eintrag"), ("ru", "Запись не создаётся")):
        page = world.visitor().get(f"/direct?lang={language}")
        assert word in text_of(page)
        assert HtmlPage(page.text).form("/direct").choices["direct_callback.type"] == ["0", "1", "2", "3", "4"]


def test_hours_are_shown_as_text_and_picture(world: World) -> None:
    boss = world.visitor()
    assert send(boss, "/hours?group=support", hours="mon-fri 09:00-17:00\nsat 09:00-12:00", holidays="HU").status == 303
    page = boss.get("/hours?group=support")
    assert page.text.count('class="week-open"') == 6
    assert "mon-fri 09:00-17:00; sat 09:00-12:00" in text_of(page)
    assert "-12-25" in text_of(page)
    wrong = send(boss, "/hours?group=support", hours="mon-fri 9-17")
    assert wrong.status == 422
    assert 'id="f-hours-error"' in wrong.text


def test_a_group_that_is_open_day_and_night_is_always_open(world: World) -> None:
    boss = world.visitor()
    world.verb("policy.set", key="group.support.hours", value=["mon-sun 00:00-24:00"])
    try:
        assert "always open" in text_of(boss.get("/hours?group=support"))
    finally:
        world.verb("policy.set", key="group.support.hours", value=[])


def test_who_may_not_is_offered_nothing_and_told_who_may(world: World) -> None:
    boss, sue = world.visitor(), world.visitor("sue")
    for path, add in (("/groups", "/groups/new"), ("/numbers", "/numbers/new")):
        assert add in boss.get(path).text
        assert add not in sue.get(path).text
    assert "/campaigns/new" in sue.get("/campaigns").text
    assert "/groups/sales/remove" in boss.get("/groups/sales").text
    theirs = sue.get("/groups/sales")
    assert "/groups/sales/remove" not in theirs.text
    assert "What is greyed, an administrator may change." in text_of(theirs)
    assert "You may look at this; an administrator may change it." in text_of(sue.get("/setup"))
    assert "an administrator may change" not in text_of(boss.get("/setup"))


def test_the_example_of_what_is_off_says_so(world: World) -> None:
    boss = world.visitor()
    assert "nobody is called back" not in text_of(boss.get("/setup")).partition("Example:")[2]
    form = HtmlPage(boss.get("/setup").text).form("/setup")
    shown = boss.post("/setup", {**form.fields, "missed_callback.enabled": "false", "do": "preview"})
    assert "Off: nobody is called back." in text_of(shown).partition("Example:")[2]


def test_a_campaign_from_its_first_day_to_its_last(world: World) -> None:
    boss = world.visitor()
    page = HtmlPage(boss.get("/campaigns/new").text)
    form = page.form("/campaigns/new")
    assert form.fields["id"] == "10003", "the next free one"
    made = boss.post("/campaigns/new", {
        **form.fields, "name": "Spring", "group": "support", "delay": "30", "agents_share": "49", "order": "newest",
        "preview": "5", "priority": "queue_empty", "remove_after": "90", "remove_after.unit": "m", "retries": "2",
        "retry_after": "10", "add_after": "15", "add_key": "5", "wrap_up": "20", "rank": "2", "parity": "3",
        "record": "true", "responsible": "fixed", "responsible_agent": "203", "hours.mode": "always"})
    assert made.status == 303, text_of(made)[-600:]
    kept = world.policy("campaign", "10003")
    assert {key: kept[key] for key in ("delay", "agents_share", "order", "preview", "priority", "remove_after",
                                       "retries", "retry_after", "add_after", "add_key", "wrap_up", "hours")} == {
        "delay": "30s", "agents_share": 49, "order": "newest", "preview": "5s", "priority": "queue_empty",
        "remove_after": "90m", "retries": 2, "retry_after": "10m", "add_after": "15s", "add_key": "5",
        "wrap_up": "20s", "hours": []}
    shown = text_of(boss.get("/campaigns/10003"))
    assert "The group has 2 agents; of them, 1 at a time may be in callbacks of this campaign." in shown
    taken = send(boss, "/campaigns/10003", action="/campaigns/10003/renumber", to="10001")
    assert taken.status == 422
    assert "there is a campaign '10001' already" in text_of(taken)
    assert send(boss, "/campaigns/10003", action="/campaigns/10003/renumber", to="20000").status == 303
    assert send(boss, "/campaigns/20000", to="2026-02-01").status in (303, 422)
    assert send(boss, "/campaigns/20000", action="/campaigns/20000/remove").status == 303
    listed = text_of(boss.get("/campaigns"))
    assert "10002 Old sales expired" in listed
    assert "has expired" in text_of(boss.get("/campaigns/10002"))


def test_who_would_be_called_next_and_why_not_now(world: World) -> None:
    for last in "12":
        world.verb("callbacks.add", customer=f"+3620123456{last}", group="sales", campaign="10002")
    shown = text_of(world.visitor().get("/campaigns/10002"))
    assert "Nobody now: the campaign does not run now" in shown
    assert "+36201234561" in shown
    assert "2 open callbacks." in shown


def test_a_direct_callback_that_is_not_there_is_not_removed(world: World) -> None:
    boss = world.visitor()
    form = HtmlPage(boss.get("/direct").text).form("/direct")
    answer = boss.post("/direct/remove", {"csrf": form.fields["csrf"], "customer": "", "agent": "201"})
    assert answer.status == 422
    assert "customer" in text_of(answer)
